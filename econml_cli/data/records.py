"""The records of separated text, to the byte: what stands in quotes may go on over several lines."""

import re
from collections.abc import Iterator
from typing import IO

from econml_cli.errors import DataError

#: bytes of a file that are held at a time
BLOCK = 1 << 20


def _patterns(mark: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """(a record whose quotes are closed, any), each with its end of line."""
    closed = rb'(?:"(?:[^"]|"")*+"[^%b\r\n]*|[^"%b\r\n][^%b\r\n]*|)' % ((re.escape(mark),) * 3)
    other = rb'(?:"(?:[^"]|"")*+")?[^%b\r\n]*' % re.escape(mark)
    line = rb"(%b(?:%b%b)*)(\r\n|\n|\r|\Z)"
    first, second = (re.compile(line % (field, re.escape(mark), field)) for field in (closed, other))
    return first, second


def of_file(file: IO[bytes], mark: bytes, held: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
    """`of_bytes` of a file, of which a block is held at a time; `held` was read already."""
    closed, _ = _patterns(mark)
    while block := file.read(max(BLOCK, len(held))):
        held += block
        place = 0
        while (found := closed.match(held, place)) is not None:
            # what the block ends in may go on in the next
            if found.end() >= len(held) - 1:
                break
            yield found[1], found[2]
            place = found.end()
        held = held[place:]
    yield from of_bytes(held, mark)


def of_bytes(contents: bytes, mark: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(record, its end of line) of separated text; a line without anything is an empty record."""
    record = _patterns(mark)[1]
    place = 0
    while place < len(contents):
        found = record.match(contents, place)
        if found is None:  # a quote that is never closed: reading has refused it
            raise DataError("A record of the file never ends; is a quote not closed?")
        yield found[1], found[2]
        place = found.end()
