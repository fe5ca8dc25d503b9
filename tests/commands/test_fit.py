"""`econml fit` from the shell: what it leaves behind, however it ends."""

import contextlib
import errno
import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from econml_cli.errors import RunError
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from tests.support.fits import fitted
from tests.support.running import to_be_killed
from tests.support.waiting import wait_until

OPTIONS = {"width": 4, "depth": 1, "N": 40, "N_test": 20, "N_val": 20, "batch_size": 16}
SHAPE = tuple(f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items())
SMALL = (*SHAPE, "--num-epochs", "6")
LONG = ("fit", "mlp", *SHAPE, "--checkpoint-every", "500", "--num-epochs")


def summary(path):
    return json.loads((Path(path) / "summary.json").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The run of `econml fit mlp` with SMALL."""
    return fitted(tmp_path_factory.mktemp("made") / "r", "mlp", **OPTIONS, num_epochs=6).path


@pytest.fixture
def run(made):
    """A copy of it, r, that the test may change."""
    return Path(shutil.copytree(made, "r"))


def test_a_fit_leaves_a_complete_run_and_says_what_to_type_next(econml):
    ran = econml("fit", "mlp", *SMALL, "--out", "r")
    assert ran.code == 0 and "econml eval r" in ran.stdout and "test loss" in ran.stdout
    assert sorted(p.name for p in Path("r").iterdir()) == [
        ".lock", "checkpoints", "config.yaml", "manifest.json", "metrics.jsonl", "requirements.txt", "summary.json",
    ]  # fmt: skip
    lines = [json.loads(line) for line in Path("r/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in lines] == [1, 2, 3, 4, 5, 6]
    assert set(lines[0]) == {"epoch", "train_loss", "val_loss", "lr"} and lines[0]["lr"] == 0.001
    manifest = json.loads(Path("r/manifest.json").read_text())
    assert manifest["status"] == "max_epochs" and manifest["command"].startswith("econml fit mlp")
    assert manifest["shapes"] == {"din": 2, "dout": 1, "n_train": 40, "x": [2]}
    assert len(manifest["data"]["fingerprint"]) == 64 and manifest["hardware"]["cores"] >= 1
    packages = dict(line.split("==") for line in Path("r/requirements.txt").read_text().splitlines())
    assert packages["numpy"] == manifest["versions"]["numpy"] and packages["jax"] == manifest["versions"]["jax"]
    assert summary("r")["val_loss"] == pytest.approx(lines[-1]["val_loss"], rel=1e-5)


def test_json_is_one_document_and_nothing_else(econml):
    document = json.loads(econml("fit", "mlp", *SMALL, "--json").stdout)
    assert document["epochs"] == 6 and Path(document["run"]).is_dir() and document["run"].startswith("runs/mlp-linear-")


def test_quiet_prints_nothing(econml):
    ran = econml("fit", "mlp", *SMALL, "--quiet", "--out", "r")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "", "")


def test_the_saved_config_repeats_the_run_exactly(econml):
    econml("fit", "mlp", *SMALL, "--out", "a", "--seed", "7", "--schedule", "cosine")
    econml("fit", "--config", "a/config.yaml", "--out", "b")
    assert summary("a")["state_sha256"] == summary("b")["state_sha256"]
    assert Path("a/metrics.jsonl").read_text() == Path("b/metrics.jsonl").read_text()
    assert yaml.safe_load(Path("a/config.yaml").read_text()) == yaml.safe_load(Path("b/config.yaml").read_text())


@pytest.mark.parametrize(
    "options",
    [
        (),
        pytest.param(("--patience", "30"), marks=pytest.mark.slow),
        pytest.param(("--precision", "float64"), marks=pytest.mark.slow),
        pytest.param(("--optimizer", "sgd"), marks=pytest.mark.slow),
        pytest.param(("--optimizer", "schedule_free", "--patience", "30", "--grad-clip", "1"), marks=pytest.mark.slow),
    ],
)
def test_20_epochs_and_20_more_are_40_epochs_bit_for_bit(econml, options):
    base = ("fit", "mlp", *SHAPE, *options)
    econml(*base, "--num-epochs", "40", "--out", "whole")
    econml(*base, "--num-epochs", "20", "--out", "parts")
    ran = econml("fit", "--resume", "parts", "--num-epochs", "40")
    assert ran.code == 0, ran.stderr
    assert summary("whole")["state_sha256"] == summary("parts")["state_sha256"]
    assert Path("whole/metrics.jsonl").read_text() == Path("parts/metrics.jsonl").read_text()


def test_resume_changes_nothing_but_the_length(econml, run):
    ran = econml("fit", "--resume", "r", "--lr", "0.5")
    assert ran.code == 2 and "--lr cannot change" in ran.stderr
    ran = econml("fit", "--resume", "r")
    assert ran.code == 0 and summary("r")["epochs"] == 6  # nothing left to do is no error


def test_a_resumed_run_counts_the_seconds_of_all_its_sessions(econml, run):
    written = json.loads(Path("r/manifest.json").read_text())
    ended = summary("r")
    assert written["seconds"]["seconds_training"] == ended["seconds_training"]
    assert written["seconds"]["seconds_total"] <= ended["seconds_total"]
    written["seconds"] = {"seconds_training": 1000.0, "seconds_total": 2000.0}
    Path("r/manifest.json").write_text(json.dumps(written))
    assert econml("fit", "--resume", "r", "--num-epochs", "8").code == 0
    now = summary("r")
    assert 1000 <= now["seconds_training"] < 1100 and 2000 < now["seconds_total"] < 2200


def test_resume_passes_over_a_damaged_newest_checkpoint(econml):
    base = ("fit", "mlp", *SHAPE, "--num-epochs", "9", "--checkpoint-every", "3")
    econml(*base, "--out", "a")
    before = summary("a")["state_sha256"]
    for path in Path("a/checkpoints/9").rglob("*"):
        if path.is_file():
            path.write_bytes(b"")
    ran = econml("fit", "--resume", "a")
    assert ran.code == 0, ran.stderr
    assert summary("a")["state_sha256"] == before
    assert econml("eval", "a").code == 0  # what was damaged has been written anew


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--dry-run",), 2, "--dry-run"),
        (("--print-config",), 2, "--print-config"),
        (("--force",), 2, "--force"),
        (("--problem", "tabular"), 2, "not mlp to tabular"),
        (("linear",), 2, "not linear to linear"),
        (("--num-epochs", "3"), 2, "6 epochs"),
    ],
)
def test_resume_refuses_what_would_make_it_another_run(econml, run, more, code, says):
    before = Path("r/config.yaml").read_text()
    ran = econml("fit", *more, "--resume", "r")
    assert ran.code == code and says in ran.stderr
    assert Path("r/config.yaml").read_text() == before


def test_resume_refuses_another_length_where_the_schedule_depends_on_it(econml):
    econml("fit", "mlp", *SMALL, "--schedule", "cosine", "--out", "r")
    ran = econml("fit", "--resume", "r", "--num-epochs", "9")
    assert ran.code == 2 and "--schedule cosine" in ran.stderr


@pytest.mark.slow
def test_a_run_in_training_is_neither_resumed_nor_replaced(econml):
    process = to_be_killed(*LONG, "1000000", "--out", "r")
    wait_until(lambda: Path("r/checkpoints/500").exists(), 60)
    resumed, forced = econml("fit", "--resume", "r"), econml("fit", "mlp", *SMALL, "--out", "r", "--force")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    for ran in (resumed, forced):
        assert ran.code == 1 and "another process" in ran.stderr
    assert summary("r")["stop_reason"] == "interrupted"


def test_a_relative_data_file_is_found_from_elsewhere(econml, isolated, monkeypatch):
    (isolated / "d.csv").write_text("x,y\n" + "\n".join(f"{i},{2 * i + i % 3}" for i in range(40)) + "\n")
    econml("fit", "linear", "--data", "d.csv", "--target", "y", "--num-epochs", "3", "--out", "r")
    (isolated / "below").mkdir()
    monkeypatch.chdir(isolated / "below")
    ran = econml("fit", "--resume", "../r", "--num-epochs", "5")
    assert ran.code == 0, ran.stderr


@pytest.mark.parametrize("text", ["lr: [", "lr: -1\nmodel: mlp\nproblem: linear\n", "problem: linear\n"])
def test_a_damaged_config_in_a_run_is_found_not_typed(econml, run, text):
    Path("r/config.yaml").write_text(text)
    for line in (("fit", "--resume", "r"), ("eval", "r"), ("inspect", "checkpoint", "r")):
        ran = econml(*line)
        assert ran.code == 1 and "r/config.yaml" in ran.stderr and len(ran.stderr.splitlines()) == 1, (line, ran)


def test_a_full_disk_is_one_sentence(econml, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "r/metrics.jsonl")

    monkeypatch.setattr("econml_cli.tracking.jsonl.append_metrics", full)
    ran = econml("fit", "mlp", *SMALL, "--out", "r")
    assert ran.code == 1 and "No space left" in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert not Path("r").exists()  # it held nothing that anybody could use


def test_wandb_gets_the_config_the_metrics_and_the_summary(econml, monkeypatch):
    seen = {"rows": []}

    class Sink:
        def log(self, rows):
            seen["rows"] += rows

        def finish(self, summary, *, exit_code=0):
            seen["summary"], seen["exit_code"] = summary, exit_code

    def open_sink(**arguments):
        seen.update(arguments)
        return Sink()

    monkeypatch.setattr("econml_cli.tracking.wandb_sink.open_sink", open_sink)
    econml("fit", "mlp", *SMALL, "--wandb_mode", "offline", "--wandb_project", "thesis", "--out", "r")
    assert (seen["given_mode"], seen["project"], seen["name"]) == ("offline", "thesis", "r")
    assert seen["config"] == yaml.safe_load(Path("r/config.yaml").read_text())
    assert [set(row) for row in seen["rows"]] == [{"epoch", "train_loss", "val_loss", "lr"}] * 6
    assert seen["summary"]["test_loss"] > 0 and seen["summary"]["num_params"] == 17 and seen["exit_code"] == 0


@pytest.mark.slow
def test_a_dead_wandb_server_costs_a_warning_not_the_fit(shell):
    dead = {**os.environ, "WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_API_KEY": "0" * 40, "WANDB_MODE": "online"}
    ran = shell("fit", "mlp", *SMALL, "--out", "r", env=dead)
    assert ran.code == 0 and "test loss" in ran.stdout, ran.stderr
    assert "W&B" in ran.stderr and "Traceback" not in ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [False, True])
def test_the_progress_bar_is_for_terminals_only(quiet, econml, monkeypatch):
    parent, child = pty.openpty()
    shown = []

    def read():
        with contextlib.suppress(OSError):  # it is closed below
            while block := os.read(parent, 65536):
                shown.append(block)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(child, "w") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", terminal)
        ran = econml(*LONG, "3000", "--out", "r", *(["--quiet"] if quiet else []))
    reader.join(15)
    os.close(parent)
    bar = b"".join(shown)
    assert ran.code == 0 and (b"epoch" in bar and b"/3000" in bar and b"train" in bar) is not quiet
    assert "epoch " not in ran.stdout.replace("3,000 epochs", "")


@pytest.mark.slow
def test_compiled_programs_go_to_the_private_cache_or_where_jax_is_told(shell, isolated):
    least = ("fit", "linear", "--solver", "lstsq", "--N", "10", "--N-test", "5", "--N-val", "0")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    assert shell(*least, "--out", "a", env=environment).code == 0
    private = isolated.parent / "home" / ".cache" / "econml-cli"
    machine = next((private / "xla").iterdir())
    assert any(machine.iterdir()) and machine.stat().st_mode & 0o077 == 0
    told = {**environment, "JAX_COMPILATION_CACHE_DIR": str(isolated / "there")}
    assert shell(*least, "--dry-run", env=told).code == 0
    assert (isolated / "there").is_dir()


@pytest.mark.slow
def test_a_killed_fit_resumes_bit_for_bit_and_loses_no_line(econml):
    victim = to_be_killed(*LONG, "200000", "--out", "killed")
    wait_until(lambda: Path("killed/checkpoints/500").exists(), 60)
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    lines = Path("killed/metrics.jsonl").read_text().splitlines(keepends=True)
    reported = [line for line in lines if line.endswith("\n")]
    assert not Path("killed/summary.json").exists() and len(reported) >= 500
    epochs = str(len(reported) + 700)
    assert econml("fit", "--resume", "killed", "--num-epochs", epochs).code == 0
    assert econml(*LONG, epochs, "--out", "whole").code == 0
    assert summary("killed")["state_sha256"] == summary("whole")["state_sha256"]
    text = Path("killed/metrics.jsonl").read_text()
    assert text == Path("whole/metrics.jsonl").read_text() and text.startswith("".join(reported))


def send_here(number, condition):
    """Signal this process once the condition holds."""
    wait_until(condition)
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("number", "code"),
    [pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow), (signal.SIGTERM, 143), (signal.SIGUSR1, 143)],
)
def test_a_signal_saves_and_says_how_to_go_on(econml, number, code):
    line, begun = (*LONG, "1000000", "--out", "r"), Path("r/metrics.jsonl").absolute()
    if number == signal.SIGINT:  # in a process of its own; SIGTERM ends one where a run in training is resumed
        process = to_be_killed(*line)
        wait_until(begun.exists, 60)
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        ended = process.returncode
    else:
        threading.Thread(target=send_here, args=(number, begun.exists), daemon=True).start()
        ran = econml(*line)
        ended, err = ran.code, ran.stderr
    assert ended == code, err
    assert "econml fit --resume r" in err and "Traceback" not in err
    stopped = summary("r")
    assert stopped["stop_reason"] == "interrupted" and 0 < stopped["epochs"] < 1_000_000
    assert Path(f"r/checkpoints/{stopped['epochs']}").is_dir()
    ran = econml("fit", "--resume", "r", "--num-epochs", stopped["epochs"] + 10, "--json")
    assert json.loads(ran.stdout)["epochs"] == stopped["epochs"] + 10


def test_divergence_exits_3_and_keeps_a_checkpoint_that_loads(econml):
    ran = econml("fit", "mlp", *SMALL, "--lr", "1e8", "--optimizer", "sgd", "--out", "r")
    assert ran.code == 3 and "epoch" in ran.stderr and "--lr" in ran.stderr
    assert summary("r")["stop_reason"] == "diverged" and "NaN" not in Path("r/metrics.jsonl").read_text()
    assert econml("inspect", "checkpoint", "r", "--json").code == 0
    ran = econml("fit", "--resume", "r")
    assert ran.code == 1 and "diverged" in ran.stderr


def test_an_existing_run_needs_force(econml, run):
    old = summary("r")["state_sha256"]
    assert econml("fit", "mlp", *SMALL, "--out", "r").code == 1
    assert summary("r")["state_sha256"] == old
    assert econml("fit", "mlp", *SMALL, "--out", "r", "--seed", "1", "--force").code == 0
    assert summary("r")["state_sha256"] != old


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_unwritable_directory_is_one_sentence(econml, isolated):
    (isolated / "locked").mkdir(mode=0o500)
    ran = econml("fit", "mlp", *SMALL, "--out", "locked/r")
    assert ran.code == 1 and "cannot be" in ran.stderr


def test_bad_data_leave_nothing_behind(econml, isolated):
    ran = econml("fit", "linear", "--data", "none.csv", "--target", "y", "--out", "r")
    assert ran.code == 1 and "none.csv" in ran.stderr
    assert list(isolated.iterdir()) == []


def test_patience_without_validation_data_is_refused(econml, isolated):
    ran = econml("fit", "mlp", *SMALL, "--N-val", "0", "--patience", "3")
    assert ran.code == 2 and "--N-val" in ran.stderr and list(isolated.iterdir()) == []


def test_resume_refuses_other_data(econml, isolated):
    (isolated / "d.csv").write_text("x,y\n" + "\n".join(f"{i},{2 * i + i % 3}" for i in range(40)) + "\n")
    assert econml("fit", "linear", "--data", "d.csv", "--target", "y", "--num-epochs", "3", "--out", "r").code == 0
    (isolated / "d.csv").write_text("x,y\n" + "\n".join(f"{i},{3 * i + i % 3}" for i in range(40)) + "\n")
    ran = econml("fit", "--resume", "r", "--num-epochs", "5")
    assert ran.code == 1 and "no longer" in ran.stderr


def test_names_and_the_parent_of_runs_can_be_chosen(econml, monkeypatch):
    monkeypatch.setenv("ECONML_RUNS_DIR", "elsewhere")
    assert econml("fit", "mlp", *SMALL, "--name", "mine").code == 0
    assert Path("elsewhere/mine/summary.json").exists()


def test_a_model_beyond_the_memory_is_refused_before_anything_is_made(econml, isolated):
    for more in ((), ("--dry-run",)):
        ran = econml("fit", "mlp", "--width", "1000000000", *more)
        assert ran.code == 2 and "GB" in ran.stderr and len(ran.stderr.splitlines()) == 1
    assert list(isolated.iterdir()) == []


def test_checkpoints_of_another_run_are_refused(econml, run):
    econml("fit", "mlp", *SMALL, "--seed", "1", "--out", "other")
    shutil.rmtree("r/checkpoints")
    shutil.copytree("other/checkpoints", "r/checkpoints")
    for line in (("eval", "r"), ("inspect", "checkpoint", "r"), ("fit", "--resume", "r", "--num-epochs", "9")):
        ran = econml(*line)
        assert ran.code == 1 and "another run" in ran.stderr and len(ran.stderr.splitlines()) == 1, (line, ran)


def test_a_damaged_line_of_metrics_is_named(econml, run):
    with Path("r/metrics.jsonl").open("a") as file:
        file.write('{"epoch": 7, "tr\n')
    with pytest.raises(RunError, match=r"metrics.jsonl is damaged in line 7"):
        Run(Path("r")).metrics()


@pytest.mark.parametrize("damage", [b"\0" * 300, b'{"epoch": 3, "tr\n', b"\xff\xfe\n"])
def test_damaged_metrics_are_kept_and_said_and_the_fit_goes_on(econml, run, damage):
    path = Path("r/metrics.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    broken = b"".join([*lines[:2], damage, *([] if damage[0] == 0 else lines[3:])])
    path.write_bytes(broken)
    ran = econml("fit", "--resume", "r", "--num-epochs", "9")
    (aside,) = Path("r").glob(".damaged-metrics.jsonl-*")
    assert ran.code == 0 and "is damaged in line 3 (" in ran.stderr and str(aside) in ran.stderr
    assert aside.read_bytes() == broken and path.read_bytes().startswith(b"".join(lines[:2]))
    epochs = [row["epoch"] for row in Run(Path("r")).metrics()]
    assert epochs == [1, 2, *([] if damage[0] == 0 else [4, 5, 6]), 7, 8, 9]
    assert len(list(Path("r").glob(".damaged-*"))) == 1


def test_metrics_that_a_disk_does_not_give_are_left_as_they_are(econml, run, monkeypatch):
    before = Path("r/metrics.jsonl").read_bytes()
    read = disk.read_bytes

    def fails(path, *most):
        if path.name == "metrics.jsonl":
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(path, *most)

    monkeypatch.setattr(disk, "read_bytes", fails)
    ran = econml("fit", "--resume", "r", "--num-epochs", "9")
    assert ran.code == 1 and ran.stderr.count("\n") == 1 and "Input/output error" in ran.stderr
    assert Path("r/metrics.jsonl").read_bytes() == before and not list(Path("r").glob(".damaged-*"))


@pytest.mark.slow
def test_without_a_stdout_a_fit_is_still_a_fit(isolated):
    line = f"{sys.executable} -m econml_cli fit mlp {' '.join(SMALL)} --out r >&-"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and done.stderr == "" and Path("r/summary.json").exists()


def test_a_failed_save_leaves_no_unfinished_checkpoint_and_says_why(isolated, monkeypatch):
    import numpy as np

    from econml_cli.errors import CheckpointError
    from econml_cli.storage import checkpoint

    writer = checkpoint.CheckpointWriter(isolated / "ck", keep=1)
    (isolated / "ck" / "7.orbax-checkpoint-tmp-1").mkdir(parents=True)

    def full(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED: Failed writing [os_error_code='28']")

    monkeypatch.setattr(type(writer._manager()), "save", full)
    with pytest.raises(CheckpointError, match="epoch 7 could not be saved: the disk is full"):
        writer.save(7, {"model": {"a": np.zeros(3)}})
    assert not list((isolated / "ck").glob("7*"))


def test_rows_with_missing_values_are_left_empty_refused_or_dropped_when_predicting(econml, isolated):
    rows = "\n".join(f"{i},{2 * i + i % 3}" for i in range(40))
    (isolated / "d.csv").write_text(f"x,y\n{rows}\n")
    (isolated / "new.csv").write_text("x\n1\n\n3\nNA\n5\n")
    econml("fit", "linear", "--data", "d.csv", "--target", "y", "--num-epochs", "3", "--out", "r")
    ran = econml("predict", "r", "--data", "new.csv", "--out", "-")
    assert ran.code == 0 and "NA,,x is missing" in ran.stdout.splitlines(), ran
    ran = econml("predict", "r", "--data", "new.csv", "--out", "-", "--strict")
    assert ran.code == 1 and "--missing drop" in ran.stderr, ran
    ran = econml("predict", "r", "--data", "new.csv", "--out", "-", "--missing", "drop")
    assert ran.code == 0 and len(ran.stdout.split()) == 4, ran


def test_an_environment_variable_is_named_and_an_empty_one_is_unset(econml, monkeypatch):
    monkeypatch.setenv("ECONML_LR", "abc")
    assert "ECONML_LR" in econml("fit", "mlp", "--print-config").stderr
    monkeypatch.setenv("ECONML_LR", "")
    assert yaml.safe_load(econml("fit", "mlp", "--print-config").stdout)["lr"] == 1e-3


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("econml fit m", "mlp"),
        ("econml fit mlp --optimizer ad", "adamw"),
        ("econml fit mlp --problem ta", "tabular"),
        ("econml fit mlp --wid", "--width"),
    ],
)
def test_the_shell_completes_models_options_and_their_values(econml, monkeypatch, words, offered):
    monkeypatch.setenv("_ECONML_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert offered in econml().stdout.split()


def test_a_failed_verdict_ends_a_fit_of_a_wandb_agent_with_0_for_it_would_stop_the_agent(monkeypatch, capsys):
    from econml_cli.commands import fit as command
    from econml_cli.errors import UnstableError

    monkeypatch.setattr(command, "_failed", lambda *_: "FAILED: loss.")
    result = SimpleNamespace(
        summary={"verdict_loss": "FAILED", "failed": "loss"},
        run=SimpleNamespace(path=Path("r")),
        stop_reason="max_epochs",
    )
    options = SimpleNamespace(plot=None, json=False, quiet=True, accept_failed=())
    with pytest.raises(UnstableError):
        command._report(result, options)
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    command._report(result, options)
    assert "FAILED: loss." in capsys.readouterr().err
