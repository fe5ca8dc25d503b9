"""A table of strings in blocks with notes below, as a regression table is; in text in panels that fit a terminal."""

import textwrap
from dataclasses import dataclass

from econml_cli.output.tables import Block, Row

GAP = 2
#: characters of a line where nothing tells how many there are
WIDTH = 80


@dataclass(frozen=True)
class Table:
    """`blocks` of rows, all with the same number of cells, the first of them the head; `notes`, a sentence each. The
    first column is left-aligned, the others are centred."""

    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    title: str = ""
    is_regression: bool = True

    @property
    def align(self) -> str:
        return "l" + "c" * (len(self.blocks[0][0]) - 1)

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

    def text(self, width: int | None) -> str:
        """Panels that fit into `width` characters, below each other, and the notes."""
        parts = [_panel(part) for part in panels(self, WIDTH if width is None else width)]
        across = max(len(line) for part in parts for line in part.splitlines())
        notes = [line for note in self.notes for line in textwrap.wrap(note, max(across, 60), break_on_hyphens=False)]
        return "\n\n".join(parts) + "".join(f"\n{line}" for line in notes)


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


def _panel(table: Table) -> str:
    rule, widths = "-" * table.width, table.widths
    lines = [rule]
    for block in table.blocks:
        for row in block:
            cells = [row[0].ljust(widths[0])] + [c.center(w) for c, w in zip(row[1:], widths[1:], strict=True)]
            lines.append((" " * GAP).join(cells).rstrip())
        lines.append(rule)
    return "\n".join(lines)
