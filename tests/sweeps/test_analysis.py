"""Importance and rank correlation of a sweep's parameters."""

import math
import random
import subprocess
import sys
from dataclasses import replace

import pytest

from econml_cli.sweeps.show.importance import _compared, analyse, interval, spearman
from econml_cli.sweeps.study.trials import Results, Trial


def sweep(n, goal="minimize"):
    """A sweep whose loss depends on lr and on nothing else."""
    draw, trials = random.Random(0), []
    for i in range(n):
        lr = 10 ** draw.uniform(-4, -1)
        loss = 10 ** (abs(math.log10(lr) + 2) - 3) * draw.uniform(0.9, 1.1)
        point = {"lr": lr, "width": draw.choice([64, 128, 256]), "formula": draw.choice(["y ~ a", "y ~ b"])}
        trials.append(Trial(i, i, "complete", point, loss if goal == "minimize" else -loss))
    return Results("lecture", "random", "val_loss", goal, ("lr", "width", "formula"), n, tuple(trials))


def test_the_parameter_that_matters_is_the_most_important_and_the_others_are_not():
    first, *others = analyse(sweep(200)).influences
    assert first.name == "lr" and first.importance > 0.8
    assert sum(one.importance for one in others) == pytest.approx(1 - first.importance)


def test_few_numbers_that_come_again_do_not_look_important_by_being_few():
    noise = Results(
        "x",
        "random",
        "loss",
        "minimize",
        ("lr", "width"),
        300,
        tuple(
            Trial(i, i, "complete", {"lr": draw.random(), "width": draw.choice([64, 128, 256])}, draw.random())
            for draw in [random.Random(3)]
            for i in range(300)
        ),
    )
    shares = {one.name: one.importance for one in analyse(noise).influences}
    assert shares["width"] < 0.6


def test_importance_looks_at_the_best_trials_of_the_goal():
    down, up = analyse(sweep(100)), analyse(sweep(100, goal="maximize"))
    assert down.influences[0].importance == pytest.approx(up.influences[0].importance)


def test_spearman_is_minus_one_for_a_falling_curve_and_ties_share_their_rank():
    assert spearman([(x, -(x**3)) for x in range(6)]) == pytest.approx(-1)
    assert spearman([(1, 1), (1, 2), (2, 3), (3, 4)]) == pytest.approx(0.9486832980505138)  # SciPy's spearmanr


def test_the_interval_is_that_of_bonett_and_wright():
    low, high = interval(0.5, 30)  # z = 0.549306, standard error sqrt(1.125 / 27) = 0.204124
    assert (low, high) == pytest.approx((math.tanh(0.549306 - 0.400076), math.tanh(0.549306 + 0.400076)), abs=1e-5)
    assert interval(1.0, 30) == (None, None) and interval(0.5, 3) == (None, None)


def test_a_parameter_that_never_varied_and_a_constant_metric_get_a_dash():
    flat = tuple(Trial(i, i, "complete", {"lr": 0.1 * (i + 1), "width": 64}, 1.0) for i in range(8))
    found = analyse(Results("flat", "grid", "val_loss", "minimize", ("lr", "width"), 8, flat))
    assert not found.tells and {one.correlation for one in found.influences} == {None}


def test_numbers_that_are_not_finite_are_left_out():
    wild = (*sweep(10).trials, Trial(10, 10, "complete", {"lr": 0.1, "width": 64, "formula": "y ~ a"}, math.inf))
    found = analyse(Results("wild", "random", "val_loss", "minimize", ("lr", "width", "formula"), 11, wild))
    assert found.complete == 10 and all(math.isfinite(one.importance) for one in found.influences)


def test_a_pruned_sweep_is_judged_where_all_trials_were():
    whole = sweep(100)
    ranked = [trial.number for trial in whole.ranked()]
    trials = [
        replace(trial, rungs={3: trial.value, 9: trial.value}, epochs=27)
        if ranked.index(trial.number) < 20
        else replace(trial, state="pruned", rungs={3: trial.value}, epochs=3)
        for trial in whole.trials
    ]
    found, alone = analyse(replace(whole, trials=tuple(trials))), analyse(whole)
    assert (found.rung, found.complete) == (3, 100)
    assert found.influences == alone.influences and found.influences[0].name == "lr"
    survivors = analyse(replace(whole, trials=tuple(trial for trial in trials if trial.state == "complete")))
    assert survivors.rung is None and survivors.complete == 20


def test_a_trial_that_ended_before_the_rung_keeps_its_value_and_one_without_a_rung_is_left_out():
    trials = [
        Trial(0, 0, "complete", {"lr": 1.0}, 0.5, epochs=2),
        Trial(1, 1, "pruned", {"lr": 2.0}, 0.7, epochs=3, rungs={3: 0.7}),
        Trial(2, 2, "complete", {"lr": 3.0}, 0.1, epochs=27),
        Trial(3, 3, "complete", {"lr": 4.0}, 0.1, epochs=27, rungs={3: 0.3, 9: 0.2}),
    ]
    rung, compared = _compared(Results("x", "grid", "val_loss", "minimize", ("lr",), 4, tuple(trials)))
    assert rung == 3 and {trial.number: trial.value for trial in compared} == {0: 0.5, 1: 0.7, 3: 0.3}


PROGRAM = """
import sys
{before}
from econml_cli.sweeps.show.importance import importance
from econml_cli.sweeps.study.trials import Trial
trials = [Trial(i, i, "complete", {{"lr": 0.1 * i + 0.1, "width": i % 7}}, float(i)) for i in range(40)]
assert 0 < importance(("lr", "width"), trials, "minimize")["lr"] <= 1
print("sklearn" in sys.modules)
import optuna.importance._fanova._fanova
print(optuna.importance._fanova._fanova._imports.is_successful())
"""


@pytest.mark.parametrize(
    ("before", "told"), [("import econml_cli.cli", ["False", "False"]), ("", ["True", "True"])], ids=["shell", "python"]
)
def test_the_command_does_without_what_only_other_evaluators_import(before, told):
    pytest.importorskip("sklearn")
    line = [sys.executable, "-c", PROGRAM.format(before=before)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=200)
    assert done.stdout.split() == told, done.stderr
