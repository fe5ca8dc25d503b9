"""What a file holds, before anybody decides what it means: text as it stands, or the types of a binary format."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

#: of the names of all columns, those to read; None: all
Needed = Callable[[Sequence[str]], Sequence[str]] | None
#: the name that pandas gives the column i whose name is empty
NAMELESS = "Unnamed: {}"


@dataclass(frozen=True)
class Raw:
    """The columns of a file: of text files as text (or, if asked, plain numbers as numbers), of others in the file's
    own types.

    Attributes:
        names: of all columns of the file, in its order. columns: those that were read. text: whether it is of text.
        labels: of Stata, SAS and SPSS, {column: {code: label}}. titles: what they call variables, {column: label}, of
            those that have a label. nameless: those that have no name in the file. sheet: of Excel, the name of the
            sheet. source: the file as it was named.
    """

    names: tuple[str, ...]
    columns: "pa.Table | pd.DataFrame"
    text: bool
    labels: Mapping[str, Mapping[Any, str]] = field(default_factory=dict)
    nameless: frozenset[str] = frozenset()
    sheet: str | None = None
    source: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.columns)

    @property
    def names_read(self) -> list[str]:
        """Of the columns that were read."""
        columns: Any = self.columns
        return list(map(str, columns.columns if hasattr(columns, "iloc") else columns.column_names))


def named(written: Sequence[str], path: Path) -> tuple[list[str], frozenset[str]]:
    """(names without the spaces around them, those made up for columns without one)."""
    names = [name.strip() or NAMELESS.format(i) for i, name in enumerate(written)]
    refuse_twice(names, path)
    return names, frozenset(name for name, given in zip(names, written, strict=True) if not given.strip())


def refuse_twice(names: Sequence[str], path: Path) -> None:
    """Refuse two columns of one name. Raises DataError: names it."""
    if len(set(names)) < len(names):
        twice = next(name for name, times in Counter(names).items() if times > 1)
        raise DataError(f"{path} has more than one column '{twice}'; rename all but one.")


def to_read(names: Sequence[str], needed: Needed) -> list[str]:
    """The columns to read, in the order of the need; the first in any case, for the number of rows."""
    there = set(names)
    chosen = list(dict.fromkeys(names if needed is None else needed(names)))
    return [name for name in chosen if name in there] or list(names[:1])


def not_readable(path: Path, kind: str, error: BaseException) -> str:
    """That a library which reads files of this kind does not read it, and why, in a sentence."""
    return f"{path} cannot be read as {kind} ({first_line(error)}); is it complete, and {kind} at all?"


def first_line(error: BaseException) -> str:
    """What an error of a library says first, without a full stop."""
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0].rstrip(".")
