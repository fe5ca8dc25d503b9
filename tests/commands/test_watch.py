"""`econml watch`: what is under way, drawn in a terminal, a line a change in a pipe."""

import json
import math
import os
import pty
import select
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from econml_cli.inspection import watch_text
from econml_cli.inspection.watch_text import Look
from econml_cli.runs import directory, listing
from econml_cli.runs.directory import Run
from econml_cli.runs.watching import MOST_POINTS, Curve, Watched
from tests.support.running import PROGRAM
from tests.support.terminal import rendered
from tests.support.waiting import wait_until

OLD = Path(__file__).parents[1] / "data" / "made_by_0.1"
WIDE = Look(120, 40)


def begin(path):
    """A run that has come to epoch 3 of 6."""
    shutil.copytree(OLD / "network", path)
    (path / "summary.json").unlink()
    run = Run(path)
    run.update_manifest(status="running")
    run.metrics_path.write_text("".join(f"{json.dumps(row)}\n" for row in run.metrics()[:3]))
    return run


def step(run, epoch, loss):
    row = {"epoch": epoch, "train_loss": loss, "val_loss": 2 * loss}
    directory.append_metrics(run, json.dumps(row) + "\n", sync=False)


def end(run):
    shutil.copy(OLD / "network" / "summary.json", run.path)
    run.update_manifest(status="max_epochs")


def test_in_a_pipe_there_is_a_line_for_each_change_and_it_ends_with_the_run(econml, isolated, monkeypatch):
    run, held, looked = begin(isolated / "runs" / "net"), threading.Event(), []
    line = watch_text.line
    monkeypatch.setattr(watch_text, "line", lambda *given: looked.append(1) or line(*given))

    def train():
        with directory.training_lock(run):
            held.set()
            wait_until(lambda: looked)
            for epoch in (4, 5):
                time.sleep(0.3)
                step(run, epoch, 0.1 / epoch)
            time.sleep(0.3)
            end(run)

    trainer = threading.Thread(target=train)
    trainer.start()
    held.wait(5)
    ran = econml("watch", "net", "--every", "0.02")
    trainer.join()
    assert ran.code == 0, ran
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("net: running  epoch 3  train loss 0.2")
    assert [line.split("  ")[:2] for line in lines[1:3]] == [["net: running", "epoch 4"], ["net: running", "epoch 5"]]
    assert lines[-1].startswith("net: max_epochs  epoch 6") and "test loss 0.2042" in lines[-1]
    assert len(lines) == len(set(lines))


def test_once_shows_what_there_is_and_all_that_ended_ends_at_once(econml, isolated):
    shutil.copytree(OLD / "network", "runs/net")
    shutil.copytree(OLD / "table", "runs/ols")
    ran = econml("watch")
    assert ran.code == 0 and [line.partition(":")[0] for line in ran.stdout.splitlines()] == ["net", "ols"]
    with directory.training_lock(begin(isolated / "runs" / "new")):
        assert econml("watch", "--once").stdout.splitlines()[1].startswith("new: running")
    assert "new: killed" in econml("watch").stdout
    assert econml("watch", "nowhere").code == 1
    Path("empty").mkdir()
    assert "nothing in empty yet" in econml("watch", "empty").stderr


def test_a_run_is_drawn_with_its_curve_and_its_verdicts(isolated):
    run = begin(isolated / "net")
    for epoch in range(4, 40):
        step(run, epoch, 1 / epoch)
    (isolated / "net" / "summary.json").write_text(
        json.dumps({"model": "mlp", "problem": "growth", "verdict_loss": "passed", "verdict_truth": "FAILED"}
                   | {"failed": "truth (policy_error_max 0.3 is not below 0.01)"})
    )  # fmt: skip
    with directory.training_lock(run):
        watched = Watched(run.path)
        lines = rendered(watch_text.frame(watched, watched.poll(), WIDE), 120)
    assert lines[0].startswith("net  mlp on growth  running  epoch 39 of 6")
    assert lines[2:4] == ["loss passed", "truth FAILED: policy_error_max 0.3 is not below 0.01"]
    assert any("loss, on a log axis" in line for line in lines) and any(c >= "\u28c0" for line in lines for c in line)


def test_a_sweep_is_drawn_with_what_runs_first_then_the_best(isolated):
    for trial, (loss, lr) in enumerate([(0.3, 0.1), (0.1, 0.01), (None, 0.001), (0.2, 0.5)]):
        run = begin(isolated / "lecture" / f"{trial:04d}")
        run.update_manifest(sweep={"params": {"lr": lr, "width": 8}})
        if loss is not None:
            end(run)
            summary = {**run.summary(), "val_loss": loss}
            (run.path / "summary.json").write_text(json.dumps(summary))
    (isolated / "lecture" / "sweep.json").write_text("{}")
    with directory.training_lock(Run(isolated / "lecture" / "0002")):
        watched = Watched(isolated / "lecture")
        lines = rendered(watch_text.frame(watched, watched.poll(), WIDE), 200)
        most = rendered(watch_text.frame(watched, watched.poll(), Look(120, 40, sign=-1)), 200)
    assert "4 trials, 1 running, 3 max_epochs; best val_loss 0.1: 0001" in lines[0] and most[0].endswith(": 0000")
    assert [line.split()[0] for line in lines[2:]] == ["0002", "0001", "0003", "0000"]
    assert "lr=0.01" in lines[3] and "width" not in "".join(lines)


def test_a_table_fits_into_the_terminal_and_says_what_is_left_out(isolated):
    for number in range(12):
        shutil.copytree(OLD / "network", f"runs/{'long-name-of-a-run-' * 2}{number:02d}")
    watched = Watched(Path("runs"))
    for width in (60, 80, 120):
        lines = rendered(watch_text.frame(watched, watched.poll(), Look(width, 12)), width)
        assert len(lines) <= 11 and max(map(len, lines)) <= width and lines[-1].endswith("more")


def test_only_what_has_changed_is_read_again(isolated, monkeypatch):
    for number in range(4):
        shutil.copytree(OLD / "network", f"runs/{number}")
    watched, read = Watched(Path("runs")), []
    row = listing.row
    monkeypatch.setattr(listing, "row", lambda found: read.append(found.name) or row(found))
    assert [each.name for each in watched.poll()] == ["0", "1", "2", "3"]
    read.clear()
    watched.poll()
    assert read == []
    step(Run(Path("runs/2")), 7, 0.5)
    shutil.rmtree("runs/0")
    shutil.copytree(OLD / "table", "runs/new")
    (Path("runs/3") / "manifest.json").write_text("{")
    assert {each.name: each.status for each in watched.poll()}["3"] == "damaged" and sorted(read) == ["2", "3", "new"]


def test_a_curve_is_read_on_from_where_it_was_and_thinned(isolated):
    path = isolated / "m.jsonl"
    path.write_text(
        '{"epoch": 1, "train_loss": 0.5}\n{"epoch": 2, "train_loss": null, "val_loss": 0.25}\nnonsense\n{"epo'
    )
    curve = Curve(path).read()
    assert (curve.epochs, curve.train[0], curve.val[1]) == ([1, 2], 0.5, 0.25) and math.isnan(curve.train[1])
    with path.open("a") as file:
        file.write('ch": 3, "train_loss": 0.125}\n')
        file.writelines(f'{{"epoch": {i}, "train_loss": 1}}\n' for i in range(4, 2 * MOST_POINTS))
    curve.read()
    assert curve.epochs[:2] == [1, 3] and MOST_POINTS / 2 < len(curve.epochs) <= MOST_POINTS
    path.write_text('{"epoch": 1, "train_loss": 7}\n')
    assert Curve.read(curve).train == [7.0]


def test_a_sparkline_is_on_a_log_scale():
    assert watch_text.sparkline([1, 0.1, 0.01], unicode=False) == "@=_" or watch_text.sparkline([1, 0.1, 0.01]) == "█▅▁"
    assert watch_text.sparkline([10.0**-k for k in range(8)]) == watch_text.BARS[::-1]
    assert watch_text.sparkline([1.0]) == watch_text.sparkline([0.0, -1.0, math.nan]) == ""
    assert watch_text.sparkline([2, 2]) == "▁▁" and len(watch_text.sparkline(list(range(1, 1000)))) == watch_text.SPARK


@pytest.mark.slow
def test_in_a_terminal_it_is_drawn_in_place_and_ctrl_c_gives_the_cursor_back(isolated):
    run = begin(isolated / "runs" / "net")
    main, secondary = pty.openpty()
    with directory.training_lock(run):
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "90", "LINES": "30"}
        watching = subprocess.Popen([*PROGRAM, "watch", "net"], stdin=secondary, stdout=secondary, stderr=secondary,
                                    env=environment)  # fmt: skip
        os.close(secondary)
        out, deadline, sent = b"", time.monotonic() + 60, False
        while time.monotonic() < deadline:
            try:
                out += os.read(main, 65536) if select.select([main], [], [], 0.2)[0] else b""
            except OSError:  # it has ended
                break
            if b"epoch 9" in out and not sent:
                watching.send_signal(signal.SIGINT)
                sent = True
            elif b"epoch 3" in out and not sent and b"epoch 9" not in out:
                step(run, 9, 0.01)
    os.close(main)
    assert watching.wait(10) == 130, out
    assert b"\x1b[?25l" in out and out.rindex(b"\x1b[?25h") > out.rindex(b"\x1b[?25l") and b"Traceback" not in out
