"""The samples of a table that is not read whole (`--stream`): encoded once into files in the user's cache."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError, DataError
from econml_cli.problems import losses
from econml_cli.problems.lazily import base, jnp, np
from econml_cli.problems.loss_row import Loss
from econml_cli.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from econml_cli.data.asked import Asked
    from econml_cli.data.blocks import Source
    from econml_cli.data.preprocessing import Preprocessing
    from econml_cli.data.raw import Needed
    from econml_cli.data.schema import Schema
    from econml_cli.data.stored import Stored
    from econml_cli.data.streaming import Plan
    from econml_cli.problems.base import Batch

#: of what is written in a folder of the cache
FORMAT = 1
#: options of a table that ask for more than --stream does: {name: its value where nothing is asked for}
WITHOUT: Mapping[str, Any] = {
    "folds": 0, "fold": 0, "group": None, "time": None, "gap": 0, "weights": None, "panel": None, "embed": None,
    "exposure": None, "offset": None, "class_weights": None, "missing": "error", "sheet": None, "stratify": None,
}  # fmt: skip


@dataclass(frozen=True)
class Streamed:
    """What became of a table: how to encode, the samples, the rows of the file that each has, and what it is like."""

    preprocessing: Preprocessing
    loss: Loss
    batches: dict[str, Batch]
    rows: Mapping[str, Any]
    about: dict[str, Any]
    autocorrelation: float | None
    total: int


class Rows(Mapping[str, Any]):
    """{split: positions in the file}, found when they are asked for: in the file is a byte for each row."""

    def __init__(self, side: Stored, splits: tuple[str, ...]):
        self.side, self._splits = side, splits

    def __getitem__(self, split: str) -> np.ndarray:
        if split not in self._splits:
            raise KeyError(split)
        return np.flatnonzero(np.asarray(self.side) == self._splits.index(split))

    def __iter__(self) -> Iterator[str]:
        return iter(self._splits)

    def __len__(self) -> int:
        return len(self._splits)


def check(options: Any) -> None:
    """Refuse what a table that is streamed cannot have.

    Raises:
        ConfigError: names the first option.
    """
    for name, none in WITHOUT.items():
        if (value := getattr(options, name)) != none:
            said = ",".join(map(str, value)) if isinstance(value, tuple) else value
            raise ConfigError(f"--stream has no --{name.replace('_', '-')} {said}; leave out one of them.")


def admit(row: Any) -> None:
    """Refuse a loss that is not squared error of a number.

    Raises:
        ConfigError: it is another one.
    """
    if not isinstance(row, Loss) or not row.least_squares or row.reconstructs:
        called = row.called if isinstance(row, Loss) else row.name
        raise ConfigError(f"--stream fits by squared error, and the loss here is {called}; leave out --stream.")


def read(
    source: str,
    options: Mapping[str, Any],
    asked: Asked,
    needed: Needed,
    plan: Plan,
    with_roles: Callable[[Preprocessing, Schema], Schema],
) -> Streamed:
    """The samples of what --data names, encoded now or before.

    Args:
        options: of the problem, on which the encoding depends. asked, needed: as in `read_table`. with_roles: the
            schema of what was learnt, with what each column is for.

    Raises:
        ConfigError, DataError: as `data.streaming.learn`; the file cannot be read, or the cache not be written.
    """
    from econml_cli.data import files
    from econml_cli.data.preprocessing import Preprocessing
    from econml_cli.data.split import SPLITS
    from econml_cli.data.stored import Stored
    from econml_cli.storage import tables

    dtype, path = _dtype(), files.find(source)
    sha256 = _sha256(source, path)

    def make(folder: Path) -> Mapping[str, Any]:
        return _encode(source, path, asked, needed, plan, with_roles, folder, dtype)

    key = {"file": sha256, "asked": dataclasses.asdict(asked), "options": dict(options)}
    folder, said = tables.kept(key | _made_by(dtype), make)
    try:
        own = Preprocessing.from_json(said["preprocessing"])
        shapes = {split: tuple(map(int, said["shapes"][split])) for split in SPLITS}
        total, outputs, found = int(said["rows"]), int(said["outputs"]), said["autocorrelation"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    batches = {split: _sample(folder, split, shape, outputs) for split, shape in shapes.items() if shape[0]}
    about = {
        "data": source, "path": str(path.absolute()), "sha256": sha256, "rows": total, "rows_dropped": 0,
        "split_sizes": {split: shape[0] for split, shape in shapes.items()},
    }  # fmt: skip
    rows = Rows(Stored(folder / "side", (total,), np.int8), SPLITS)
    return Streamed(own, losses.saved(own.loss, own.target.task), batches, rows, about, found, total)


def read_new(source: str, own: Preprocessing, row: Loss) -> tuple[Batch, int]:
    """(the rows of another file that can be used, encoded with what a fit learnt, now or before; how many rows the file
    has).

    Raises:
        DataError: as `data.parts.write`; the file cannot be read, or the cache not be written.
    """
    from econml_cli.data import blocks, files, parts
    from econml_cli.data.asked import Asked
    from econml_cli.storage import tables

    dtype, path = _dtype(), files.find(source)

    def make(folder: Path) -> Mapping[str, Any]:
        table = blocks.opened(source, path, Asked() if own.schema is None else own.schema.asked, None, folder)
        count, outputs = parts.write(table, own, row.target.encoded, folder, dtype)
        _drop_text(table, folder)
        return {"shape": [count, len(own.features.names)], "outputs": outputs, "rows": table.rows}

    key = {"file": _sha256(source, path), "preprocessing": own.to_json(), "new": True}
    folder, said = tables.kept(key | _made_by(dtype), make)
    try:
        (count, width), outputs, total = map(int, said["shape"]), int(said["outputs"]), int(said["rows"])
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    return _sample(folder, "data", (count, width), outputs), total


def _encode(
    source: str,
    path: Path,
    asked: Asked,
    needed: Needed,
    plan: Plan,
    with_roles: Callable[[Preprocessing, Schema], Schema],
    folder: Path,
    dtype: np.dtype[Any],
) -> Mapping[str, Any]:
    """Learn from a table and write its encoded rows into a folder: what is to be said of them."""
    from econml_cli.data import blocks, streaming

    table = blocks.opened(source, path, asked, needed, folder)
    learnt = streaming.learn(table, asked, plan)
    row: Any = learnt.loss
    y = np.asarray(row.target.encoded(learnt.y))
    shapes = streaming.write(table, learnt, y, folder, dtype)
    learnt.side.tofile(folder / "side")
    _drop_text(table, folder)
    own = learnt.preprocessing
    assert own.schema is not None
    own = dataclasses.replace(own, loss=losses.beside_task(row), schema=with_roles(own, own.schema))
    return {
        "preprocessing": own.to_json(), "rows": table.rows, "outputs": y.shape[1],
        "shapes": {split: list(shape) for split, shape in shapes.items()}, "autocorrelation": learnt.autocorrelation,
    }  # fmt: skip


def _drop_text(table: Source, folder: Path) -> None:
    """Delete what had to be written of a file of text, once it is encoded."""
    if table.path.parent == folder:
        table.path.unlink()


def _sample(folder: Path, split: str, shape: tuple[int, ...], outputs: int) -> Batch:
    from econml_cli.data.stored import Stored

    x = Stored(folder / f"{split}.x", shape, _dtype())
    return base.Batch(x, Stored(folder / f"{split}.y", (shape[0], outputs), _dtype()))


def _dtype() -> np.dtype[Any]:
    """That of the precision in which JAX computes here."""
    return np.dtype(jnp.zeros(()).dtype)


def _made_by(dtype: np.dtype[Any]) -> dict[str, Any]:
    """What all encoded tables depend on."""
    return {"dtype": str(dtype), "format": FORMAT, "econml": __version__}


def _sha256(source: str, path: Path) -> str:
    import hashlib

    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{source} cannot be read: {error.strerror or error}.") from error


def _damaged(folder: Path, error: Exception) -> DataError:
    return DataError(f"{folder} is damaged ({error} is amiss); delete it.")
