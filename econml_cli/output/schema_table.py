"""What the columns of a file were taken for, as a table."""

from econml_cli.data.schema import Column, Schema
from econml_cli.output.tables import Grid
from econml_cli.output.terminal import number


def grid(schema: Schema, title: str = "Columns of the data") -> Grid:
    """Role, kind, levels or range, missing values and why, of the columns that have a role; and what was left out."""
    used = [column for column in schema.columns if column.role not in ("unused", "dropped")]
    rows = tuple((c.name, c.role, c.kind, extent(c), missing(c), c.why) for c in used)
    dropped = {c.name for c in schema.columns if c.role == "dropped"}
    left = [name for name in schema.left_out if name not in {c.name for c in used}]
    notes: tuple[str, ...] = (f"left out of automatic features: {', '.join(left)}",) if left else ()
    rest = [c.name for c in schema.columns if c.role == "unused" and c.name not in {*left, *dropped}]
    notes += (f"not used: {', '.join(rest)}",) if rest else ()
    return Grid(("column", "role", "kind", "values", "missing", "why"), rows, title, align="llllrl", notes=notes)


def extent(column: Column) -> str:
    """The range of a column, or how many levels it has and the first of them."""
    if column.low is not None:
        low, high = (number(v, 6) if isinstance(v, float | int) else v for v in (column.low, column.high))
        return f"{low} to {high}"
    if not column.levels:
        return f"{column.count:,}" if column.count else "-"
    shown = ", ".join(column.levels[:4])
    return f"{column.count:,}: {shown}{', ...' if column.count > 4 else ''}" if column.count else "-"


def missing(column: Column) -> str:
    """How many values are missing."""
    return f"{sum(column.missing.values()):,}"
