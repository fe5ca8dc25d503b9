"""What an estimate of a treatment effect gives: the effect, its standard error, nuisances and overlap; as tables."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from econml_cli.causal.options import MODELS
from econml_cli.causal.scores import Estimated
from econml_cli.errors import plural
from econml_cli.evaluation.answer import Answer, as_json
from econml_cli.evaluation.standard_errors import Z, two_sided
from econml_cli.output import regression_tables, tables
from econml_cli.output.tables import Grid, cell, interval
from econml_cli.storage import disk

#: the quantiles of the propensities that are shown
QUANTILES = (0.0, 0.01, 0.5, 0.99, 1.0)
_HEADERS = ("", "rows", "smallest", "1 %", "median", "99 %", "largest")
_STARS = ((0.01, "***"), (0.05, "**"), (0.10, "*"))


@dataclass(frozen=True)
class Nuisance:
    """How good one nuisance is out of fold, the median over repeats.

    Attributes:
        name: as in the score. of: what it predicts. rows: how many its quality is measured on. loss: mse, or binary
            (log loss).
        r2: 1 less the mean squared error over the variance. log_loss: of a share, in nats; else None.
    """

    name: str
    of: str
    rows: int
    loss: str
    r2: float | None
    log_loss: float | None


@dataclass(frozen=True)
class Spread:
    """Out-of-fold propensities of a group of rows, in all repeats: their quantiles at QUANTILES."""

    group: str
    rows: int
    quantiles: tuple[float, ...]


@dataclass(frozen=True)
class Overlap:
    """Whether all rows could have been treated and not. `trimmed`: the share of propensities that were limited."""

    trim: float
    trimmed: float
    groups: tuple[Spread, ...]


@dataclass(frozen=True)
class Effect(Answer):
    """The effect of a treatment.

    Attributes:
        model: plr, irm or iivm. n: rows; dropped: rows with missing values. clusters: how many, None without.
        estimate: the median over `repeats`, whose number is that of the draws of folds.
        overlap: None of plr. compliers: of iivm the share whose treatment follows the instrument, else None.
        path: the directory of the estimate.
    """

    model: str
    target: str
    treatment: str
    instrument: str | None
    cluster: str | None
    n: int
    dropped: int
    clusters: int | None
    controls: tuple[str, ...]
    nuisance: str
    folds: int
    estimate: Estimated
    repeats: tuple[Estimated, ...]
    nuisances: tuple[Nuisance, ...]
    overlap: Overlap | None
    compliers: Estimated | None
    notes: tuple[str, ...] = ()
    path: str = ""

    @property
    def value(self) -> float:
        """The effect, in units of the target."""
        return self.estimate.value

    @property
    def standard_error(self) -> float:
        return self.estimate.standard_error

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval by the normal distribution."""
        return self.value - Z * self.standard_error, self.value + Z * self.standard_error

    @property
    def t(self) -> float:
        """The estimate over its standard error."""
        return self.value / self.standard_error if self.standard_error > 0 else math.nan

    @property
    def p_value(self) -> float:
        """Of the effect being zero, two-sided, by the normal distribution."""
        return two_sided(self.t)

    def grids(self) -> list[Grid]:
        """The effect; the nuisances; overlap, where there are propensities; compliers."""
        row = (self.treatment, cell(self.value), cell(self.standard_error), cell(self.t), f"{self.p_value:.3f}", interval(*self.interval))  # fmt: skip # noqa: E501
        clustered = "" if self.cluster is None else f" in {self.clusters:,} clusters by {self.cluster}"
        used = f"{plural(self.n, 'row')}{clustered}, {plural(len(self.controls), 'control')}"
        times = "" if len(self.repeats) == 1 else f", median over {len(self.repeats)} repeats"
        found = [
            Grid(
                ("", "estimate", "std. error", "t", "P>|t|", "95 % interval"), (row,),
                f"Effect of {self.treatment} on {self.target}: {MODELS[self.model]}",
                notes=(f"  {used}, {self.folds} folds{times}",),
            ),
            Grid(
                ("", "of", "loss", "rows", "R2", "log loss"), tuple(map(_nuisance_row, self.nuisances)),
                f"Nuisances by {self.nuisance}, out of fold", "lllrrr",
            ),
        ]  # fmt: skip
        if self.overlap is not None:
            rows = tuple(
                (each.group, cell(each.rows), *(f"{q:.3f}" for q in each.quantiles)) for each in self.overlap.groups
            )
            said = f"  {self.overlap.trimmed:.1%} of them limited to [{self.overlap.trim:g}, {1 - self.overlap.trim:g}]"
            what = self.treatment if self.instrument is None else self.instrument
            found.append(Grid(_HEADERS, rows, f"Overlap: P({what} = 1 | controls), out of fold", notes=(said,)))
        if self.compliers is not None:
            share, error = self.compliers.value, self.compliers.standard_error
            first = ("compliers", cell(share), cell(error), interval(share - Z * error, share + Z * error))
            title = f"First stage: the share whose {self.treatment} follows {self.instrument}"
            found.append(Grid(("", "share", "std. error", "95 % interval"), (first,), title))
        return found

    def table(self) -> regression_tables.Table:
        """The table of a paper: the standard error in parentheses below the estimate."""
        stars = next((mark for bar, mark in _STARS if self.p_value < bar), "")
        yes = {} if self.cluster is None else {"Clusters": f"{self.clusters:,} ({self.cluster})"}
        facts = {"Observations": f"{self.n:,}", **yes, "Controls": str(len(self.controls)), "Folds": str(self.folds)}
        facts |= {"Repeats": str(len(self.repeats)), "Nuisances": self.nuisance}
        by = "robust" if self.cluster is None else f"robust to clusters by {self.cluster}"
        blocks = (
            (("", self.target),),
            ((self.treatment, f"{_digits(self)}{stars}"), ("", f"({_digits(self, error=True)})")),
            tuple(facts.items()),
        )
        notes = (
            f"Double machine learning, {MODELS[self.model]}. Standard errors in parentheses, {by}.",
            "* p < 0.10, ** p < 0.05, *** p < 0.01.",
        )
        return regression_tables.Table(blocks, notes, f"Effect of {self.treatment} on {self.target}")

    def render(self, form: str = "table", width: int | None = None) -> str:
        """As `Answer.render`; "latex" is the table of a paper."""
        return tables.latex(self.table()) if form == "latex" else super().render(form, width)

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; `from_dict` reads it."""
        low, high = self.interval
        said = {"low": low, "high": high, "t": self.t, "p_value": self.p_value}
        return dict(disk.finite({**asdict(self), **said}))

    @classmethod
    def from_dict(cls, found: Mapping[str, Any], path: str) -> "Effect":
        """What `to_dict` gave, of the shape `documents.EFFECT`."""
        overlap = found["overlap"]
        if overlap is not None:
            groups = tuple(Spread(g["group"], g["rows"], tuple(g["quantiles"])) for g in overlap["groups"])
            overlap = Overlap(overlap["trim"], overlap["trimmed"], groups)
        plain = (
            "model",
            "target",
            "treatment",
            "instrument",
            "cluster",
            "n",
            "dropped",
            "clusters",
            "nuisance",
            "folds",
        )
        return cls(
            **{name: found[name] for name in plain},
            controls=tuple(found["controls"]), estimate=_estimated(found["estimate"]),
            repeats=tuple(map(_estimated, found["repeats"])),
            nuisances=tuple(map(_nuisance, found["nuisances"])),
            overlap=overlap, compliers=None if found["compliers"] is None else _estimated(found["compliers"]),
            notes=tuple(found["notes"]), path=path,
        )  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """One flat row."""
        low, high = self.interval
        head = {
            name: getattr(self, name)
            for name in ("model", "target", "treatment", "instrument", "nuisance", "cluster", "n")
        }
        return [head | {"estimate": self.value, "standard_error": self.standard_error, "low": low, "high": high, "p_value": self.p_value}]  # fmt: skip # noqa: E501

    def written(self, form: str) -> str:
        """As a file has it: the table of a paper, as "csv" and "json" with all digits."""
        if form == "json":
            return as_json(self.to_dict())
        return self.render("csv") if form == "csv" else tables.RENDERERS[form](self.table(), None)


def _estimated(found: Mapping[str, Any]) -> Estimated:
    return Estimated(float(found["value"]), float(found["standard_error"]))


def _nuisance(found: Mapping[str, Any]) -> Nuisance:
    return Nuisance(**{name: found[name] for name in Nuisance.__annotations__})


def _nuisance_row(each: Nuisance) -> tuple[str, ...]:
    r2 = "-" if each.r2 is None else f"{each.r2:.3f}"
    return each.name, each.of, each.loss, cell(each.rows), r2, "" if each.log_loss is None else f"{each.log_loss:.4f}"


def _digits(effect: Effect, error: bool = False) -> str:
    """The estimate or its standard error, with the decimals that give the latter three significant digits."""
    se = effect.standard_error
    decimals = 3 if not se > 0 else max(0, 2 - math.floor(math.log10(se)))
    return f"{se if error else effect.value:,.{decimals}f}"


def spread(group: str, values: np.ndarray, rows: int) -> Spread:
    """The quantiles of propensities."""
    return Spread(group, rows, tuple(float(q) for q in np.quantile(values, QUANTILES)))
