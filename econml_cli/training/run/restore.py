"""Between a training position and a checkpoint: what is saved, and how it comes back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import CheckpointError, RunError
from econml_cli.models.base import Model
from econml_cli.models.building import Shapes
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from econml_cli.training.setup.setup import abstract_model
from econml_cli.training.step.carry import DIVERGED, Carry


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
    if carry.states is not None:
        sections["states"] = checkpoint.flatten({"x": carry.states})
    if carry.best is not None and np.any(jax.device_get(carry.best_epoch) > 0):
        sections["best"] = checkpoint.flatten(nnx.merge_state(*carry.kept))
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
        params_and_other: tuple[Any, Any] = nnx.split_state(filled, nnx.Param, ...)
        return params_and_other

    params, other = model("model")
    opt_state = checkpoint.unflatten(like.opt_state, sections.get("optimizer", {}), f"{what}, section optimizer")
    key = checkpoint.unflatten({"shuffle": like.key}, sections["rng"], f"{what}, section rng")["shuffle"]
    position = checkpoint.unflatten(_position(like), sections["position"], f"{what}, section position")
    states = like.states
    if states is not None:
        states = checkpoint.unflatten({"x": states}, sections.get("states", {}), f"{what}, section states")["x"]
    best = like.best if like.best is None or "best" not in sections else model("best")
    return Carry(params, other, opt_state, key, best=best, states=states, **position)


@dataclass(frozen=True)
class Loaded:
    """The weights of a checkpoint that evaluation, prediction and inspection use.

    Attributes:
        model: in evaluation mode. config: of its run.
        step: the checkpoint read; epoch: the one that the weights are from; section: "best" or "model".
        sections: all that the checkpoint holds, of this member; of what was not read the shapes.
        member: which one of an ensemble it is. diverged: whether it is the last finite position of one that diverged.
    """

    model: Model
    config: FitConfig
    step: int
    epoch: int
    section: str
    sections: checkpoint.Sections
    member: int | None = None
    diverged: bool = False


def weights_section(names: Collection[str]) -> str:
    """The section of the weights that a run is evaluated by: the best ones where early stopping kept some."""
    return "best" if "best" in names else "model"


def enough(names: Mapping[str, Collection[str]]) -> set[tuple[str, str]]:
    """What `fitted` needs of a checkpoint of these sections, and the states that a sample was drawn from (a
    `checkpoint.Wanted`): not the state of the optimizer, which is twice the weights."""
    sections = {"identity", "position", "states", weights_section(names)}
    return {(section, leaf) for section, leaves in names.items() if section in sections for leaf in leaves}


def shapes_to(shapes: Shapes) -> dict[str, Any]:
    """Shapes as a manifest has them."""
    found = {"din": shapes.din, "dout": shapes.dout, "n_train": shapes.n, "x": list(shapes.observation())}
    found |= {"origin": True} if shapes.origin else {}
    found |= {"absorbed": list(shapes.absorbed)} if shapes.absorbed else {}
    return found | ({"embedded": [list(one) for one in shapes.embedded]} if shapes.embedded else {})


def shapes_from(saved: Mapping[str, Any]) -> Shapes:
    """Shapes from a manifest (of an older econml: of vectors, without the size of the sample)."""
    din = int(saved["din"])
    shape = tuple(map(int, saved.get("x", (din,))))
    origin, absorbed = bool(saved.get("origin", False)), tuple(map(int, saved.get("absorbed", ())))
    embedded = tuple((int(levels), int(size)) for levels, size in saved.get("embedded", ()))
    return Shapes(din, int(saved["dout"]), int(saved.get("n_train", 1)), shape, origin, absorbed, embedded)


def fitted(run: Run, step: int, sections: checkpoint.Sections, chosen: Sequence[int | None]) -> list[Loaded]:
    """The fitted models that a checkpoint holds, without their data: the best weights where early stopping kept some,
    else those of its own epoch.

    Call it inside `precision(...)` of the run's config.

    Args:
        step, sections: the checkpoint, as `checkpoint.load` reads it; weights that were not read stay shapes.
        chosen: members of an ensemble; (None,) for an ordinary run.

    Raises:
        RunError: the run cannot be read. CheckpointError: the checkpoint does not fit its config, or is of another run.
    """
    config, manifest = run.config(), run.manifest()
    try:
        shapes = shapes_from(manifest["shapes"])
    except (KeyError, TypeError, ValueError):
        raise RunError(f"{run.path / 'manifest.json'} does not say the model's shapes; fit again.") from None
    what = f"The checkpoint of epoch {step} in {run.path}"
    graphdef, abstract = nnx.split(abstract_model(config, shapes))
    loaded = []
    for member in chosen:
        own = sections if member is None else _of_member(sections, member, config.trainer.members, what)
        section = weights_section(own)
        if section not in own:
            raise CheckpointError(f"{what} holds no model; fit again.")
        model = nnx.merge(graphdef, checkpoint.unflatten(abstract, own[section], what))
        check_identity(run, own, what)  # after the shapes, which say more of what is different
        model.eval()
        position = own["position"]
        best = int(position["best_epoch"]) if section == "best" else 0
        epoch = best or (step if member is None else int(position["epoch"]))
        diverged = int(position["status"]) == DIVERGED
        loaded.append(Loaded(model, config, step, epoch, section, own, member, diverged))
    return loaded


def _of_member(sections: checkpoint.Sections, k: int, members: int, what: str) -> checkpoint.Sections:
    """One member's part of a stacked checkpoint, as the checkpoint of an ordinary run."""
    own: checkpoint.Sections = {}
    for name, leaves in sections.items():
        if name == "identity":
            own[name] = leaves
            continue
        if wrong := next((leaf for leaf, value in leaves.items() if value.shape[:1] != (members,)), None):
            raise CheckpointError(f"{what}: '{wrong}' is not that of the {members} members that its config says.")
        own[name] = {leaf: _row(value, k) for leaf, value in leaves.items()}
    return own


def _row(value: Any, k: int) -> Any:
    return value[k] if isinstance(value, np.ndarray) else jax.ShapeDtypeStruct(value.shape[1:], value.dtype)
