"""Average partial effects over the rows of a large file, which is read a block of them at a time."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.data import blocks, dates, files, parts
from econml_cli.data.preprocessing import Preprocessing
from econml_cli.evaluation import large_files
from econml_cli.evaluation.bootstrap import MAX_UNITS, Units
from econml_cli.evaluation.marginal import derivatives
from econml_cli.evaluation.marginal.columns import Filed, Sample
from econml_cli.evaluation.marginal.derivatives import InRows
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.problems import losses
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.targets import names_of
from econml_cli.training.run.provenance import own_file


@dataclass(frozen=True)
class MeanRow:
    """The mean over rows of what a linear prediction reads of them, as if it were one row: all that the effects of such
    a model depend on. `at` has the means of the inputs as they are and where a column is placed or moves."""

    names: Sequence[str]
    preprocessing: Preprocessing
    by_level: dict[str, list[Any] | None]
    at: dict[tuple[str, Any], np.ndarray]

    def x(self) -> np.ndarray:
        return self.at["", None]

    def levels(self, name: str) -> list[Any] | None:
        return self.by_level[name]

    def placed(self, name: str, value: Any) -> np.ndarray:
        return self.at[name, value]

    def slope(self, name: str) -> np.ndarray:
        return self.at[name, None]


@dataclass(frozen=True)
class LargeSample:
    """The rows of one split of a run, or of a new file: `read` gives them, some at a time. They count alike."""

    problem: Tabular
    split: str
    outputs: tuple[str, ...]
    read: Callable[[], Iterator[Sample]]

    def per_row(self, members: Sequence[Any], dtype: str, n: int) -> tuple[list[InRows], Units]:
        """`derivatives.per_row` without the rows themselves, of which there are the sums over the units that a
        bootstrap draws, those of `units_of`; there are n of them. Call it inside `precision(...)`."""
        found: list[InRows] = []
        units, place = Units(np.empty((0, 0)), np.empty(0)), 0
        for part in self.read():
            here = derivatives.per_row(part, members, dtype)
            rows = np.concatenate([one.together for one in here], axis=1)
            if not found:
                count = min(n, MAX_UNITS)
                units = Units(np.zeros((count, rows.shape[1])), np.zeros(count))
            own = (place + np.arange(part.n)) % len(units.sizes)
            np.add.at(units.sums, own, rows)
            np.add.at(units.sizes, own, 1.0)
            place += part.n
            share = part.n / n
            before: list[InRows | None] = [*found] or [None] * len(here)
            found = [_joined(old, new, share) for old, new in zip(before, here, strict=True)]
        return found, units

    def mean(self) -> tuple[Sample, int]:
        """A sample of one row that a linear prediction has the same effects in, see `MeanRow`; how many rows there are.

        Raises:
            DataError: there is none, or the file cannot be used.
        """
        n, sums = 0, dict[tuple[str, Any], np.ndarray]()
        levels: dict[str, list[Any] | None] = {}
        for part in self.read():
            rows = part.rows
            levels = levels or {name: rows.levels(name) for name in rows.names}
            places: dict[tuple[str, Any], np.ndarray] = {("", None): rows.x()}
            for name, values in levels.items():
                places |= {(name, None): rows.slope(name)} if values is None else {}
                places |= {(name, value): rows.placed(name, value) for value in values or ()}
            for place, x in places.items():
                sums[place] = sums.get(place, 0.0) + x.sum(axis=0, keepdims=True)
            n += part.n
        row: Any = MeanRow(list(levels), self.problem.learnt, levels, {place: x / n for place, x in sums.items()})
        return Sample(self.problem, self.split, row, 1, self.outputs, None), n


def _joined(old: InRows | None, new: InRows, share: float) -> InRows:
    """An effect over the rows so far and those of a part, which are that share of all."""
    before = 0.0 if old is None else old.by_member
    rounding = new.rounding if old is None else max(old.rounding, new.rounding)
    none = np.empty((0, new.together.shape[1]))
    return InRows(new.column, new.change, none, before + share * new.by_member, rounding, new.informed)


def large_sample(run: OpenedRun, split: str) -> LargeSample | None:
    """The rows that effects are averaged over where they are many: those of a split of a run that was streamed, or of a
    large file (`large_files`); None of others.

    Raises:
        DataError: the file is gone, or cannot be used.
    """
    problem = large_files.sums_over_rows(run)
    if problem is None or problem.fits_constant or problem.learnt.binary is None:
        return None
    if run.data is not None:
        if not large_files.is_large(run, run.data):
            return None
        chosen, path, side, missing = "data", run.data, None, run.missing
    else:
        if not large_files.is_streamed(run.config()):
            return None
        chosen, path, missing = split, str(own_file(run, run.config())), None
        samples = run.own_samples()
        if split not in samples.parts or not isinstance(samples.problem, Tabular):
            return None
        problem = samples.problem
        side = problem.file_rows[split]
    if missing is not None:
        problem = Tabular.restore({**problem.preprocessing(), "missing": missing})
    return _of_file(problem, chosen, path, side)


def _of_file(problem: Tabular, split: str, path: str, side: np.ndarray | None) -> LargeSample:
    own = problem.learnt
    outputs = losses.of(problem).target.outputs(names_of(problem), 1)
    assert own.schema is not None
    asked = own.schema.asked

    def read() -> Iterator[Sample]:
        with tempfile.TemporaryDirectory() as folder:  # of text a copy as Parquet
            source, found = blocks.opened(path, files.find(path), asked, None, Path(folder)), 0
            for start, where, frame in parts.frames(source, own, need_target=False):
                if side is None:
                    kept = np.flatnonzero(own.encode(frame, where, need_target=False, part=True)[0])
                else:
                    first, last = np.searchsorted(side, [start, start + len(frame)])
                    kept = side[first:last] - start
                if not len(kept):
                    continue
                found += len(kept)
                columns = [name for name in own.formula.feature_columns if not dates.are(frame[name])]
                rows = Filed(columns, frame, kept, own, own.binary or ())
                yield Sample(problem, split, rows, len(kept), outputs, None)
            if not found:
                raise parts.without_rows(source)

    return LargeSample(problem, split, outputs, read)
