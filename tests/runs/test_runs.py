"""The run directory: made whole or not at all, found by path, name or start of name."""

import json
import subprocess
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

import econml_cli
from econml_cli.errors import ConfigError, RunError
from econml_cli.problems.economies import verdicts
from econml_cli.runs import directory, health
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from econml_cli.tracking.rows import Rows, after, as_text

MANIFEST = json.dumps({"schema": 1, "created": "2026-01-01T00:00:00"})


def make(path, created="2026-01-01"):
    return directory.create(path, {"manifest.json": json.dumps({"schema": 1, "created": created})}, force=False)


def test_a_run_holds_its_files_from_its_first_instant(isolated):
    run = make(isolated / "deep" / "er" / "a")
    assert run.manifest()["schema"] == 1 and run.checkpoints.is_dir()
    assert [p.name for p in (isolated / "deep" / "er").iterdir()] == ["a"]


def test_an_existing_run_is_replaced_only_by_force(isolated):
    make(isolated / "a")
    (isolated / "a" / "old").write_text("x")
    with pytest.raises(RunError, match="--force"):
        make(isolated / "a")
    directory.create(isolated / "a", {"manifest.json": MANIFEST}, force=True)
    assert not (isolated / "a" / "old").exists()


def test_a_directory_that_is_no_run_is_never_replaced(isolated):
    (isolated / "thesis").mkdir()
    (isolated / "thesis" / "chapter1.tex").write_text("years of work")
    with pytest.raises(RunError, match="left alone"):
        directory.create(isolated / "thesis", {"manifest.json": MANIFEST}, force=True)
    assert (isolated / "thesis" / "chapter1.tex").exists()


def test_a_directory_below_a_file_cannot_be_made(isolated):
    (isolated / "file").write_text("")
    with pytest.raises(RunError, match="not a directory"):
        directory.check_free(isolated / "file" / "run", force=False)


def test_the_newest_run_is_the_default_and_a_unique_start_is_enough(isolated):
    for name, created in (("mlp-b", "2026-01-03"), ("mlp-a", "2026-01-01"), ("linear-a", "2026-01-02")):
        make(isolated / "runs" / name, created)
    base = isolated / "runs"
    assert directory.find(None, base).name == "mlp-b"
    assert directory.find("lin", base).name == "linear-a"
    assert directory.find(str(base / "mlp-a"), base).name == "mlp-a"
    with pytest.raises(RunError, match="start of 2 runs"):
        directory.find("mlp", base)
    with pytest.raises(RunError, match="Did you mean 'mlp-a'"):
        directory.find("mpl-a", base)


def test_a_damaged_run_does_not_hide_the_others(isolated):
    make(isolated / "runs" / "good")
    make(isolated / "runs" / "bad")
    (isolated / "runs" / "bad" / "manifest.json").write_text("{")
    assert {run.name for run in directory.list_runs(isolated / "runs")} == {"good", "bad"}
    with pytest.raises(RunError, match=r"manifest\.json"):
        Run(isolated / "runs" / "bad").manifest()


def test_a_run_of_a_newer_econml_is_refused(isolated):
    run = directory.create(isolated / "a", {"manifest.json": json.dumps({"schema": 99, "econml": "9.0"})}, force=False)
    with pytest.raises(RunError, match=r"9\.0"):
        run.manifest()


def test_a_torn_last_line_of_metrics_is_left_out(isolated):
    run = make(isolated / "a")
    columns = {"train_loss": np.array([0.5, np.nan], np.float32)}
    directory.append_metrics(run, Rows(1, columns).json_lines(), sync=True)
    with run.metrics_path.open("a") as file:
        file.write('{"epoch": 3, "tr')
    assert run.metrics() == [{"epoch": 1, "train_loss": 0.5}, {"epoch": 2, "train_loss": None}]


def test_json_never_holds_nan(isolated):
    disk.write_json(isolated / "x.json", {"a": float("inf"), "b": [float("nan"), 1]})
    assert json.loads((isolated / "x.json").read_text()) == {"a": None, "b": [None, 1]}
    assert [p.name for p in isolated.iterdir()] == ["x.json"]


def test_a_manifest_that_is_no_object_is_a_damaged_run(isolated):
    run = make(isolated / "a")
    (isolated / "a" / "manifest.json").write_text("[]")
    with pytest.raises(RunError, match=r"manifest\.json"):
        run.manifest()
    assert [r.name for r in directory.list_runs(isolated)] == ["a"]


def test_a_run_whose_process_is_gone_was_killed(isolated):
    """The lock says so, not a number that another machine, or another process by now, may have."""
    run = make(isolated / "a")
    for process in (directory.this_process(), {"host": "another machine", "pid": 1}):
        run.update_manifest(status="running", process=process)
        with directory.training_lock(run):
            assert run.status() == "running"
            with pytest.raises(RunError, match="being trained"):
                directory.check_free(run.path, force=True)
        assert run.status() == "killed"
        directory.check_free(run.path, force=True)


def test_where_the_file_system_knows_no_locks_the_process_is_asked(isolated, monkeypatch):
    monkeypatch.setattr(disk, "held", lambda path: None)
    run = make(isolated / "a")
    run.update_manifest(status="running", process=directory.this_process())
    assert run.status() == "running"
    gone = subprocess.Popen(["true"])
    gone.wait()
    run.update_manifest(process={**directory.this_process(), "pid": gone.pid})
    assert run.status() == "killed"
    run.update_manifest(process={"host": "another machine", "pid": gone.pid})
    assert run.status() == "running"


def test_rows_are_written_as_they_read():
    columns = {"train_loss": np.array([0.001, 2.5e-8, np.inf, 1e20], np.float32), "lr": np.full(4, 1e-3, np.float32)}
    rows = Rows(7, columns)
    assert rows[0] == {"epoch": 7, "train_loss": 0.001, "lr": 0.001} and rows[-1]["epoch"] == 10 and len(rows) == 4
    assert [json.loads(line) for line in rows.json_lines().splitlines()] == [json.loads(as_text([row])) for row in rows]
    assert rows.json_lines().splitlines()[1] == '{"epoch": 8, "train_loss": 2.5e-08, "lr": 0.001}'


def test_rows_after_an_epoch():
    rows = Rows(3, {"lr": np.arange(4.0)})
    assert [row["epoch"] for row in after(rows, 4)] == [5, 6]
    assert len(after(rows, 0)) == 4 and not after(rows, 6) and not after(rows, 99)


def test_a_failed_verdict_is_told_with_its_number_and_its_bar():
    class Problem:
        bars: ClassVar = {
            "loss": {"log10_euler_max": -2.0},
            "truth": {"policy_error_max": 0.01, "path_error_max": 0.01},
        }

    told = verdicts.judge(Problem(), {"log10_euler_max": -3.0, "policy_error_max": 0.3, "path_error_max": 0.2})
    assert health.in_words(told, "verdict_loss") == "passed"
    why = "policy_error_max 0.3 is not below 0.01, path_error_max 0.2 is not below 0.01"
    assert health.in_words(told, "verdict_truth") == f"FAILED: {why}" and health.reasons(told) == {"truth": why}
    both = verdicts.judge(Problem(), {"log10_euler_max": -1.0, "policy_error_max": 0.3})
    assert set(health.reasons(both)) == {"loss", "truth"}
    nested = {"failed": "states (82% (of 100) lie outside); loss (a 2 is not below 1)"}
    assert health.reasons(nested) == {"states": "82% (of 100) lie outside", "loss": "a 2 is not below 1"}
    assert health.in_words({"verdict_loss": "1 of 2"}, "verdict_loss") == "1 of 2" and health.reasons({}) == {}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/x", "..", ".", "a/./b", "..\\x"])
def test_no_name_leaves_the_directory_of_runs(econml, isolated, name):
    Path("d.csv").write_text("y,d,x\n" + "".join(f"{i % 7},{i % 2},{i % 5}\n" for i in range(30)))
    Path("c.yaml").write_text(json.dumps({"name": name, "force": True}))
    estimated = ("estimate", "plr", "--data", "d.csv", "--target", "y", "--treatment", "d", "--controls", "x")
    lines = (
        ("fit", "linear", "--name", name),
        (*estimated, "--name", name),
        (*estimated, "--config", "c.yaml"),  # which somebody may have sent
    )
    for line in lines:
        ran = econml(*line)
        assert ran.code == 2 and f"--name {name} leaves runs/" in ran.stderr, ran
    with pytest.raises(ConfigError, match="leaves"):
        econml_cli.fit("linear", name=name)
    with pytest.raises(ConfigError, match="leaves"):
        econml_cli.estimate("plr", data="d.csv", target="y", treatment="d", controls=["x"], name=name)
    assert sorted(path.name for path in isolated.iterdir()) == ["c.yaml", "d.csv"]
    assert directory.named("runs", "a/b", "c") == Path("runs/a/b") and directory.named("runs", None, "c") == Path(
        "runs/c"
    )
    assert "/" not in directory.new_name("plr", "../../x\n") and "\n" not in directory.new_name("plr", "a\nb")
