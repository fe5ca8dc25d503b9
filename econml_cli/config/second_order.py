"""The defaults that a second-order optimizer brings with it, and the options that mean nothing to it. Standard library
only; the methods themselves are in `training.step.second_order`."""

from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.options.fields import coerce, options_of
from econml_cli.options.trainer import POLISH_PRECISION, POLISHED, SECOND_ORDER, WITHOUT, TrainerOptions

Layer = tuple[str, Mapping[str, Any]]
#: the layer of values that were typed
TYPED = "the command line"


def with_defaults(layers: Sequence[Layer], recipe: Mapping[str, Any]) -> tuple[list[Layer], list[str]]:
    """(layers with the defaults of the optimizer that they, or the recipe, name; what is wrong with them).

    The strongest layer that names an optimizer decides. A weaker one that names one as well (the config.yaml of a run,
    which flags change), and the recipe, speak of that one: their learning rate and epochs are not meant for this one,
    and its defaults beat them.
    """
    naming = [at for at, (_, layer) in enumerate(layers) if "optimizer" in layer]
    method = str(layers[naming[0]][1]["optimizer"] if naming else recipe.get("optimizer"))
    if method not in SECOND_ORDER and method not in POLISHED:
        return list(layers), []
    cut = naming[1] if len(naming) > 1 else len(layers)
    stronger, weaker = list(layers[:cut]), list(layers[cut:])
    if method in POLISHED:
        own = recipe.get("optimizer") == method and "precision" in recipe
        float64 = {} if own else {"precision": POLISH_PRECISION}
        return [*stronger, (f"the defaults of --optimizer {method}", float64), *weaker], []
    defaults = (f"the defaults of --optimizer {method}", _brought(method, recipe))
    return [*stronger, defaults, *weaker], _useless(method, stronger)


def _brought(method: str, recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults of an optimizer, which beat a recipe, unless that was made for this optimizer."""
    its = SECOND_ORDER[method]
    kept = {name: recipe[name] for name in its if name in recipe} if recipe.get("optimizer") == method else {}
    return {**its, **kept, **WITHOUT}


def _useless(method: str, layers: Sequence[Layer]) -> list[str]:
    """What is wrong with layers that give it an option that means nothing to it."""
    wrong = []
    for opt in options_of(TrainerOptions):
        found = next(((source, layer[opt.name]) for source, layer in layers if opt.name in layer), None)
        if found is None or opt.name not in WITHOUT:
            continue
        source, raw = found
        try:
            idle = coerce(opt, raw) == WITHOUT[opt.name]  # a config.yaml of such a fit says so
        except ValueError:
            continue  # `fit_config.fill` tells
        if not idle:
            where = "" if source == TYPED else f" ({source})"
            wrong.append(
                f"{opt.flag} means nothing to --optimizer {method}, which finds each step by itself; leave it out, or "
                f"use --optimizer adam{where}"
            )
    return wrong
