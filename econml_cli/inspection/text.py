"""Summaries, states, graphs, registries and runs as something rich can print; wide and narrow terminals differ."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from econml_cli.errors import plural
from econml_cli.inspection.listings import Entry, type_name
from econml_cli.options.fields import Option, as_text
from econml_cli.output.terminal import Widest, columns, key_values, number, pairs, size
from econml_cli.runs.listing import RunRow

if TYPE_CHECKING:  # listing runs needs no numpy
    from econml_cli.data.schema import Schema

#: arrays with more elements are printed with their middle left out
ABBREVIATE = 60


def heading(text: str) -> Text:
    """The title of one part."""
    return Text(text, style="bold")


def summary(found: Mapping[str, Any]) -> RenderableType:
    """The summary of a checkpoint: a headline, then label and value."""
    sections = [f"{name} ({arrays(part)})" for name, part in found["sections"].items()]
    rows = [
        ("status", found["status"]),
        ("checkpoint", f"epoch {found['step']:,} (there: {', '.join(map(str, found['steps']))})"),
        ("member", f"{found['member']} of {found['members']} (the first is 0)" if "member" in found else None),
        ("weights", _weights(found)),
        ("parameters", f"{found['parameters']['count']:,} in {arrays(found['parameters'])}"),
        ("sections", ", ".join(sections)),
        *((name.replace("_", " "), value) for name, value in found["losses"].items()),
        ("losses from", _SOURCES.get(found["losses_from"])),
        ("created", found["created"] and moment(found["created"], seconds=True)),
        ("finished", found["finished"] and moment(found["finished"], seconds=True)),
        ("command", found["command"]),
        ("versions", ", ".join(f"{name} {v}" for name, v in found["versions"].items() if v)),
        ("device", found["device"]),
        ("git commit", found["git_commit"]),
    ]
    return Group(heading(f"{found['model']} on {found['problem']}: {found['run']}"), key_values(rows))


_SOURCES = {
    "summary.json": "summary.json (measured at the end of the run)",
    "metrics.jsonl": "metrics.jsonl (logged while training: train loss is the epoch's mean)",
}


def _weights(found: Mapping[str, Any]) -> str:
    if found["weights"] == "best":
        return f"best: those with the best val_loss so far, of epoch {found['epoch']:,} (--patience keeps them)"
    return f"last: those of epoch {found['epoch']:,}"


def arrays(total: Mapping[str, int]) -> str:
    """A number of arrays and their size: "6 arrays, 68.1 kB"."""
    return f"{plural(total['arrays'], 'array')}, {size(total['bytes'])}"


def graph(node: Any) -> Tree:
    """A tree of modules with their static attributes, then the arrays that they hold."""
    tree = Tree(_node_line(node), guide_style="dim")
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Any) -> None:
    for child in node.children:
        _grow(tree.add(_node_line(child)), child)


def _node_line(node: Any) -> Text:
    line = Text(f"{node.name}: " if node.name else "")
    line.append(node.type, style="bold" if node.array is None else "")
    if node.array is not None:
        line.append(f" {node.array}")
    if telling := {k: v for k, v in node.attributes.items() if v is not None and v != k}:
        line.append(f"  {pairs(telling)}", style="cyan")  # dot_general=dot_general, dtype=None say nothing
    if node.shared is not None:
        line.append(f"  the same object as {node.shared}", style="dim")
    elif node.params and node.array is None:
        line.append(f"  {plural(node.params, 'parameter')}", style="dim")
    return line


NUMBERS = ("mean", "std", "min", "max")


def state(leaves: Sequence[Any], values: bool = False) -> RenderableType:
    """A tree of arrays: a table where it fits, else three lines an array; `values` adds the numbers themselves."""
    stacked = Group(*(line for row in _tree_rows(leaves) for line in _stacked(*row, values)))
    return stacked if values else Widest(_state_table(leaves), stacked)


def _tree_rows(leaves: Sequence[Any]) -> Iterator[tuple[str, int, Any]]:
    """(name, depth, leaf or None) of every line of the tree: modules before what they hold."""
    open_path: list[str] = []
    for leaf in leaves:
        *modules, name = leaf.path.split(".")
        for depth, module in enumerate(modules):
            if open_path[: depth + 1] != modules[: depth + 1]:
                yield module, depth, None
                open_path = modules[: depth + 1]
        open_path = modules
        yield name, len(modules), leaf


def _shape(leaf: Any) -> str:
    return f"[{','.join(map(str, leaf.shape))}]"


def _state_table(leaves: Sequence[Any]) -> Table:
    names = ("state", "kind", "shape", "dtype", "count", "bytes")
    # arrays of a model that has not been fitted are shapes only
    moments = NUMBERS if any(leaf.nonfinite is not None for leaf in leaves) else ()
    rows = []
    for name, depth, leaf in _tree_rows(leaves):
        row = [f"{'  ' * depth}{name}"]
        if leaf is not None:
            row += [leaf.kind, _shape(leaf), leaf.dtype, number(leaf.count), size(leaf.bytes)]
            row += [number(getattr(leaf, key)) for key in moments]
            row += [number(leaf.nonfinite)] * bool(moments)
        rows.append(row)
    heads = (*names, *moments, *(("non-finite",) if moments else ()))
    return columns(heads, rows, left=("state", "kind", "shape", "dtype"))


def _stacked(name: str, depth: int, leaf: Any, values: bool) -> Iterator[RenderableType]:
    indent = 2 * depth
    if leaf is None:
        yield Padding(Text(name), (0, 0, 0, indent))
        return
    line = Text(f"{name}: {leaf.kind} {_shape(leaf)} {leaf.dtype}")
    line.append(f"  count {number(leaf.count)}  {size(leaf.bytes)}")
    if leaf.nonfinite is not None:
        line.append(f"  non-finite {number(leaf.nonfinite)}")
    yield Padding(line, (0, 0, 0, indent))
    if leaf.mean is not None:
        moments = "  ".join(f"{key} {number(getattr(leaf, key))}" for key in NUMBERS)
        yield Padding(Text(moments, style="dim"), (0, 0, 0, indent + 2))
    if values and leaf.values is not None:
        yield Padding(Text(array_text(leaf.values), style="dim"), (0, 0, 0, indent + 2))


def array_text(values: Any) -> str:
    """The numbers of a NumPy array; of more than ABBREVIATE only the first and last three along each axis."""
    import numpy as np  # here, since listing the registries needs none of it

    return np.array2string(values, precision=6, threshold=ABBREVIATE, max_line_width=66)


def entries(found: Sequence[Entry]) -> RenderableType:
    """Models or problems, each with its options in a table of the same widths; on a narrow terminal in lines."""
    cells = [[_option_cells(option) for option in entry.options] for entry in found]
    names = ("option", "type", "default", "bounds")
    widths = [max(len(row[i]) for row in [list(names), *(r for rows in cells for r in rows)]) for i in range(4)]
    tables = [_option_table(names, widths, rows) for rows in cells]
    lines = [Group(*(_stacked_option(row) for row in rows)) for rows in cells]
    return Widest(_listed(found, tables), _listed(found, lines))


def _listed(found: Sequence[Entry], options: Sequence[RenderableType]) -> RenderableType:
    parts: list[RenderableType] = []
    for entry, body in zip(found, options, strict=True):
        parts += [Text.assemble((entry.name, "bold"), f"  {entry.help}"), *_recipe(entry)]
        parts += [Padding(body if entry.options else Text("no options", style="dim"), (0, 0, 0, 2)), Text()]
    return Group(*parts[:-1])


def _option_table(names: Sequence[str], widths: Sequence[int], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name, width in zip(names, widths, strict=True):
        table.add_column(name, width=width, no_wrap=True)
    table.add_column("help", min_width=20, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _stacked_option(row: Sequence[str]) -> RenderableType:
    flag, kind, default, bounds, words = row
    told = f"{flag}  {kind}, default {default}" + (f", {bounds}" if bounds != "-" else "")
    return Group(Text(told), Padding(Text(words, style="dim"), (0, 0, 0, 2)))


def _recipe(entry: Entry) -> list[RenderableType]:
    if entry.model is None:
        return []
    recipe = f"; recipe: {pairs(entry.recipe)}" if entry.recipe else ""
    return [Padding(Text(f"natural model: {entry.model}{recipe}"), (0, 0, 0, 2))]


def _option_cells(option: Option) -> list[str]:
    default = number(as_text(option.default), 12)
    bounds = ", ".join(f"{sign} {_bound(limit)}" for sign, limit in option.bounds.items()) or "-"
    words = f": {', '.join(option.choices)}" if option.choices else ""
    return [option.flag, type_name(option), default, bounds, option.help + words]


def _bound(limit: float) -> str:
    return "2^32" if limit == 2**32 else f"{limit:g}"


def schema(found: "Schema", rows: int) -> RenderableType:
    """The columns of a file, one a line: kind, levels or range, missing values, why; then what should be known."""
    from econml_cli.output import schema_table

    heads = ("column", "kind", "values", "missing", "why")
    cells = [[c.name, c.kind, schema_table.extent(c), schema_table.missing(c), c.why] for c in found.columns]
    told = [Text(note) for note in found.notes()]
    out = [Text(f"left out of automatic features: {', '.join(found.left_out)}")] if found.left_out else []
    return Group(Text(f"{rows:,} rows"), columns(heads, cells, ("column", "kind", "values", "why")), *out, *told)


def run_table(rows: Sequence[RunRow]) -> RenderableType:
    """Runs, one a line where that fits, else without the time of creation, else in three lines each. What is not a run
    says so, and tags are shown where there are any."""
    heads = ("run", "model", "problem", "status", "epochs", "train", "val", "test", "params", "seconds", "created")
    cells = [_run_cells(row) for row in rows]
    left = ("run", "kind", "model", "problem", "status", "created", "tags")
    tags = any(row.tags for row in rows)
    kinds = any(row.kind != "run" for row in rows)

    def table(count: int) -> RenderableType:
        names = [heads[0], *(["kind"] if kinds else []), *heads[1:count], *(["tags"] if tags else [])]
        lines = [
            [one[0], *([_kind(row)] if kinds else []), *one[1:count], *([", ".join(row.tags)] if tags else [])]
            for row, one in zip(rows, cells, strict=True)
        ]
        return columns(names, lines, left)

    damaged = [Text(f"{row.name} is damaged: {row.error}") for row in rows if row.error]
    stacked = Group(*(_stacked_run(row) for row in rows))
    return Group(Widest(table(11), table(10), stacked), *damaged)


def _kind(row: RunRow) -> str:
    """Run, or sweep of 12."""
    return row.kind if row.parts is None else f"{row.kind} of {row.parts:,}"


def _run_cells(row: RunRow) -> list[str]:
    losses = [number(loss, 3) for loss in (row.train_loss, row.val_loss, row.test_loss)]
    counts = [number(row.epochs), *losses, number(row.num_params), _seconds(row.seconds)]
    return [row.name, row.model or "-", row.problem or "-", row.status or "-", *counts, moment(row.created)]


def _stacked_run(row: RunRow) -> RenderableType:
    _, model, problem, status, epochs, train, val, test, params, seconds, created = _run_cells(row)
    if row.error:
        return Text.assemble((row.name, "bold"), f"\n  {status}")
    tags = f"\n  tags: {', '.join(row.tags)}" if row.tags else ""
    if row.kind != "run":
        tested = "" if row.test_loss is None else f", test loss {test}"  # that of a sweep is of no one trial
        told = f"\n  {_kind(row)}: {model} on {problem}, {status}{tested}\n  {created}{tags}"
        return Text.assemble((row.name, "bold"), told)
    rest = f"  {model} on {problem}, {status}, {epochs} epochs, {params} parameters\n"
    losses = f"  loss: train {train}, val {val}, test {test}\n"
    return Text.assemble((row.name, "bold"), f"\n{rest}{losses}  {seconds} s, {created}{tags}")


def _seconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:,.1f}"


def moment(stamp: str | None, seconds: bool = False) -> str:
    """An ISO time stamp as local "2026-11-22 23:49", or 23:49:13; "-" for none."""
    try:
        return datetime.datetime.fromisoformat(str(stamp)).astimezone().strftime("%Y-%m-%d %H:%M" + ":%S" * seconds)
    except ValueError:
        return "-"
