"""A table of strings in blocks with notes below, as a regression table is: as text, Markdown or LaTeX.

The first column is left-aligned, the others are centred; the first block is the head.
"""

import re
import textwrap
from dataclasses import dataclass

from econml_cli.output.tables import escape_latex, escape_markdown, latex_row

Row = tuple[str, ...]
Block = tuple[Row, ...]
GAP = 2


@dataclass(frozen=True)
class Table:
    """`blocks` of rows, all with the same number of cells; `notes`, a sentence each."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()

    @property
    def widths(self) -> list[int]:
        """The natural width of each column."""
        return [max(map(len, column)) for column in zip(*(row for block in self.blocks for row in block), strict=True)]

    @property
    def width(self) -> int:
        """Characters of a line of text."""
        return sum(self.widths) + GAP * (len(self.widths) - 1)

    def part(self, columns: list[int]) -> "Table":
        """The same with the first column and these others only; rows that are then empty are left out, but for those
        that have no cell anywhere (titles of blocks). Notes are kept."""
        blocks = []
        for block in self.blocks:
            rows = [(row[0], *(row[i] for i in columns)) for row in block if _in_part(row, columns)]
            if any(any(row[1:]) for row in rows):
                blocks.append(tuple(rows))
        return Table(tuple(blocks), self.notes)


def _in_part(row: Row, columns: list[int]) -> bool:
    return any(row[i] for i in columns) or not any(row[1:])


def panels(table: Table, width: int) -> list[Table]:
    """The table in parts whose columns fit into `width` characters, at least one column each."""
    label, *widths = table.widths
    parts: list[list[int]] = []
    room = 0
    for i, own in enumerate(widths, start=1):
        if not parts or own + GAP > room:
            parts.append([])
            room = width - label
        parts[-1].append(i)
        room -= own + GAP
    return [table.part(columns) for columns in parts]


def text(table: Table, width: int) -> str:
    """Panels that fit into `width` characters, below each other, and the notes."""
    parts = [_panel(part) for part in panels(table, width)]
    across = max(len(line) for part in parts for line in part.splitlines())
    notes = [line for note in table.notes for line in textwrap.wrap(note, max(across, 60), break_on_hyphens=False)]
    return "\n\n".join(parts) + "".join(f"\n{line}" for line in notes)


def _panel(table: Table) -> str:
    rule, widths = "-" * table.width, table.widths
    lines = [rule]
    for block in table.blocks:
        for row in block:
            cells = [row[0].ljust(widths[0])] + [c.center(w) for c, w in zip(row[1:], widths[1:], strict=True)]
            lines.append((" " * GAP).join(cells).rstrip())
        lines.append(rule)
    return "\n".join(lines)


def markdown(table: Table) -> str:
    """A pipe table, whose blocks follow each other without a rule, and the notes as a paragraph."""
    rows = [row for block in table.blocks for row in block]
    lines = [_pipes(rows[0]), "| " + " | ".join([":---", *([":---:"] * (len(rows[0]) - 1))]) + " |"]
    lines += [_pipes(row) for row in rows[1:]]
    notes = "\n".join(map(escape_markdown, table.notes))
    return "\n".join(lines) + (f"\n\n{notes}" if notes else "")


def _pipes(row: Row) -> str:
    return "| " + " | ".join(map(escape_markdown, row)) + " |"


def latex(table: Table) -> str:
    """A tabular with booktabs rules, and the notes below it (needs `\\usepackage{booktabs}`, nothing else)."""
    count = len(table.blocks[0][0])
    lines = [r"\begin{tabular}{l" + "c" * (count - 1) + "}", r"  \toprule"]
    for i, block in enumerate(table.blocks):
        lines += [r"  \midrule"] * (i > 0) + [_latex_row(row) for row in block]
    lines += [r"  \bottomrule", r"\end{tabular}"]
    if table.notes:
        lines += [
            r"\par\smallskip",
            r"\parbox{\linewidth}{\footnotesize " + "\n".join(map(_latex_note, table.notes)) + "}",
        ]
    return "\n".join(lines)


def _latex_row(row: Row) -> str:
    cells = [re.sub(r"(?<=[\d$])\*{1,3}$", lambda m: f"$^{{{m[0]}}}$", _latex(cell)) for cell in row[1:]]
    return latex_row([re.sub(r"\bR2$", "$R^2$", _latex(row[0])), *cells])


def _latex(cell: str) -> str:
    """Text as LaTeX; [1.2, 3.4]e-05 has a power of ten."""
    return re.sub(r"\]e([+-]\d+)$", lambda m: f"]$ \\times 10^{{{int(m[1])}}}$", escape_latex(cell))


def _latex_note(note: str) -> str:
    """A sentence; the stars of a legend such as "* p < 0.10, ** p < 0.05." are raised."""
    return re.sub(r"(?:(?<=^)|(?<=, ))\*{1,3}(?= p )", lambda m: f"$^{{{m[0]}}}$", _latex(note))
