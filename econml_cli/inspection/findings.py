"""A comparison of two checkpoints, and checks of one, as something rich can print."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from econml_cli.errors import plural
from econml_cli.inspection.text import heading
from econml_cli.output.terminal import Widest, columns, number

_STYLES = {"pass": "", "fail": "bold red", "not applicable": "dim"}


def difference(found: Any) -> RenderableType:
    """What differs between two models: of the graph, then leaf by leaf."""
    # one below the other: paths of runs are long
    headline = Group(Text(f"a  {found.first}"), Text(f"b  {found.second}"))
    parts: list[RenderableType] = [headline, Text(), heading(_verdict(found))]
    parts += [Text(), _graph(found.graph)] if found.graph else []
    parts += [Text(), _leaves(found.leaves)] if found.leaves else []
    return Group(*parts)


def _graph(rows: Sequence[Any]) -> RenderableType:
    heads = ("graphdef", "a", "b")
    cells = [[row.path or "the model", _or_absent(row.first), _or_absent(row.second)] for row in rows]
    stacked = Group(*(Text(f"{path}\n  a {first}\n  b {second}") for path, first, second in cells))
    return Widest(columns(heads, cells, heads), stacked)


def _leaves(rows: Sequence[Any]) -> RenderableType:
    heads = ("state", "array", "max |a-b|", "|a-b|/|a|", "changed")
    cells = [[row.path, _arrays(row), *map(number, (row.max_abs, row.relative, row.changed))] for row in rows]
    return Widest(columns(heads, cells, heads[:2]), Group(*(_stacked(row) for row in cells)))


def _verdict(found: Any) -> str:
    within = f" (within {number(found.tolerance)})" if found.tolerance else ""
    if found.same:
        return f"The same{within}: {plural(len(found.leaves), 'array')} compared."
    far = [row for row in found.leaves if row.max_abs is None or row.max_abs > found.tolerance]
    graph = f"{plural(len(found.graph), 'difference')} of the graph, " if found.graph else ""
    return f"They differ{within}: {graph}{len(far):,} of {plural(len(found.leaves), 'array')} in both."


def _or_absent(words: str | None) -> str:
    return "absent" if words is None else words


def _arrays(row: Any) -> str:
    return row.first if row.first == row.second else f"{row.first} | {row.second}"


def _stacked(row: list[str]) -> RenderableType:
    path, array, largest, relative, changed = row
    told = f"max |a-b| {largest}  |a-b|/|a| {relative}  changed {changed}"
    return Group(Text.assemble((path, "bold"), f" {array}"), Padding(Text(told), (0, 0, 0, 2)))


def checks(found: Sequence[Any]) -> RenderableType:
    """One line a check: what it is, how it came out, what was measured."""
    heads = ("check", "", "measured")
    wide = columns(heads, [[check.name, check.status, check.detail] for check in found], heads)
    for row, check in zip(wide.rows, found, strict=True):
        row.style = _STYLES[check.status]
    narrow = Group(*(_narrow(check) for check in found))
    return Widest(wide, narrow)


def _narrow(check: Any) -> RenderableType:
    headline = Text.assemble(f"{check.name}: ", (check.status, _STYLES[check.status]))
    return Group(headline, Padding(Text(check.detail), (0, 0, 0, 2)))
