"""The rows of a file that an effect is estimated from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from econml_cli.causal.folds import check_clusters
from econml_cli.causal.options import Specification
from econml_cli.data import columns as data_columns
from econml_cli.data.read import Table, read_table
from econml_cli.errors import ConfigError, DataError
from econml_cli.problems.tabular import Tabular

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Sample:
    """Complete rows, in the order of the file.

    Attributes:
        y, d: outcome and treatment, [n] float64. z: the instrument, [n], or None. x: the controls, [n, p], categories
            as dummies. clusters: the cluster of each row, [n], from 0, or None.
        controls: the columns that x is made of; features: its columns. dropped: rows with missing values.
        sha256: of the file.
    """

    y: np.ndarray
    d: np.ndarray
    z: np.ndarray | None
    x: np.ndarray
    clusters: np.ndarray | None
    controls: tuple[str, ...]
    features: tuple[str, ...]
    dropped: int
    sha256: str

    @property
    def n(self) -> int:
        return len(self.y)


def read(asked: Specification) -> Sample:
    """Read the file of an estimate.

    Raises:
        ConfigError: --folds are too many for the rows. DataError: the file cannot be read, a column is not there or
            not what the model needs, there are too few clusters, or a value is missing (with `missing` "error").
    """
    columns = asked.columns
    table = read_table(columns.data, asked.read.asked(), needed=partial(_needed, asked))
    named = {"--target": columns.target, "--treatment": columns.treatment}
    named |= {} if asked.instrument is None else {"--instrument": asked.instrument}
    clustered = {} if columns.cluster is None else {"--cluster": columns.cluster}
    controls = _controls(asked, table)
    _check_there({**named, **clustered, **{f"--controls {name}": name for name in controls}}, table, columns.data)
    numbers = {role: _numbers(table.frame[name], role, name) for role, name in named.items()}
    _check(asked, {role: values[np.isfinite(values)] for role, values in numbers.items()})
    design = Tabular(
        rngs=None, data=columns.data, target=columns.target, features=controls, missing=columns.missing,
        loss="mse", val_fraction=0.0, test_fraction=0.0, table=table, **vars(asked.read),
    )  # fmt: skip
    rows = np.asarray(design.file_rows["train"])
    complete = np.all([np.isfinite(values[rows]) for values in numbers.values()], axis=0)
    if clustered:
        complete &= table.frame[columns.cluster].notna().to_numpy()[rows]
    _check_complete(complete, columns.missing, columns.data, [*named.values(), *clustered.values()])
    batch = design.sample(None, "train")
    assert batch is not None
    scale, mean = np.asarray(design.features.scale), np.asarray(design.features.mean)
    kept = rows[complete]
    y, d, *z = (values[kept] for values in numbers.values())
    found = Sample(
        y, d, z[0] if z else None, np.asarray(batch.x, np.float64)[complete] * scale + mean,
        _clusters(table, columns.cluster, kept), controls, tuple(design.features.names),
        len(table.frame) - len(kept), table.sha256,
    )  # fmt: skip
    _check(asked, dict(zip(numbers, (y, d, *z), strict=True)))  # again: of the rows that are left
    _check_sizes(asked, found)
    return found


def _needed(asked: Specification, names: Sequence[str]) -> Sequence[str]:
    """The columns that an estimate reads, of all `names` of the file."""
    columns = asked.columns
    if columns.controls is None:
        return names
    named = {columns.target, columns.treatment, asked.instrument, columns.cluster, *columns.controls}
    return [name for name in names if name in named]


def _controls(asked: Specification, table: Table) -> tuple[str, ...]:
    """The columns of the controls: those named, or all that are nothing else and no rows' names."""
    columns = asked.columns
    if columns.controls is not None:
        return columns.controls
    others = {columns.target, columns.treatment, asked.instrument, columns.cluster, *table.schema.left_out}
    found = tuple(name for name in table.names if name not in {*others, *(asked.read.drop_columns or ())})
    if not found:
        raise DataError(f"{columns.data} has no column that is left for a control; name some with --controls.")
    return found


def _check_there(named: dict[str, str], table: Table, where: str) -> None:
    """Refuse names that no column has.

    Raises:
        DataError: names the first, and the nearest there is.
    """
    for role, name in named.items():
        if name not in table.names:
            raise DataError(f"{role.split()[0]}: {data_columns.not_there(name, table.names, where)}")


def _numbers(column: "pd.Series", role: str, name: str) -> np.ndarray:
    """A column of numbers, or of true and false, [n] float64; missing values are NaN.

    Raises:
        DataError: it is neither.
    """
    import pandas as pd

    if not (pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column)):
        raise DataError(f"{role} '{name}' holds text or dates, and has to be a number; make one of it first.")
    return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _check_complete(complete: np.ndarray, rule: str, where: str, names: list[str]) -> None:
    left = int(np.count_nonzero(~complete))
    if left and rule == "error":
        raise DataError(
            f"{where} has {left:,} rows in which one of {', '.join(names)} is missing; --missing drop leaves them out."
        )
    if not complete.any():
        raise DataError(f"{where} has no row without a missing value in the columns that are asked for.")


def _clusters(table: Table, name: str | None, rows: np.ndarray) -> np.ndarray | None:
    import pandas as pd

    return None if name is None else pd.factorize(table.frame[name].iloc[rows])[0]


def _check(asked: Specification, values: Mapping[str, np.ndarray]) -> None:
    """Refuse columns that the model cannot be estimated from. Raises DataError."""
    columns = asked.columns
    if asked.model == "iivm":
        _refuse_unless_binary(values["--instrument"], "--instrument", str(asked.instrument), asked.model, "")
    if asked.model in ("irm", "iivm"):
        other = "; `econml estimate plr` takes any number" if asked.model == "irm" else ""
        _refuse_unless_binary(values["--treatment"], "--treatment", columns.treatment, asked.model, other)
    for role, name in (("--target", columns.target), ("--treatment", columns.treatment)):
        if np.ptp(values[role]) == 0:
            raise DataError(f"{role} '{name}' is {values[role][0]:g} in every row: there is no effect to estimate.")


def _check_sizes(asked: Specification, sample: Sample) -> None:
    """Refuse too few rows or clusters for the folds. Raises ConfigError, DataError."""
    if sample.clusters is not None:
        check_clusters(sample.clusters, str(asked.columns.cluster), asked.fitting.folds)
    elif sample.n < 2 * asked.fitting.folds:
        raise ConfigError(f"--folds {asked.fitting.folds} are too many for {sample.n} rows; use fewer.")


def is_binary(values: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())


def _refuse_unless_binary(values: np.ndarray, role: str, name: str, model: str, other: str) -> None:
    found = np.unique(values)
    if is_binary(values) and len(found) == 2:
        return
    said = ", ".join(f"{value:g}" for value in found[:4]) + (", ..." if len(found) > 4 else "")
    raise DataError(f"{model} needs a {role} of 0 and 1, but '{name}' has the values {said}{other}.")
