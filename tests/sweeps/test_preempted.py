"""A worker of a cluster is preempted again and again: `--requeue`, a node that is taken away, a time limit."""

import itertools
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from econml_cli.runs.directory import Run
from econml_cli.storage.steps import steps
from econml_cli.sweeps.run import batches, engine
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.run.plan import Plan
from econml_cli.sweeps.spec import schema
from econml_cli.sweeps.spec.trial_config import config_of
from econml_cli.training.fit import fit

SWEEP = """
name: small
method: random
metric: {name: val_loss, goal: minimize}
run_cap: 1
parameters:
  lr: {min: 0.001, max: 0.1}
  N: {value: 40}
  N_val: {value: 20}
  N_test: {value: 10}
  width: {value: 4}
  num_epochs: {value: 480}
  checkpoint_every: {value: 4}
  keep: {value: 2}
command: ["${env}", econml, fit, mlp, "--problem=linear", "${args}"]
"""
TURNS = 50


def logged(directory):
    """The epochs that the one run of a sweep has logged."""
    return sum(path.read_bytes().count(b"\n") for path in directory.path.glob("0*/metrics.jsonl"))


@pytest.mark.slow
def test_a_trial_whose_worker_is_preempted_fifty_times_is_the_one_that_nobody_disturbed(econml, monkeypatch):
    """Every second time with a notice, after which it is saved; else it is killed, on a machine that is gone."""
    Path("small.yaml").write_text(SWEEP)
    storage = str(Path("shared.journal").absolute())
    assert econml("sweep", "run", "small.yaml", "--storage", storage, "--quiet", "--timeout", "0s").code in (0, 1)
    opened, release = engine.Study.open, engine.Study.release
    monkeypatch.setattr(engine.Study, "open", lambda *given, **named: opened(*given, **named, grace=0.2))
    monkeypatch.setattr(batches, "POLL", 0.02)
    sweep, directory = schema.load(Path("small.yaml")), SweepDirectory(Path("runs/small"))
    plan, moments, done = (
        Plan(0, count=1, jobs=1, engine="serial", storage=storage, study="small"),
        random.Random(7),
        [0],
    )

    def turn(last):
        return engine.run(sweep, directory, plan, stop_signal=lambda: 15 if logged(directory) >= last else None)

    for i in range(TURNS):
        killed = i % 2 == 1
        monkeypatch.setattr(engine.Study, "release", (lambda *_: None) if killed else release)
        outcome = turn(done[-1] + moments.randint(3, 6))
        assert outcome.signal == 15, (i, outcome.results.trials)
        (left,) = [Run(path) for path in directory.path.glob("0*")]
        done.append(left.metrics()[-1]["epoch"])
        if killed:
            left.path.joinpath("summary.json").unlink()
            left.update_manifest(status="running", process={"host": "another machine", "pid": 1})
            if len(saved := steps(left.checkpoints)) > 1:  # killed while the newest was not there yet
                shutil.rmtree(left.checkpoints / str(saved[-1]))
    assert all(before < after for before, after in itertools.pairwise(done)) and done[-1] < 480
    outcome = turn(10**9)
    assert outcome.signal is None
    states = Counter((trial.state, trial.reason) for trial in outcome.results.trials)
    assert states == {("failed", "its worker was killed"): TURNS // 2, ("complete", None): 1}
    assert {trial.index for trial in outcome.results.trials} == {0}
    (complete,) = [trial for trial in outcome.results.trials if trial.state == "complete"]
    run, whole = Run(directory.run(complete.number)), fit(config_of(sweep, complete.params), Path("whole")).run
    assert run.summary()["state_sha256"] == whole.summary()["state_sha256"]
    assert run.metrics() == whole.metrics() and complete.value == whole.summary()["val_loss"]
    assert [path.name for path in directory.path.glob("0*")] == [run.name]
    shown = econml("sweep", "show", "small").stdout  # each point counts once
    assert "1 of 1 trial complete, 25 lost or failed and tried again" in shown
