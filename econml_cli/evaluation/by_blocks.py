"""Metrics of a sample that lies in a file: a part of it after the other, so that memory does not grow with its rows."""

from collections.abc import Callable, Iterator

import jax
import numpy as np

from econml_cli.data.stored import Stored, is_stored
from econml_cli.evaluation.bootstrap import MAX_UNITS, units_of
from econml_cli.evaluation.samples import Scored
from econml_cli.problems import losses, metrics
from econml_cli.problems.base import Batch
from econml_cli.problems.metrics import Moments
from econml_cli.problems.tabular import Tabular

#: rows of a part; a multiple of MAX_UNITS, so that row i of the sample belongs to unit i modulo MAX_UNITS
ROWS = 16 * MAX_UNITS


def moments(problem: Tabular, score: Callable[[Batch], Scored], batch: Batch) -> Moments:
    """The loss and all metrics of a sample, of squared error; what is resampled are the same units of rows as of a
    sample in memory."""
    row, centre = losses.of(problem), problem.own_units(_mean(batch.y)[None])[0]
    sums, sizes, found = np.empty((0, 0)), np.empty(0), None
    scales: dict[str, metrics.Scale] = {}
    for part in _parts(batch):
        scored = score(part)
        found = metrics.moments(row, scored.loss, scored.y, scored.yhat, centre=centre)
        units = units_of(found.columns, None)
        if not len(sums):
            sums, sizes, scales = units.sums.copy(), units.sizes.astype(float), dict(found.scales)
        else:  # all parts but the last have as many units
            sums[: len(units.sums)] += units.sums
            sizes[: len(units.sizes)] += units.sizes
            scales = {name: scale for name, scale in scales.items() if name in found.scales}
    assert found is not None  # no split is empty
    return Moments(sums, found.statistic, scales, sizes=sizes)


def _parts(batch: Batch) -> Iterator[Batch]:
    for start in range(0, len(batch.x), ROWS):
        part: Batch = jax.tree.map(lambda leaf: leaf[start : start + ROWS], batch, is_leaf=is_stored)  # noqa: B023
        yield part


def _mean(y: Stored) -> np.ndarray:
    """The mean of each output, float64."""
    total = np.sum([np.sum(block, axis=0, dtype=np.float64) for block in y.blocks()], axis=0)
    return np.asarray(total) / len(y)
