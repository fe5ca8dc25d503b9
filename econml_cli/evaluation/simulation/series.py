"""Simulated series as a table of all of them."""

from typing import TYPE_CHECKING

import numpy as np

from econml_cli.evaluation.simulation.simulated import Simulated

if TYPE_CHECKING:
    import pandas as pd


def frame(simulated: Simulated) -> "pd.DataFrame":
    """The series as a long table: path, period (both from 0), then a column a series; sorted by path, then period."""
    import pandas as pd

    periods, paths = simulated.shape
    places = {"path": np.repeat(np.arange(paths), periods), "period": np.tile(np.arange(periods), paths)}
    return pd.DataFrame({**places, **{name: values.T.ravel() for name, values in simulated.series.items()}})
