"""The effect of each column on the prediction in each row: derivatives, and changes between levels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.evaluation.marginal import averages
from econml_cli.evaluation.marginal.columns import Sample
from econml_cli.models.base import Model
from econml_cli.problems.means import mean


@dataclass(frozen=True)
class InRows:
    """One effect in each row: `together` [n, dout] the mean over members, `by_member` [K, dout] each one's mean, and
    whether the rows of the fit say anything of it."""

    column: str
    change: str | None
    together: np.ndarray
    by_member: np.ndarray
    rounding: float = 0.0
    informed: bool = True


def per_row(
    here: Sample, members: Sequence[Any], dtype: str, weights: Sequence[np.ndarray] | None = None
) -> list[InRows]:
    """Each effect in each row, in the order of the columns. Call it inside `precision(...)`.

    Args:
        weights: of the rows in the mean of each member, [n] each; None: those of the sample in all.
    """
    over: Sequence[np.ndarray | None] = [here.w] * len(members) if weights is None else weights
    levels = {name: here.rows.levels(name) for name in here.rows.names}
    found = _derivatives(here, [name for name, values in levels.items() if values is None], members, dtype, over)
    at = averages.predictions(here.problem, members, dtype)
    for name, values in levels.items():
        if values is not None:
            found += _changes(here, name, values, at, dtype, over)
    place = {name: i for i, name in enumerate(levels)}
    return sorted(found, key=lambda one: place[one.column])  # a stable sort: levels stay in order


def _derivatives(
    here: Sample, names: Sequence[str], members: Sequence[Any], dtype: str, over: Sequence[np.ndarray | None]
) -> list[InRows]:
    """The gradient of the prediction times the slope of the inputs; one member's gradients are held at a time."""

    def gradient(model: Model, x: jax.Array) -> jax.Array:
        """[n, dout, din]: rows do not depend on each other, so the gradient of a sum over rows is that of each."""
        y, pull = jax.vjp(lambda x: here.problem.predict(model, x), x)
        each = jnp.eye(y.shape[1], dtype=y.dtype)[:, None, :]
        return jnp.moveaxis(jax.vmap(lambda one: pull(jnp.broadcast_to(one, y.shape))[0])(each), 0, 1)

    if not names:
        return []
    slopes = [here.rows.slope(name) for name in names]
    sums, x = [np.zeros((here.n, len(here.outputs))) for _ in names], here.rows.x()
    means: list[list[np.ndarray]] = [[] for _ in names]
    for w, gradients in zip(over, averages.compiled(gradient, members, dtype), strict=True):
        found = gradients(x)
        for i, slope in enumerate(slopes):
            own = np.einsum("nod,nd->no", found, slope)
            sums[i] += own
            means[i].append(mean(own, w))
    return [
        InRows(name, None, total / len(members), np.stack(each), informed=here.rows.informed(name))
        for name, total, each in zip(names, sums, means, strict=True)
    ]


def _changes(
    here: Sample,
    name: str,
    levels: Sequence[Any],
    at: Sequence[averages.OfRows],
    dtype: str,
    over: Sequence[np.ndarray | None],
) -> list[InRows]:
    """The difference of the prediction between each level and the first."""
    base = here.rows.placed(name, levels[0])
    before = [np.asarray(one(base), np.float64) for one in at]
    rounding = float(np.finfo(dtype).eps * np.max(np.abs(before)))
    found = []
    for level in levels[1:]:
        moved = here.rows.placed(name, level)
        each = [one(moved) - then for one, then in zip(at, before, strict=True)]
        by_member = np.stack([mean(own, w) for own, w in zip(each, over, strict=True)])
        informed = here.rows.informed(name, level)
        found.append(InRows(name, f"{levels[0]} -> {level}", np.mean(each, axis=0), by_member, rounding, informed))
    return found
