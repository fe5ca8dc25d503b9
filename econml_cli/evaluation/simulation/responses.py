"""Impulse responses as papers draw them: in per cent of the steady state of the fitted policy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.models.base import Model
from econml_cli.problems.base import Moves, Shocked
from econml_cli.problems.economies import simulation
from econml_cli.problems.words import is_log

#: periods without shocks before the impulse, after which an economy that settles is at rest
SETTLE = 400
#: by how much a series at rest may still change over the horizon, as a share, and what is no number to be a share of
REST, NOTHING = 1e-3, 1e-6


@dataclass(frozen=True)
class Response:
    """How one series moves after one standard deviation of a shock in period 0.

    Attributes:
        values, exact: [periods], under the fitted and under the exact policy (None where that is not known).
        unit: "per cent", of the path without the shock (of a logarithm: 100 times the difference); or "level", the
            difference itself, of a series that is zero or changes its sign on that path.
        steady: whether the series rests there without the shock: the path is the steady state.
    """

    values: np.ndarray
    exact: np.ndarray | None
    unit: str
    steady: bool

    @property
    def label(self) -> str:
        """What an axis of it is called."""
        where = "steady state" if self.steady else "path without it"
        return f"% from {where}" if self.unit == "per cent" else f"change from {where}"

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        found = {"unit": self.unit, "of": "steady state" if self.steady else "path without the shock"}
        exact = {} if self.exact is None else {"exact": self.exact.tolist()}
        return {**found, "values": self.values.tolist(), **exact}


def responses(
    problem: Shocked, exact: Moves | None, model: Model, name: str, *, periods: int, words: Mapping[str, str]
) -> dict[str, Response]:
    """The response of each series to one standard deviation of the shock `name`, by series.

    The economy first runs `SETTLE` periods without shocks. `exact` is the same problem under the exact policy, `words`
    what its series are called.
    """
    hit, base = simulation.paths_of_impulse(problem, model, name, periods=periods, settle=SETTLE)
    true = None
    if exact is not None:
        assert isinstance(exact, Shocked)
        true = simulation.paths_of_impulse(exact, model, name, periods=periods, settle=SETTLE)
    found = {}
    for series in base:
        unit = _unit(base[series], words.get(series, series))
        values = _in_unit(hit[series], base[series], unit)
        right = None if true is None else _in_unit(true[0][series], true[1][series], unit)
        told = "level" if unit == "level" else "per cent"
        found[series] = Response(values, right, told, _rests(base[series], unit))
    return found


def _unit(base: np.ndarray, word: str) -> str:
    """In what a series moves: "log", "share" or "level"."""
    if is_log(word):
        return "log"
    size = np.abs(base).max()
    fixed = np.isfinite(base).all() and (np.all(base > NOTHING * size) or np.all(base < -NOTHING * size))
    return "share" if fixed and size > NOTHING else "level"


def _in_unit(hit: np.ndarray, base: np.ndarray, unit: str) -> np.ndarray:
    if unit == "share":
        found: np.ndarray = 100 * (hit / base - 1)
        return found
    gap: np.ndarray = (100 if unit == "log" else 1) * (hit - base)
    return gap


def _rests(base: np.ndarray, unit: str) -> bool:
    size = np.abs(base).max() if unit == "share" else max(float(np.abs(base).max()), 1.0)
    return bool(np.isfinite(base).all() and np.ptp(base) <= REST * size)
