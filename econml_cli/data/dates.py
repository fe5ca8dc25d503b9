"""Parts of dates that a formula can take: year(when), C(quarter(when)), trend(when)."""

from typing import TYPE_CHECKING

import numpy as np

from econml_cli.errors import DataError
from econml_cli.options import shell

if TYPE_CHECKING:
    import pandas as pd

#: days of a year, on average over the calendar's 400 years
YEAR = 365.2425


def are(column: "pd.Series") -> bool:
    """Whether a column holds dates."""
    import pandas as pd

    return bool(pd.api.types.is_datetime64_any_dtype(column))


def part(name: str, column: "pd.Series", of: str) -> np.ndarray:
    """A part of each date [n] float64, NaN where it is missing: the year, the quarter 1 to 4, the month 1 to 12, the
    day of the month, the weekday (1: Monday), or the trend in years since the first of January 2000.

    Raises:
        DataError: the column holds no dates.
    """
    import pandas as pd

    if not are(column):
        said = shell.option("--dates", of)
        raise DataError(f"{name}({of}) needs dates, and column '{of}' holds none; if it does, say so: {said}.")
    if name == "trend":
        days = (column - pd.Timestamp("2000-01-01")) / pd.Timedelta(days=1)
        years: np.ndarray = days.to_numpy(np.float64, na_value=np.nan) / YEAR
        return years
    called = "day_of_week" if name == "weekday" else name
    found: np.ndarray = getattr(column.dt, called).to_numpy(np.float64, na_value=np.nan)
    return found + 1 if name == "weekday" else found


def of_trend(years: np.ndarray) -> np.ndarray:
    """The dates [n] datetime64 of a trend in years since the first of January 2000."""
    found: np.ndarray = np.datetime64("2000-01-01", "s") + np.round(years * YEAR * 86400).astype("timedelta64[s]")
    return found


def steps(column: "pd.Series") -> np.ndarray:
    """Dates as numbers [n] whose differences count periods, NaN where one is missing: months where all are first days
    of months, else days."""
    there = column.dropna()
    if len(there) and (there.dt.day == 1).all() and (there == there.dt.normalize()).all():
        months: np.ndarray = (column.dt.year * 12 + column.dt.month).to_numpy(np.float64, na_value=np.nan)
        return months
    seconds = column.to_numpy("datetime64[s]").astype("int64").astype(np.float64)
    return np.asarray(np.where(column.isna(), np.nan, seconds / 86400))
