"""Predictions beside the rows they are for."""

import codecs
import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np

from econml_cli.config.fit_config import FitConfig
from econml_cli.data import beside, files, separated, separated_out
from econml_cli.data.asked import Asked as Said
from econml_cli.data.schema import Schema
from econml_cli.data.table_files import check_output, refusals, write
from econml_cli.errors import ConfigError, plural
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.prediction_columns import Say, adds, levels, unlike
from econml_cli.evaluation.prediction_intervals import Asked
from econml_cli.evaluation.samples import size
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, FileProblem, Problem
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from econml_cli.training.run.provenance import own_file

if TYPE_CHECKING:  # `eval` needs no pandas, and importing it takes as long as reading a run
    import pandas as pd


def _silent(note: str) -> None:
    """Nobody listens."""


def predict(
    run: Run,
    path: str,
    *,
    step: int | None = None,
    missing: str | None = None,
    embed: bool = False,
    asked: Asked | None = None,
    say: Say = _silent,
    retransform: bool = False,
    sheet: str | None = None,
) -> "pd.DataFrame":
    """The rows of a file with the run's predictions, `predict_file` as a table: its columns and order, then

    * `yhat` in the target's own units (`yhat_1`, ... for several outputs); of a target that is a function of a column
      `yhat_log_wage`, and with `retransform` of a log `yhat` in the units of the column, see `levels`; or
    * `p`, the probability of the second class, or `p_CLASS` for each class; and `predicted`, the class; or
    * `NAME_hat` for each feature that was reconstructed, in its own units.

    Of an ensemble they are the averaged predictions of its members, and after them stand `sd`, `lo` and `hi`: their
    standard deviation and interval across members (`p_sd`, ... where there is more than one prediction). The intervals
    that are `asked` for may be conformal instead. With `embed` they are `z_1`, `z_2`, ...: the representation phi(x) of
    the model h(phi(x)).
    The target's column need not be there. A row that cannot be predicted has no prediction, and a column `reason` says
    why; with `missing` "error" such a row is refused, with "drop" rows with missing values are left out. `say` is told,
    in a sentence each, what is to be known of the weights, of the intervals, and of such rows. `sheet` is that of an
    Excel file (default: the one of the fit).

    Raises:
        ConfigError: the problem reads no file, the model has no representation, or there is nothing to make the
            intervals that are asked for from.
        DataError: the file cannot be read or encoded, or has such a column.
        RunError, CheckpointError: the run cannot be read.
    """
    more: dict[str, Any] = {"step": step, "missing": missing, "embed": embed, "asked": asked, "sheet": sheet}
    return predict_file(run, path, say=say, retransform=retransform, **more).frame()


@dataclass(frozen=True)
class Predicted:
    """The predictions for a file: `added` has a row for each row `kept` [n] bool of the file at `path` (None: all)."""

    path: str
    added: "pd.DataFrame"
    kept: np.ndarray | None
    schema: Schema | None

    def __len__(self) -> int:
        return len(self.added)

    def frame(self) -> "pd.DataFrame":
        """The file as a table with the predictions beside its columns; the index is the row of the file."""
        table = beside.frame(files.find(self.path), self.schema)
        return (table if self.kept is None else table[self.kept]).assign(**{str(n): self.added[n] for n in self.added})

    def write(self, out: Path) -> None:
        """Write the file with the predictions beside its own columns, which stay as they are to the byte, atomically.

        Raises:
            ConfigError: as `check_output`. DataError: the disk refuses, or a column does not fit the format.
        """
        source = files.find(self.path)
        if not beside.same_format(source, out):
            write(self.frame(), out)
            return
        check_output(out)
        with refusals(out), disk.replacing(out) as temporary:
            asked = Said() if self.schema is None else self.schema.asked
            beside.write(source, temporary, self.added, self.kept, asked.delimiter, asked.sheet)

    def to_stdout(self) -> None:
        """The same as CSV on stdout."""
        source = files.find(self.path)
        if not beside.same_format(source, Path("out.csv")):
            self.frame().to_csv(sys.stdout, index=False, lineterminator="\n")
            return
        delimiter = None if self.schema is None else self.schema.asked.delimiter
        beside.write_separated(source, cast("IO[bytes]", _Decoded()), self.added, self.kept, delimiter)


@dataclass(frozen=True)
class Simulated:
    """Simulated observations with the predictions beside them: {name: values [n]}."""

    columns: Mapping[str, np.ndarray]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def frame(self) -> "pd.DataFrame":
        """The same as a table."""
        import pandas as pd

        return pd.DataFrame(dict(self.columns))

    def write(self, out: Path) -> None:
        """Write them by the extension, atomically.

        Raises:
            ConfigError: as `check_output`. DataError: the disk refuses, or a column does not fit the format.
        """
        check_output(out)
        mark = separated.SEPARATORS.get(out.suffix.lower())
        if mark is None:  # compressed, or no text: pandas'
            write(self.frame(), out)
            return
        with (
            refusals(out),
            disk.replacing(out) as temporary,
            temporary.open("w", encoding="utf-8", newline="") as file,
        ):
            separated_out.write(self.columns, file, mark)

    def to_stdout(self) -> None:
        """The same as CSV on stdout."""
        separated_out.write(self.columns, sys.stdout, end="\n")


class _Decoded:
    """What writes bytes of UTF-8 to stdout as text, whatever stdout is."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def write(self, part: bytes) -> int:
        """As a file's."""
        sys.stdout.write(self._decoder.decode(part))
        return len(part)


def predict_file(
    run: Run,
    path: str,
    *,
    step: int | None = None,
    missing: str | None = None,
    embed: bool = False,
    asked: Asked | None = None,
    say: Say = _silent,
    retransform: bool = False,
    sheet: str | None = None,
) -> Predicted:
    """The predictions for a file, as `predict` has them."""
    import pandas as pd

    with open_run(run, step=step, data=path, missing=missing or "explain", sheet=sheet) as opened:
        samples = opened.samples(need_target=False)
        frame, problem = samples.frame, samples.problem
        assert frame is not None
        added = adds(opened, problem, embed, asked, say)(samples.parts["data"].x)
        added = levels(opened, problem, added) if retransform else added
        added |= unlike(problem, frame, say)
        for note in problem.of_unseen_levels(frame) if isinstance(problem, Tabular) else ():
            say(note.rstrip("."))
        total = len(opened.table(path)) if missing == "drop" else len(frame)
    rows = np.asarray(frame.index)
    found = pd.DataFrame(added, index=rows)
    reasons = samples.reasons
    kept = None
    if reasons is not None and len(rows) < len(reasons):
        found = found.reindex(np.arange(len(reasons))).assign(reason=reasons)
        count = len(reasons) - len(rows)
        why = next(reason for reason in reasons if reason)
        verb = "have" if count > 1 else "has"
        say(f"{plural(count, 'row')} {verb} no prediction; the column 'reason' says why (the first: {why})")
    elif total > len(rows):
        kept = np.isin(np.arange(total), rows)
    known = problem.schema if isinstance(problem, Tabular) else None
    beside.taken(dict.fromkeys(found.columns), path, beside.names(files.find(path), known))
    return Predicted(path, found, kept, known)


def predict_own(
    run: Run,
    *,
    step: int | None = None,
    embed: bool = False,
    asked: Asked | None = None,
    say: Say = _silent,
    retransform: bool = False,
) -> "pd.DataFrame":
    """The data that a run was fitted to with its predictions, as `predict`, and a column `split`: train, val or test.

    Raises:
        ConfigError: the observations of the problem are not rows of a table. As `evaluate` otherwise.
    """
    return predict_own_file(run, step=step, embed=embed, asked=asked, say=say, retransform=retransform).frame()


def predict_own_file(
    run: Run,
    *,
    step: int | None = None,
    embed: bool = False,
    asked: Asked | None = None,
    say: Say = _silent,
    retransform: bool = False,
) -> Predicted | Simulated:
    """The same, to be written: of a file beside which the predictions stand, or of simulated observations."""
    with open_run(run, step=step) as opened:
        samples = opened.own_samples()
        if not samples.problem.simulated:
            return _own_file(opened, samples.problem, embed, asked, say, retransform)
        if retransform:
            raise ConfigError("--retransform is of a table whose target is a log; leave it out.")
        added = adds(opened, samples.problem, embed, asked, say)
        parts = [
            {**_drawn(samples.problem, batch, opened.config()), **added(batch.x), "split": np.full(size(batch), split)}
            for split, batch in samples.parts.items()
        ]
    return Simulated({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _own_file(
    run: OpenedRun, problem: Problem, embed: bool, asked: Asked | None, say: Say, retransform: bool
) -> Predicted:
    path = str(own_file(run, run.config()))
    found = predict_file(run, path, embed=embed, asked=asked, say=say, retransform=retransform)
    beside.taken({"split": None}, path, beside.names(files.find(path), found.schema))
    labels = np.full(len(found.added), "", dtype=object)  # "": in no split, as a row without its target
    assert isinstance(problem, FileProblem)  # it reads a file
    for split, positions in problem.file_rows.items():
        labels[positions] = split
    return dataclasses.replace(found, added=found.added.assign(split=labels))


def _drawn(problem: Problem, batch: Batch, config: FitConfig) -> dict[str, np.ndarray]:
    """Simulated observations as columns {name: [n]}: the features by name, and the target."""
    x = np.asarray(batch.x)
    names = problem.describe().get("features")
    if x.ndim != 2 or names is None or len(names) != x.shape[1]:
        raise ConfigError(f"--predictions: an observation of problem {config.problem} is not a row of a table.")
    if losses.of(problem).reconstructs:
        return dict(zip(names, x.T, strict=True))
    y = np.asarray(problem.observed(batch)).reshape(len(x), -1)
    targets = ["y"] if y.shape[1] == 1 else [f"y_{i + 1}" for i in range(y.shape[1])]
    return dict(zip([*names, *targets], np.hstack([x, y]).T, strict=True))
