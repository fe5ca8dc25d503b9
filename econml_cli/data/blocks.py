"""A file that is not read whole: one column of it at a time, or a block of its rows.

Parquet can be read either way. Separated text is written as Parquet first, block by block, numbers as numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.data import files, infer, row_groups, separated
from econml_cli.data.asked import Asked
from econml_cli.data.raw import Needed, Raw
from econml_cli.data.text_numbers import Column
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

#: rows of a block
ROWS = 2**16


@dataclass(frozen=True)
class Source:
    """A table in a Parquet file at `path`, of which `names` are all columns of the file as it was named, `where`.

    Attributes:
        chosen: those that are needed. rows: of the table. text: whether the file as it was named is of text, so that
            columns that are no numbers here are as they stand there.
    """

    path: Path
    where: str
    names: tuple[str, ...]
    chosen: tuple[str, ...]
    rows: int
    text: bool

    def read(self, names: Sequence[str]) -> Raw:
        """Some columns, whole.

        Raises:
            DataError: the file is damaged.
        """
        return self._raw(self._of_parquet(lambda: row_groups.read(self.path, names)))

    def blocks(self, names: Sequence[str]) -> Iterator[Raw]:
        """Some columns, `ROWS` rows after the other.

        Raises:
            DataError: the file is damaged.
        """
        import pyarrow as pa
        from pyarrow import parquet

        with self._of_parquet(lambda: parquet.ParquetFile(self.path, pre_buffer=False)) as file:
            batches = file.iter_batches(ROWS, columns=list(names))
            while (batch := self._of_parquet(lambda: next(batches, None))) is not None:
                yield self._raw(pa.Table.from_batches([batch]).select(list(names)))

    def _raw(self, table: "pa.Table") -> Raw:
        return Raw(self.names, table, self.text, source=self.where)

    def _of_parquet(self, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except MemoryError:
            raise
        except Exception as error:  # its libraries raise all sorts where a file is damaged
            raise DataError(f"{self.where} cannot be read in blocks ({str(error).splitlines()[0]}).") from error


def opened(source: str, path: Path, asked: Asked, needed: Needed, folder: Path) -> Source:
    """The table that --data names, of the file at `path`. What has to be written for it goes into a folder.

    Raises:
        DataError: it is of a format that is read whole, damaged, or has no rows. OSError: the system cannot read it.
    """
    ending = files.extension(path)
    if ending == ".parquet":
        from pyarrow import parquet

        names = files.column_names(source)
        with parquet.ParquetFile(path) as file:
            chosen = tuple(dict.fromkeys(names if needed is None else needed(names)))
            found = Source(path, source, tuple(names), chosen, file.metadata.num_rows, False)
    elif ending in separated.SEPARATORS:
        writing = _Writing(folder / "text.parquet", asked)
        raw = separated.in_blocks(path, needed, asked, writing.take)
        if raw.nameless:
            raise DataError(f"--stream: {source} has columns without a name; name them, or leave out --stream.")
        found = Source(writing.out, source, raw.names, writing.names, writing.rows, True)
    else:
        raise DataError(
            f"--stream reads Parquet and separated text, and {source} is {ending}; save it as Parquet, or leave it out."
        )
    if not found.rows:
        raise DataError(f"{source} has a header but no rows.")
    return found


class _Writing:
    """Writes text as Parquet: columns of plain numbers as numbers, all others as the text that they are."""

    def __init__(self, out: Path, asked: Asked):
        self.out, self.rows, self._asked = out, 0, asked
        self.names: tuple[str, ...] = ()

    def take(self, blocks: Callable[[Sequence[str]], Iterator["pa.RecordBatch"]], names: Sequence[str]) -> "pa.Table":
        """See `separated.Take`: what numbers are is known once all blocks have been seen."""
        import pyarrow as pa
        from pyarrow import parquet

        self.names, numbers = tuple(names), self._numbers(blocks, names)
        schema = pa.schema([(name, numbers.get(name, pa.string())) for name in names])
        last = pa.table({name: pa.array([], kind) for name, kind in zip(schema.names, schema.types, strict=True)})
        with parquet.ParquetWriter(self.out, schema, compression="zstd") as writer:
            for batch in blocks(names):
                if not len(batch):
                    continue
                columns = [_as(batch.column(batch.schema.get_field_index(name)), numbers.get(name)) for name in names]
                table = pa.table(columns, schema=schema)
                writer.write_table(table)
                self.rows, last = self.rows + len(table), table
        return last

    def _numbers(self, blocks: Callable[[Sequence[str]], Any], names: Sequence[str]) -> "dict[str, pa.DataType]":
        """The columns that hold numbers and empty fields alone: {column: their type}."""
        import pyarrow as pa

        left = {name: Column() for name in names if infer.plain(self._asked, None, name)}
        for batch in blocks(list(left)) if left else ():
            for name in list(left):
                if not left[name].add(batch.column(batch.schema.get_field_index(name))):
                    del left[name]
                    continue
                left[name].forget()
        found = ((name, column.whole()) for name, column in left.items())
        return {name: pa.int64() if pa.types.is_integer(a.type) else pa.float64() for name, a in found if a is not None}


def _as(texts: "pa.Array", kind: "pa.DataType | None") -> "pa.Array":
    """Text as numbers, gaps where a field is empty; None: as it is."""
    import pyarrow.compute as pc

    return texts if kind is None else pc.if_else(pc.equal(texts, ""), None, texts).cast(kind)
