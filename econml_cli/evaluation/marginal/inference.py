"""Average effects over the rows of a sample, and their standard errors: given the fit, by the covariance of a linear
model's coefficients, or by fitting again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.marginal import averages, classical, derivatives, refitting
from econml_cli.evaluation.marginal.classes import Multinomial
from econml_cli.evaluation.marginal.columns import Sample
from econml_cli.evaluation.marginal.derivatives import InRows
from econml_cli.evaluation.marginal.large_sample import LargeSample
from econml_cli.evaluation.marginal.within_counts import WithinCounts
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.models.base import Model
from econml_cli.problems.tabular import Tabular


@dataclass(frozen=True)
class Averaged:
    """Effects over `n` rows: `found` of one column after the other, and `means`, an average for each of these on each
    output, with the standard error that it has given the fit.

    `here` are the rows; of a large sample it is a row that has the same effects (`LargeSample.mean`).
    """

    here: Sample
    n: int
    found: Sequence[InRows]
    means: Sequence[Estimate]


@dataclass(frozen=True)
class Inferred:
    """The averages with the standard errors to report, and notes on these, a sentence each.

    `vcov` says which covariance of coefficients they follow from, `refits` by how many fits; given the fit, None and 0.
    """

    means: Sequence[Estimate]
    vcov: str | None = None
    refits: int = 0
    notes: tuple[str, ...] = ()


def averaged(here: Sample, members: Sequence[Model], dtype: str, bootstrap: int, seed: int) -> Averaged:
    """The effects in each row of a sample, and their averages. Call it inside `precision(...)`."""
    found = derivatives.per_row(here, members, dtype)
    rows, groups, w = here.observations(np.concatenate([one.together for one in found], axis=1))
    by_member, rounding = _over_columns(found)
    means = averages.averages(rows, by_member, replications=bootstrap, seed=seed, groups=groups, w=w, rounding=rounding)
    return Averaged(here, here.n, found, means)


def averaged_by_blocks(large: LargeSample, members: Sequence[Model], dtype: str, bootstrap: int, seed: int) -> Averaged:
    """The same of rows that are read some at a time."""
    here, n = large.mean()
    found, units = large.per_row(members, dtype, n)
    by_member, rounding = _over_columns(found)
    means = averages.around(units.means, units, by_member, replications=bootstrap, seed=seed, rounding=rounding)
    return Averaged(here, n, found, means)


def infer(
    run: OpenedRun, over: Averaged, members: Sequence[Model], vcov: str | None, refits: int, seed: int
) -> Inferred:
    """The standard errors of averages: by so many `refits`, else by the coefficients of a linear model, else given the
    fit.

    Raises:
        ConfigError: the fit has no such covariance, or cannot be fitted again.
    """
    if refits:
        again = refitting.refitted(run, over.here, refits, seed)
        means = again.estimates(np.array([one.value for one in over.means]))
        return Inferred(means, refits=again.fits, notes=again.notes)
    if len(members) > 1:
        return Inferred(over.means)
    own, kind, why = classical.of_linear(run, over.here, members[0], vcov)
    if own is not None:
        return Inferred(_by_coefficients(over, own), kind)
    if why is not None:  # an error of 0, or of a mean over rows alone, would be taken for that of the estimate
        told = f"The effects have no standard errors: {why.removeprefix('without standard errors: ')}."
        return Inferred(_without_errors(run, over.here, members[0], over.means), notes=(told,))
    return Inferred(over.means)


def _by_coefficients(
    over: Averaged, own: Multinomial | Sequence[classical.Classical | WithinCounts | None]
) -> list[Estimate]:
    """The averages by the linear model itself: of all outputs, or one for each of them."""
    if isinstance(own, Multinomial):
        return of_model(over.here, own)
    each = [None if one is None else of_model(over.here, one) for one in own]
    places = [(i, j) for i in range(len(over.found)) for j in range(len(each))]
    exact = [None if (of := each[j]) is None else of[i] for i, j in places]
    # of an output that is not linear the value alone: an error given the fit would be taken for the other
    return [Estimate(m.value) if e is None else e for e, m in zip(exact, over.means, strict=True)]


def _over_columns(found: Sequence[InRows]) -> tuple[np.ndarray, np.ndarray]:
    """The means of each member [K, columns times outputs], and below which standard errors are rounding."""
    by_member = np.concatenate([one.by_member for one in found], axis=1)
    return by_member, np.concatenate([np.full(one.by_member.shape[1], one.rounding) for one in found])


def of_model(here: Sample, model: classical.Classical | Multinomial | WithinCounts) -> list[Estimate]:
    """The same effects, on each output, of a linear regression, a logit, or a multinomial one."""
    rows = here.rows
    x, found = rows.x(), list[Estimate]()
    for name in rows.names:
        levels = rows.levels(name)
        if levels is None:
            found += model.derivative(x, rows.slope(name), here.w)
        else:
            base = rows.placed(name, levels[0])
            for level in levels[1:]:
                found += model.change(base, rows.placed(name, level), here.w)
    return found


def _without_errors(opened: OpenedRun, here: Sample, model: Model, means: Sequence[Estimate]) -> list[Estimate]:
    """The effects alone, NaN where they are not identified: their columns are collinear, or separate the classes."""
    own = classical.bare(opened, here, model)
    lost = [False] * len(means) if own is None else [np.isnan(one.value) for one in of_model(here, own)]
    if separated := opened.summary().get("separated"):
        apart = _moves(here, separated)
        lost = [one or other for one, other in zip(lost, apart, strict=True)]
    return [Estimate(np.nan if gone else one.value) for one, gone in zip(means, lost, strict=True)]


def _moves(here: Sample, names: Sequence[str]) -> list[bool]:
    """Whether one of these columns of the design is among what moves, of each effect on each output."""
    assert isinstance(here.problem, Tabular)  # of no other problem a summary has them
    rows, found = here.rows, list[bool]()
    which = np.isin(here.problem.preprocessing()["features"]["names"], list(names))
    for name in rows.names:
        levels = rows.levels(name)
        if levels is None:
            moves = [rows.slope(name)]
        else:
            base = rows.placed(name, levels[0])
            moves = [rows.placed(name, level) - base for level in levels[1:]]
        found += [bool(move[:, : len(which)][:, which].any()) for move in moves for _ in here.outputs]
    return found
