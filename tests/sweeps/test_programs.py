"""Sweeps that start programs of the user's own, without W&B."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from econml_cli.sweeps.run.program import ProgramRequest, _end_left_over
from econml_cli.sweeps.run.programs import Programs
from econml_cli.sweeps.study.study import Study, read
from econml_cli.tracking import wandb_file
from tests.support.waiting import wait_until

PLAIN = """
import json, os, sys
lr = float(next(a for a in sys.argv if a.startswith("--lr="))[5:])
given = json.load(open(os.environ["WANDB_DIR"] + "/args.json"))
assert given["lr"] == lr and os.environ["WANDB_MODE"] == "offline" and "WANDB_RUN_ID" not in os.environ
if lr > 0.9:
    sys.exit("too large")
print("not a row")
for epoch in range(1, 10):
    print(json.dumps({"epoch": epoch, "loss": lr + 1 / epoch}), flush=True)
"""
WANDB = """
import sys, wandb
run = wandb.init(project="lecture")
for epoch in range(400):
    run.log({"epoch": epoch, "val": {"loss": run.config["lr"] + 1 / (epoch + 1)}})
run.summary["test"] = 7
print("done")
run.finish()
"""


def sweep_file(program="mine.py", text=PLAIN, path="s.yaml", **more):
    Path(program).write_text(text)
    document = {
        "program": program,
        "method": "grid",
        "metric": {"name": "loss", "goal": "minimize"},
        "parameters": {"lr": {"values": [0.3, 0.1, 0.2, 0.95]}},
        **more,
    }
    Path(path).write_text(yaml.safe_dump(document))
    return path


def trials():
    return sorted(read("runs/s/study.journal", "s", Path("runs/s")).trials, key=lambda trial: trial.params["lr"])


def test_numbers_that_no_float_holds_are_none_of_a_metric():
    values = (2, 0.5, True, "1", None, 10**400, -(10**400), float("nan"))
    assert [wandb_file.number(value) for value in values] == [2.0, 0.5, None, None, None, None, None, None]


def test_a_program_is_run_once_it_is_named_and_its_lines_are_its_history(econml, monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "of-another-run")
    file = sweep_file()
    refused = econml("sweep", "run", file)
    assert refused.code == 2 and "add --source mine.py" in refused.stderr and not Path("runs").exists()
    ran = econml("sweep", "run", file, "--source", "mine.py", "--jobs", 2)
    assert ran.code == 4 and "1 of 4 trials failed" in ran.stderr
    best, *_, failed = trials()
    assert [t.state for t in trials()] == ["complete"] * 3 + ["failed"]
    assert (best.value, best.epochs, best.metrics) == (pytest.approx(0.1 + 1 / 9), 9, {"loss": best.value})
    there = Path("runs/s", f"{failed.number:04d}", "stderr.txt")
    assert failed.reason == f"its program ended with exit code 1; see {there}"
    assert there.read_text() == "too large\n"
    assert "not a row" in Path(str(best.run), "stdout.txt").read_text()
    assert f"Refit the best: python mine.py --lr={best.params['lr']}" in ran.stdout
    shown = econml("sweep", "show", "s")
    assert shown.code == 0 and f"cat {best.run}/stdout.txt" in shown.stdout
    monkeypatch.delenv("ECONML_SOURCES")  # of this process: the next is another
    Path("mine.py").write_text(PLAIN + "\n")
    changed = econml("sweep", "run", file)
    assert changed.code == 2 and "has changed since you last named it" in changed.stderr


def test_a_command_that_is_no_python_file_has_to_be_typed(econml):
    file = sweep_file(command=["sh", "-c", "echo '{\"loss\": 1}'"], parameters={"lr": {"values": [1.0]}})
    refused = econml("sweep", "run", file)
    assert refused.code == 2 and "if you trust it, type it: --command" in refused.stderr
    both = econml("sweep", "run", file, "--command", "x", "--model", "mlp")
    assert both.code == 2 and "both say what is started" in both.stderr
    ran = econml("sweep", "run", file, "--command", "echo '{\"loss\": 0.5}' ${args_no_hyphens}", "--quiet")
    assert ran.code == 4  # the line is no JSON, with what stands behind it
    assert "it has no metric 'loss'" in str(trials()[0].reason)
    write = "sh -c 'echo {\\\"loss\\\":0.25} > $WANDB_DIR/summary.json'"
    assert econml("sweep", "run", file, "--command", write, "--quiet", "--out", "runs/t").code == 0
    [trial] = read("runs/t/study.journal", "s", None).trials
    assert trial.value == 0.25


def test_early_terminate_stops_a_program_by_its_history(econml, monkeypatch):
    monkeypatch.setattr(Study, "report", lambda study, number, epoch, value: value > 0.25)
    text = (
        "import json, sys, time\nlr = float(sys.argv[1][5:])\nfor epoch in range(9):\n"
        "    print(json.dumps({'loss': lr}), flush=True)\n    time.sleep(600 if lr > 0.25 and epoch == 5 else 0)\n"
    )
    file = sweep_file(text=text, early_terminate={"type": "hyperband", "min_iter": 3})
    assert econml("sweep", "run", file, "--source", "mine.py", "--quiet", "--jobs", 4).code == 0
    assert [(t.state, t.epochs) for t in trials()] == [("complete", 9)] * 2 + [("pruned", 6)] * 2


def test_a_stop_ends_what_a_program_has_started_and_gives_the_trial_back(isolated):
    script = (
        "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "
        "print(child.pid, flush=True); child.wait()"
    )
    said = Path("0/stdout.txt")
    began = time.monotonic()
    with Programs("loss", 1, lambda: 15 if said.exists() and said.read_text().endswith("\n") else None) as programs:
        programs.add(ProgramRequest(i, (sys.executable, "-c", script), Path(f"{i}")) for i in (0, 1))
        _, event = programs.advance()
    assert (event.number, event.summary["stop_reason"]) == (0, "interrupted") and not Path("1").exists()
    assert time.monotonic() - began < 60
    wait_until(lambda: not alive(int(said.read_text())))


def test_a_program_that_outlived_a_killed_sweep_is_ended_before_its_trial_begins_again(isolated):
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
    said = Path("0/stdout.txt")
    driver = (
        "from pathlib import Path; import sys; from econml_cli.sweeps.run.program import ProgramRequest\n"
        "from econml_cli.sweeps.run.programs import Programs\n"
        f"request = ProgramRequest(0, (sys.executable, '-c', {script!r}), Path('0'))\n"
        "with Programs('loss', 1, lambda: None) as programs:\n"
        "    programs.add([request])\n    list(programs.advance())\n"
    )
    killed = subprocess.Popen([sys.executable, "-c", driver])
    wait_until(lambda: said.exists() and said.read_text().endswith("\n"))
    left = int(said.read_text())
    killed.kill()
    killed.wait()
    assert alive(left)
    rows = "import json; print(json.dumps({'loss': 2}))"
    with Programs("loss", 1, lambda: None) as programs:
        programs.add([ProgramRequest(0, (sys.executable, "-c", rows), Path("0"))])
        begun, _, ended = programs.advance()
    assert begun.kind == "begun" and ended.summary["loss"] == 2
    assert not alive(left)
    # a number that is left over, and whose lock nobody holds, may be another process's by now
    Path("0/.pid").write_text(f"{os.getpid()}\n")
    _end_left_over(Path("0"))


def test_programs_of_a_shared_study_are_given_a_seed_and_shown_by_page(econml):
    text = (
        "import json, sys\ngiven = dict(a[2:].split('=') for a in sys.argv[1:])\n"
        "print(json.dumps({'loss': float(given['lr']) + float(given['seed'])}))\n"
    )
    file = sweep_file(text=text)
    line = ("sweep", "run", file, "--source", "mine.py", "--quiet", "--storage", "runs/s/study.journal")
    assert econml(*line, "--replicate", "seed=2").code == 0
    assert [t.value for t in trials()] == [pytest.approx(lr + 0.5) for lr in (0.1, 0.2, 0.3, 0.95)]
    assert trials()[0].replicates.values == [0.1, 1.1]
    assert sorted(p.name for p in Path(str(trials()[0].run)).iterdir()) == ["seed0", "seed1"]
    page = econml("sweep", "show", "s", "--html", "page.html")
    assert page.code == 0 and "loss over 2 seeds" in Path("page.html").read_text()


def alive(process):
    return psutil.pid_exists(process) and psutil.Process(process).status() != psutil.STATUS_ZOMBIE


@pytest.mark.slow
def test_the_metric_is_what_the_programs_own_wandb_has_logged(econml):
    file = sweep_file(
        text=WANDB, metric={"name": "val.loss"}, parameters={"lr": {"values": [0.5]}, "wandb_note": {"value": "x"}}
    )
    assert econml("sweep", "run", file, "--source", "mine.py", "--quiet").code == 0
    [trial] = trials()
    assert trial.value == pytest.approx(0.5 + 1 / 400) and trial.epochs == 400
    assert trial.metrics["test"] == 7 and "done" in Path(trial.run, "stdout.txt").read_text()
    kept = wandb_file.find(Path(trial.run))
    whole = wandb_file.WandbFile(kept)
    whole.read()
    data = kept.read_bytes()
    assert len(data) > 2 * 32768  # several blocks
    growing = wandb_file.WandbFile(Path("growing"))
    for end in [*range(5, len(data), 7919), len(data)]:
        Path("growing").write_bytes(data[:end])
        growing.read()
    assert growing.history == whole.history and growing.summary == whole.summary
    assert json.loads(Path(trial.run, "args.json").read_text()) == {"lr": 0.5, "wandb_note": "x"}
    assert not [name for name in os.environ if name == "WANDB_SWEEP_PARAM_PATH"]
