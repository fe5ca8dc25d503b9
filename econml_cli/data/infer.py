"""The schema of a file: the kind of each of its columns, decided once, at the fit."""

import dataclasses

from econml_cli.data.asked import Asked
from econml_cli.data.infer_numbers import AS_ASKED
from econml_cli.data.infer_text import of_text
from econml_cli.data.infer_typed import of_types
from econml_cli.data.raw import Raw
from econml_cli.data.schema import Column, Schema
from econml_cli.errors import DataError


def decide(raw: Raw, asked: Asked, where: str) -> Schema:
    """The schema of what was read of a file.

    Raises:
        DataError, ConfigError: what is asked does not fit the file.
    """
    asked.check(raw.names, where)
    raw = dataclasses.replace(raw, source=where)
    # the others are judged by what they hold
    columns, known = [], dataclasses.replace(asked, identifiers=(), booleans=())
    for name in raw.names_read:
        found = of_text(raw, name, known) if raw.text else of_types(raw, name, known)
        if name in asked.identifiers and found.kind in ("number", "identifier"):
            found = dataclasses.replace(found, kind="identifier", why=AS_ASKED)
        elif name in asked.identifiers:
            found = Column(name, "identifier", AS_ASKED, count=found.count, missing=found.missing)
        if name in asked.booleans and found.kind not in ("boolean", "empty"):
            raise DataError(f"Column '{name}' of {where} is a {found.kind}, not true and false, as --schema has it.")
        if name in asked.drop_columns:
            found = dataclasses.replace(found, role="dropped", why="--drop-columns")
        if title := raw.titles.get(name, "").strip():
            found = dataclasses.replace(found, label=title)
        columns.append(found)
    read = {column.name for column in columns}
    return Schema(tuple(columns), asked, tuple(name for name in raw.names if name not in read))


def plain(asked: Asked, known: Schema | None, name: str) -> bool:
    """Whether a column of a text file is looked at as text only where it is no plain number."""
    if asked.mark != "." or asked.numbers_missing(name) or asked.kind_of(name) not in (None, "number", "identifier"):
        return False
    if known is None or name not in known:
        return True
    column = known[name]
    return not column.written and (column.kind == "number" or (column.kind == "identifier" and column.low is not None))
