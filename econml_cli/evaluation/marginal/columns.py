"""The rows that an average is over, and what a model reads of them where one column is moved."""

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import jax
import numpy as np

from econml_cli.data import columns as data_columns
from econml_cli.data import dates, design, entities
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.data.weights import RowWeights
from econml_cli.errors import ConfigError, DataError
from econml_cli.evaluation.marginal import slopes
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.samples import Samples, counts_of, size
from econml_cli.evaluation.standard_errors import groups_of, unspread
from econml_cli.models.base import Model
from econml_cli.problems import losses
from econml_cli.problems.base import Problem
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.targets import names_of
from econml_cli.training.precision import to_device
from econml_cli.training.run.provenance import own_file

if TYPE_CHECKING:
    import pandas as pd


class Rows(Protocol):
    """Rows i = 1, ..., n with named columns c, and the inputs x_i(c) that a model reads of them."""

    @property
    def names(self) -> Sequence[str]:
        """The columns that the inputs are made of, each of which can be moved."""

    def x(self) -> np.ndarray:
        """The inputs as they are, [n, din]."""

    def values(self, name: str) -> np.ndarray:
        """The column as it is, [n]: float64, or its labels as text."""

    def levels(self, name: str) -> list[Any] | None:
        """The values of a column of labels or of zeros and ones, the base level first; None where it is continuous."""

    def placed(self, name: str, value: Any) -> np.ndarray:
        """The inputs [n, din] where the column has this value in every row."""

    def slope(self, name: str) -> np.ndarray:
        """dx_i/dc_i, [n, din]; NaN in a row where it is not defined."""

    @property
    def shuffles(self) -> Sequence[str]:
        """The columns that can be shuffled: also those that have no effect of one unit, dates and identifiers."""

    def shuffled(self, names: Sequence[str], order: np.ndarray) -> np.ndarray:
        """The inputs [n, din] where each row has the values of these columns of another one, in this order [n]."""

    def informed(self, name: str, value: Any = None) -> bool:
        """Whether the rows of the fit say anything of a change of the column from the base level to this one, or, for
        None, of a small change: not where an input moves that was the same in all of them."""


@dataclass(frozen=True)
class Drawn:
    """Simulated rows: the columns are the inputs themselves, always continuous."""

    names: Sequence[str]
    inputs: np.ndarray

    def x(self) -> np.ndarray:
        return self.inputs

    def values(self, name: str) -> np.ndarray:
        return np.asarray(self.inputs[:, self.names.index(name)], np.float64)

    def levels(self, name: str) -> list[Any] | None:
        return None

    def placed(self, name: str, value: Any) -> np.ndarray:
        moved = self.inputs.copy()
        moved[:, self.names.index(name)] = value
        return moved

    def slope(self, name: str) -> np.ndarray:
        unit = np.arange(len(self.names)) == self.names.index(name)
        return np.broadcast_to(unit.astype(np.float64), self.inputs.shape)

    @property
    def shuffles(self) -> Sequence[str]:
        return self.names

    def shuffled(self, names: Sequence[str], order: np.ndarray) -> np.ndarray:
        moved, places = self.inputs.copy(), [self.names.index(name) for name in names]
        moved[:, places] = self.inputs[order][:, places]
        return moved

    def informed(self, name: str, value: Any = None) -> bool:
        return True


@dataclass(frozen=True)
class Filed:
    """Rows of a file: a column is moved in the units of the file and all that a formula makes of it moves with it.

    `frame` is the whole table, because lag(x) reads other rows than those of the sample, whose positions are `kept`. A
    column is moved in all rows at once: the effect of x in `x + lag(x)` is that of a permanent change. `binary` columns
    were zeros and ones in the fit, whatever these rows hold.
    """

    names: Sequence[str]
    frame: "pd.DataFrame"
    kept: np.ndarray
    preprocessing: Preprocessing
    binary: Sequence[str]

    def x(self) -> np.ndarray:
        return self._encoded(self.frame)

    def values(self, name: str) -> np.ndarray:
        column = self.frame[name]
        if self._labelled(name) is not None:
            return np.array([data_columns.level_name(value) for value in column.iloc[self.kept]])
        numbers: np.ndarray = data_columns.as_numbers(column, name)[self.kept]
        return numbers

    def levels(self, name: str) -> list[Any] | None:
        factor = self._labelled(name)
        if factor is not None:
            return list(self.preprocessing.features.levels[factor])
        return [0, 1] if name in self.binary else None

    def placed(self, name: str, value: Any) -> np.ndarray:
        return self._encoded(self.frame.assign(**{name: self._as_typed(name, value)}))

    def slope(self, name: str) -> np.ndarray:
        encoding = self.preprocessing.features
        slope: np.ndarray = self._slope(name) / np.asarray(encoding.scale) * ~np.isin(encoding.names, encoding.idle)
        padded: np.ndarray = np.pad(slope, ((0, 0), (0, len(self.preprocessing.entities))))
        return padded

    def informed(self, name: str, value: Any = None) -> bool:
        encoding = self.preprocessing.features
        if not encoding.idle:
            return True
        if value is None:
            return not self._slope(name)[:, np.isin(encoding.names, encoding.idle)].any()
        levels = self.levels(name)
        assert levels is not None
        base, moved = (self._unlike(name, one) for one in (levels[0], value))
        return moved <= base

    def _unlike(self, name: str, value: Any) -> set[str]:
        """The inputs that were the same in all rows of the fit, and are others where the column has this value."""
        frame = self.frame.assign(**{name: self._as_typed(name, value)})
        found = design.unlike(self.preprocessing.formula, self.preprocessing.features, frame)
        return {column for column, rows in found.items() if rows[self.kept].any()}

    def _slope(self, name: str) -> np.ndarray:
        """Of the inputs before they are standardised, [n, p]."""
        formula, encoding = self.preprocessing.formula, self.preprocessing.features
        count = len(encoding.names)
        raw = dataclasses.replace(encoding, mean=[0.0] * count, scale=[1.0] * count, idle=[])
        numbers = data_columns.as_numbers(self.frame[name], name)
        found = slopes.slope(
            formula, encoding.names, name, numbers,
            lambda moved: design.apply(formula, raw, self.frame.assign(**{name: moved})),
        )  # fmt: skip
        kept: np.ndarray = found[self.kept]
        return kept

    @property
    def shuffles(self) -> Sequence[str]:
        own = self.preprocessing
        names = [*own.formula.feature_columns, *(name for one in own.entities for name in one.columns)]
        return [name for name in dict.fromkeys(names) if name in self.frame.columns]

    def shuffled(self, names: Sequence[str], order: np.ndarray) -> np.ndarray:
        source = np.arange(len(self.frame))
        source[self.kept] = self.kept[order]
        moved = {name: self.frame[name].take(source).set_axis(self.frame.index) for name in names}
        return self._encoded(self.frame.assign(**moved))

    def _encoded(self, frame: "pd.DataFrame") -> np.ndarray:
        own = self.preprocessing  # the gaps of the frame are filled already
        encoded = entities.with_codes(design.apply(own.formula, own.features, frame, self._rows()), own.entities, frame)
        kept: np.ndarray = encoded[self.kept]
        return kept

    def _rows(self) -> np.ndarray:
        """The rows that are kept, [n] bool."""
        found = np.zeros(len(self.frame), dtype=bool)
        found[self.kept] = True
        return found

    def _labelled(self, name: str) -> str | None:
        """The factor of the formula that takes the column as labels, `name` or `C(name)`."""
        factors = self.preprocessing.formula.features
        found = {factor: data_columns.of_labels(node, self.frame) for factor, node in factors.items()}
        return next((factor for factor, column in found.items() if column == name), None)

    def _as_typed(self, name: str, value: Any) -> Any:
        """A column of one value; of a level as the file has it, since C(year) may stand beside year."""
        import pandas as pd

        if self._labelled(name) is None:
            return float(value)
        column = self.frame[name]
        typed = next((v for v in column.dropna().unique() if data_columns.level_name(v) == value), value)
        return pd.Series(
            [typed] * len(column), index=column.index, dtype=column.dtype if typed is not value else object
        )


@dataclass(frozen=True)
class Sample:
    """`n` rows of one split of a problem, the number of the group of each row (None: no groups) and its weight `w` [n]
    (None: all are 1).

    `outputs` says what each column of `predict` is: "log(wage)", "P(inlf = 1)".
    """

    problem: Problem
    split: str
    rows: Rows
    n: int
    outputs: tuple[str, ...]
    groups: np.ndarray | None
    w: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def observations(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Columns [n, k] of the rows with their groups and weights; a row that stands for several (weights that are
        frequencies) as often as it says, since what is resampled are observations."""
        counts = counts_of(self.problem, self.w)
        if counts is None:
            return rows, self.groups, self.w
        return np.repeat(rows, counts, axis=0), None if self.groups is None else np.repeat(self.groups, counts), None


def sample(run: OpenedRun, model: Model, *, split: str = "train") -> Sample:
    """The rows of one split of a run, or of the new file that it is opened with.

    Args:
        model: one that is fitted to the problem of the run.

    Raises:
        ConfigError: the inputs of the problem have no names, or there is no such split. As `OpenedRun.samples`.
    """
    samples = run.samples(need_target=False)
    chosen = "data" if run.data is not None else split
    if chosen not in samples.parts:
        raise ConfigError(f"{run.name} has no {chosen} split; take one of {', '.join(samples.parts)}.")
    problem = samples.problem
    n = size(samples.parts[chosen])
    if losses.of(problem).reconstructs:
        raise ConfigError(
            f"{run.name} reconstructs its features, so there is no outcome for a feature to have an effect on."
        )
    in_file = isinstance(problem, Tabular)
    if isinstance(problem, Tabular) and problem.fits_constant:
        raise ConfigError(f"{run.name} fits a constant, so there is no column that could have an effect.")
    rows = _filed(run, samples, chosen) if in_file else _drawn(run, samples, chosen)
    x = jax.tree.map(lambda leaf: leaf[:1], to_device(samples.parts[chosen].x, run.dtype))
    width = jax.eval_shape(lambda x: problem.predict(model, x), x).shape[1]
    if not rows.names:
        raise ConfigError(f"{run.name} has no feature besides dates, which have no effect of one unit.")
    groups, notes = groups_of(problem, chosen, n), (*samples.notes, *unspread(run.name, problem, chosen, n))
    outputs = losses.of(problem).target.outputs(names_of(problem), width)
    w = samples.parts[chosen].w
    if w is None and isinstance(rows, Filed) and isinstance(problem, Tabular) and problem.weights is not None:
        w, said = _weights_of(run, rows, problem.weights)
        notes = (*notes, *said)
    return Sample(problem, chosen, rows, n, outputs, groups, None if w is None else np.asarray(w, np.float64), notes)


def _weights_of(run: OpenedRun, rows: Filed, weights: RowWeights) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """The weights [n] of the rows of a new file, or what to say where it has no such column.

    Raises:
        DataError: one is missing, or is no weight.
    """
    where = str(run.data)
    if weights.column not in rows.frame.columns:
        return None, (f"{where} has no column '{weights.column}', the weights of {run.name}: all rows count alike.",)
    kept = np.isin(np.arange(len(rows.frame)), rows.kept)
    if (weights.missing(rows.frame, where) & kept).any():
        raise DataError(
            f"{where}: the weight '{weights.column}' is missing in some rows; fill it in, or leave them out."
        )
    return weights.values(rows.frame, kept, where)[rows.kept], ()


def _drawn(run: OpenedRun, samples: Samples, split: str) -> Drawn:
    x, names = np.asarray(samples.parts[split].x), samples.problem.describe().get("features")
    if x.ndim != 2 or not names or len(names) != x.shape[1]:
        raise ConfigError(f"The inputs of problem {run.config().problem} have no names, so none of them can be moved.")
    return Drawn(list(names), x)


def _filed(run: OpenedRun, samples: Samples, split: str) -> Filed:
    problem = samples.problem
    assert isinstance(problem, Tabular)
    preprocessing = Preprocessing.from_json(problem.preprocessing())
    if run.data is not None:
        frame, kept = run.table(run.data), np.asarray(samples.frame.index)
    else:
        frame, kept = run.table(str(own_file(run, run.config()))), problem.file_rows[split]
    frame = preprocessing.filled(frame, run.data or run.name)
    columns = [name for name in preprocessing.formula.feature_columns if not dates.are(frame[name])]
    return Filed(columns, frame, kept, preprocessing, _binary(run, preprocessing, frame))


def _binary(run: OpenedRun, preprocessing: Preprocessing, frame: "pd.DataFrame") -> Sequence[str]:
    """The columns of zeros and ones, as the run says; of an older one those of its file, where that is still there."""
    if preprocessing.binary is not None:
        return preprocessing.binary
    with contextlib.suppress(DataError):
        frame = run.table(str(own_file(run, run.config())))
    return data_columns.zeros_and_ones(frame, preprocessing.formula.feature_columns)
