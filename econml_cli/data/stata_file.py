"""A .dta of Stata again with variables beside its own: what the file has is copied byte for byte, so that types,
labels, formats, notes and the missing codes .a to .z, which no DataFrame holds, are as they were.

Source of the layout: Stata's `help dta`, releases 113 to 115 and 117 to 119.
"""

import mmap
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: rows that are written at a time
ROWS = 100_000
#: the missing value `.` of a double, the largest whole number of a long, the bytes of the longest text: of Stata
MISSING, LONGEST, WIDEST = 2.0**1023, 2_147_483_620, 2045
NAME = 32


@dataclass(frozen=True)
class _Variables:
    """How a release of the format writes what it says of a variable: the bytes of a name, of a format, of a label, of
    an entry of the order of the rows; the encoding, and the bytes of the longest text."""

    name: int
    format: int
    label: int
    order: int
    encoding: str
    widest: int


_LATIN = "latin-1"
_OF = {
    113: _Variables(33, 12, 81, 2, _LATIN, 244), 114: _Variables(33, 49, 81, 2, _LATIN, 244),
    115: _Variables(33, 49, 81, 2, _LATIN, 244), 117: _Variables(33, 49, 81, 2, _LATIN, WIDEST),
    118: _Variables(129, 57, 321, 2, "utf-8", WIDEST), 119: _Variables(129, 57, 321, 4, "utf-8", WIDEST),
}  # fmt: skip


@dataclass(frozen=True)
class _New:
    """A variable that is added: its name, label and format, the bytes of its type, and its values, [n, bytes] uint8."""

    name: str
    label: str
    format: str
    double: bool
    values: np.ndarray


def append(path: Path, out: Path, added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    """Write a .dta with variables beside its own. `added` has a row for each row `kept` [n] bool of it (None: all).

    Raises:
        ValueError: the file is of Stata 7 or older, or a value is none that Stata has.
    """
    with path.open("rb") as file, out.open("wb") as made:
        source = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        write = _write_tagged if source[:11] == b"<stata_dta>" else _write_old
        write(source, made, added, kept)


def names(columns: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """Names that Stata admits for some columns: of letters, digits and _, at most 32 of them, none twice."""
    found = list[str]()
    for column in columns:
        bare = re.sub(r"\W", "_", column, flags=re.ASCII)[:NAME] or "v"
        bare = f"_{bare}"[:NAME] if bare[0].isdigit() else bare
        name, count = bare, 2
        while name in (*taken, *found):
            end = f"_{count}"
            name, count = f"{bare[: NAME - len(end)]}{end}", count + 1
        found.append(name)
    return found


def _release(number: int) -> _Variables:
    if number not in _OF:
        raise ValueError(f"a .dta of release {number} cannot be written again; write the predictions to a .csv")
    return _OF[number]


def _taken(own: bytes, of: _Variables) -> list[str]:
    """The names of the variables of a file."""
    fields = (own[place : place + of.name] for place in range(0, len(own), of.name))
    return [field.partition(b"\0")[0].decode(of.encoding) for field in fields]


def _new(added: "pd.DataFrame", taken: Sequence[str], order: str, of: _Variables) -> list[_New]:
    found = []
    for name, column in zip(names(list(map(str, added)), taken), added, strict=True):
        label = str(column) if name != str(column) else ""
        found.append(_New(name, label, *_values(added[column], order, of)))
    return found


def _values(column: "pd.Series", order: str, of: _Variables) -> tuple[str, bool, np.ndarray]:
    """(format, whether they are doubles, values [n, bytes] uint8) of a column."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(dtype=np.float64, na_value=np.nan)
        if not (np.abs(numbers[~np.isnan(numbers)]) < MISSING).all():
            raise ValueError(f"column '{column.name}' has numbers that Stata does not hold; write it to a .csv")
        doubles = np.where(np.isnan(numbers), MISSING, numbers).astype(f"{order}f8")
        return "%10.0g", True, doubles.view(np.uint8).reshape(len(doubles), 8)
    texts = ["" if pd.isna(value) else str(value) for value in column]
    written = [text.encode(of.encoding, "replace") for text in texts]
    width = max(1, max(map(len, written), default=1))
    if width > of.widest:
        raise ValueError(f"column '{column.name}' has a text of {width:,} bytes, which Stata does not hold")
    array = np.array(written, dtype=f"S{width}")
    return f"%{width}s", False, array.view(np.uint8).reshape(len(array), width)


def _fixed(text: str, width: int, encoding: str) -> bytes:
    """A text in a field that ends in a zero."""
    whole = text.encode(encoding, "replace")[: width - 1]
    return whole.decode(encoding, "ignore").encode(encoding).ljust(width, b"\0")


def _rows(source: Any, start: int, n: int, width: int, new: Sequence[_New], kept: np.ndarray | None) -> Iterator[bytes]:
    """The rows of a file with the new values beside them, so many at a time."""
    whole = np.frombuffer(source, np.uint8, n * width, start).reshape(n, width)
    chosen = np.arange(n) if kept is None else np.flatnonzero(kept)
    for first in range(0, len(chosen), ROWS):
        rows = slice(first, first + ROWS)
        yield np.hstack([whole[chosen[rows]], *(one.values[rows] for one in new)]).tobytes()


# -- releases 113 to 115 (Stata 8 to 12)

_HEADER = 109


def _write_old(source: Any, made: IO[bytes], added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    of, order = _release(source[0]), ">" if source[1] == 1 else "<"
    count, n = struct.unpack_from(f"{order}HI", source, 4)
    place, parts = _HEADER, list[bytes]()
    for size in (count, of.name * count, of.order * (count + 1), of.format * count, of.name * count, of.label * count):
        parts.append(source[place : place + size])
        place += size
    types, own, sorting, formats, labelled, labels = parts
    start = place
    while True:  # what else the file says of its variables, up to a field of zeros
        kind, length = struct.unpack_from(f"{order}BI", source, start)
        start += 5 + length
        if kind == length == 0:
            break
    new = _new(added, _taken(own, of), order, of)
    width = sum({251: 1, 252: 2, 253: 4, 254: 4, 255: 8}.get(kind, kind) for kind in types)
    header = bytearray(source[:_HEADER])
    struct.pack_into(f"{order}HI", header, 4, count + len(new), len(added))
    made.write(header)
    made.write(types + bytes(255 if one.double else one.values.shape[1] for one in new))
    made.write(own + b"".join(_fixed(one.name, of.name, of.encoding) for one in new))
    made.write(sorting + bytes(of.order * len(new)))
    made.write(formats + b"".join(_fixed(one.format, of.format, of.encoding) for one in new))
    made.write(labelled + bytes(of.name * len(new)))
    made.write(labels + b"".join(_fixed(one.label, of.label, of.encoding) for one in new))
    made.write(source[place:start])
    for rows in _rows(source, start, n, width, new, kept):
        made.write(rows)
    made.write(source[start + n * width :])


# -- releases 117 to 119 (Stata 13 and later): parts between tags, and a map of where each begins

_PARTS = ("variable_types", "varnames", "sortlist", "formats", "value_label_names", "variable_labels")
_WIDTHS = {65526: 8, 65527: 4, 65528: 4, 65529: 2, 65530: 1, 32768: 8}


def _write_tagged(source: Any, made: IO[bytes], added: "pd.DataFrame", kept: np.ndarray | None) -> None:
    number = int(source[source.find(b"<release>") + 9 :][:3])
    of, order = _release(number), ">" if source[source.find(b"<byteorder>") + 11 :][:3] == b"MSF" else "<"
    at, rows_at = source.find(b"<K>") + 3, source.find(b"<N>") + 3
    wide, long = ("I" if number == 119 else "H"), ("I" if number == 117 else "Q")
    (count,), (n,) = struct.unpack_from(order + wide, source, at), struct.unpack_from(order + long, source, rows_at)
    mapped = source.find(b"<map>")
    places = struct.unpack_from(f"{order}14Q", source, mapped + 5)
    own = dict(zip(_PARTS, (_inside(source, *places[i : i + 2]) for i in range(2, 8)), strict=True))
    types = np.frombuffer(own["variable_types"], f"{order}u2")
    width = int(sum(_WIDTHS.get(int(kind), int(kind)) for kind in types))
    new = _new(added, _taken(own["varnames"], of), order, of)
    kinds = [65526 if one.double else one.values.shape[1] for one in new]
    more = {
        "variable_types": np.array(kinds, f"{order}u2").tobytes(),
        "varnames": b"".join(_fixed(one.name, of.name, of.encoding) for one in new),
        "sortlist": bytes(of.order * len(new)),
        "formats": b"".join(_fixed(one.format, of.format, of.encoding) for one in new),
        "value_label_names": bytes(of.name * len(new)),
        "variable_labels": b"".join(_fixed(one.label, of.label, of.encoding) for one in new),
    }
    header = bytearray(source[:mapped])
    struct.pack_into(order + wide, header, at, count + len(new))
    struct.pack_into(order + long, header, rows_at, len(added))
    made.write(header)
    where = [0, made.tell()]
    made.write(b"<map>" + bytes(14 * 8) + b"</map>")
    for part in _PARTS:
        where.append(made.tell())
        made.write(f"<{part}>".encode() + own[part] + more[part] + f"</{part}>".encode())
    where.append(made.tell())
    made.write(source[places[8] : places[9]])  # characteristics, in which notes are kept
    where.append(made.tell())
    made.write(b"<data>")
    for rows in _rows(source, places[9] + len(b"<data>"), n, width, new, kept):
        made.write(rows)
    made.write(b"</data>")
    for first, last in ((10, 11), (11, 12)):  # long texts, labels of values
        where.append(made.tell())
        made.write(source[places[first] : places[last]])
    where.append(made.tell())
    made.write(b"</stata_dta>")
    where.append(made.tell())
    made.seek(where[1])
    made.write(b"<map>" + struct.pack(f"{order}14Q", *where) + b"</map>")


def _inside(source: Any, start: int, end: int) -> bytes:
    """What stands between the tags of a part."""
    whole: bytes = source[start:end]
    return whole[whole.index(b">") + 1 : whole.rindex(b"</")]
