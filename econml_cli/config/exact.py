"""Where a model that is linear in its parameters is solved, not trained, because nobody said otherwise. Standard
library only; the methods themselves are in `training.step`."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.models.table import LinearOptions
from econml_cli.options import synonyms
from econml_cli.options.fields import options_of
from econml_cli.options.trainer import TrainerOptions
from econml_cli.problems.losses import LOSSES, is_solvable

EXACT = "exact"
#: options of the trainer that mean as much to a model that is solved
_ALIKE = ("seed", "members", "precision", "checkpoint_every", "keep")
#: options that say how a model is trained: one that could be solved is trained where one of them is named
TRAINED_BY = tuple(opt.name for opt in options_of(TrainerOptions) if opt.name not in _ALIKE)

Layer = tuple[str, Mapping[str, Any]]


def with_solver(suits: Mapping[str, Any], layers: Sequence[Layer]) -> dict[str, Any]:
    """A recipe that says `solver: exact`, without it where the layers have the model trained: by naming an option of
    training, or a loss that nothing is known to be exact for. Where the solver is `exact` all is in float64, which
    costs a single solution nothing."""
    found = dict(suits)
    if found.get("solver") == EXACT and not _is_solvable(layers):
        del found["solver"]
    named = next((str(layer["solver"]) for _, layer in layers if "solver" in layer), found.get("solver"))
    return {**found, "precision": "float64"} if named == EXACT else found


def _is_solvable(layers: Sequence[Layer]) -> bool:
    if any(name in layer for _, layer in layers for name in TRAINED_BY):
        return False
    loss = next((layer["loss"] for _, layer in layers if layer.get("loss") is not None), None)
    return loss is None or is_solvable(synonyms.named(str(loss), LOSSES))


def through_origin(model_options: Any, problem_options: Any) -> Any:
    """The options of the problem for these of the model: a linear model without bias is a regression through the
    origin, of which no means are taken off, unless the problem says itself whether there is a constant."""
    there = {field.name for field in dataclasses.fields(problem_options)}
    if not isinstance(model_options, LinearOptions) or model_options.bias or "constant" not in there:
        return problem_options
    if problem_options.constant is not None:
        return problem_options
    return dataclasses.replace(problem_options, constant=False)
