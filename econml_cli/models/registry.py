"""The models by name. Add one: a module in this folder, an options dataclass in options.py, a row here."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.models import options


@dataclass(frozen=True)
class ModelEntry:
    """One row: where the NNX module lives ("module:Class"), its options, one line of help."""

    target: str
    options: type
    help: str


MODELS: dict[str, ModelEntry] = {
    "linear": ModelEntry("econml_cli.models.linear:Linear", options.LinearOptions, "affine map W'x + b"),
    "mlp": ModelEntry("econml_cli.models.mlp:MLP", options.MLPOptions, "multilayer perceptron (the lecture's)"),
}


def get(name: str) -> ModelEntry:
    """The row of one model.

    Raises:
        ConfigError: no such model; the nearest name is suggested.
    """
    if name not in MODELS:
        raise ConfigError(f"Unknown model '{name}': choose one of {', '.join(MODELS)}.{suggest(name, MODELS)}")
    return MODELS[name]


def load(name: str) -> Any:
    """Import and return the module class of one model (this is where jax and flax come in)."""
    module, _, cls = get(name).target.partition(":")
    return getattr(import_module(module), cls)
