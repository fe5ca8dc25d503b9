"""What commands share when they print: a console, numbers, key/value tables, and one JSON document."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from econml_cli.errors import printable
from econml_cli.output.streams import styled

#: columns where stdout is no terminal and COLUMNS is not set: a pipe, a file, a log
PIPE_WIDTH = 120


def console(stderr: bool = False) -> Console:
    """A console on stdout (or stderr): as wide as the terminal, `PIPE_WIDTH` columns in a pipe.

    Rich itself drops colour in a pipe and honours NO_COLOR, FORCE_COLOR and COLUMNS.
    """
    return _PlainConsole(
        file=styled(sys.stderr if stderr else sys.stdout),
        width=_width(stderr), highlight=False, markup=False, emoji=False,
    )  # fmt: skip


class _PlainConsole(Console):
    """What is written is text, and the styles that we give it: control characters of a file's text are left out."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """As rich's."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)


def _width(stderr: bool) -> int | None:
    stream = sys.stderr if stderr else sys.stdout
    return None if stream.isatty() or os.environ.get("COLUMNS", "").isdigit() else PIPE_WIDTH


def show(renderable: RenderableType) -> None:
    """Print something rich on stdout, without the blanks that pad its lines.

    In a pipe the width grows with what must not be broken, so that every number arrives whole.
    """
    out = console()
    if _width(stderr=False) is not None:
        out.width = max(PIPE_WIDTH, Measurement.get(out, out.options.update(max_width=10_000), renderable).minimum)
    with out.capture() as capture:
        out.print(renderable, crop=False)
    styled(sys.stdout).write("".join(line.rstrip() + "\n" for line in capture.get().splitlines()))


def print_json(value: Any) -> None:
    """Write exactly one JSON document on stdout; NaN and infinities become null."""
    from econml_cli.storage.disk import finite

    sys.stdout.write(json.dumps(finite(value), indent=2, allow_nan=False) + "\n")


def number(value: Any, digits: int = 4) -> str:
    """17025 -> "17,025", 0.0224783 -> "0.02248", 2.5e-7 -> "2.5e-07", True -> "true", None -> "-"."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def size(count: int | None) -> str:
    """Bytes in the unit that reads best: 68100 -> "68.1 kB"."""
    if count is None:
        return "-"
    scaled = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if scaled < 1000:
            return f"{scaled:.0f} B" if unit == "B" else f"{scaled:.1f} {unit}"
        scaled /= 1000
    return f"{scaled:.1f} TB"


def key_values(rows: Iterable[tuple[str, Any]]) -> Table:
    """Two columns, label and value, indented by two; long values fold below themselves, None is left out."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="fold")
    for label, value in rows:
        if value is not None:
            table.add_row(f"  {label}", Text(value if isinstance(value, str) else number(value)))
    return table


def columns(names: Sequence[str], rows: Iterable[Sequence[str]], left: Sequence[str]) -> Table:
    """A table without lines whose cells are never broken or cut: the columns in `left` flush left, the others right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows = [list(row) for row in rows]
    for i, name in enumerate(names):
        widest = max(cell_len(cell) for cell in (name, *(row[i] for row in rows if i < len(row))))
        table.add_column(name, justify="left" if name in left else "right", no_wrap=True, min_width=widest)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


class Widest:
    """The first of several renderings, widest first, that fits without breaking a cell; the last one if none does."""

    def __init__(self, *candidates: RenderableType):
        self.candidates = candidates

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        unlimited = options.update(max_width=10_000)
        for candidate in self.candidates[:-1]:
            if Measurement.get(console, unlimited, candidate).minimum <= options.max_width:
                yield candidate
                return
        yield self.candidates[-1]

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.candidates[0])


def pairs(values: Mapping[str, Any]) -> str:
    """{"use_bias": True, "in_features": 2} -> "use_bias=true, in_features=2"."""
    return ", ".join(f"{name}={number(value)}" for name, value in values.items())
