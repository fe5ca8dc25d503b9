"""What is kept in a directory as it changes: read again only where a file has changed, so that thousands can be looked
at several times a second. Imports nothing heavy.
"""

import contextlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.runs import kinds, labels, listing
from econml_cli.runs.directory import LOCK, Run
from econml_cli.runs.kinds import Kept
from econml_cli.runs.listing import RunRow
from econml_cli.storage import disk

#: the files by which it is seen that something has changed, beside the one that makes a directory what it is
_FILES = ("summary.json", "metrics.jsonl", labels.FILE)
#: points of a curve that are kept at most: of more, every other is dropped
MOST_POINTS = 4_000
#: bytes of metrics.jsonl that are read at a time
_CHUNK = 8_000_000


@dataclass
class Curve:
    """The losses of a run by epoch, as far as its metrics.jsonl was read: epochs [n], train and val [n] each, NaN where
    there is none."""

    path: Path
    epochs: list[int] = field(default_factory=list)
    train: list[float] = field(default_factory=list)
    val: list[float] = field(default_factory=list)
    _at: int = 0
    _every: int = 1
    _seen: int = 0

    def read(self) -> "Curve":
        """Read what has been appended since the last time."""
        with contextlib.suppress(OSError, ValueError), disk.opened(self.path) as file:
            if file.seek(0, os.SEEK_END) < self._at:  # it was begun again
                self.epochs, self.train, self.val = [], [], []
                self._at, self._every, self._seen = 0, 1, 0
            file.seek(self._at)
            while chunk := file.read(_CHUNK):
                whole, newline, _ = chunk.rpartition(b"\n")
                if not newline:  # a line that is not yet whole
                    break
                self._at += len(whole) + 1
                file.seek(self._at)
                for line in whole.split(b"\n"):
                    self._add(line)
        return self

    def _add(self, line: bytes) -> None:
        try:
            row = json.loads(line)
            epoch, losses = int(row["epoch"]), [_number(row.get(f"{name}_loss")) for name in ("train", "val")]
        except (ValueError, OverflowError, KeyError, TypeError, AttributeError, RecursionError):
            return
        self._seen += 1
        if self._seen % self._every:
            return
        self.epochs.append(epoch)
        self.train.append(losses[0])
        self.val.append(losses[1])
        if len(self.epochs) > MOST_POINTS:
            self.epochs, self.train, self.val = self.epochs[::2], self.train[::2], self.val[::2]
            self._every *= 2


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan


@dataclass
class _Known:
    """One of them as it was when its files were read."""

    kept: Kept
    key: tuple[int, ...]
    row: RunRow


class Watched:
    """A run, the trials of a sweep, the folds of a cross-validation, or all that is in a directory.

    Attributes:
        path: its directory. whole: the run, sweep or cross-validation that it is; None of a directory that has some.
    """

    def __init__(self, path: Path):
        self.path, self.whole = path, kinds.kept(path)
        self._known: dict[str, _Known] = {}
        self._curves: dict[str, Curve] = {}
        self._about: dict[str, Mapping[str, Any]] = {}

    def poll(self) -> list[RunRow]:
        """The rows as they are now, by name: of a run itself, of anything else of what is in it."""
        if self.whole is not None and self.whole.kind == "run":
            found = self._look(str(self.path))
            return [] if found is None else [found.row]
        there: dict[str, _Known] = {}
        self._scan(str(self.path), there, deep=self.whole is not None)
        self._known = there
        return [there[place].row for place in sorted(there)]

    def _scan(self, place: str, there: dict[str, _Known], deep: bool) -> None:
        """Look at all directories in one, and, where a trial is several fits, at these."""
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name == "checkpoints":
                    continue
                if (known := self._look(entry.path)) is not None:
                    if place != str(self.path):
                        known.row = replace(known.row, name=f"{Path(place).name}/{entry.name}")
                    there[entry.path] = known
                elif deep and entry.is_dir(follow_symlinks=False):
                    self._scan(entry.path, there, deep=False)

    def under_way(self, rows: list[RunRow]) -> bool:
        """Whether any of the rows, or the whole, is being worked on."""
        if any(row.status == "running" for row in rows):
            return True
        return self.whole is not None and self.whole.kind != "run" and self.whole.under_way()

    def curve(self, row: RunRow) -> Curve:
        """Its losses so far."""
        return self._curves.setdefault(row.path, Curve(Path(row.path) / "metrics.jsonl")).read()

    def config(self, row: RunRow) -> Mapping[str, Any]:
        """Its config.yaml; {} where it cannot be read."""
        return listing.options(row.path)

    def point(self, row: RunRow) -> Mapping[str, Any]:
        """The parameters of a trial, as its manifest has them."""
        if row.path not in self._about:
            try:
                found = Run(Path(row.path)).manifest().get("sweep") or {}
            except RunError:
                return {}
            self._about[row.path] = found.get("params") or {}
        return self._about[row.path]

    def summary(self, row: RunRow) -> Mapping[str, Any]:
        """Its summary.json; {} while there is none, or it cannot be read."""
        try:
            return Run(Path(row.path)).summary()
        except RunError:
            return {}

    def _look(self, place: str) -> _Known | None:
        """One directory: what is known of it where its files are as they were, else what they say now."""
        known = self._known.get(place)
        if known is not None:
            if known.key == (key := _key(place, known.kept.kind)) and not self._ended(known):
                return known
            if key[0] < 0:  # it is gone, or something else now
                del self._known[place]
                return self._look(place)
            kept = known.kept
        elif (new := kinds.kept(Path(place))) is not None:
            kept, key = new, _key(place, new.kind)
        else:
            return None
        found = _Known(kept, key, listing.row(kept))
        self._known[place] = found
        return found

    def _ended(self, known: _Known) -> bool:
        """Whether it was running, and nobody holds its lock any more."""
        return known.row.status == "running" and disk.held(Path(known.row.path) / LOCK, shared=True) is False


def _key(place: str, kind: str) -> tuple[int, ...]:
    """When its files were changed, and their sizes; -1 of one that is not there. First is what makes it what it is."""
    key: list[int] = []
    for name in (kinds.MARKS[kind], *_FILES):
        try:
            found = os.stat(f"{place}/{name}")  # noqa: PTH116 - a thousand of them, several times a second
        except OSError:
            key.append(-1)
        else:
            key += [found.st_mtime_ns, found.st_size]
    return tuple(key)
