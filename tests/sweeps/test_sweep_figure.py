"""`econml sweep show --plot`: the metric by trial, correlations with intervals, the most important parameter."""

import numpy as np
import pytest

from econml_cli.output import figure_files
from econml_cli.sweeps.show.figure import figure
from econml_cli.sweeps.show.importance import analyse
from econml_cli.sweeps.study.trials import Results, Trial


def sweep(n: int = 24) -> Results:
    """Trials of which lr decides, one of them failed."""
    rng = np.random.default_rng(0)
    trials = []
    for i in range(n):
        lr, width = 10 ** rng.uniform(-4, -1), int(rng.integers(8, 256))
        value = float(abs(np.log10(lr) + 1) ** 4 / 30 + rng.uniform(0, 1))
        trials.append(Trial(i, i, "complete", {"lr": float(lr), "width": width}, value))
    trials.append(Trial(n, n, "failed", {"lr": 0.1, "width": 8}, None))
    return Results("$lecture$", "random", "val_loss", "minimize", ("lr", "width"), n + 1, tuple(trials))


@pytest.mark.slow
def test_a_sweep_is_drawn_with_the_best_so_far_intervals_and_its_most_important_parameter(tmp_path):
    results = sweep()
    analysis = analyse(results)
    history, correlations, against = figure(results, analysis).axes
    points, best = history.get_lines()
    values = [trial.value for trial in results.trials[:-1]]
    assert points.get_ydata().tolist() == values
    assert best.get_ydata().tolist() == np.minimum.accumulate(values).tolist()
    assert history.get_title("left") == "24 of 25 trials are complete" and history.get_ylabel() == "val loss"
    names = [text.get_text() for text in correlations.get_yticklabels()]
    told = {one.name: one for one in analysis.influences}
    assert names == [one.name for one in analysis.influences] and names[0] == "lr"
    spans = [line.get_xdata() for line in correlations.get_lines() if len(line.get_xdata()) == 2][1:]
    assert [tuple(span) for span in spans] == [(told[name].low, told[name].high) for name in names]
    assert (against.get_xlabel(), against.get_xscale()) == ("lr", "log")
    for name in ("a", "b"):
        figure_files.save(figure(results, analysis, "single"), tmp_path / f"{name}.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_a_sweep_of_words_has_its_history_alone(tmp_path):
    trials = tuple(Trial(i, i, "complete", {"activation": "relu"}, 1.0 + i) for i in range(3))
    results = Results("words", "grid", "val_loss", "maximize", ("activation",), 3, trials)
    (history,) = figure(results, analyse(results)).axes
    assert history.get_lines()[1].get_ydata().tolist() == [1.0, 2.0, 3.0]
