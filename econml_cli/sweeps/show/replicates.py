"""The fits of each point of a sweep over seeds or folds: their distribution, and who is within one standard error."""

import math
from collections.abc import Sequence
from typing import Any

from econml_cli.output.terminal import number
from econml_cli.sweeps.study.trials import Replicates, Results, Trial

#: the quantiles that are shown
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
#: bars of a histogram in a terminal, and points that are shown there
BARS, POINTS = 16, 10
_BLOCKS = " ▁▂▃▄▅▆▇█"


def title(results: Results) -> str:
    """Such as "val_loss over 30 seeds, optimised: its mean"."""
    about = results.replication or {}
    how = str(about["aggregate"])
    what = {"mean": "its mean", "median": "its median", "share": "the share that passed"}.get(how, f"its {how}")
    first = next((trial.replicates.metric for trial in results.trials if trial.replicates), results.metric)
    return f"{first} over {len(about['values'])} {about['option']}s; optimised: {what}"


def statistics(found: Replicates, goal: str) -> dict[str, float | None]:
    """{column: value}: mean and spread of the fits that have a value, quantiles and share of all."""
    there = found.finite()
    return {
        "mean": math.fsum(there) / len(there) if there else None,
        "standard_error": found.standard_error(),
        "sd": found.sd(),
        **{f"q{round(100 * level):02d}": found.quantile(level, goal) for level in LEVELS},
        "passed": found.share,
    }


def goal_of(results: Results) -> str:
    """Whether less of what the fits are measured by is better, which of the share that passed is not known: a loss."""
    return "minimize" if (results.replication or {}).get("aggregate") == "share" else results.goal


def bins(trials: Sequence[Trial], count: int = BARS) -> tuple[list[float], dict[int, list[int]]]:
    """Edges [count + 1] that all points share, and {trial number: fits in each [count]}.

    The edges are equal steps of the logarithm where all values are positive and span more than a factor of ten; values
    beyond the 99 % quantile of all are in the last bin.
    """
    parts = {trial.number: trial.replicates.finite() for trial in trials if trial.replicates}
    pooled = sorted(value for values in parts.values() for value in values)
    if not pooled:
        return [], {}
    low, high = pooled[0], pooled[math.ceil(0.99 * (len(pooled) - 1))]
    log = low > 0 and high > 10 * low
    a, b = (math.log(low), math.log(high)) if log else (low, high)
    step = (b - a) / count or 1.0
    edges = [math.exp(a + i * step) if log else a + i * step for i in range(count + 1)]
    found = {}
    for trial, values in parts.items():
        counts = [0] * count
        for value in values:
            place = int(((math.log(value) if log else value) - a) / step)
            counts[min(max(place, 0), count - 1)] += 1
        found[trial] = counts
    return edges, found


def spark(counts: Sequence[int]) -> str:
    """A histogram as one line of block characters, its highest bar full."""
    most = max(counts, default=0) or 1
    return "".join(_BLOCKS[math.ceil(8 * count / most)] for count in counts)


def rows(results: Results, trials: Sequence[Trial]) -> tuple[list[str], list[list[str]]]:
    """Headers and cells of the table of points, for a terminal."""
    shown = [trial for trial in trials if trial.replicates][:POINTS]
    _, counts = bins(shown)
    out, headers = [], ["trial", "mean", "std. error", "5 %", "50 %", "95 %", "passed", "histogram"]
    for trial in shown:
        assert trial.replicates is not None
        found = statistics(trial.replicates, goal_of(results))
        cells = [number(found[name]) for name in ("mean", "standard_error", "q05", "q50", "q95")]
        passed = f"{sum(trial.replicates.passed)}/{len(trial.replicates.passed)}"
        out.append([str(trial.number), *cells, passed, spark(counts.get(trial.number, ()))])
    return headers, out


def note(results: Results, trials: Sequence[Trial]) -> str:
    """What the table is, and the one-standard-error rule where it applies."""
    edges, _ = bins([trial for trial in trials if trial.replicates][:POINTS])
    said = f"Histograms from {number(edges[0])} to {number(edges[-1])}. " if edges else ""
    said += "Fits that came to nothing are worse than all others among the quantiles, and in no mean."
    if (results.replication or {}).get("option") == "fold":
        said += " Folds share rows to train on: the standard error is as of independent ones, and so too small."
    return f"{said} {one_error(results)}".strip()


def one_error(results: Results) -> str:
    """Which points cannot be told from the best one, and the smallest of them."""
    near = results.within_one_error()
    best = results.best()
    if best is None or len(near) < 2:
        return ""
    numbers = ", ".join(str(trial.number) for trial in sorted(near, key=lambda trial: trial.number))
    first, size = near[0], near[0].replicates and near[0].replicates.size
    what = f" ({size:,} weights)" if size else ""
    chosen = "the best one itself" if first.number == best.number else f"trial {first.number}"
    return (
        f"Within one standard error of trial {best.number}: {numbers}; the one-standard-error rule takes the smallest "
        f"model, {chosen}{what}."
    )


def as_rows(trial: Trial, goal: str) -> dict[str, Any]:
    """The columns that the CSV has more."""
    names = statistics(trial.replicates, goal) if trial.replicates else {}
    return {name: value for name, value in names.items() if name != "passed"}
