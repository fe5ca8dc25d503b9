"""One checkpoint of a run, read without its data and without training: summary, graph, state."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flax import nnx

from econml_cli import checkpoint
from econml_cli.inspection.graph import Node, describe_graph
from econml_cli.inspection.state import Leaf, describe_state
from econml_cli.runs import Run
from econml_cli.training import position
from econml_cli.training.precision import precision


@dataclass(frozen=True)
class CheckpointReport:
    """What a checkpoint holds.

    Attributes:
        summary: model, problem, status, epochs, sizes, losses, versions, command; JSON values.
        graph, leaves: the model and its arrays.
        model: the module itself, in evaluation mode.
    """

    summary: Mapping[str, Any]
    graph: Node
    leaves: tuple[Leaf, ...]
    model: Any

    @property
    def raw(self) -> str:
        """Flax's own account of graphdef and state."""
        return "\n".join(map(repr, nnx.split(self.model)))

    def to_json(self, views: tuple[str, ...], values: bool = False) -> dict[str, Any]:
        """Some of the views "summary", "graphdef", "state", "raw" as one JSON value."""
        make = {
            "summary": lambda: dict(self.summary),
            "graphdef": self.graph.to_json,
            "state": lambda: [leaf.to_json(values) for leaf in self.leaves],
            "raw": lambda: self.raw,
        }
        return {view: make[view]() for view in views}


def describe_checkpoint(run: Run, step: int | None = None) -> CheckpointReport:
    """Read the checkpoint of one epoch of a run (default: the newest), on whatever device is there.

    The weights are those that `econml eval` and `predict` use: the best ones where early stopping kept some, else those
    of the checkpoint's own epoch.

    Raises:
        RunError: the run cannot be read. ConfigError: its config is no longer known.
        CheckpointError: there is no such checkpoint (lists those there), it is damaged, or of another model.
    """
    manifest = run.manifest()
    with precision(run.config().trainer.precision):
        loaded = position.load(run, step)
        graph, leaves = describe_graph(loaded.model), tuple(describe_state(loaded.model))
    summary = {
        "run": str(run.path),
        "model": loaded.config.model,
        "problem": loaded.config.problem,
        "status": run.status(),
        **{key: manifest.get(key) for key in ("created", "finished", "command")},
        **_which(run, loaded),
        "parameters": _total([leaf for leaf in leaves if leaf.kind == "Param"]),
        "state": _total(leaves),
        "sections": {name: _total(describe_state(part)) for name, part in loaded.sections.items()},
        "versions": {"econml": manifest.get("econml"), **(manifest.get("versions") or {})},
        "device": manifest.get("device"),
        "git_commit": manifest.get("git_commit"),
    }
    return CheckpointReport(summary, graph, leaves, loaded.model)


def _total(leaves: Any) -> dict[str, int]:
    return {"arrays": len(leaves), "count": sum(x.count for x in leaves), "bytes": sum(x.bytes for x in leaves)}


def _which(run: Run, loaded: position.Loaded) -> dict[str, Any]:
    """Which weights are shown, from which epoch, and their losses."""
    losses, source = _losses(run, loaded.epoch, loaded.section)
    return {
        "step": loaded.step,
        "steps": checkpoint.steps(run.checkpoints),
        "weights": "best" if loaded.section == "best" else "last",
        "epoch": loaded.epoch,
        "losses": losses,
        "losses_from": source,
    }


def _losses(run: Run, epoch: int, section: str) -> tuple[dict[str, float], str | None]:
    """The losses of the weights of one epoch: those measured at the end of the run where they are the weights it kept,
    else those logged while training (train_loss is then the mean over the epoch's batches)."""
    summary = run.summary()
    kept = summary.get("best_epoch") if section == "best" else summary.get("epochs")
    if kept == epoch and (section == "best" or "best_epoch" not in summary):
        return _only_losses(summary), "summary.json"
    for row in run.metrics():
        if row.get("epoch") == epoch:
            return _only_losses(row), "metrics.jsonl"
    return {}, None


def _only_losses(row: Mapping[str, Any]) -> dict[str, float]:
    return {name: row[name] for name in ("train_loss", "val_loss", "test_loss") if row.get(name) is not None}
