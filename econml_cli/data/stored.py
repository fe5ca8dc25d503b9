"""An array that lies in a file and is read a part at a time, where numbers are more than memory should hold."""

import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.errors import DataError

#: numbers of a block
NUMBERS = 2**20


class Stored:
    """An array [n, ...] in a file, row after row. A slice of it is an array in memory; so is whatever else is asked.

    It is read, not mapped: pages that are mapped count as memory of the process once they have been looked at, while
    what the system keeps of a file it gives away when anybody needs it. The file stays open, so that it can be read
    where somebody else has deleted it meanwhile.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: Any):
        """Raises:
        DataError: the file is not there, or of another size.
        """
        self.path, self.shape, self.dtype = path, tuple(map(int, shape)), np.dtype(dtype)
        self._row = int(np.prod(self.shape[1:], dtype=np.int64))
        self._reading = threading.Lock()  # the place in the file is one for all threads
        try:
            self._file = path.open("rb", buffering=0)
            size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
        if size != self.shape[0] * self._row * self.dtype.itemsize:
            raise DataError(f"{path} is damaged (it has {size:,} bytes); delete the folder that it is in.")

    @property
    def ndim(self) -> int:
        """How many axes it has."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return self.shape[0] * self._row

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        if not isinstance(rows, slice) or rows.step not in (None, 1):
            return np.asarray(self)[rows]
        start, stop, _ = rows.indices(self.shape[0])
        return self.read(start, max(stop, start))

    def read(self, start: int, stop: int, out: np.ndarray | None = None) -> np.ndarray:
        """The rows from one to another; into `out` [rows, ...] if it is given.

        Raises:
            DataError: the disk refuses.
        """
        found: np.ndarray = np.empty((stop - start, *self.shape[1:]), self.dtype) if out is None else out
        view, place = memoryview(found.reshape(-1).view(np.uint8)), 0  # type: ignore[arg-type]  # an array is a buffer
        try:
            with self._reading:
                self._file.seek(start * self._row * self.dtype.itemsize)
                while place < len(view):
                    count = self._file.readinto(view[place:])
                    if not count:
                        raise DataError(f"{self.path} is shorter than it was; delete the folder that it is in.")
                    place += count
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}.") from error
        return found

    @property
    def block_rows(self) -> int:
        """The rows of a block of about `NUMBERS` numbers."""
        return max(1, NUMBERS // max(self._row, 1))

    def blocks(self) -> Iterator[np.ndarray]:
        """The rows in blocks of `block_rows`."""
        for start in range(0, self.shape[0], self.block_rows):
            yield self[start : start + self.block_rows]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All of it, in memory."""
        found = self.read(0, self.shape[0])
        return found if dtype is None else found.astype(dtype, copy=False)


def is_stored(leaf: object) -> bool:
    """Whether a leaf of a sample lies in a file."""
    return isinstance(leaf, Stored)


def blocks_of(leaf: Any) -> Iterator[np.ndarray]:
    """An array in blocks of rows: of one that lies in a file several, else all of it at once."""
    if isinstance(leaf, Stored):
        yield from leaf.blocks()
    else:
        yield np.asarray(leaf)
