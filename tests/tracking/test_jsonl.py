"""metrics.jsonl: its two ends are read without the middle, and a fit may write fewer rows."""

import json
from pathlib import Path

import numpy as np
import pytest

import econml_cli
from econml_cli.errors import RunError
from econml_cli.runs import metrics_lines
from econml_cli.runs.directory import Run
from econml_cli.tracking import jsonl
from econml_cli.tracking.rows import Rows
from econml_cli.tracking.thinned import thinned

SMALL = {"N": 40, "N_val": 20, "N_test": 20, "width": 4, "log_every": 8}


def epochs(path):
    return [json.loads(line)["epoch"] for line in Path(path, "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("length", [1, 7, 8, 50])
def test_the_rows_that_are_kept_do_not_depend_on_how_they_come(length):
    class Sink:
        def log(self, rows):
            kept.extend(row["epoch"] for row in rows)

        def finish(self, summary, *, exit_code=0):
            ended.append(exit_code)

    kept, ended = [], []
    sink = thinned(Sink(), 8)
    for first in range(1, 51, length):
        count = min(length, 51 - first)
        sink.log(Rows(first, {"train_loss": np.ones(count)}))
    sink.finish({"stop_reason": "max_epochs"})
    assert kept == [1, 8, 16, 24, 32, 40, 48, 50] and ended == [0]
    kept.clear()
    thinned(Sink(), 1).log(Rows(3, {"train_loss": np.ones(2)}))
    assert kept == [3, 4]


def test_a_fit_writes_every_eighth_row_and_resumed_the_same_ones():
    whole = econml_cli.fit("mlp", name="whole", num_epochs=24, **SMALL)
    assert epochs(whole.path) == [1, 8, 16, 24]
    part = econml_cli.fit("mlp", name="part", num_epochs=16, **SMALL)
    part.resume(num_epochs=24)
    assert (part.path / "metrics.jsonl").read_text() == (whole.path / "metrics.jsonl").read_text()
    assert part.summary["state_sha256"] == whole.summary["state_sha256"]
    assert list(whole.metrics.epoch) == [1, 8, 16, 24]


def test_epochs_that_are_in_the_file_are_not_written_again(tmp_path):
    """A fit that is killed after its metrics and before their checkpoint trains those epochs twice."""
    run = Run(tmp_path)
    for first, count in ((1, 6), (5, 4), (3, 2)):
        jsonl.JsonlSink(run).log(Rows(first, {"train_loss": np.full(count, 1.0 / first)}))
    assert epochs(tmp_path) == [*range(1, 9)]
    assert [row["train_loss"] for row in run.metrics()] == [1.0] * 6 + [0.2] * 2


def test_the_ends_are_those_of_all_rows_and_damage_is_said(tmp_path):
    run = Run(tmp_path)
    assert metrics_lines.ends(run.metrics_path) == (None, None)
    lines = [json.dumps({"epoch": i, "train_loss": 1 / i}) + "\n" for i in range(1, 5000)]
    run.metrics_path.write_text("".join(lines) + '{"epoch": 50')
    rows = run.metrics()
    assert metrics_lines.ends(run.metrics_path) == (rows[0], rows[-1]) and len(rows) == 4999
    run.metrics_path.write_text("[]\n" + lines[1])
    with pytest.raises(RunError, match="damaged in its first"):
        metrics_lines.ends(run.metrics_path)


@pytest.mark.parametrize(
    ("text", "left"), [("", ""), ("torn", ""), ("a\nb\ntorn", "a\nb\n"), ("a\n" + "x" * 50, "a\n")]
)
def test_a_torn_line_is_cut_off_wherever_it_begins(tmp_path, monkeypatch, text, left):
    monkeypatch.setattr(jsonl, "BLOCK", 4)
    run = Run(tmp_path)
    run.metrics_path.write_text(text)
    jsonl._cut_torn_line(run)
    assert run.metrics_path.read_text() == left


ODD = {
    "no trouble": '{"epoch": 3, "train_loss": 0.5}',
    "null": '{"epoch": 3, "train_loss": null}',
    "a word": '{"epoch": 3, "train_loss": "low"}',
    "no JSON": '{"epoch": 3, "train_loss": NaN}',
    "no epoch": '{"train_loss": 0.5}',
    "an epoch that is no number": '{"epoch": true}',
    "an epoch below 0": '{"epoch": -3}',
    "nested": '{"epoch": 3, "more": {"train_loss": 1}}',
    "two lines in one": '{"epoch": 3}, {"epoch": 4}',
    "one line in two": '{"epoch": 3\n"train_loss": 0.5}',
    "nothing": "",
}


@pytest.mark.parametrize("odd", ODD.values(), ids=list(ODD))
def test_lines_that_are_read_together_are_those_that_are_read_one_by_one(tmp_path, odd, monkeypatch):
    lines = [f'{{"epoch": {i}, "lr": 0.1, "train_loss": {1 / (i + 1)}, "note": null}}' for i in range(20)]
    path = tmp_path / "metrics.jsonl"
    path.write_text("\n".join([*lines[:13], odd, *lines[13:]]) + '\n{"epoch": 2')
    monkeypatch.setattr(metrics_lines, "_BLOCK", 8)
    together = metrics_lines.read(path)
    monkeypatch.setattr(metrics_lines, "_plain", lambda block: None)
    assert together == metrics_lines.read(path)
    assert (together.damage is None) == (odd in (ODD["no trouble"], ODD["null"], ODD["nested"]))
