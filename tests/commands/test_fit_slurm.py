"""`econml fit --slurm`: the script, which a shell runs, of one fit on several nodes."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest

FIT = ("fit", "mlp", "--width", "4", "--num-epochs", "2", "--N", "40", "--batch-size", "8")


def lines(text):
    assert subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True).stderr == ""
    return text.splitlines()


def test_the_script_of_several_nodes_starts_one_process_on_each(econml, isolated):
    done = econml(*FIT, "--name", "a b", "--slurm", "nodes=2,gpus=4,time=2:00:00,memory=64G,partition=gpu")
    assert done.code == 0, done.stderr
    said = lines(done.stdout)
    for directive in ("nodes=2", "ntasks-per-node=1", "gres=gpu:4", "time=2:00:00", "mem=64G", "partition=gpu",
                      "signal=TERM@60", "job-name=fit-mlp-linear", "requeue"):  # fmt: skip
        assert f"#SBATCH --{directive}" in said
    run = str(isolated / "runs" / "a b")
    assert f"cd {shlex.quote(str(isolated))} || exit 1" in said
    assert said[-1].startswith("exec srun ") and "--slurm" not in said[-1]
    assert shlex.split(said[-1])[-6:] == ["--out", run, "--coordinator", "auto", "--devices", "all"]
    assert shlex.split(said[-3])[-7:] == ["fit", "--resume", run, "--coordinator", "auto", "--devices", "all"]
    assert not Path(run).exists()


def test_one_node_is_no_cluster(econml):
    said = lines(econml(*FIT, "--out", "here", "--slurm=cpus=8").stdout)
    assert "#SBATCH --cpus-per-task=8" in said and "#SBATCH --nodes=1" in said
    assert said[-1].endswith("--batch-size 8 --out here")
    assert not any("coordinator" in line for line in said if not line.startswith("#"))


@pytest.mark.slow
def test_the_script_fits_and_run_again_goes_on(econml, isolated, monkeypatch):
    (isolated / "bin").mkdir()
    (isolated / "bin" / "srun").write_text('#!/bin/bash\nexec "$@"\n')
    (isolated / "bin" / "srun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{isolated / 'bin'}{os.pathsep}{os.environ['PATH']}")
    text = econml(*FIT, "--out", "run", "--slurm", "nodes=1").stdout
    first = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=120)
    assert first.returncode == 0, first.stderr
    assert Path("run/summary.json").exists()
    again = subprocess.run(["bash"], input=text, capture_output=True, text=True, timeout=120)
    assert "run" in again.stdout + again.stderr and "exists" not in again.stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("node=2", "Did you mean 'nodes'?"),
        ("nodes=0", "nodes=0: expected a number from 1 on"),
        ("nodes=2,nodes=3", "says nodes twice"),
        ("gpus=many", "gpus=many: expected a number from 0 on"),
        ("time=soon", "time soon is no time of Slurm"),
        ("partition=$(id)", "holds what no name has in Slurm"),
    ],
)
def test_what_slurm_would_refuse_is_refused_now(econml, asked, said):
    done = econml(*FIT, "--slurm", asked)
    assert done.code == 2 and said in done.stderr and done.stdout == ""


def test_a_script_is_of_one_new_fit_and_takes_all_devices(econml):
    Path("t.csv").write_text("x,y\n" + "".join(f"{i},{i * i}\n" for i in range(20)))
    for more, said in (
        (("--devices", "2"), "leave out --devices"),
        (("--data", "t.csv", "--target", "y", "--folds", "3"), "leave out --folds"),
    ):
        done = econml("fit", "mlp", *more, "--slurm", "nodes=2")
        assert done.code == 2 and said in done.stderr
