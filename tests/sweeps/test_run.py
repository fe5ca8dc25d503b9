"""`econml sweep run`: the embedded engine from the shell."""

import csv
import errno
import io
import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from econml_cli.commands.sweep import run as sweep_run
from econml_cli.runs.directory import Run
from econml_cli.sweeps.run.batches import Batches
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.run.plan import Plan
from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.study.trials import Trial
from tests.support import ROOT, postgres
from tests.support.running import PROGRAM, to_be_killed
from tests.support.waiting import wait_until
from tests.support.wandb_client import records

SMALL = {"N": 40, "N_test": 10, "N_val": 20, "width": 4, "num_epochs": 5}


def sweep_file(path="small.yaml", *, method="random", run_cap=4, parameters=None, fixed=(), **more):
    """Write a small sweep and return its path."""
    parameters = {"lr": {"min": 0.001, "max": 0.1}} if parameters is None else parameters
    small = {name: {"value": value} for name, value in SMALL.items() if name not in parameters}
    document = {
        "name": Path(path).stem,
        "method": method,
        "metric": {"name": "val_loss", "goal": "minimize"},
        "parameters": {**parameters, **small},
        "command": ["${env}", "econml", "fit", "mlp", "--problem=linear", *fixed, "${args}"],
        **({"run_cap": run_cap} if run_cap else {}),
        **more,
    }
    Path(path).write_text(yaml.safe_dump(document))
    return path


def trials(econml, *args):
    """The rows of `sweep show --format csv`, by number."""
    shown = econml("sweep", "show", *args, "--format", "csv")
    assert shown.code == 0, shown.stderr
    return sorted(csv.DictReader(io.StringIO(shown.stdout)), key=lambda row: int(row["number"]))


def points(rows):
    return [(row["index"], row["lr"], row["width"]) for row in rows]


def test_a_sweep_runs_shows_its_best_and_says_how_to_refit_it(econml):
    ran = econml("sweep", "run", sweep_file())
    assert ran.code == 0, ran.stderr
    rows = trials(econml)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    assert len(rows) == 4 and {row["state"] for row in rows} == {"complete"}
    assert ran.stdout.splitlines()[0] == "small: 4 of 4 trials complete"
    assert f"runs/small/{int(best['number']):04d}" in ran.stdout
    refit = next(line for line in ran.stdout.splitlines() if line.startswith("Refit the best: "))
    again = econml(*refit.removeprefix("Refit the best: econml ").split(), "--json", "--quiet")
    assert again.code == 0
    assert json.loads(again.stdout)["val_loss"] == pytest.approx(float(best["val_loss"]), rel=1e-5)
    assert len(ran.stderr.splitlines()) == 4 and "(best so far)" in ran.stderr


def test_each_trial_is_a_run_like_any_other(econml):
    assert econml("sweep", "run", sweep_file(run_cap=2)).code == 0
    for row in trials(econml):
        run = Run(Path(row["run"]))
        assert run.status() == "max_epochs" and len(run.metrics()) == 5
        assert run.config().trainer.lr == float(row["lr"])
        assert run.manifest()["sweep"]["trial"] == int(row["number"])
    assert econml("eval", "runs/small/0001").code == 0
    assert econml("inspect", "checkpoint", "runs/small/0000").code == 0


@pytest.mark.slow
def test_random_trials_are_the_points_that_sample_prints(econml):
    file = sweep_file(parameters={"lr": {"min": 0.001, "max": 0.1}, "width": {"values": [4, 6]}})
    sampled = list(csv.DictReader(io.StringIO(econml("sweep", "sample", file, "--seed", 7, "--format", "csv").stdout)))
    assert econml("sweep", "run", file, "--seed", 7).code == 0
    assert [(r["lr"], r["width"]) for r in trials(econml)] == [(r["lr"], r["width"]) for r in sampled]


@pytest.fixture
def learns_at_once(monkeypatch):
    """Method bayes learns from two trials and proposes two together; by its own numbers it would begin at the ninth."""
    monkeypatch.setattr("econml_cli.sweeps.study.proposals.STARTUP", 2)
    for module in ("engine", "batches"):
        monkeypatch.setattr(f"econml_cli.sweeps.run.{module}.BATCH", 2)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bayes_trials_in_every_engine(econml, learns_at_once):
    parameters = {"lr": {"min": 0.001, "max": 0.1}, "width": {"values": [4, 6]}}
    file = sweep_file(method="bayes", run_cap=4, parameters=parameters)
    seen = {}
    for engine in (
        ["--engine", "serial"],
        ["--engine", "vmap"],
        ["--jobs", "2"],
        ["--engine", "process", "--jobs", "2"],
    ):
        out = "runs/" + "".join(engine)
        assert econml("sweep", "run", file, "--out", out, "--quiet", *engine).code == 0
        rows = trials(econml, out)
        seen[out] = points(rows)
        values = [float(row["val_loss"]) for row in rows]
        assert len(rows) == 4
        first = seen.setdefault("values", values)
        assert values == pytest.approx(first, rel=1e-4)
    del seen["values"]
    assert len({str(each) for each in seen.values()}) == 1
    other = econml("sweep", "run", file, "--out", "runs/other", "--seed", "1", "--quiet")
    assert other.code == 0 and points(trials(econml, "runs/other")) not in seen.values()


def test_a_grid_is_tried_completely_and_once(econml):
    file = sweep_file(
        method="grid", run_cap=None, parameters={"lr": {"values": [0.01, 0.1]}, "seed": {"min": 0, "max": 2}}
    )
    assert econml("sweep", "run", file, "--quiet").code == 0
    rows = trials(econml)
    assert sorted((float(r["lr"]), int(r["seed"])) for r in rows) == [(a, b) for a in (0.01, 0.1) for b in (0, 1, 2)]
    again = econml("sweep", "run", file)
    assert again.code == 0 and again.stderr == "" and trials(econml) == rows


def test_a_trial_that_diverges_is_recorded_and_the_exit_code_is_4(econml):
    parameters = {"lr": {"values": [0.01, 1e9]}, "optimizer": {"value": "sgd"}}
    file = sweep_file(method="grid", run_cap=None, parameters=parameters)
    ran = econml("sweep", "run", file)
    assert ran.code == 4 and "1 of 2 trials failed" in ran.stderr and "best trial" in ran.stdout
    failed = next(row for row in trials(econml) if row["state"] == "failed")
    assert failed["reason"].startswith("diverged in epoch")
    assert econml("sweep", "run", file, "--quiet").code == 4  # still
    assert len(trials(econml)) == 2
    assert econml("sweep", "run", file, "--quiet", "--retry-failed").code == 4
    assert len(trials(econml)) == 3


@pytest.mark.slow
def test_options_that_contradict_each_other_fail_that_trial_only(econml):
    file = sweep_file(method="grid", run_cap=None, parameters={"patience": {"values": [0, 2]}, "N_val": {"value": 0}},
                      metric={"name": "train_loss", "goal": "minimize"})  # fmt: skip
    ran = econml("sweep", "run", file)
    assert ran.code == 4
    assert [row["state"] for row in trials(econml)].count("complete") == 1
    assert any("--patience needs a validation split" in row["reason"] for row in trials(econml))


def test_a_metric_that_no_fit_has_is_a_failure_that_names_those_there_are(econml):
    file = sweep_file(run_cap=1, metric={"name": "bias", "goal": "minimize"})
    assert econml("sweep", "run", file).code == 4
    assert trials(econml)[0]["reason"] == "it has no metric 'bias' (it has train_loss, val_loss, test_loss)"


@pytest.mark.slow
def test_hyperband_prunes_and_a_pruned_trial_is_a_run_that_loads(econml):
    parameters = {"lr": {"values": [0.01, 1e-6, 2e-6, 3e-6, 4e-6, 0.02]}, "num_epochs": {"value": 30}}
    early = {"type": "hyperband", "min_iter": 3, "eta": 3}
    for engine in ("serial", "vmap"):
        file = sweep_file(method="grid", run_cap=None, parameters=parameters, early_terminate=early)
        assert econml("sweep", "run", file, "--quiet", "--engine", engine, "--out", f"runs/{engine}").code == 0
    rows = trials(econml, "runs/serial")
    by_state = {row["state"]: row for row in rows}
    assert set(by_state) == {"complete", "pruned"}
    pruned = by_state["pruned"]
    assert pruned["epochs"] in ("3", "9") and Run(Path(pruned["run"])).status() == "pruned"
    assert econml("eval", pruned["run"]).code == 0
    same = [(row["lr"], row["state"], row["epochs"]) for row in rows]
    assert same == [(row["lr"], row["state"], row["epochs"]) for row in trials(econml, "runs/vmap")]
    best = min(rows, key=lambda row: float(row["val_loss"] or "inf"))
    assert best["state"] == "complete"
    analysis = json.loads(econml("sweep", "show", "runs/serial", "--json").stdout)["analysis"]
    assert (analysis["rung"], analysis["complete"]) == (3, 6)


def test_keep_best_leaves_one_checkpoint_and_every_record(econml):
    assert econml("sweep", "run", sweep_file(), "--quiet", "--keep", "best").code == 0
    rows = trials(econml)
    best = min(rows, key=lambda row: float(row["val_loss"]))
    assert [p.parent.name for p in sorted(Path("runs/small").glob("*/checkpoints"))] == [Path(best["run"]).name]
    assert all(len(Run(Path(row["run"])).metrics()) == 5 for row in rows)


def test_keep_counts_the_trials_of_all_workers(isolated):
    directory = SweepDirectory(isolated / "s")
    for number in range(3):
        (directory.run(number) / "checkpoints").mkdir(parents=True)
    ranked = tuple(Trial(number, number, "complete", {}, value) for number, value in ((2, 0.1), (0, 0.2), (1, 0.3)))
    study = SimpleNamespace(results=lambda: SimpleNamespace(ranked=lambda: ranked, front=lambda: ()))
    sweep = schema.load(Path(sweep_file()))
    Batches(sweep, directory, Plan(0, keep=1), study, None, None, None, None)._drop_others()
    assert [path.parent.name for path in directory.path.glob("*/checkpoints")] == ["0002"]


def test_no_trial_is_begun_once_the_target_is_reached(econml):
    file = sweep_file(method="bayes", run_cap=12, metric={"name": "val_loss", "goal": "minimize", "target": 1e9})
    ran = econml("sweep", "run", file)
    assert ran.code == 0 and "val_loss has reached the file's `metric.target`" in ran.stderr
    assert ran.stdout.startswith("small: 8 of 12 trials complete")  # those that were under way then
    assert econml("sweep", "run", file, "--quiet").code == 0 and len(trials(econml)) == 8
    refused = econml("sweep", "run", sweep_file("other.yaml"), "--sampler", "tpe")
    assert refused.code == 2 and "--sampler is for method bayes" in refused.stderr


def test_wandb_mode_in_the_file_logs_the_trials(econml):
    parameters = {"lr": {"min": 0.001, "max": 0.1}, "wandb_mode": {"value": "offline"}}
    file = sweep_file(run_cap=1, parameters=parameters, fixed=["--wandb_project=lectures", "--wandb_artifacts"])
    assert econml("sweep", "run", file, "--quiet").code == 0
    [kept] = Path("wandb").glob("offline-run-*/*.wandb")
    [opened] = [r.run for r in records(kept) if r.HasField("run")]
    assert (opened.project, opened.run_group) == ("lectures", "small")
    [artifact] = [r.artifact for r in records(kept) if r.HasField("artifact")]
    held = {entry.path for entry in artifact.manifest.contents}
    assert {"config.yaml", "summary.json", "summary.table.json"} < held
    assert any(path.startswith("checkpoints/") for path in held)


def test_more_trials_continue_the_sweep(econml):
    file = sweep_file(run_cap=2)
    assert econml("sweep", "run", file, "--quiet").code == 0
    before = trials(econml)
    assert econml("sweep", "run", file, "--quiet", "--trials", 5).code == 0
    assert trials(econml)[:2] == before and len(trials(econml)) == 5
    assert econml("sweep", "run", file, "--quiet", "--no-resume").code == 1
    assert econml("sweep", "run", file, "--quiet", "--resume", "--out", "nowhere").code == 1


def test_an_edited_file_is_refused_with_the_difference(econml):
    assert econml("sweep", "run", sweep_file(run_cap=1), "--quiet").code == 0
    ran = econml("sweep", "run", sweep_file(run_cap=1, parameters={"lr": {"min": 0.001, "max": 0.5}}))
    assert ran.code == 2 and "parameters.lr.max: 0.1 -> 0.5" in ran.stderr and len(ran.stderr.splitlines()) == 1
    other_seed = econml("sweep", "run", sweep_file(run_cap=1), "--seed", 3)
    assert other_seed.code == 2 and "begun with --seed 0" in other_seed.stderr


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"method": "custom"}, "method custom"),
        ({"early_terminate": {"type": "hyperband", "min_iter": 1, "eta": 2.5}}, "must be an integer"),
        ({"command": ["python", "mine.py", "${args}"]}, "--model mlp"),
    ],
)
def test_what_cannot_be_run_here_leaves_no_directory_behind(econml, more, expected):
    ran = econml("sweep", "run", sweep_file(**more))
    assert ran.code == 2 and expected in ran.stderr and not Path("runs").exists()


@pytest.mark.slow
def test_options_from_the_environment_hold_for_the_whole_sweep(econml, monkeypatch):
    monkeypatch.setenv("ECONML_BATCH_SIZE", "10")
    monkeypatch.setenv("ECONML_LR", "5")  # swept, so the sweep decides
    file = sweep_file(run_cap=1)
    assert econml("sweep", "run", file, "--quiet").code == 0
    monkeypatch.delenv("ECONML_BATCH_SIZE")
    assert econml("sweep", "run", file, "--quiet", "--trials", 2).code == 0
    configs = [Run(Path(row["run"])).config().trainer for row in trials(econml)]
    assert [c.batch_size for c in configs] == [10, 10] and max(c.lr for c in configs) < 0.1


def test_a_foreign_program_needs_a_model_of_ours(econml):
    path = sweep_file(run_cap=1)
    document = yaml.safe_load(Path(path).read_text())
    del document["command"]
    Path(path).write_text(yaml.safe_dump({**document, "program": "train.py"}))
    ran = econml("sweep", "run", path)
    assert ran.code == 2 and "--model mlp" in ran.stderr and "train.py" in ran.stderr
    assert econml("sweep", "run", path, "--quiet", "--model", "mlp", "--fix", "batch_size=10").code == 0
    config = Run(Path("runs/small/0000")).config()
    assert (config.model, config.problem, config.trainer.batch_size) == ("mlp", "linear", 10)
    assert econml("sweep", "run", path, "--problem", "linear").code == 2


def test_what_is_typed_wrong_is_said_before_anything_starts(econml):
    file = sweep_file()
    for words, expected in [
        (["--timeout", "soon"], "--timeout must be a time"),
        (["--keep", "bset"], "Did you mean 'best'?"),
        (["--engine", "warp"], "warp"),
        (["--devices", "0"], "--devices 0: expected a number from 1 on, or all"),
        (["--devices", "2", "--engine", "serial"], "--engine serial trains each by itself"),
        (["--devices", "99"], "--devices 99: this host has"),
        (["--storage", "mysqll://nowhere/x"], "--storage mysqll://nowhere/x begins with no database"),
    ]:
        ran = econml("sweep", "run", file, *words)
        assert ran.code in (1, 2) and expected in ran.stderr, (words, ran.stderr)
    assert econml("sweep", "run", "nofile.yaml").code == 2


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("2h", 7_200), ("1d", 86_400)])
def test_a_time_has_its_unit(text, seconds):
    assert sweep_run._seconds(text) == seconds


def test_timeout_stops_as_if_interrupted_and_exits_0(econml):
    file = sweep_file(run_cap=3, parameters={"lr": {"min": 0.001, "max": 0.1}, "num_epochs": {"value": 10_000_000}})
    ran = econml("sweep", "run", file, "--timeout", "1s")
    assert ran.code == 0 and "--timeout is over" in ran.stderr and "Continue with:" in ran.stderr
    assert "complete" in ran.stdout


def test_a_sweep_is_found_by_its_directory_its_name_and_its_file(econml):
    file = sweep_file("other.yaml", run_cap=1, name="My sweep, long")
    assert econml("sweep", "run", file, "--quiet").code == 0
    for name in (file, "runs/My-sweep-long", "My-sweep-long"):
        assert econml("sweep", "show", name).code == 0
    near = econml("sweep", "show", "My-sweep-lnog")
    assert near.code == 1 and "Did you mean 'My-sweep-long'?" in near.stderr


def test_json_is_one_document(econml):
    ran = econml("sweep", "run", sweep_file(run_cap=2), "--json")
    document = json.loads(ran.stdout)
    assert ran.stderr == "" and document["counts"]["complete"] == 2
    assert document["best"]["commands"]["refit"].startswith("econml fit --config runs/small/")


def test_a_directory_of_something_else_is_left_alone(econml):
    Path("runs/small").mkdir(parents=True)
    Path("runs/small/thesis.tex").write_text("words")
    ran = econml("sweep", "run", sweep_file())
    assert ran.code == 1 and "choose another --out" in ran.stderr
    assert [p.name for p in Path("runs/small").iterdir()] == ["thesis.tex"]


def start(*args):
    """`econml sweep run` in a process of its own, to be signalled or killed."""
    return to_be_killed("sweep", "run", *args)


def wait_for(path, process):
    wait_until(lambda: list(Path().glob(path)) or ended(process), 60)
    assert process.poll() is None, process.communicate()


def ended(process):
    return process.poll() is not None


# the very programs of the test of --timeout, which are in the cache: a process to be killed leaves none there
LONG = {"lr": {"min": 0.001, "max": 0.01}, "num_epochs": {"value": 10_000_000}}


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "number"), [("serial", signal.SIGINT), ("process", signal.SIGHUP)])
def test_ctrl_c_or_a_closed_terminal_saves_what_runs_and_the_same_line_goes_on(econml, engine, number):
    file = sweep_file(run_cap=3, parameters=LONG)
    process = to_be_killed("sweep", "run", file, "--engine", engine, start_new_session=True)
    wait_for("runs/small/*/metrics.jsonl", process)
    wait_until(lambda: any(path.read_text() for path in Path("runs/small").glob("*/metrics.jsonl")))
    os.killpg(process.pid, number)  # a terminal sends it to all that it has started
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else 143), err
    assert err.splitlines()[-1].endswith(f"Continue with: econml sweep run {file} --engine {engine}")
    rows = trials(econml)
    assert {row["state"] for row in rows} <= {"waiting", "complete"}
    saved = [run for run in map(Run, sorted(Path("runs/small").glob("0*"))) if run.status() == "interrupted"]
    assert saved
    before = {run.name: len(run.metrics()) for run in saved}
    again = start(file, "--engine", engine)
    wait_until_longer(saved[0], before[saved[0].name], again)
    again.send_signal(signal.SIGTERM)
    assert again.wait(timeout=60) == 143


def wait_until_longer(run, before, process):
    wait_until(lambda: run.metrics_path.read_bytes().count(b"\n") > before or ended(process), 60)
    assert process.poll() is None, process.communicate()
    epochs = [row["epoch"] for row in run.metrics()]
    assert epochs == list(range(1, len(epochs) + 1))  # it went on where it was


def complete(econml):
    return {row["number"]: row for row in trials(econml) if row["state"] == "complete"}


@pytest.mark.slow
def test_a_kill_loses_only_the_trials_that_were_under_way(econml):
    parameters = {"lr": {"min": 0.001, "max": 0.01}, "num_epochs": {"value": 100}}
    file = sweep_file(method="bayes", run_cap=20, parameters=parameters)
    process = start(file, "--engine", "serial")
    wait_for("runs/small/0001/summary.json", process)
    wait_until(lambda: len(complete(econml)) > 1 or ended(process), 60)
    process.kill()
    process.communicate()
    told = complete(econml)
    assert len(told) >= 2
    assert econml("sweep", "run", file, "--quiet").code == 0
    rows = trials(econml)
    assert [row["index"] for row in rows] == [str(i) for i in range(20)]
    assert all(rows[int(number)] == row for number, row in told.items())
    assert econml("sweep", "run", file, "--quiet", "--out", "runs/whole").code == 0
    assert points(rows) == points(trials(econml, "runs/whole"))


@pytest.mark.slow
def test_a_second_engine_on_the_same_directory_is_refused_in_one_sentence(econml):
    file = sweep_file(run_cap=3, parameters=LONG)
    process = start(file)
    try:
        wait_for("runs/small/*/metrics.jsonl", process)
        second = econml("sweep", "run", file)
        assert second.code == 1 and len(second.stderr.splitlines()) == 1
        assert "is being run by another process" in second.stderr and "--storage" in second.stderr
        shared = econml("sweep", "run", file, "--storage", Path("runs/small/study.journal").absolute())
        assert shared.code == 1 and "is being run by another process" in shared.stderr
        assert econml("sweep", "show").code == 0  # looking does not disturb
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_a_directory_deleted_under_the_engine_ends_it_in_one_sentence(econml):
    file = sweep_file(run_cap=3, parameters=LONG)
    process = start(file, "--quiet")
    wait_for("runs/small/*/metrics.jsonl", process)
    Path("runs").rename("elsewhere")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and len(err.splitlines()) == 1 and "Traceback" not in err, err


@pytest.mark.slow
def test_a_worker_process_that_dies_fails_its_trials_and_the_others_go_on(econml):
    import psutil

    file = sweep_file(run_cap=2, parameters=LONG | {"num_epochs": {"value": 20_000}})
    process = start(file, "--engine", "process", "--jobs", 2)
    wait_for("runs/small/0001/metrics.jsonl", process)
    wait_for("runs/small/0000/metrics.jsonl", process)
    psutil.Process(process.pid).children()[0].kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    rows = trials(econml)
    assert sorted(row["state"] for row in rows) == ["complete", "failed"]
    assert "its process ended (signal 9)" in next(row["reason"] for row in rows if row["state"] == "failed")


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["postgresql"], indirect=True)  # a journal: test_slurm.py
def test_two_workers_share_a_study_and_every_trial_is_run_once(econml, storage, monkeypatch):
    parameters = {"lr": {"min": 0.001, "max": 0.01}, "num_epochs": {"value": 100}}
    file = sweep_file(run_cap=12, parameters=parameters)
    line = [*PROGRAM, "sweep", "run", file, "--storage", storage, "--quiet"]
    workers = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        _, err = worker.communicate(timeout=120)
        assert worker.returncode == 0, err
    rows = trials(econml, "--storage", storage)
    assert sorted(int(row["index"]) for row in rows) == list(range(12))
    assert {row["state"] for row in rows} == {"complete"} and len({row["worker"] for row in rows}) == 2
    assert all(Run(Path(row["run"])).summary()["epochs"] == 100 for row in rows)
    assert postgres.PASSWORD not in Path("runs/small/sweep.json").read_text()
    again = econml("sweep", "run", file, "--quiet", "--trials", 13)
    assert again.code == 1 and "PGPASSWORD" in again.stderr and postgres.PASSWORD not in again.stderr
    monkeypatch.setenv("PGPASSWORD", postgres.PASSWORD)
    assert econml("sweep", "run", file, "--quiet", "--trials", 13).code == 0


def test_a_sweep_goes_on_in_the_journal_in_which_it_was_begun(econml):
    file = sweep_file(run_cap=1)
    assert econml("sweep", "run", file, "--storage", Path("shared.journal").absolute(), "--quiet").code == 0
    again = econml("sweep", "run", file, "--quiet", "--trials", 2)
    assert again.code == 0 and len(trials(econml)) == 2


@pytest.mark.parametrize("name", ["lecture", "lr_width", "seeds", "wage"])
@pytest.mark.slow
def test_the_shipped_sweeps_run(econml, name):
    ran = econml("sweep", "run", ROOT / f"sweeps/{name}.yaml", "--trials", 2, "--quiet")
    assert ran.code == 0, ran.stderr
    assert len(trials(econml)) == 2


def test_nothing_heavy_is_imported_before_a_sweep_is_known_to_run():
    code = (
        "import sys; from econml_cli.cli import main; sys.argv = ['econml', 'sweep', 'run', 'nofile.yaml']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('jax', 'optuna', 'pandas', 'wandb', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_worker_goes_on_from_the_checkpoint_of_one_that_was_killed(econml, monkeypatch):
    """They share a directory; and what was killed on another machine says for ever that it is running."""
    from econml_cli.sweeps.run import batches, engine
    from econml_cli.sweeps.spec import schema
    from econml_cli.sweeps.spec.trial_config import config_of
    from econml_cli.training.fit import fit

    file, storage = sweep_file(run_cap=1, parameters={"num_epochs": {"value": 40}}), Path("shared.journal").absolute()
    line = ["sweep", "run", file, "--storage", storage, "--engine", "serial", "--quiet"]
    assert econml(*line, "--timeout", "0s").code in (0, 1)  # the directory is there, and no trial
    opened = engine.Study.open
    monkeypatch.setattr(engine.Study, "open", lambda *given, **named: opened(*given, **named, grace=0.3))
    monkeypatch.setattr(batches, "POLL", 0.05)
    sweep = schema.load(Path(file))
    named = {"name": "small", "seed": 0, "count": None, "batch": batches.BATCH, "alone": False, "worker": "victim"}
    (trial,) = engine.Study.open(sweep, str(storage), **named).take(1)
    asked = iter([None] * 2)
    killed = fit(config_of(sweep, trial.params), Path("runs/small/0000"), stop_signal=lambda: next(asked, 15)).run
    done, name = killed.summary()["epochs"], killed.manifest()["id"]
    assert 0 < done < 40
    (killed.path / "summary.json").unlink()
    killed.update_manifest(status="running", process={"host": "another machine", "pid": 1})
    note, noted = engine.Study.note, []
    monkeypatch.setattr(engine.Study, "note", lambda self, *said: noted.append(said) or note(self, *said))
    ran = econml(*line)
    assert ran.code == 0, ran.stderr
    assert noted[0] == (1, done)  # from its first sign: a worker that is killed now has still come further
    (lost, again) = trials(econml)
    assert (lost["state"], again["state"], again["number"]) == ("failed", "complete", "1")
    run = Run(Path("runs/small/0001"))
    assert run.manifest()["id"] == name and run.manifest()["sweep"]["trial"] == 1
    assert [row["epoch"] for row in run.metrics()] == list(range(1, 41))
    assert not Path("runs/small/0000").exists()


def test_a_trial_that_another_machine_has_left_without_a_checkpoint_is_begun_again(econml):
    """It was "being trained by another process" for ever, and its sweep failed."""
    file = sweep_file(run_cap=1)
    assert econml("sweep", "run", file, "--quiet", "--timeout", "0s").code in (0, 1)
    from econml_cli.runs import directory

    left = directory.create(Path("runs/small/0000"), {"manifest.json": "{}", "config.yaml": "model: mlp"}, force=False)
    left.update_manifest(status="running", process={"host": "another machine", "pid": 1})
    ran = econml("sweep", "run", file, "--quiet")
    assert ran.code == 0 and trials(econml)[0]["state"] == "complete", ran.stderr


def test_the_process_of_a_trial_runs_nothing_that_lies_in_the_working_directory(isolated):
    from econml_cli.sweeps.run import executor

    for name in ("typing_extensions", "random", "json", "sitecustomize"):
        Path(f"{name}.py").write_text(f"open({str(isolated / 'it_ran')!r}, 'w')\nraise SystemExit\n")
    worker = executor._Worker(0, 1, executor.queue.Queue())
    worker._process.stdin.close()  # it imports all it needs, and ends
    assert worker._process.wait(timeout=120) == 0 and not Path("it_ran").exists()


@pytest.mark.parametrize("act", ["full", "moved", "journal"])
def test_what_keeps_a_sweep_from_being_written_is_said_with_how_to_go_on(econml, monkeypatch, act):
    """A disk that is full under a trial or under the journal; a directory that is moved away in mid-run."""
    from econml_cli.storage import checkpoint
    from econml_cli.sweeps.study import storage as storages

    file, home = sweep_file("it's small.yaml", name="small", run_cap=3), Path("runs/small")
    save, saved, acquire = checkpoint.CheckpointWriter.save, [], storages.MendingLock.acquire

    def fails(self, *position):
        saved.append(position)
        if len(saved) == 2 and act == "moved":
            home.rename("elsewhere")
        if len(saved) > 1 and act == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return save(self, *position)

    def refused(self):
        if saved and act == "journal":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return acquire(self)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.CheckpointWriter, "save", fails)
        patch.setattr(storages.MendingLock, "acquire", refused)
        ran = econml("sweep", "run", file, "--engine", "serial", "--jobs", 1, "--quiet")
    assert ran.code == 1 and ran.stderr.count("\n") == 1, ran.stderr
    assert ("moved or deleted" if act == "moved" else "No space left on device") in ran.stderr and str(
        home
    ) in ran.stderr
    again = shlex.split(ran.stderr.partition("continue with: ")[2])
    assert again[:4] == ["econml", "sweep", "run", file]
    if act == "moved":
        assert not home.exists(), [str(path) for path in home.rglob("*")]
        Path("elsewhere").rename(home)
    before = weights(home)
    assert econml(*again[1:]).code == 0
    assert {row["state"] for row in trials(econml)} == {"complete"} and len(trials(econml)) == 3
    assert before.items() <= weights(home).items()


def weights(home):
    """The SHA-256 of the weights of the trials that have ended, by number."""
    return {path.parent.name: json.loads(path.read_text())["state_sha256"] for path in home.glob("*/summary.json")}
