"""Average partial effects: by how much the prediction changes with each column of the data, on average over rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from econml_cli.evaluation import words
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluation import interval_of
from econml_cli.evaluation.marginal import averages, classical, derivatives, refitting
from econml_cli.evaluation.marginal.classes import Multinomial
from econml_cli.evaluation.marginal.columns import Rows, Sample, sample
from econml_cli.evaluation.marginal.derivatives import InRows
from econml_cli.evaluation.marginal.large_sample import LargeSample, large_sample
from econml_cli.evaluation.marginal.slopes import compared
from econml_cli.evaluation.marginal.within_counts import WithinCounts
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.models.base import Model
from econml_cli.output import figure_style
from econml_cli.output.tables import Grid, cell, flat
from econml_cli.problems.tabular import Tabular
from econml_cli.runs import caveats
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Effect:
    """The effect of one column on one output.

    Attributes:
        change: None for a derivative, per unit of the column; "0 -> 1" or "base -> level" for a discrete change.
        estimate: the effect, a mean over rows. beside: the same of OLS or a logit, with its own standard error.
    """

    column: str
    change: str | None
    output: str
    estimate: Estimate
    beside: Estimate | None = None

    @property
    def label(self) -> str:
        return self.column if self.change is None else f"{self.column}: {self.change}"


@dataclass(frozen=True)
class Effects(Answer):
    """The average partial effects of a fitted run, over the `n` rows of a `split`.

    `members` models were averaged; `beside` is what stands in the last columns: "OLS", "logit", or None. `vcov` says
    which standard errors of a linear model's coefficients those of its effects follow from; None: they are given the
    fit, or by so many `refits`. `labels` are the words that the file has for its columns.
    """

    run: str
    model: str
    problem: str
    split: str
    n: int
    members: int
    effects: tuple[Effect, ...]
    beside: str | None
    bootstrap: int
    bootstrap_seed: int
    notes: tuple[str, ...]
    vcov: str | None = None
    refits: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)

    def plot(self, width: figure_style.Width | None = None) -> Any:
        """The effects with their intervals, as a `matplotlib.figure.Figure`."""
        from econml_cli.evaluation.marginal.effects_figure import figure

        return figure(self, width)

    def grids(self) -> list[Grid]:
        """A table for each output."""
        return [self._grid(output) for output in dict.fromkeys(effect.output for effect in self.effects)]

    def _grid(self, output: str) -> Grid:
        errors = any(effect.estimate.standard_error is not None for effect in self.effects)
        headers = ("", "effect", *(("s.e.", "95 % interval") if errors else ()))
        beside = self.beside is not None and any(e.beside is not None for e in self.effects if e.output == output)
        headers += (str(self.beside), "s.e.") if beside else ()
        rows = []
        for effect in (effect for effect in self.effects if effect.output == output):
            own, other = effect.estimate, effect.beside
            row = [effect.label, cell(own.value)]
            row += [cell(own.standard_error), interval_of(own)] if errors else []
            if beside:
                row += [cell(other and other.value), cell(other and other.standard_error)]
            rows.append(tuple(row))
        where = f"{self.n:,} rows of {self.split}"
        if errors:
            alone = "s.e. given the fit" if self.vcov is None else f"{self.vcov} s.e."
            alone = alone if not self.refits else f"s.e. by {self.refits:,} refits"
            where += (
                f"; {alone}" if self.members == 1 or self.refits else f"; s.e. over rows and {self.members} members"
            )
        return Grid(headers, tuple(rows), f"Average partial effects on {output} ({where})")

    def to_dict(self) -> dict[str, Any]:
        """JSON values; `effects` are in the order of the table."""
        head = ("run", "model", "problem", "split", "n", "members", "bootstrap", "bootstrap_seed")
        found: dict[str, Any] = {name: getattr(self, name) for name in head}
        found["effects"] = [
            {"column": e.column, "change": e.change, "output": e.output, "effect": e.estimate.to_json()}
            | ({} if e.beside is None else {str(self.beside).lower(): e.beside.to_json()})
            for e in self.effects
        ]
        found |= {"refits": self.refits} if self.refits else {}
        return found | ({} if self.vcov is None else {"vcov": self.vcov}) | {"notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict an effect: run, column, change, output, effect, effect_standard_error, ..., ols, ..."""
        head = {"run": self.run, "split": self.split, "n": self.n}
        return [
            head
            | {"column": e.column, "change": e.change, "output": e.output}
            | flat({"effect": e.estimate.to_json()})
            | ({} if e.beside is None else flat({str(self.beside).lower(): e.beside.to_json()}))
            for e in self.effects
        ]


def effects(
    run: Run,
    *,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    step: int | None = None,
    models: Sequence[Model] | None = None,
    split: str = "train",
    data: str | None = None,
    missing: str | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
    beside: bool = True,
    vcov: str | None = None,
    refit: int = 0,
) -> Effects:
    """The average partial effect of each column on the prediction, in the units of the file.

    Of a continuous column the mean over rows of d E[y|x] / d column: the model's gradient by automatic differentiation,
    times how its inputs change with the column, so that all a formula makes of a column counts. Of labels, and of
    columns of zeros and ones, the mean change of the prediction from the base level to each other. Of a binary target
    they are effects on the probability, of a multiclass one on that of each class. Simulated problems: the gradient
    with respect to the inputs. Other columns stay as they are in each row.

    The standard errors of a linear model that is solved, or has converged, are those of its coefficients, by the delta
    method; where these have none, there are none. Those of other models are of a mean over a sample of rows *given the
    fitted model*, as in `averages.averages`: another sample to fit to is not in them. Beside them stand OLS, or a
    logit, on the same inputs, with classical standard errors (clustered with --group) by the delta method.

    Args:
        step, data, missing, changes, sheet: as in `evaluate`.
        models: the members of an ensemble (default: those of the run).
        split: the rows averaged over: by default the estimation sample, "train".
        vcov: the standard errors of a linear model's coefficients, as in `evaluate`.
        refit: how many bootstrap samples of the training rows the run's recipe is fitted to again, for standard errors
            that hold the sample and the seed (`refitting.refitted`); 0: none.
        beside: whether to fit OLS or a logit (problem tabular; needs statsmodels).

    Raises:
        ConfigError: the inputs have no names, or there is no outcome. As `evaluate` otherwise.

    Source: Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, sections 2.2 and 15.6; the
    averages are those of Stata's `margins, dydx(*)`.
    """
    with open_run(run, step=step, data=data, missing=missing, changes=changes, sheet=sheet) as opened:
        config = opened.config()
        members = opened.members().models if models is None else tuple(models)
        large = None if refit else large_sample(opened, split)
        if large is None:
            here = sample(opened, members[0], split=split)
            n, (found, means) = here.n, _averaged(here, members, opened.dtype, bootstrap, bootstrap_seed)
        else:
            here, n = large.mean(), large.n
            found, means = _averaged_by_blocks(large, members, opened.dtype, bootstrap, bootstrap_seed)
        alone = len(members) == 1
        again = refitting.refitted(opened, here, refit, bootstrap_seed) if refit else None
        alone = alone and again is None
        own, kind, none = classical.of_linear(opened, here, members[0], vcov) if alone else (None, None, None)
        if again is not None:
            means = again.estimates(np.array([one.value for one in means]))
        elif isinstance(own, Multinomial):
            means = _of_model(here, own)
        elif own is not None:
            each = [None if one is None else _of_model(here, one) for one in own]
            places = [(i, j) for i in range(len(found)) for j in range(len(each))]
            exact = [None if (of := each[j]) is None else of[i] for i, j in places]
            # of an output that is not linear the value alone: an error given the fit would be taken for the other
            means = [Estimate(m.value) if e is None else e for e, m in zip(exact, means, strict=True)]
        elif none is not None:  # an error of 0, or of a mean over rows alone, would be taken for that of the estimate
            means = _without_errors(opened, here, members[0], means)
        rival, why = classical.fit(here) if beside else (None, ())
        others = [None] * len(found) if rival is None else _of_model(here, rival)
    cells = [(one, output, other) for one, other in zip(found, others, strict=True) for output in here.outputs]
    undefined = dict.fromkeys(one.column for one in found if np.isnan(one.by_member).any())
    together = [
        Effect(one.column, one.change, output, mean, other if output == here.outputs[0] else None)
        if one.informed
        else Effect(one.column, one.change, output, Estimate(np.nan))
        for (one, output, other), mean in zip(cells, means, strict=True)
    ]
    return Effects(
        run=run.name, model=config.model, problem=config.problem, split=here.split, n=n,
        members=len(members), effects=tuple(together), beside=None if rival is None else rival.name,
        bootstrap=bootstrap, bootstrap_seed=bootstrap_seed, vcov=kind, labels=words.labels_of(opened),
        refits=0 if again is None else again.fits,
        notes=(
            *here.notes, *_notes(here.rows, together, undefined), *why, *_without(none),
            *(() if again is None else again.notes),
            *caveats.sentences(opened.summary()),
        ),
    )  # fmt: skip


def _averaged(
    here: Sample, members: Sequence[Model], dtype: str, bootstrap: int, seed: int
) -> tuple[list[InRows], list[Estimate]]:
    """The effects in each row, and their averages: those on each output, of one column after the other."""
    found = derivatives.per_row(here, members, dtype)
    rows, groups, w = here.observations(np.concatenate([one.together for one in found], axis=1))
    by_member, rounding = _over_columns(found)
    means = averages.averages(rows, by_member, replications=bootstrap, seed=seed, groups=groups, w=w, rounding=rounding)
    return found, means


def _averaged_by_blocks(
    large: LargeSample, members: Sequence[Model], dtype: str, bootstrap: int, seed: int
) -> tuple[list[InRows], list[Estimate]]:
    """The same of rows that are read some at a time."""
    found, units = large.per_row(members, dtype)
    by_member, rounding = _over_columns(found)
    return found, averages.around(units.means, units, by_member, replications=bootstrap, seed=seed, rounding=rounding)


def _over_columns(found: Sequence[InRows]) -> tuple[np.ndarray, np.ndarray]:
    """The means of each member [K, columns times outputs], and below which standard errors are rounding."""
    by_member = np.concatenate([one.by_member for one in found], axis=1)
    return by_member, np.concatenate([np.full(one.by_member.shape[1], one.rounding) for one in found])


def _of_model(here: Sample, model: classical.Classical | Multinomial | WithinCounts) -> list[Estimate]:
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
    lost = [False] * len(means) if own is None else [np.isnan(one.value) for one in _of_model(here, own)]
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


def _without(why: str | None) -> tuple[str, ...]:
    return (
        ()
        if why is None
        else (f"The effects have no standard errors: {why.removeprefix('without standard errors: ')}.",)
    )


def _notes(rows: Rows, found: Sequence[Effect], undefined: Iterable[str]) -> tuple[str, ...]:
    notes = []
    if any(effect.estimate.standard_error == 0 for effect in found):
        notes.append("Where an effect is the same in every row, its standard error given the fit is 0.")
    notes += [
        f"{column} has no effect to average: its derivative is not defined in some of the rows (see its partial "
        "dependence)."
        for column in undefined
    ]
    formula = getattr(getattr(rows, "preprocessing", None), "formula", None)
    if formula is not None:
        jumps = [e.column for e in found if e.change is None and compared(formula, e.column)]
        notes += [
            f"{name} stands in a comparison in the formula, whose jump its effect leaves out (its partial dependence "
            "shows it)."
            for name in dict.fromkeys(jumps)
        ]
    return tuple(notes)
