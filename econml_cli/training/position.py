"""Between a training position and a checkpoint: what is saved, and how it comes back."""

from typing import Any

import jax
from flax import nnx

from econml_cli import checkpoint
from econml_cli.errors import CheckpointError
from econml_cli.runs import Run
from econml_cli.training.setup import abstract_model
from econml_cli.training.trainer import Carry


def to_sections(carry: Carry) -> checkpoint.Sections:
    """A position as checkpoint sections: model state, optimizer state, RNG key data, and where it is in the data."""
    sections = {
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


def load_model(run: Run, step: int | None = None) -> tuple[Any, int]:
    """The fitted model of a run and the epoch it is from: the best weights where early stopping kept some, else the
    newest. Call it inside `precision(...)` of the run's config.

    Raises:
        RunError, CheckpointError: the run or its checkpoint cannot be read, or does not fit its config.
    """
    config, shapes = run.config(), run.manifest()["shapes"]
    step, sections = checkpoint.load(run.checkpoints, step)
    graphdef, abstract = nnx.split(abstract_model(config, shapes["din"], shapes["dout"]))
    section = "best" if "best" in sections else "model"
    if section not in sections:
        raise CheckpointError(f"The checkpoint of epoch {step} in {run.path} holds no model; fit again.")
    state = checkpoint.unflatten(abstract, sections[section], f"The checkpoint of epoch {step} in {run.path}")
    model = nnx.merge(graphdef, state)
    model.eval()
    if section == "best":
        step = int(sections["position"]["best_epoch"])
    return model, step
