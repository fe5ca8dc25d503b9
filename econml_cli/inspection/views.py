"""The views of a model as something rich can print: graphdef and state side by side, layers, gradients, names."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from econml_cli.inspection.text import arrays, graph, heading, state, summary
from econml_cli.options.fields import as_text
from econml_cli.output.terminal import Widest, columns, key_values, number, pairs, size

#: columns from which graphdef and state stand side by side
SIDE_BY_SIDE = 100


def report(found: Any, values: bool = False) -> RenderableType:
    """The views of an `inspection.report.Report`; `values` adds the numbers of the state."""
    make: dict[str, Callable[[], RenderableType]] = {
        "summary": lambda: summary(found.summary) if "run" in found.summary else untrained(found.summary),
        "graphdef": lambda: graph(found.graph),
        "state": lambda: state(found.leaves, values),
        "split": lambda: split(found, values),
        "table": lambda: layers(found.table),
        "grad": lambda: gradients(found.grad),
        "torch": lambda: torch(found.torch),
        "raw": lambda: Text(found.raw, no_wrap=True, overflow="ignore"),
    }
    parts: list[RenderableType] = []
    for view in found.views:
        title = [heading(view)] if view != "summary" and len(found.views) > 1 else []
        parts += [*([Text()] if parts else []), *title, make[view]()]
    return Group(*parts)


def untrained(found: Mapping[str, Any]) -> RenderableType:
    """The summary of a model that has not been fitted."""
    x, dout, memory = found["observation"], found["dout"], found["training_bytes"]
    needs = memory and f"{size(memory)}: weights, gradient, and Adam's two moments, without data and activations"
    rows = [
        ("reads", f"[n, {', '.join(map(str, x))}]"),
        ("gives", f"[n, {dout}]"),
        ("parameters", f"{found['parameters']['count']:,} in {arrays(found['parameters'])}"),
        ("precision", found["precision"]),
        ("representation", found["phi"]),
        ("options", pairs({name: as_text(value) for name, value in found["options"].items()}) or None),
        ("to train", needs),
    ]
    headline = f"{found['model']} for {found['problem']}: not fitted, shapes only"
    return Group(heading(headline), key_values(rows))


class _Beside:
    """Two renderings in two columns where there is room, else one below the other."""

    def __init__(self, left: RenderableType, right: RenderableType):
        self.left, self.right = left, right

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        if options.max_width < SIDE_BY_SIDE:
            yield Group(self.left, Text(), self.right)
            return
        table = Table.grid(padding=(0, 3, 0, 0))
        table.add_column(overflow="fold", ratio=3)
        table.add_column(overflow="fold", ratio=2)
        table.add_row(self.left, self.right)
        yield table


def split(found: Any, values: bool = False) -> RenderableType:
    """graphdef and state as `nnx.split` makes them, and the line that puts them together again."""
    left = Group(heading("graphdef"), graph(found.graphdef))
    right = Group(heading("state"), state(found.leaves, True) if values else _state_tree(found))
    note = Text("model = nnx.merge(graphdef, state)", style="dim")
    return Group(Text("graphdef, state = nnx.split(model)", style="dim"), Text(), _Beside(left, right), Text(), note)


def _state_tree(found: Any) -> Tree:
    """The state as a nested mapping: the same lines as the graph, with shapes in place of classes."""
    tree, branches = Tree(Text("State", style="bold"), guide_style="dim"), dict[str, Tree]()
    for leaf in found.leaves:
        *modules, name = leaf.path.split(".")
        branch = tree
        for depth, module in enumerate(modules):
            path = ".".join(modules[: depth + 1])
            if path not in branches:
                branches[path] = branch.add(Text(module))
            branch = branches[path]
        branch.add(Text(f"{name}: {leaf.kind} {leaf.short}"))
    return tree


def layers(rows: Sequence[Any]) -> RenderableType:
    """One row a call of a module, indented below its caller; narrow terminals leave out the classes, then inputs."""
    heads = ("layer", "class", "inputs", "outputs", "parameters", "FLOPs")
    cells = []
    for row in rows:
        *above, name = row.path.split(".")
        label = "  " * (len(above) + 1) + name if row.path else "(all)"
        words = [row.inputs or "not called", row.outputs or "-"]
        cells.append([label, row.type, *words, number(row.params), number(row.flops)])
    left = heads[:4]
    full = columns(heads, cells, left)
    short = columns((heads[0], *heads[2:]), ([row[0], *row[2:]] for row in cells), left)
    stacked = Group(*(_stacked_layer(row) for row in cells))
    note = "FLOPs: one observation, as XLA counts before it optimises: a multiplication and an addition are two."
    return Group(Widest(full, short, stacked), Text(), Text(note, style="dim"))


def _stacked_layer(row: list[str]) -> RenderableType:
    label, kind, reads, gives, params, flops = row
    indent = len(label) - len(label.lstrip())
    lines = Text.assemble((label.strip(), "bold"), f" {kind}\n  {reads} -> {gives}\n  ")
    lines.append(f"{params} parameters, {flops} FLOPs")
    return Padding(lines, (0, 0, 0, indent))


def gradients(found: Any) -> RenderableType:
    """The gradient of the training loss, leaf by leaf, and dead units."""
    penalty = " plus the model's penalty" if found.penalised else ""
    headline = f"nnx.grad of the mean training loss{penalty}, over all {found.n:,} observations"
    rows = [("loss", found.loss), ("|gradient|", found.gradient), ("lr", found.lr), ("dead units", _dead(found.hidden))]
    heads = ["gradient", "shape", "|g|", "|w|"]
    if found.lr is not None:
        heads.append("lr |g|/|w|")
    if found.optimizer is not None:
        heads.append(f"{found.optimizer} |u|/|w|")
    cells = [_gradient_cells(leaf)[: len(heads)] for leaf in found.leaves]
    table = columns(heads, cells, heads[:2])
    stacked = Group(*(_stacked_gradient(row, heads) for row in cells))
    notes = [f"  {line}" for line in _gradient_notes(found)]
    return Group(
        heading(headline), key_values(rows), Text(), Widest(table, stacked), Text(), Text("\n".join(notes), style="dim")
    )


def _gradient_cells(leaf: Any) -> list[str]:
    shape = f"[{','.join(map(str, leaf.shape))}]"
    return [leaf.path, shape, *map(number, (leaf.gradient, leaf.weight, leaf.step_ratio, leaf.update_ratio))]


def _stacked_gradient(row: list[str], heads: Sequence[str]) -> RenderableType:
    told = [f"{head} {cell}" for head, cell in zip(heads[2:], row[2:], strict=True)]
    lines = ["  ".join(told[:2]), "  ".join(told[2:])]
    return Text.assemble((row[0], "bold"), f" {row[1]}", *(f"\n  {line}" for line in lines if line))


def _dead(hidden: Sequence[Any] | None) -> str:
    if hidden is None:
        return "cannot be seen: layers run inside a loop of JAX"
    if not hidden:
        return "no hidden units"
    return ", ".join(f"{row.dead:,} of {row.units:,} that {row.read_by} reads" for row in hidden)


def _gradient_notes(found: Any) -> Iterator[str]:
    yield "|.|: Euclidean norm. Dead units: zero at every training observation."
    if found.lr is None:
        yield "No step theta - lr grad is made from here: the model was solved, or its optimizer searches for steps."
        return
    yield "lr |g|/|w|: what one step theta - lr grad on the whole sample would change."
    if found.optimizer is not None:
        yield f"|u|/|w|: the same for the step that {found.optimizer} would make, with its state in the checkpoint."
    else:
        yield "The optimizer's state is that of other weights than these, the best ones."


def torch(rows: Sequence[Any]) -> RenderableType:
    """The arrays by the names and shapes that PyTorch gives them."""
    heads = ("torch", "shape", "dtype", "state")
    cells = [[row.name, f"[{','.join(map(str, row.shape))}]", row.dtype, row.path] for row in rows]
    return columns(heads, cells, left=heads)
