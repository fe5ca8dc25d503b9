"""Points that are trained over seeds or folds: `--replicate`, `--folds`, `--aggregate`."""

import contextlib
import csv
import dataclasses
import io
import json
import math
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml

from econml_cli.errors import ConfigError
from econml_cli.runs.directory import Run
from econml_cli.sweeps.run.replicated import REASON, Parts, Replicated
from econml_cli.sweeps.show import replicates as shown
from econml_cli.sweeps.spec import replicating, schema
from econml_cli.sweeps.spec.replication import Replication, aggregated
from econml_cli.sweeps.study.study import read
from econml_cli.sweeps.study.trials import Replicates, Results, Trial
from econml_cli.training.many.requests import Event

SMALL = {"N": 40, "N_test": 10, "N_val": 20, "width": 4, "num_epochs": 5}


def document(*, fixed=(), **parameters):
    """A small sweep as a mapping."""
    given = {
        "lr": {"min": 0.001, "max": 0.1},
        **{name: {"value": value} for name, value in SMALL.items()},
        **parameters,
    }
    return {
        "method": "random",
        "metric": {"name": "val_loss", "goal": "minimize"},
        "parameters": given,
        "command": ["${env}", "econml", "fit", "mlp", "--problem=linear", *fixed, "${args}"],
        "run_cap": 2,
    }


def sweep_of(**more):
    return schema.parse(yaml.safe_dump(document(**more)), Path("s.yaml"))


def study(out):
    return read(f"runs/{out}/study.journal", "s", Path(f"runs/{out}"))


@pytest.mark.slow
def test_the_metric_of_a_point_is_the_mean_over_its_seeds_and_a_kill_changes_nothing(econml, monkeypatch):
    Path("s.yaml").write_text(yaml.safe_dump(document()))
    line = ("sweep", "run", "s.yaml", "--replicate", "seed=3..5", "--jobs", 1, "--keep", "best", "--quiet")
    assert econml(*line, "--out", "runs/whole").code == 0
    whole = study("whole")
    for trial in whole.trials:
        runs = [Run(Path(trial.run, f"seed{seed}")) for seed in (3, 4, 5)]
        losses = [run.summary()["val_loss"] for run in runs]
        assert len(set(losses)) == 3 and trial.replicates.values == losses
        assert [run.config().trainer.seed for run in runs] == [3, 4, 5]
        assert trial.value == pytest.approx(np.mean(losses))
        assert trial.replicates.size == runs[0].summary()["num_params"]
        assert trial.replicates.standard_error() == pytest.approx(np.std(losses, ddof=1) / math.sqrt(3))
        assert (Path(trial.run) / "seed3" / "checkpoints").exists() == (trial == whole.best())
    # stopped once a fit of the first point has ended, and gone on with by the line without --replicate
    with monkeypatch.context() as patched:
        stop = lambda: signal.SIGTERM if list(Path("runs/cut").glob("*/*/summary.json")) else None  # noqa: E731
        patched.setattr("econml_cli.commands.signals.stop_signals", lambda: contextlib.nullcontext(stop))
        assert econml(*line, "--out", "runs/cut").code == 128 + signal.SIGTERM
    ended = [Run(path.parent) for path in Path("runs/cut").glob("*/*/summary.json")]
    done = {run.path: run.manifest()["id"] for run in ended if run.status() == "max_epochs"}
    assert done and len(done) < 6
    assert econml("sweep", "run", "s.yaml", "--out", "runs/cut", "--quiet").code == 0
    assert [(t.params, t.value, t.replicates) for t in study("cut").trials] == [
        (t.params, pytest.approx(t.value, rel=1e-6), t.replicates) for t in whole.trials
    ]
    assert all(Run(path).manifest()["id"] == when for path, when in done.items())
    other = econml("sweep", "run", "s.yaml", "--out", "runs/cut", "--replicate", "seed=2")
    assert other.code == 2 and "begun as another sweep (replication.values" in other.stderr
    _check_shown(econml, whole)


def _check_shown(econml, whole):
    text = econml("sweep", "show", "runs/whole")
    best = whole.best()
    assert "val_loss over 3 seeds; optimised: its mean" in text.stdout and "3/3" in text.stdout
    assert f"econml eval {best.run}/seed3" in text.stdout and f"--config {best.run}/seed3/config.yaml" in text.stdout
    rows = list(csv.DictReader(io.StringIO(econml("sweep", "show", "runs/whole", "--format", "csv").stdout)))
    values = best.replicates.values
    assert float(rows[0]["q25"]) == pytest.approx(np.quantile(values, 0.25))
    assert float(rows[0]["mean"]) == pytest.approx(best.value)
    told = json.loads(econml("sweep", "show", "runs/whole", "--json").stdout)
    assert told["best"]["replicates"]["values"] == values and told["sweep"]["replication"]["option"] == "seed"
    assert econml("sweep", "show", "runs/whole", "--html", "page.html").code == 0
    data = Path("page.html").read_text().split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["replicates"]["points"][0]["values"] == values


@pytest.mark.slow
def test_folds_average_over_the_folds_and_the_refit_uses_all_rows(econml):
    numbers = "\n".join(f"{x},{2 * x + (x % 3)}" for x in range(40))
    Path("d.csv").write_text(f"x,y\n{numbers}\n")
    file = document(fixed=("--data=d.csv", "--target=y"))
    file["parameters"] = {k: v for k, v in file["parameters"].items() if not k.startswith("N")}
    file["command"].remove("--problem=linear")
    file["metric"]["name"] = "test_loss"
    Path("s.yaml").write_text(yaml.safe_dump(file))
    ran = econml("sweep", "run", "s.yaml", "--folds", 4)
    assert ran.code == 0, ran.stderr
    best = study("s").best()
    folds = [Run(Path(best.run, f"fold{fold}")) for fold in (1, 2, 3, 4)]
    assert best.value == pytest.approx(np.mean([run.summary()["test_loss"] for run in folds]))
    refit = next(line for line in ran.stdout.splitlines() if line.startswith("Refit the best: "))
    assert refit.endswith("/fold1/config.yaml --folds 0 --fold 0 --out runs/s-best")
    assert econml(*refit.removeprefix("Refit the best: econml ").split(), "--quiet").code == 0
    assert Run(Path("runs/s-best")).config().problem_options.folds == 0
    file["command"].insert(-1, "--folds=4")  # and so without the flag
    Path("s.yaml").write_text(yaml.safe_dump(file))
    assert econml("sweep", "run", "s.yaml", "--out", "runs/t", "--quiet").code == 0
    assert study("t").best().value == pytest.approx(best.value, rel=1e-6)


class Scripted:
    """An executor of fits whose ends are given: {number: summary, or the reason of a failure}."""

    def __init__(self, ends):
        self.ends, self.left = ends, []

    def add(self, requests):
        self.left += [request.number for request in requests]

    def advance(self, until=None):
        for number in list(self.left):
            end = self.ends[number]
            if until is not None and not isinstance(end, str) and end["epochs"] > until:
                yield Event(number, "paused", until, {"loss": end["loss"] + 1})
                continue
            self.left.remove(number)
            yield Event(number, "failed", reason=end) if isinstance(end, str) else Event(number, "ended", summary=end)

    def end(self, number, *, signal=None, pruned=False):
        self.left.remove(number)
        return Event(number, "ended", summary={**self.ends[number], "stop_reason": "pruned"})


def fits(*losses, **more):
    summary = {"epochs": 9, "seconds_training": 0.5, "stop_reason": "max_epochs", **more}
    return [loss if isinstance(loss, str) else {**summary, "loss": loss} for loss in losses]


def told(ends, aggregate="mean", until=None, goal="minimize"):
    executor = Replicated(Scripted(dict(enumerate(ends))), Replication("seed", (5, 6, 7), aggregate), "loss", goal)
    trials = len(ends) // 3
    executor.add(Parts(number, (Numbered(0),) * 3) for number in range(trials))
    return executor, list(executor.advance(until))


@dataclasses.dataclass(frozen=True)
class Numbered:
    """All that the executor asks of a request."""

    number: int


def test_a_trial_ends_when_its_fits_have_and_has_their_mean():
    _, events = told(fits(1.0, 2.0, 6.0) + fits(1.0, 1.0, 1.0))
    assert [(e.number, e.kind, e.summary["loss"]) for e in events] == [(0, "ended", 3.0), (1, "ended", 1.0)]
    assert events[0].summary["seconds_training"] == 1.5 and events[0].summary["replicates"]["values"] == [1.0, 2.0, 6.0]


def test_a_fit_that_comes_to_nothing_is_worse_than_all_others():
    ends = [*fits(1.0, 2.0), "it diverged"]
    [event] = told(ends)[1]
    assert event.summary[REASON] == "1 of its 3 seeds came to nothing; seed7: it diverged"
    assert event.summary["replicates"]["values"] == [1.0, 2.0, None]
    [event] = told(ends, "median")[1]
    assert event.summary["loss"] == 2.0 and REASON not in event.summary
    [event] = told(ends, "median", goal="maximize")[1]
    assert event.summary["loss"] == 1.0
    [event] = told(ends, "quantile:0.9")[1]
    assert REASON in event.summary
    verdicts = [*fits(1.0, verdict_loss="FAILED"), *fits(2.0, verdict_loss="passed"), "it diverged"]
    [event] = told(verdicts, "share")[1]
    assert event.summary["share_passed"] == pytest.approx(1 / 3) and REASON not in event.summary
    unstable = [*fits(1.0, verdict_stability="FAILED", failed="it explodes"), *fits(2.0, 3.0)]
    [event] = told(unstable)[1]
    assert "seed5: FAILED: it explodes" in event.summary[REASON]


def test_a_trial_is_paused_when_all_of_its_fits_are_and_pruned_as_one():
    executor, events = told(fits(1.0, epochs=2) + fits(2.0, 3.0), until=3)
    [event] = [e for e in events if e.kind == "paused"]
    assert (event.epoch, event.metrics) == (3, {"loss": pytest.approx((1 + 3 + 4) / 3)})
    ended = executor.end(0, pruned=True)
    assert (ended.kind, ended.summary["stop_reason"]) == ("ended", "pruned")


def test_quantiles_are_numpys():
    values = [3.0, 1.0, 7.5, 2.0]
    for level in (0.1, 0.5, 0.77):
        assert aggregated(values, f"quantile:{level}") == pytest.approx(np.quantile(values, level))
        found = Replicates("loss", "abcd", values, [True] * 4).quantile(level, "minimize")
        assert found == pytest.approx(np.quantile(values, level))
    assert aggregated(values, "median") == np.median(values)
    assert aggregated([1.0, math.inf, 2.0], "median") == 2.0 and math.isinf(aggregated([1.0, math.inf], "mean"))


def test_a_seed_with_probabilities_is_trained_over_and_wandb_takes_the_file():
    file = document(seed={"values": [1, 4], "probabilities": [0.5, 0.5]})
    sweep = replicating.apply(schema.parse(yaml.safe_dump(file), Path("s.yaml")), None, None, "median")
    assert sweep.replication == Replication("seed", (1, 4), "median")
    assert "seed" not in [p.name for p in sweep.space.parameters]
    assert replicating.in_file(sweep_of(seed={"values": [1, 4]})) is None


@pytest.mark.parametrize(
    ("more", "flags", "said"),
    [
        ({}, ("seed=3", 4, None), "leave one of them out"),
        ({}, (None, None, "share"), "add --replicate or --folds"),
        ({}, ("seed", None, None), "write seed=30"),
        ({}, ("seed=1", None, None), "two values or more"),
        ({}, ("lr=1,2", None, None), "searches over lr"),
        ({}, ("sede=3", None, None), "has no option sede"),
        ({}, ("weight_decay=3", None, None), "only an option that is an integer"),
        ({}, (None, 3, None), "has no option fold"),
        ({}, ("seed=3", None, "best"), "write mean, median"),
        ({"fixed": ("--seed=4",)}, ("seed=3", None, None), "says --seed in its command"),
        ({"seed": {"values": [1, 2], "probabilities": [0.9, 0.1]}}, (None, None, None), "equal probabilities"),
        ({"seed": {"values": [1, 2]}}, ("seed=3", None, None), "searches over seed"),
    ],
)
def test_what_cannot_be_replicated_is_refused(more, flags, said):
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        replicating.apply(sweep_of(**more), *flags)


def trial(number, values, size):
    found = Replicates("loss", "abc", values, [True] * 3, size)
    return Trial(number, number, "complete", {}, value=sum(values) / 3, replicates=found)


def test_the_one_standard_error_rule_takes_the_smallest_model_that_cannot_be_told_from_the_best():
    trials = (trial(0, [1.0, 2.0, 3.0], 900), trial(1, [1.5, 2.5, 3.5], 80), trial(2, [2.9, 2.9, 2.9], 5))
    about = {"option": "fold", "values": [1, 2, 3], "aggregate": "mean", "fixed": {}}
    results = Results("s", "random", "loss", "minimize", (), 3, trials, None, about)
    assert [t.number for t in results.within_one_error()] == [1, 0]  # 0.58 around 2.0: 2.5 is, 2.9 is not
    assert "trial 1 (80 weights)" in shown.one_error(results)
    edges, counts = shown.bins(trials, 4)
    assert (edges[0], edges[-1]) == (1.0, 3.5) and sum(counts[0]) == 3 and counts[2][3] == 3
    assert shown.spark([0, 4, 8]) == " ▄█"
