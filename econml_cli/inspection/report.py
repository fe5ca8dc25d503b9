"""What can be shown of one model, fitted or not: its views, as data and as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx

from econml_cli.inspection.graph import Node
from econml_cli.inspection.state import Leaf
from econml_cli.models.base import Model


@dataclass(frozen=True)
class Report:
    """What a model holds, and how it came about.

    Attributes:
        views: which of "summary", "graphdef", "state", "split", "table", "grad", "torch", "raw" were asked for.
        summary: model, problem, sizes, of a fitted one also status, epochs, losses, versions; JSON values.
        graph, leaves: the model and its arrays, or what `--path` selects of them.
        model: the module itself, in evaluation mode; with shapes in place of arrays where it was not fitted.
        table: its layers. grad: gradients of the training loss. None where they were not asked for.
        torch: its arrays as PyTorch names and shapes them (`export.torch_names.named_parameters`, whose caller puts
            them here: exports and inspection know nothing of each other).
    """

    views: tuple[str, ...]
    summary: Mapping[str, Any]
    graph: Node
    leaves: tuple[Leaf, ...]
    model: Model
    table: tuple[Any, ...] | None = None
    grad: Any = None
    torch: tuple[Any, ...] | None = None

    @property
    def raw(self) -> str:
        """Flax's own account of graphdef and state."""
        return "\n".join(map(repr, nnx.split(self.model)))

    @property
    def graphdef(self) -> Node:
        """The graph alone, as `nnx.split` gives it: modules and kinds of arrays, without their shapes."""
        return _without_state(self.graph)

    def to_json(self, values: bool = False) -> dict[str, Any]:
        """The views as one JSON value; `values` adds the numbers of the state."""

        def state() -> list[dict[str, Any]]:
            return [leaf.to_json(values) for leaf in self.leaves]

        make: dict[str, Callable[[], Any]] = {
            "summary": lambda: dict(self.summary),
            "graphdef": self.graph.to_json,
            "state": state,
            "split": lambda: {"graphdef": self.graphdef.to_json(), "state": state()},
            "table": lambda: [layer.to_json() for layer in self.table or ()],
            "grad": lambda: self.grad.to_json(),
            "torch": lambda: [row._asdict() | {"shape": list(row.shape)} for row in self.torch or ()],
            "raw": lambda: self.raw,
        }
        return {view: make[view]() for view in self.views}


def _without_state(node: Node) -> Node:
    children = tuple(map(_without_state, node.children))
    return Node(node.name, node.type, node.attributes, children, shared=node.shared)
