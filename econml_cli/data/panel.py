"""lag(), lead() and diff(): in the order of the file, or within the units of a panel and by its time."""

from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, dates, rows
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

#: where what is learnt of the panel stands among what transforms have learnt; no text of a call is this
KEY = "panel"


def learn(frame: "pd.DataFrame", unit: str | None, time: str | None, where: str) -> dict[str, Any]:
    """What a shift needs to know to be the same in any file: the columns of unit and time, and one step of time: the
    largest one that all differences of times within units are multiples of.

    Raises:
        DataError: a unit has one time twice, or time is text.
    """
    step = 1.0
    if time is not None:
        codes, times = _units(frame, unit), _times(frame, time)
        there = (codes >= 0) & np.isfinite(times)
        order = np.lexsort((times[there], codes[there]))
        units, sorted_times = codes[there][order], times[there][order]
        same = np.diff(units) == 0
        gaps = np.diff(sorted_times)[same]
        if (gaps == 0).any():
            place, own = np.flatnonzero(gaps == 0)[0], np.flatnonzero(there)[order]
            before, first = own[:-1][same][place], own[1:][same][place]
            of = f" of {unit} {frame[unit].iloc[first]}" if unit is not None else ""
            pair = " and ".join(f"{rows.number(int(row), where):,}" for row in (before, first))
            raise DataError(
                f"{where}: column '{time}' has {frame[time].iloc[first]}{of} twice: lag() needs one row for each time, "
                f"and rows {pair} of the file are two; leave one out, or name other columns with --panel."
            )
        step = _common(gaps) if len(gaps) else 1.0
    return {"unit": unit, "time": time, "step": step}


def shifted(name: str, x: np.ndarray, k: int, frame: "pd.DataFrame", learnt: dict[str, Any] | None) -> np.ndarray:
    """lag: x of k steps before, lead: of k steps after, diff: x less that of k steps before; NaN where there is none.

    A step is a row of the file, of the row's unit where there are units, or a period of time where there is a time.
    """
    before = _before(x, -k if name == "lead" else k, frame, learnt or {})
    return x - before if name == "diff" else before


def _before(x: np.ndarray, k: int, frame: "pd.DataFrame", learnt: dict[str, Any]) -> np.ndarray:
    unit, time = learnt.get("unit"), learnt.get("time")
    x = np.broadcast_to(x, (len(frame),))
    if time is not None:
        return _at(x, _units(frame, unit), np.round(_times(frame, time) / learnt["step"], 6), k)
    codes = _units(frame, unit)
    order = np.argsort(codes, kind="stable")
    found = np.full(len(x), np.nan)
    left = max(len(order) - abs(k), 0)
    here, there = order[len(order) - left :], order[:left]
    here, there = (here, there) if k >= 0 else (there, here)
    same = (codes[here] == codes[there]) & (codes[here] >= 0)
    found[here[same]] = x[there[same]]
    return found


def _at(x: np.ndarray, codes: np.ndarray, periods: np.ndarray, k: int) -> np.ndarray:
    """x of the same unit k periods before."""
    import pandas as pd

    known = (codes >= 0) & np.isfinite(periods)
    own = pd.MultiIndex.from_arrays([codes[known], periods[known]])
    place = own.get_indexer(pd.MultiIndex.from_arrays([codes, periods - k]))
    values = np.append(x[known], np.nan)
    return np.where(known, values[place], np.nan)


def _units(frame: "pd.DataFrame", unit: str | None) -> np.ndarray:
    import pandas as pd

    return np.zeros(len(frame), dtype=np.int64) if unit is None else pd.factorize(frame[unit])[0].astype(np.int64)


def _times(frame: "pd.DataFrame", time: str) -> np.ndarray:
    if dates.are(frame[time]):
        return dates.steps(frame[time])
    return columns.as_numbers(frame[time], time)


def _common(gaps: np.ndarray) -> float:
    whole = np.round(gaps).astype(np.int64)
    return float(np.gcd.reduce(whole)) if np.allclose(gaps, whole) else float(gaps.min())
