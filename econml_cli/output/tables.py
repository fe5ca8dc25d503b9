"""Tables of strings, and one renderer for each form that they are printed in: RENDERERS names them.

A new form is one function of a `Table` here, with its escaper, and a row in RENDERERS.
"""

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from econml_cli.errors import printable
from econml_cli.output import html
from econml_cli.storage import disk

Row = tuple[str, ...]
Block = tuple[Row, ...]


class Table(Protocol):
    """What a renderer needs of a table."""

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Rows of equally many cells, in blocks; the first row of all has the headers, which may be blank."""

    @property
    def align(self) -> str:
        """A letter for each column: "l", "c" or "r"."""

    @property
    def title(self) -> str:
        """What stands above it; "" for nothing."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that stand below it."""

    @property
    def is_regression(self) -> bool:
        """Whether it is read as a regression table is: stars behind a number are raised, R2 is R squared."""

    def text(self, width: int | None) -> str:
        """Aligned columns in the characters of a terminal of `width` columns (None: as wide as it is)."""


def cell(value: Any) -> str:
    """Four significant digits; "-" for what is missing or not defined."""
    value = disk.finite(value)
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:#.4g}".rstrip(".") if value == 0 or 1e-3 <= abs(value) < 1e4 else f"{value:.3e}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def interval(low: float | None, high: float | None) -> str:
    """As "[1.2, 3.4]"; "" where there is none."""
    return "" if low is None or high is None or math.isnan(low) else f"[{cell(low)}, {cell(high)}]"


def csv_lines(rows: Sequence[Mapping[str, Any]], names: Iterable[str] = ()) -> str:
    """Flat rows as CSV, one line each, every number with all its digits; missing values are empty. `names` are columns
    that stand first, and are there without any row."""
    out = io.StringIO()
    columns = list(dict.fromkeys([*names, *(key for row in rows for key in row)]))
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


def csv_cells(table: Table) -> str:
    """A table as CSV: its cells as they are printed, a line each row; without title and notes."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(row for block in table.blocks for row in block)
    return out.getvalue().rstrip("\n")


def leaves(found: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """{"a": {"b": 1}} -> (("a", "b"), 1): what nested mappings hold, with the keys that lead there."""
    for key, value in found.items():
        if isinstance(value, Mapping):
            yield from (((key, *path), leaf) for path, leaf in leaves(value))
        else:
            yield (key,), value


def flat(found: Mapping[str, Any]) -> dict[str, Any]:
    """{"a": {"value": 1, "low": 0}} -> {"a": 1, "a_low": 0}: what one row of a CSV file holds."""
    return {"_".join((path[0], *(key for key in path[1:] if key != "value"))): leaf for path, leaf in leaves(found)}


@dataclass(frozen=True)
class Grid:
    """A table of strings. The first column is left-aligned and the others right-aligned, where `align` says nothing
    else ("l" or "r" for each column)."""

    headers: Row
    rows: Block
    title: str = ""
    align: str = ""
    notes: tuple[str, ...] = ()
    is_regression: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "align", self.align or "l" + "r" * (len(self.headers) - 1))

    @property
    def blocks(self) -> tuple[Block, ...]:
        return (self.headers,), self.rows

    @property
    def widths(self) -> list[int]:
        """The natural width of each column."""
        return [max(map(len, column)) for column in zip(self.headers, *self.rows, strict=True)]

    def first(self, count: int) -> "Grid":
        """The same with only the first `count` columns."""
        rows = tuple(row[:count] for row in self.rows)
        return Grid(self.headers[:count], rows, self.title, self.align[:count], self.notes)

    def text(self, width: int | None = None) -> str:
        """Aligned columns, two spaces apart, that read the same in a terminal, a pipe and a log; never cut."""
        widths, lines = self.widths, [self.title] if self.title else []
        for row in [self.headers, *self.rows] if any(self.headers) else self.rows:
            cells = (
                c.ljust(w) if side == "l" else c.rjust(w) for c, w, side in zip(row, widths, self.align, strict=True)
            )
            lines.append(f"  {'  '.join(cells)}".rstrip())
        return "\n".join([*lines, *self.notes])


def fitting(grid: Grid, width: int | None) -> Grid:
    """As many of the first columns as fit into `width` characters (None: all), at least two."""
    if width is None:
        return grid
    count, used = 0, 0
    for column in grid.widths:
        used += column + 2
        if used > width:
            break
        count += 1
    return grid.first(max(count, 2))


def text(table: Table, width: int | None = None) -> str:
    """Aligned columns for a terminal, a pipe or a log."""
    return table.text(width)


def markdown(table: Table) -> str:
    """A pipe table, whose blocks follow each other without a rule, and the notes as a paragraph."""
    headers, *rows = [row for block in table.blocks for row in block]
    rule = {"l": ":---", "c": ":---:", "r": "---:"}
    lines = [_pipes(map(escape_markdown, headers)), _pipes(rule[side] for side in table.align)]
    lines += [_pipes(map(escape_markdown, row)) for row in rows]
    title = f"**{escape_markdown(table.title)}**\n\n" if table.title else ""
    notes = "\n".join(map(escape_markdown, table.notes))
    return title + "\n".join(lines) + (f"\n\n{notes}" if notes else "")


def _pipes(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escape_markdown(cell: str) -> str:
    """Text that Markdown shows as it is, on one line; underscores inside a word, as in test_loss, it leaves alone
    anyway."""
    cell = re.sub(r"[\r\n]+", " ", cell)
    return re.sub(r"(?<=[^\W_])_+(?=[^\W_])|([\\|*_<`]|\](?=\())", lambda m: "\\" + m[1] if m[1] else m[0], cell)


def plain_markdown(text: object) -> str:
    """A text of a user's, such as the name of a run or a column, as one line in which Markdown finds no markup: no
    link, no HTML, no heading. What a terminal would obey is left out."""
    escaped = escape_markdown(" ".join(printable(str(text)).split()))
    return re.sub(r"(\\.)|([>\[\]#~!&])", lambda found: found[1] or f"\\{found[2]}", escaped)


def latex(table: Table) -> str:
    """A tabular with booktabs rules, and the notes below it (needs `\\usepackage{booktabs}`, nothing else)."""
    title = [f"% {' '.join(table.title.split())}"] if table.title else []
    lines = [*title, r"\begin{tabular}{" + table.align + "}", r"  \toprule"]
    blocks = table.blocks if any(map(any, table.blocks[0])) else table.blocks[1:]
    for i, block in enumerate(blocks):
        lines += [r"  \midrule"] * (i > 0) + [_latex_row(row, table.is_regression) for row in block]
    lines += [r"  \bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = "\n".join(map(_latex_note, table.notes))
        lines += [r"\par\smallskip", r"\parbox{\linewidth}{\footnotesize " + notes + "}"]
    return "\n".join(lines)


def _latex_row(row: Row, is_regression: bool) -> str:
    label, *cells = map(escape_latex, row)
    if is_regression:
        label = re.sub(r"\bR2(?=$| \()", "$R^2$", label)
        cells = [re.sub(r"(?<=[\d$])\*{1,3}$", lambda m: f"$^{{{m[0]}}}$", cell) for cell in cells]
    # \\ and \midrule read a bracket that follows as their argument, and \\ a star
    first = "{}" if label.startswith(("[", "*")) else ""
    return f"  {first}{' & '.join([label, *cells])} \\\\"


def _latex_note(note: str) -> str:
    """A sentence; the stars of a legend such as "* p < 0.10, ** p < 0.05." are raised."""
    return re.sub(r"(?:(?<=^)|(?<=, ))\*{1,3}(?= p )", lambda m: f"$^{{{m[0]}}}$", escape_latex(note))


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "->": r"$\to$"}
_LATEX |= {char: "\\" + char for char in "&%$#_{}"}
_LATEX |= {char: f"${char}$" for char in "<>|"}  # in text, the usual fonts have other signs in their places
_SPECIAL = re.compile("->|[" + re.escape("\\~^&%$#_{}<>|") + "]")
_NUMBER = re.compile(r"(?<![\w.-])(-?\d(?:\.\d+)?)e([+-]\d+)(?!\w)|(?<![\w.-])-(?=\d)|\]e([+-]\d+)$")


def escape_latex(cell: str) -> str:
    """Text as LaTeX, with 1.5e-04 as a power of ten, a minus, not a hyphen, before a number, and the power of ten of
    both ends behind an interval, as in [1.2, 3.4]e-05."""

    def number(m: re.Match[str]) -> str:
        if m[1]:
            return f"${m[1]} \\times 10^{{{int(m[2])}}}$"
        return f"]$ \\times 10^{{{int(m[3])}}}$" if m[3] else "$-$"

    plain = re.sub(r"[\r\n]+", " ", cell)  # an empty line ends the table
    return _NUMBER.sub(number, _SPECIAL.sub(lambda m: _LATEX[m[0]], plain))


def as_html(table: Table) -> str:
    """A table for a notebook, the notes as paragraphs."""
    headers, *rows = [row for block in table.blocks for row in block]
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return html.table(headers, rows, table.title) + notes


#: how tables are printed, by form: of a table and the columns of a terminal
RENDERERS: dict[str, Callable[[Table, int | None], str]] = {
    "table": text,
    "markdown": lambda table, width: markdown(table),
    "latex": lambda table, width: latex(table),
    "html": lambda table, width: as_html(table),
}
