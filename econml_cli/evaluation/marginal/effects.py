"""Average partial effects: by how much the prediction changes with each column of the data, on average over rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from econml_cli.evaluation import words
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluation import interval_of
from econml_cli.evaluation.marginal import classical
from econml_cli.evaluation.marginal.columns import sample
from econml_cli.evaluation.marginal.inference import Averaged, averaged, averaged_by_blocks, infer, of_model
from econml_cli.evaluation.marginal.large_sample import large_sample
from econml_cli.evaluation.marginal.slopes import compared
from econml_cli.evaluation.opened import open_run
from econml_cli.models.base import Model
from econml_cli.output import figure_style
from econml_cli.output.tables import Grid, cell, flat
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
        given = (members, opened.dtype, bootstrap, bootstrap_seed)
        large = None if refit else large_sample(opened, split)
        if large is None:
            over = averaged(sample(opened, members[0], split=split), *given)
        else:
            over = averaged_by_blocks(large, *given)
        inferred = infer(opened, over, members, vcov, refit, bootstrap_seed)
        rival, why = classical.fit(over.here) if beside else (None, ())
        others = None if rival is None else of_model(over.here, rival)
    listed = _listed(over, inferred.means, others)
    return Effects(
        run=run.name, model=config.model, problem=config.problem, split=over.here.split, n=over.n,
        members=len(members), effects=listed, beside=None if rival is None else rival.name,
        bootstrap=bootstrap, bootstrap_seed=bootstrap_seed, vcov=inferred.vcov, labels=words.labels_of(opened),
        refits=inferred.refits,
        notes=(
            *over.here.notes, *_notes(over, listed), *why, *inferred.notes, *caveats.sentences(opened.summary()),
        ),
    )  # fmt: skip


def _listed(over: Averaged, means: Sequence[Estimate], others: Sequence[Estimate] | None) -> tuple[Effect, ...]:
    """The effects in the order of the table; beside those on the first output stand the `others`."""
    first = over.here.outputs[0]
    beside = [None] * len(over.found) if others is None else others
    cells = [
        (one, output, other) for one, other in zip(over.found, beside, strict=True) for output in over.here.outputs
    ]
    return tuple(
        Effect(one.column, one.change, output, mean, other if output == first else None)
        if one.informed
        else Effect(one.column, one.change, output, Estimate(np.nan))
        for (one, output, other), mean in zip(cells, means, strict=True)
    )


def _notes(over: Averaged, found: Sequence[Effect]) -> tuple[str, ...]:
    notes = []
    undefined = dict.fromkeys(one.column for one in over.found if np.isnan(one.by_member).any())
    if any(effect.estimate.standard_error == 0 for effect in found):
        notes.append("Where an effect is the same in every row, its standard error given the fit is 0.")
    notes += [
        f"{column} has no effect to average: its derivative is not defined in some of the rows (see its partial "
        "dependence)."
        for column in undefined
    ]
    formula = getattr(getattr(over.here.rows, "preprocessing", None), "formula", None)
    if formula is not None:
        jumps = [e.column for e in found if e.change is None and compared(formula, e.column)]
        notes += [
            f"{name} stands in a comparison in the formula, whose jump its effect leaves out (its partial dependence "
            "shows it)."
            for name in dict.fromkeys(jumps)
        ]
    return tuple(notes)
