"""What another program's wandb has written on this disk: the history and the summary of a run, while it runs too.

A `.wandb` file is a LevelDB log (a header of 7 bytes, then blocks of 32 KiB of records) of W&B's protobuf messages.
"""

import contextlib
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_HEADER, _BLOCK, _RECORD = 7, 32768, 7
#: kinds of LevelDB records: whole, or the first, middle or last part of one
_WHOLE, _FIRST, _LAST = 1, 2, 4


class WandbFile:
    """Reads one file, again and again; each time from where it has got to.

    Attributes:
        summary: {dotted name: value} as W&B would show it by now. history: rows {dotted name: value}, in order.
        config: {name: value}. sweep: the id of its sweep. started: ISO 8601, UTC. exit_code: None until it has ended.
    """

    def __init__(self, path: Path):
        self._path = path
        self._at = _HEADER
        self._part = b""
        self.summary: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.config: dict[str, Any] = {}
        self.sweep: str | None = None
        self.started: str | None = None
        self.exit_code: int | None = None

    def read(self) -> None:
        """Take in what was written since the last time; a record that is not whole yet waits for the next."""
        from wandb.proto.wandb_internal_pb2 import Record

        for data in self._records():
            with contextlib.suppress(Exception):  # of a wandb whose messages this one does not know
                record = Record.FromString(data)
                if record.HasField("history"):
                    self.history.append(dict(_items(record.history.item)))
                elif record.HasField("summary"):
                    self.summary |= dict(_items(record.summary.update))
                elif record.HasField("config"):
                    self._configure(record.config)
                elif record.HasField("run"):
                    self._configure(record.run.config)
                    self.sweep = record.run.sweep_id or None
                    began = datetime.fromtimestamp(record.run.start_time.seconds, UTC)
                    self.started = began.isoformat(timespec="seconds")
                elif record.HasField("exit"):
                    self.exit_code = record.exit.exit_code

    def _configure(self, update: Any) -> None:
        self.config |= dict(_items(update.update))
        for item in update.remove:
            self.config.pop(item.key or ".".join(item.nested_key), None)

    def _records(self) -> Iterator[bytes]:
        try:
            with self._path.open("rb") as file:
                file.seek(self._at)
                data = file.read()
        except OSError:
            return
        begin, at = self._at, self._at
        while True:
            if (left := _BLOCK - at % _BLOCK) < _RECORD:  # the rest of a block that holds no record header
                at += left
            head = data[at - begin : at - begin + _RECORD]
            if len(head) < _RECORD:
                return
            length, kind = int.from_bytes(head[4:6], "little"), head[6]
            body = data[at - begin + _RECORD : at - begin + _RECORD + length]
            if len(body) < length or kind == 0:  # not written to its end yet
                return
            at += _RECORD + length
            self._part = body if kind in (_WHOLE, _FIRST) else self._part + body
            self._at = at
            if kind in (_WHOLE, _LAST):
                yield self._part


def _items(items: Any) -> Iterator[tuple[str, Any]]:
    for item in items:
        with contextlib.suppress(ValueError, RecursionError):
            yield item.key or ".".join(item.nested_key), json.loads(item.value_json)


def find(directory: Path) -> Path | None:
    """The newest `.wandb` file of a directory that was WANDB_DIR."""
    found = [p for beside in ("wandb", ".wandb") for p in directory.glob(f"{beside}/*run-*/*.wandb")]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def number(value: Any) -> float | None:
    """A value of a history or a summary as a finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None
