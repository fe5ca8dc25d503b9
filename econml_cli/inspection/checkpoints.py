"""One checkpoint of a run, read without training, and, but for the view "grad", without its data."""

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.inspection import selection
from econml_cli.inspection.graph import describe_graph
from econml_cli.inspection.report import Report
from econml_cli.inspection.state import Leaf, describe_state
from econml_cli.runs import health
from econml_cli.runs.directory import Run
from econml_cli.storage.checkpoint import Wanted, everything
from econml_cli.storage.steps import steps
from econml_cli.training.run.restore import Loaded, enough, shapes_from, weights_section

#: what `econml inspect checkpoint` shows unless asked for something else
VIEWS = ("summary", "graphdef", "state")


#: views that show numbers of the arrays that --path selects, and those that need all the weights, or the optimizer too
SELECTED, WHOLE, ALL = frozenset({"state", "split"}), frozenset({"raw"}), frozenset({"grad"})


def describe_checkpoint(
    run: Run,
    step: int | None = None,
    *,
    views: tuple[str, ...] = VIEWS,
    path: str | None = None,
    also: tuple[str, ...] = (),
) -> Report:
    """Read the checkpoint of one epoch of a run (default: the newest), on whatever device is there.

    The weights are those that `econml eval` and `predict` use: the best ones where early stopping kept some, else those
    of the checkpoint's own epoch.

    Args:
        views: what to find out; "grad" reads or draws the run's training data again. path: only what it selects.
        also: further views of whose numbers there is need: "state" of the arrays, "raw" of the model. What no view
            shows is not read: its leaves have shapes, but no moments and no values.

    Raises:
        RunError: the run cannot be read. ConfigError: its config is no longer known, or `path` selects nothing.
        CheckpointError: there is no such checkpoint (lists those there), it is damaged, or of another model.
        DataError: the view "grad", and the training data are gone.
    """
    with open_run(run, step=step, wanted=_wanted(frozenset((*views, *also)), path)) as opened:
        loaded = opened.loaded()
        leaves = describe_state(loaded.model)
        selection.check(path, [leaf.path for leaf in leaves])
        return Report(
            views=views,
            summary=_summary(opened, loaded, leaves),
            graph=selection.select(path, describe_graph(loaded.model)),
            leaves=tuple(leaf for leaf in leaves if selection.matches(path, leaf.path)),
            model=loaded.model,
            table=_table(opened, path, leaves) if "table" in views else None,
            grad=_grad(opened, path) if "grad" in views else None,
        )


def _wanted(shown: frozenset[str], path: str | None) -> Wanted:
    """What of a checkpoint these views show."""
    if shown & ALL:
        return everything
    if shown & WHOLE or (shown & SELECTED and path is None):
        return enough  # as an evaluation reads it: a report does both, and reads once
    return _weights_of(path if shown & SELECTED else "")


@functools.cache  # equal for equal paths
def _weights_of(path: str | None) -> Wanted:
    """Of the weights only those that a path selects ("": none)."""

    def wanted(names: Mapping[str, Collection[str]]) -> set[tuple[str, str]]:
        weights = weights_section(names)
        return {
            (section, leaf)
            for section, leaf in enough(names)
            if section != weights or (path and selection.matches(path, leaf))
        }

    return wanted


def _table(run: OpenedRun, path: str | None, leaves: Sequence[Leaf]) -> Any:
    from econml_cli.inspection.layers import describe_layers

    observation = shapes_from(run.manifest()["shapes"]).observation()
    layers = describe_layers(run.loaded().model, observation, run.dtype)
    return selection.layers(path, layers, leaves)


def _grad(run: OpenedRun, path: str | None) -> Any:
    from econml_cli.inspection.gradients import describe_gradients

    found = describe_gradients(run)
    return dataclasses.replace(found, leaves=selection.rows(path, found.leaves))


def _summary(run: OpenedRun, loaded: Loaded, leaves: Sequence[Leaf]) -> dict[str, Any]:
    manifest = run.manifest()
    return {
        "run": str(run.path),
        "model": loaded.config.model,
        "problem": loaded.config.problem,
        "status": health.status(run, loaded.diverged),
        **{key: manifest.get(key) for key in ("created", "finished", "command")},
        **_which(run, loaded),
        "parameters": _total([leaf for leaf in leaves if leaf.kind == "Param"]),
        "state": _total(leaves),
        "sections": {name: _total(describe_state(part)) for name, part in loaded.sections.items()},
        "versions": {"econml": manifest.get("econml"), **(manifest.get("versions") or {})},
        "device": manifest.get("device"),
        "git_commit": manifest.get("git_commit"),
    }


def _total(leaves: Any) -> dict[str, int]:
    return {"arrays": len(leaves), "count": sum(x.count for x in leaves), "bytes": sum(x.bytes for x in leaves)}


def _which(run: OpenedRun, loaded: Loaded) -> dict[str, Any]:
    """Which weights are shown, from which epoch, and their losses."""
    losses, source = _losses(run, loaded.epoch, loaded.section) if loaded.member is None else ({}, None)
    return {
        **({} if loaded.member is None else {"member": loaded.member, "members": loaded.config.trainer.members}),
        "step": loaded.step,
        "steps": steps(run.checkpoints),
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
