"""Between a training position and a checkpoint: what is saved, and how it comes back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli import checkpoint
from econml_cli.config import FitConfig
from econml_cli.errors import CheckpointError, RunError
from econml_cli.models.building import Shapes
from econml_cli.runs import Run
from econml_cli.training.epoch import Carry
from econml_cli.training.setup import abstract_model


def check_identity(run: Run, sections: checkpoint.Sections, what: str) -> None:
    """Raise CheckpointError if a checkpoint is of another run than the one whose directory it lies in."""
    mine, found = run.manifest().get("id"), sections.get("identity", {}).get("run")
    if mine is not None and (found is None or bytes(found).hex() != mine):
        raise CheckpointError(f"{what} is of another run; put back the run's own checkpoints, or fit again.")


def to_sections(carry: Carry, run_id: str) -> checkpoint.Sections:
    """A position as checkpoint sections: model state, optimizer state, RNG key data, where it is in the data, and the
    id (hex) of the run that it belongs to."""
    sections = {
        "identity": {"run": np.frombuffer(bytes.fromhex(run_id), dtype=np.uint8)},
        "model": checkpoint.flatten(nnx.merge_state(carry.params, carry.other)),
        "optimizer": checkpoint.flatten(carry.opt_state),
        "rng": checkpoint.flatten({"shuffle": carry.key}),
        "position": checkpoint.flatten(_position(carry)),
    }
    if carry.best is not None and int(carry.best_epoch) > 0:
        sections["best"] = checkpoint.flatten(nnx.merge_state(*carry.best))
    return sections


def _position(carry: Carry) -> dict[str, jax.Array]:
    names = ("epoch", "status", "best_val", "best_epoch")
    return {name: getattr(carry, name) for name in names}


def from_sections(like: Carry, sections: checkpoint.Sections, what: str) -> Carry:
    """The position that `to_sections` saved; `like` is a fresh one of the same training.

    Raises:
        CheckpointError: the checkpoint is of another model, optimizer or precision.
    """

    def model(section: str) -> tuple[Any, Any]:
        abstract = nnx.merge_state(like.params, like.other)
        filled = checkpoint.unflatten(abstract, sections[section], f"{what}, section {section}")
        return nnx.split_state(filled, nnx.Param, ...)

    params, other = model("model")
    opt_state = checkpoint.unflatten(like.opt_state, sections.get("optimizer", {}), f"{what}, section optimizer")
    key = checkpoint.unflatten({"shuffle": like.key}, sections["rng"], f"{what}, section rng")["shuffle"]
    position = checkpoint.unflatten(_position(like), sections["position"], f"{what}, section position")
    best = like.best if like.best is None or "best" not in sections else model("best")
    return Carry(params, other, opt_state, key, best=best, **position)


@dataclass(frozen=True)
class Loaded:
    """The weights of a checkpoint that evaluation, prediction and inspection use.

    Attributes:
        model: in evaluation mode. config: of its run.
        step: the checkpoint read; epoch: the one that the weights are from; section: "best" or "model".
        sections: all that the checkpoint holds.
    """

    model: Any
    config: FitConfig
    step: int
    epoch: int
    section: str
    sections: checkpoint.Sections


def shapes_to(shapes: Shapes) -> dict[str, Any]:
    """Shapes as a manifest has them."""
    return {"din": shapes.din, "dout": shapes.dout, "n_train": shapes.n, "x": list(shapes.observation())}


def shapes_from(saved: Mapping[str, Any]) -> Shapes:
    """Shapes from a manifest (of an older econml: of vectors, without the size of the sample)."""
    din = int(saved["din"])
    return Shapes(din, int(saved["dout"]), int(saved.get("n_train", 1)), tuple(map(int, saved.get("x", (din,)))))


def load(run: Run, step: int | None = None) -> Loaded:
    """Read a fitted model without its data: the best weights where early stopping kept some, else the newest.

    Call it inside `precision(...)` of the run's config.

    Raises:
        RunError, CheckpointError: the run or its checkpoint cannot be read, or does not fit its config.
    """
    config, manifest = run.config(), run.manifest()
    try:
        shapes = shapes_from(manifest["shapes"])
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{run.path / 'manifest.json'} does not say the model's shapes; fit again.") from None
    step, sections = checkpoint.load(run.checkpoints, step)
    section = "best" if "best" in sections else "model"
    what = f"The checkpoint of epoch {step} in {run.path}"
    if section not in sections:
        raise CheckpointError(f"{what} holds no model; fit again.")
    graphdef, abstract = nnx.split(abstract_model(config, shapes))
    model = nnx.merge(graphdef, checkpoint.unflatten(abstract, sections[section], what))
    check_identity(run, sections, what)  # after the shapes, which say more of what is different
    model.eval()
    epoch = int(sections["position"]["best_epoch"]) if section == "best" else step
    return Loaded(model, config, step, epoch, section, sections)


def load_model(run: Run, step: int | None = None) -> tuple[Any, int]:
    """`load`, reduced to the fitted model and the epoch that its weights are from."""
    loaded = load(run, step)
    return loaded.model, loaded.epoch
