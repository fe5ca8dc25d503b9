"""What the columns of a file were taken for: as a table of all of them, or in a few lines."""

from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.data.preprocessing import Preprocessing
from econml_cli.data.schema import Column, Schema
from econml_cli.errors import plural
from econml_cli.output.tables import Grid
from econml_cli.output.terminal import number

#: names that a line has at most
SHOWN = 8


def brief(learnt: Preprocessing, where: str, used: int, rows: int | None, about: Mapping[str, Any]) -> Grid:
    """A few lines on what a fit reads of a file `where`: its target, the features by kind, the columns that are for
    something else, what was left out and why, and how many of its `rows` (None: not known) are `used`; `about` says how
    many have missing values (`rows_dropped`; default: all others) and how many no fixed effect (`rows_untold`), what is
    left is in no split."""
    formula, levels, schema = learnt.specification.formula(), learnt.features.levels, learnt.schema
    lines = [] if formula.target is None else [("target", _target(learnt, formula.target))]
    labels = [f"{name} ({plural(len(levels[name]), 'level')})" for name in formula.features if name in levels]
    lines += [("numbers", _several([name for name in formula.features if name not in levels]))]
    lines += [("categories", _several(labels)), *_apart(schema)]
    if learnt.filled_with:
        lines.append(("gaps filled", _several(list(learnt.filled_with))))
    if schema is not None:
        out = {name: why for name, why in schema.left_out.items() if schema[name].role in ("unused", "dropped")}
        lines.append(("left out", _several([f"{name} ({why})" for name, why in out.items()], "; ")))
        unused = [c.name for c in schema.columns if c.role == "unused" and c.name not in out]
        lines.append(("not used", _several([*unused, *schema.unread])))
    dropped, untold = about.get("rows_dropped"), int(about.get("rows_untold", 0))
    gone = 0 if rows is None else rows - used if dropped is None else int(dropped)
    other = 0 if rows is None or dropped is None else rows - used - gone - untold
    told = ["" if rows is None else f" of {rows:,}"]
    told += [f"; {gone:,} with missing values left out"] if gone else []
    told += [f"; {untold:,} whose fixed effect nothing tells left out"] if untold else []
    told += [f"; {other:,} in no split"] if other else []
    lines.append(("rows", f"{used:,}{''.join(told)}"))
    return Grid(("", ""), tuple((name, text) for name, text in lines if text), f"Data: {where}", align="ll")


def _target(learnt: Preprocessing, name: str) -> str:
    classes = learnt.target.classes
    return f"{name} (number)" if not classes else f"{name} (classes {_several([str(label) for label in classes])})"


def _apart(schema: Schema | None) -> list[tuple[str, str]]:
    """The columns that are neither target nor features, by what they are for."""
    roles = dict[str, list[str]]()
    for column in () if schema is None else schema.columns:
        for role in column.role.split(", "):
            if role not in ("target", "feature", "unused", "dropped"):
                roles.setdefault(role, []).append(column.name)
    return [(role, _several(names)) for role, names in roles.items()]


def _several(names: Sequence[str], between: str = ", ") -> str:
    more = len(names) - SHOWN
    shown = [f"'{name}'" if "," in name and "(" not in name else name for name in names[:SHOWN]]
    return between.join(shown) + (f"{between}and {more:,} more" if more > 0 else "")


def grid(schema: Schema, title: str = "Columns of the data") -> Grid:
    """Role, kind, levels or range, missing values and why, of the columns that have a role; and what was left out."""
    used = [column for column in schema.columns if column.role not in ("unused", "dropped")]
    rows = tuple((c.name, c.role, c.kind, extent(c), missing(c), c.why) for c in used)
    dropped = {c.name for c in schema.columns if c.role == "dropped"}
    left = [name for name in schema.left_out if name not in {c.name for c in used}]
    notes: tuple[str, ...] = (f"left out of automatic features: {', '.join(left)}",) if left else ()
    rest = [c.name for c in schema.columns if c.role == "unused" and c.name not in {*left, *dropped}]
    rest += schema.unread
    notes += (f"not used: {', '.join(rest)}",) if rest else ()
    return Grid(("column", "role", "kind", "values", "missing", "why"), rows, title, align="llllrl", notes=notes)


def extent(column: Column) -> str:
    """The range of a column, or how many levels it has and the first of them."""
    if column.low is not None:
        return f"{_bound(column.low)} to {_bound(column.high)}"
    if not column.levels:
        return f"{column.count:,}" if column.count else "-"
    shown = ", ".join(column.levels[:4])
    return f"{column.count:,}: {shown}{', ...' if column.count > 4 else ''}" if column.count else "-"


def _bound(value: float | str | None) -> str:
    """An end of a range; a year is no amount, 2001."""
    if isinstance(value, float | int) and float(value).is_integer() and abs(value) < 10_000:
        return str(int(value))
    return number(value, 6)


def missing(column: Column) -> str:
    """How many values are missing."""
    return f"{sum(column.missing.values()):,}"
