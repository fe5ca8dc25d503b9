"""Fixed representations phi that can stand before any model h: `--phi polynomial:degree=3` fits h(phi(x)).

Standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from econml_cli.errors import suggest
from econml_cli.models.table import (
    MomentsOptions,
    PiecewiseOptions,
    PolynomialFeaturesOptions,
    RandomFeaturesOptions,
)
from econml_cli.options.fields import Option, as_text, coerce, options_of


@dataclass(frozen=True)
class Representation:
    """One row: where the feature map lives ("module:Class"), and its options."""

    target: str
    options: type


REPRESENTATIONS: dict[str, Representation] = {
    "polynomial": Representation("econml_cli.models.polynomial:PolynomialFeatures", PolynomialFeaturesOptions),
    "random_features": Representation("econml_cli.models.random_features:RandomFeatures", RandomFeaturesOptions),
    "piecewise": Representation("econml_cli.models.piecewise:PiecewiseLinear", PiecewiseOptions),
    "moments": Representation("econml_cli.models.moments:Moments", MomentsOptions),
}


def looks_like(text: str) -> bool:
    """Whether a text names a representation: `polynomial`, or `polynomial:degree=3`."""
    return str(text).partition(":")[0] in REPRESENTATIONS and "," not in str(text).partition(":")[0]


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """`polynomial:degree=3,basis=hermite` as its name and the values of its options (lists with + between).

    Raises:
        ValueError: a clause that says what is wrong.
    """
    name, _, rest = text.partition(":")
    if name not in REPRESENTATIONS:
        raise ValueError(
            f"must be NAME or NAME:option=value,..., with NAME one of {', '.join(REPRESENTATIONS)}, got '{text}'."
            f"{suggest(name, REPRESENTATIONS)}"
        )
    known = {opt.name: opt for opt in options_of(REPRESENTATIONS[name].options)}
    values = {}
    for part in filter(None, rest.split(",")):
        key, equals, raw = part.partition("=")
        key = key.strip().replace("-", "_")
        if not equals or key not in known:
            like = f"{name}:{_example(known)}.{suggest(key, known)}"
            raise ValueError(f"has '{part}', but {name} takes {', '.join(known)}, as in {like}")
        try:
            values[key] = coerce(known[key], raw.strip().replace("+", ","))
        except ValueError as error:
            raise ValueError(f"{key} {error}") from None
    return name, values


def _example(known: Mapping[str, Option]) -> str:
    return next(f"{opt.name}={as_text(opt.default)}" for opt in known.values() if opt.default is not None)


def load(name: str) -> Any:
    """Import and return the module class of one representation."""
    module, _, cls = REPRESENTATIONS[name].target.partition(":")
    return getattr(import_module(module), cls)
