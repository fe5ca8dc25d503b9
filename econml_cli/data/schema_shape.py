"""What the schema of a file is in JSON: whoever reads one compares it with this. Imports nothing heavy."""

from typing import get_args

from econml_cli.data.asked import Kind
from econml_cli.storage.json_shape import NUMBER, TEXT, TEXTS, Each, Shape, at_least, one_of, optional
from econml_cli.storage.json_shape import Kind as Allowed

_LIMIT = Allowed("a number, text or null", lambda value: value is None or TEXT.holds(value) or NUMBER.holds(value))
COLUMN: Shape = {
    "name": TEXT,
    "kind": one_of(*get_args(Kind)),
    "why": TEXT,
    "role?": TEXT,
    "levels?": TEXTS,
    "count?": at_least(0),
    "low?": _LIMIT,
    "high?": _LIMIT,
    "missing?": Each(at_least(0), keyed=True),
    "written?": TEXTS,
    "way?": optional(TEXT),
    "codes?": Each(NUMBER, keyed=True),
    "notes?": TEXTS,
}
ASKED: Shape = {
    "categorical?": TEXTS,
    "numeric?": TEXTS,
    "dates?": TEXTS,
    "na_values?": optional(TEXTS),
    "drop_columns?": TEXTS,
    "decimal?": optional(TEXT),
    "delimiter?": optional(TEXT),
    "sheet?": optional(TEXT),
    "identifiers?": TEXTS,
    "booleans?": TEXTS,
    "column_missing?": Each(TEXTS, keyed=True),
}
SCHEMA: Shape = {"columns": Each(COLUMN), "asked": ASKED, "unread?": TEXTS}
