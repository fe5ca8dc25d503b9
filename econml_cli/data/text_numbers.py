"""Read a large file of separated text block by block, and columns of plain numbers as numbers at once.

As text, a number takes about as much memory as four of 32 bits. Every other column stays text, and so does what turns
out to hold anything but numbers and empty fields in a later block: then the file is read for it again.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

#: bytes of a file from which on this pays
LARGE = 2**25


class Column:
    """A column of which all blocks so far hold nothing but numbers and empty fields."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []
        self._gaps: list[np.ndarray] = []
        self._digits, self._longest = True, 0

    def add(self, texts: "pa.Array") -> bool:
        """Take a block; False where it holds something else."""
        import pyarrow as pa
        import pyarrow.compute as pc

        filled = pc.if_else(pc.equal(texts, ""), None, texts)
        # a cast that fails is slow: the first texts of most columns show at once that they are not whole
        whole = all(piece.dtype.kind == "i" for piece in self._pieces) and _cast(filled[:FIRST], pa.int64()) is not None
        for kind in (pa.int64(), pa.float64()) if whole else (pa.float64(),):
            if (numbers := _cast(filled, kind)) is None:
                continue
            if kind == pa.int64() and _any(pc.match_substring(filled, "x", ignore_case=True)):
                return False  # 0x10 is no number here
            if kind == pa.float64() and _any(pc.is_nan(numbers)):
                return False  # "nan" is a mark, and counted as one
            if kind == pa.float64() and self._digits:
                head = pc.match_substring_regex(filled[:FIRST], _WHOLE)
                self._digits = _all(head) and _all(pc.match_substring_regex(filled, _WHOLE))
            self._longest = max(self._longest, pc.max(pc.binary_length(filled)).as_py() or 0)
            self._pieces.append(numbers.fill_null(0).to_numpy(zero_copy_only=False))
            self._gaps.append(filled.is_null().to_numpy(zero_copy_only=False))
            return True
        return False

    def forget(self) -> None:
        """Keep of the blocks so far what kind of numbers they hold, not the numbers."""
        self._pieces = [np.empty(0, kind) for kind in {piece.dtype for piece in self._pieces}]
        self._gaps = [np.array([all(gaps.all() for gaps in self._gaps)])]

    def whole(self, *, empty: bool = False) -> "pa.Array | None":
        """The column, int64 or float64, null where a field is empty; None where it is to be read as text: all fields
        are empty (unless they may be), or whole numbers of which some are too long for 64 bits."""
        import pyarrow as pa

        gaps = np.concatenate(self._gaps) if self._gaps else np.ones(0, dtype=bool)
        whole = all(piece.dtype.kind == "i" for piece in self._pieces)
        if (gaps.all() and not empty) or (not whole and self._digits and self._longest > LONGEST):
            return None
        kind = np.int64 if whole else np.float64
        numbers, place = np.empty(len(gaps), kind), 0
        while self._pieces:  # one after the other: they are the table
            piece = self._pieces.pop(0)
            numbers[place : place + len(piece)] = piece
            place += len(piece)
        return pa.array(numbers, mask=gaps if gaps.any() else None)


#: digits of a whole number that fits into 64 bits whatever it is
LONGEST = 18
#: texts that are looked at before all of a block are
FIRST = 1000
_WHOLE = "^[+-]?[0-9]+$"


def _cast(texts: "pa.Array", kind: "pa.DataType") -> "pa.Array | None":
    """Texts as numbers; None where one of them is none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return pc.cast(texts, kind)
    except pa.ArrowInvalid:
        return None


def _any(found: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(found).as_py())


def _all(found: Any) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(found).as_py())


def read(blocks: Callable[[Sequence[str]], Any], names: Sequence[str], plain: Callable[[str], bool]) -> "pa.Table":
    """Columns of a file: numbers where they are plain, which is asked of those that may be, else text.

    Args:
        blocks: (columns) -> record batches of their text; called again for columns that turn out to be text late.
        plain: whether a column may be read as numbers.

    Raises:
        As `blocks`.
    """
    import pyarrow as pa

    numbers = {name: Column() for name in names if plain(name)}
    texts: dict[str, list[pa.Array]] = {name: [] for name in names if name not in numbers}
    late, first = list[str](), True
    for batch in blocks(names):
        for name in names:
            block = batch.column(batch.schema.get_field_index(name))
            if name in texts:
                texts[name].append(block)
            elif name in numbers and not numbers[name].add(block):
                del numbers[name]
                if first:
                    texts[name] = [block]
                else:
                    late.append(name)
        first = False
    found: dict[str, Any] = {}
    for name in list(numbers):
        column = numbers.pop(name).whole()
        if column is None:
            late.append(name)
        else:
            found[name] = column
    if late:
        texts |= {name: [] for name in late}
        for batch in blocks(late):
            for name in late:
                texts[name].append(batch.column(batch.schema.get_field_index(name)))
    found |= {name: pa.chunked_array(texts.pop(name), pa.string()) for name in list(texts)}
    pa.default_memory_pool().release_unused()
    return pa.table({name: found[name] for name in names})
