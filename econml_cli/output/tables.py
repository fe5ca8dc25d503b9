"""A grid of strings as text, Markdown or LaTeX."""

import csv
import io
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.storage import disk


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


def csv_lines(rows: Sequence[Mapping[str, Any]]) -> str:
    """Flat rows as CSV, one line each, every number with all its digits; missing values are empty."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(key for row in rows for key in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().rstrip("\n")


@dataclass(frozen=True)
class Grid:
    """A table of strings; the first column is left-aligned, the others right-aligned."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""

    @property
    def widths(self) -> list[int]:
        """The natural width of each column."""
        return [max(map(len, column)) for column in zip(self.headers, *self.rows, strict=True)]

    def first(self, count: int) -> "Grid":
        """The same with only the first `count` columns."""
        return Grid(self.headers[:count], tuple(row[:count] for row in self.rows), self.title)


def text(grid: Grid) -> str:
    """Aligned columns, two spaces apart, that read the same in a terminal, a pipe and a log."""
    widths = grid.widths
    rows = [grid.headers, *grid.rows] if any(grid.headers) else list(grid.rows)
    lines = [
        "  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]
    return "\n".join([grid.title, *(line.rstrip() for line in lines)] if grid.title else (s.rstrip() for s in lines))


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


def markdown(grid: Grid) -> str:
    """A pipe table."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(escape_markdown, cells)) + " |"

    rule = "| " + " | ".join([":---", *(["---:"] * (len(grid.headers) - 1))]) + " |"
    body = "\n".join([line(grid.headers), rule, *map(line, grid.rows)])
    return f"**{escape_markdown(grid.title)}**\n\n{body}" if grid.title else body


def escape_markdown(cell: str) -> str:
    """Text that Markdown shows as it is; underscores inside a word, as in test_loss, it leaves alone anyway."""
    return re.sub(r"(?<=[^\W_])_+(?=[^\W_])|([\\|*_<`])", lambda m: "\\" + m[1] if m[1] else m[0], cell)


_LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "->": r"$\to$"}
_LATEX |= {char: "\\" + char for char in "&%$#_{}"}
_LATEX |= {char: f"${char}$" for char in "<>|"}  # in text, the usual fonts have other signs in their places
_SPECIAL = re.compile("->|[" + re.escape("\\~^&%$#_{}<>|") + "]")
_NUMBER = re.compile(r"(-?\d\.\d+)e([+-]\d+)|(?<![\w.-])-(?=\d)")


def escape_latex(cell: str) -> str:
    """Text as LaTeX, with 1.5e-04 as a power of ten and a minus, not a hyphen, before a number."""
    escaped = _SPECIAL.sub(lambda m: _LATEX[m[0]], cell)
    return _NUMBER.sub(lambda m: f"${m[1]} \\times 10^{{{int(m[2])}}}$" if m[1] else "$-$", escaped)


def latex_row(cells: Sequence[str]) -> str:
    """A row of a tabular, of cells that are LaTeX."""
    # \\ and \midrule read a bracket that follows as their argument, and \\ a star
    first = "{}" if cells[0].startswith(("[", "*")) else ""
    return "  " + first + " & ".join(cells) + r" \\"


def latex(grid: Grid) -> str:
    """A tabular with booktabs rules (needs `\\usepackage{booktabs}`)."""

    def line(cells: Sequence[str]) -> str:
        return latex_row([escape_latex(cell) for cell in cells])

    title = f"% {' '.join(grid.title.split())}\n" if grid.title else ""
    parts = [r"\begin{tabular}{l" + "r" * (len(grid.headers) - 1) + "}", r"  \toprule"]
    parts += [line(grid.headers), r"  \midrule"] if any(grid.headers) else []
    return title + "\n".join([*parts, *map(line, grid.rows), r"  \bottomrule", r"\end{tabular}"])


RENDERERS: dict[str, Callable[[Grid], str]] = {"table": text, "markdown": markdown, "latex": latex}
