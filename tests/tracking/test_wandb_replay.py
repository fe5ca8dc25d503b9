"""Finished runs become W&B runs of one group, without holding up whoever hands them over."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import pytest

from econml_cli.config.fit_config import build
from econml_cli.runs.directory import Run
from econml_cli.tracking.wandb_replay import Replay
from econml_cli.tracking.wandb_sink import open_sink
from tests.support.waiting import wait_until
from tests.support.wandb_client import Broken, records
from tests.support.wandb_server import KEY, serving


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")


def finished(number, epochs=3, status="max_epochs"):
    """A run directory as a fit leaves it, without its checkpoints."""
    path = Path("runs/small") / f"{number:04d}"
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(build("mlp", "linear", [("test", {"lr": 0.1 * (number + 1)})]).to_yaml())
    rows = [{"epoch": e, "train_loss": number + 1.0 / e, "val_loss": None} for e in range(1, epochs + 1)]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "summary.json").write_text(json.dumps({"test_loss": float(number), "train_loss": 0.125, "epochs": epochs}))
    (path / "manifest.json").write_text(
        json.dumps({"schema": 1, "status": status, "created": f"2026-01-0{number + 1}"})
    )
    return Run(path)


def kept():
    """The records of every offline run, by W&B's name of the run."""
    found = [records(path) for path in Path("wandb").glob("offline-run-*/*.wandb")]
    named = {next(r.run for r in run if r.HasField("run")).display_name: run for run in found}
    assert len(named) == len(found)
    return dict(sorted(named.items()))


def values(items):
    return {(item.key or item.nested_key[0]): json.loads(item.value_json) for item in items}


@pytest.mark.slow
def test_finished_runs_are_offline_runs_of_one_group_with_their_metrics_and_options(capfd):
    replay = Replay(given_mode="offline", project="lectures")
    for number in range(3):
        replay.add(finished(number), "small", tags=("sweep",))
    assert replay.finish() is None
    assert capfd.readouterr() == ("", "")
    runs = kept()
    assert list(runs) == ["small-0000", "small-0001", "small-0002"]
    for number, found in enumerate(runs.values()):
        opened = next(r.run for r in found if r.HasField("run"))
        assert (opened.run_group, opened.job_type, opened.project) == ("small", "trial", "lectures")
        assert list(opened.tags) == ["sweep"]
        config = values(opened.config.update)
        assert config["lr"] == pytest.approx(0.1 * (number + 1)) and config["model"] == "mlp"
        history = [values(r.history.item) for r in found if r.HasField("history")]
        assert [row["_step"] for row in history] == [1, 2, 3]
        assert [row["train_loss"] for row in history] == [number + 1.0, number + 0.5, number + 1 / 3]
        summary = {k: v for r in found for k, v in values(r.summary.update).items()}
        # the best epoch's, not the last row's, though wandb writes the values of rows into the summary too
        assert (summary["test_loss"], summary["train_loss"]) == (number, 0.125)
        [left] = [r.exit for r in found if r.HasField("exit")]
        assert left.exit_code == 0


def test_a_trial_that_diverged_is_a_failed_run_and_names_and_options_can_be_given():
    replay = Replay(given_mode="offline")
    replay.add(finished(0, status="diverged"), "small", name="mine", config={"a": 1})
    assert replay.finish() is None
    [(name, found)] = kept().items()
    assert name == "mine" and [r.exit.exit_code for r in found if r.HasField("exit")] == [1]
    opened = next(r.run for r in found if r.HasField("run"))
    config = values(opened.config.update)
    assert config["a"] == 1 and "lr" not in config


def test_an_unstable_trial_is_a_failed_run_that_keeps_its_metric_and_artifacts_hold_the_run(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    run = finished(0)
    summary = {"val_loss": 1e-9, "verdict_stability": "FAILED"}
    (run.path / "summary.json").write_text(json.dumps(summary))
    for step in (2, 11):
        (run.path / "checkpoints" / str(step)).mkdir(parents=True)
        (run.path / "checkpoints" / str(step) / "weights").write_text(f"of {step}")
    replay = Replay(given_mode="offline", artifacts=True)
    replay.add(run, "small")
    assert replay.finish() is None
    [found] = kept().values()
    assert [r.exit.exit_code for r in found if r.HasField("exit")] == [1]
    assert {k: v for r in found for k, v in values(r.summary.update).items()}["val_loss"] == 1e-9
    [artifact] = [r.artifact for r in found if r.HasField("artifact")]
    held = {entry.path: entry.local_path for entry in artifact.manifest.contents}
    assert set(held) == {
        "config.yaml", "manifest.json", "summary.json", "summary.table.json", "checkpoints/11/weights"
    }  # fmt: skip
    assert (artifact.type, artifact.name) == ("model", "run-0000")
    assert Path(held["checkpoints/11/weights"]).read_text() == "of 11"
    table = json.loads(Path(held["summary.table.json"]).read_text())
    assert table["columns"] == ["name", "value"] and ["val_loss", "1e-09"] in table["data"]


def test_handing_over_takes_no_time_and_needs_no_run_that_can_be_read():
    runs = [finished(0), Run(Path("runs/small/nothing")), finished(1)]
    replay = Replay(given_mode="offline")
    started = time.monotonic()
    for run in runs:
        replay.add(run, "small")
    assert time.monotonic() - started < 1
    warning = replay.finish()
    assert warning.startswith("W&B has not got runs/small/nothing (") and "2 of 3 trials are logged" in warning
    assert list(kept()) == ["small-0000", "small-0001"]


def test_a_run_id_in_the_environment_does_not_make_the_trials_one_run(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "only")
    monkeypatch.setenv("WANDB_NAME", "one")
    replay = Replay(given_mode="offline")
    for number in range(2):
        replay.add(finished(number), "small")
    assert replay.finish() is None
    assert list(kept()) == ["small-0000", "small-0001"]
    ids = [next(r.run for r in run if r.HasField("run")).run_id for run in kept().values()]
    assert len({*ids, "only"}) == 3
    assert os.environ["WANDB_RUN_ID"] == "only"


def test_online_the_server_gets_each_trial_with_its_group(monkeypatch):
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        replay = Replay(given_mode="online", project="lectures")
        for number in range(2):
            replay.add(finished(number), "small")
        assert replay.finish() is None
        assert {run["groupName"] for run in server.runs.values()} == {"small"}
        assert [[row["epoch"] for row in server.history(name)] for name in server.runs] == [[1, 2, 3]] * 2
        assert server.unknown == []


def test_without_runs_wandb_is_not_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert Replay(given_mode="offline").finish() is None


def test_wandb_that_cannot_be_imported_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    replay = Replay(given_mode="offline")
    for number in range(2):
        replay.add(finished(number), "small")
    warning = replay.finish()
    assert warning.startswith("W&B logging is off: wandb cannot be imported (")
    assert warning.endswith("0 of 2 trials are logged, all are in their run directories.")


@pytest.mark.parametrize("where", ["setup", "init", "log", "finish"])
def test_an_exception_anywhere_is_one_sentence_and_ends_wandb(monkeypatch, where):
    broken = Broken(where)
    monkeypatch.setitem(sys.modules, "wandb", broken)
    replay = Replay(given_mode="offline")
    replay.add(finished(0), "small")
    wait_until(replay._done.is_set)
    replay.add(finished(1), "small")
    assert f"{where} broke. Badly" in replay.finish()
    assert broken.torn_down == 1


def test_past_its_time_finish_gives_up(monkeypatch):
    class Slow(Broken):
        def init(self, **arguments):
            time.sleep(3)
            return self

    monkeypatch.setitem(sys.modules, "wandb", Slow("nowhere"))
    replay = Replay(given_mode="offline")
    replay.add(finished(0), "small")
    started = time.monotonic()
    assert replay.finish(timeout=0.3) == (
        "W&B was not done after 0.3 s; 0 of 1 trials are logged, all are in their run directories."
    )
    assert time.monotonic() - started < 2


@pytest.mark.slow
def test_what_nobody_waited_for_leaves_the_next_run_alone(monkeypatch):
    """The thread that is left ends while another run is open: it must not end wandb-core, which is that run's."""

    class Slow(Broken):
        def init(self, **arguments):
            time.sleep(2)
            return self

    slow = Slow("nowhere")
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "wandb", slow)
        late = Replay(given_mode="offline")
        late.add(finished(0), "small")
        wait_until(lambda: late._client._session is not None)
        assert late.finish(timeout=0.1).startswith("W&B was not done after 0.1 s")
    run = open_sink(given_mode="offline", project=None, name="next", config={}, directory=Path("r"), warn=pytest.fail)
    run.log([{"epoch": 1, "train_loss": 0.5}])
    wait_until(
        lambda: run._client.kept is not None and not any(t.name == "wandb-replay" for t in threading.enumerate())
    )
    run.finish({"test_loss": 1.0})
    assert slow.torn_down == 0 and list(kept()) == ["next"]


def test_after_a_run_that_was_given_up_the_next_has_a_wandb_core_of_its_own():
    first = open_sink(given_mode="offline", project=None, name="one", config={}, directory=Path("1"), warn=list)
    wait_until(lambda: first._client.kept is not None)
    first._client.abandon()
    run = open_sink(given_mode="offline", project=None, name="two", config={}, directory=Path("2"), warn=pytest.fail)
    run.log([{"epoch": 1, "train_loss": 0.5}])
    run.finish({"test_loss": 1.0})
    [path] = Path(run._client.kept).glob("*.wandb")
    assert sum(r.HasField("history") for r in records(path)) == 1
