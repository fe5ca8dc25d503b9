"""The lines of metrics.jsonl: which are whole, and what becomes of a file that has others. Imports nothing heavy."""

import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.runs import documents
from econml_cli.storage import disk, json_shape

#: bytes of the longest metrics.jsonl that is read
MOST_METRICS = 2_000_000_000
#: bytes of a line, at most
_LONGEST = 65_536
_BEGINS = b'{"epoch": '
#: lines that are read at once, and of which types their values usually are
_BLOCK, _NUMBERS = 4096, {int, float, type(None)}


@dataclass(frozen=True)
class Lines:
    """What a metrics.jsonl holds.

    Attributes:
        rows, texts: of the lines that are whole, in their order. damage: (the first line that is not, counted from 1;
            what is wrong with it), or None. What a kill has left of a last line is neither.
    """

    rows: list[dict[str, Any]]
    texts: list[bytes]
    damage: tuple[int, str] | None


def read(path: Path) -> Lines:
    """The lines of a file; none where there is no file.

    Raises:
        RunError: it cannot be read now.
    """
    try:
        whole, _, torn = disk.read_bytes(path, MOST_METRICS).rpartition(b"\n")
    except FileNotFoundError:
        return Lines([], [], None)
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise RunError(f"{path} cannot be read ({said}), and nothing was changed; try again, or restore it.") from None
    found = Lines([], [], None)
    damage: tuple[int, str] | None = None
    texts = whole.split(b"\n") if whole else []
    for start in range(0, len(texts), _BLOCK):
        block = texts[start : start + _BLOCK]
        if (rows := _plain(block)) is not None:
            found.rows.extend(rows)
            found.texts.extend(block)
            continue
        for i, text in enumerate(block, start + 1):
            try:
                found.rows.append(row(text))
            except (ValueError, RecursionError) as error:
                damage = damage or (i, str(error))
                continue
            found.texts.append(text)
    if not _BEGINS.startswith(torn[: len(_BEGINS)]):  # it is a disk that leaves zeros, not a kill
        damage = damage or (len(texts) + 1, "it is no JSON")
    return Lines(found.rows, found.texts, damage)


def _plain(block: list[bytes]) -> list[dict[str, Any]] | None:
    """What lines hold, read as one document, which takes a quarter of the time that line by line does; None where one
    of them is anything else than an epoch and numbers, or null, so that each has to be looked at."""
    if not all(text.startswith(_BEGINS) and text.endswith(b"}") and text.count(b"{") == 1 for text in block):
        return None
    try:
        rows: list[dict[str, Any]] = json_shape.loads(b"[" + b",".join(block) + b"]")
    except (ValueError, RecursionError):
        return None
    plain = all(type(value) in _NUMBERS for row in rows for value in row.values())
    whole = plain and len(rows) == len(block) and all(type(row["epoch"]) is int and row["epoch"] >= 0 for row in rows)
    return rows if whole else None


def ends(path: Path) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The rows of the first and of the last whole line, without reading what is between them; None of no file.

    Raises:
        RunError: it cannot be read now, or one of them is damaged.
    """
    try:
        with disk.opened(path) as file:
            first = file.readline(_LONGEST)
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST))
            whole, _, _torn = file.read(_LONGEST).rpartition(b"\n")
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or error
        raise RunError(f"{path} cannot be read ({said}); try again, or restore it from a copy.") from None
    if not whole:
        return None, None
    try:
        return row(first), row(whole.rpartition(b"\n")[2])
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path} is damaged in its first or last line ({error}); delete that line.") from None


def row(text: bytes) -> dict[str, Any]:
    """What a line holds.

    Raises:
        ValueError, RecursionError: it is no JSON, or not what a line holds; says which key.
    """
    found = json_shape.loads(text)
    json_shape.check(found, documents.METRICS)
    return dict(found)


def mend(path: Path, found: Lines, done: int) -> str | None:
    """Where a file, in which `read` has just found these lines, is damaged, keep it under another name, and write anew
    the whole lines up to an epoch, after which all is computed again. What was done, in a sentence; None where nothing
    was amiss.

    Raises:
        OSError: the disk refuses.
    """
    if found.damage is None:
        return None
    kept = [text + b"\n" for row, text in zip(found.rows, found.texts, strict=True) if row["epoch"] <= done]
    aside = path.with_name(f".damaged-{path.name}-{secrets.token_hex(4)}")
    path.rename(aside)
    disk.write_bytes(path, b"".join(kept))
    line, said = found.damage
    return f"{path} is damaged in line {line} ({said}); it is kept as {aside}, and its other lines are in {path.name}."
