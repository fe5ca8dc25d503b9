"""Simulated series as a table of all of them, as a summary, as JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.evaluation.simulation.simulated import Simulated
from econml_cli.output.tables import Grid
from econml_cli.output.tables import text as as_text

if TYPE_CHECKING:
    import pandas as pd


def frame(simulated: Simulated) -> "pd.DataFrame":
    """The series as a long table: path, period (both from 0), then a column a series; sorted by path, then period."""
    import pandas as pd

    periods, paths = simulated.shape
    places = {"path": np.repeat(np.arange(paths), periods), "period": np.tile(np.arange(periods), paths)}
    return pd.DataFrame({**places, **{name: values.T.ravel() for name, values in simulated.series.items()}})


def summary(simulated: Simulated) -> dict[str, dict[str, dict[str, float]]]:
    """{series: {"last": ..., "all": ...}}: mean, sd and the 5 % and 95 % points over the paths of the last period, and
    over all periods and paths."""
    return {name: {"last": _spread(v[-1]), "all": _spread(v)} for name, v in simulated.series.items()}


def _spread(values: np.ndarray) -> dict[str, float]:
    values = values.astype(np.float64)
    with np.errstate(invalid="ignore"):  # inf - inf on a path that explodes
        low, high = np.quantile(values, [0.05, 0.95])
        return {"mean": float(values.mean()), "sd": float(values.std()), "q05": float(low), "q95": float(high)}


def as_dict(simulated: Simulated) -> dict[str, Any]:
    """One JSON object: what was simulated, the summary of each series, the impulse responses."""
    periods, paths = simulated.shape
    found: dict[str, Any] = {"run": simulated.run, "problem": simulated.problem, "epoch": simulated.epoch}
    found |= {"seed": simulated.seed, "periods": periods, "paths": paths, "series": summary(simulated)}
    if simulated.impulse is not None:
        response = {name: values.tolist() for name, values in simulated.response.items()}
        found |= {"impulse": simulated.impulse, "response": response}
    return {**found, "notes": list(simulated.notes)}


def text(simulated: Simulated) -> str:
    """The summary as tables; of one path its ends and its mean."""
    periods, paths = simulated.shape
    head = f"{simulated.run}: {simulated.problem} under the policy of epoch {simulated.epoch:,}"
    found = summary(simulated)
    if paths == 1:
        rows = [(name, v[0, 0], v[-1, 0], v.mean(dtype=np.float64)) for name, v in simulated.series.items()]
        ends = ("", "period 0", f"period {periods - 1:,}", f"mean of {periods:,}")
        return as_text(Grid(ends, _cells(rows), head))
    headers = ("", "mean", "sd", "5 %", "95 %")
    titles = {
        "last": f"Period {periods - 1:,}, over {paths:,} paths",
        "all": f"Periods 0 to {periods - 1:,}, all paths",
    }
    grids = [
        Grid(headers, _cells([(name, *both[part].values()) for name, both in found.items()]), title)
        for part, title in titles.items()
    ]
    return "\n\n".join([head, *map(as_text, grids)])


def _cells(rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple((name, *(f"{value:.4g}" for value in values)) for name, *values in rows)
