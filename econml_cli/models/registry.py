"""From the name of a model to its row and its class: of ours (table.py), of an installed package, or of a file."""

from importlib import import_module
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.models.table import MODELS, ModelEntry
from econml_cli.options import plugins, signature

#: the entry points by which installed packages offer models
GROUP = "econml_cli.models"
#: what a constructor is given beside its options
GIVEN = ("din", "dout", "shape", "n", "param_dtype", "rngs")


def get(name: str) -> ModelEntry:
    """The row of one model: of ours, of an installed package, or of a file (`./mymodel.py:MyNet`).

    Raises:
        ConfigError: no such model (the nearest name is suggested), or one that cannot be offered.
    """
    return plugins.find(name, MODELS, GROUP, _entry)


def _entry(cls: type, target: str) -> ModelEntry:
    _check(cls, target)
    declared = signature.options_from(cls, GIVEN)
    return ModelEntry(target, declared, signature.help_line(cls), recipe=signature.recipe_of(cls))


def _check(cls: type, target: str) -> None:
    from flax import nnx  # the class has imported it already, if it is a module

    like = "`econml inspect models --template` prints one that works."
    if not issubclass(cls, nnx.Module):
        raise ConfigError(f"{target} is no model: {cls.__name__} must be a flax.nnx.Module; {like}")
    if not any("__call__" in vars(base) for base in cls.__mro__):
        raise ConfigError(
            f"{target} is no model: {cls.__name__} lacks __call__(self, x), [n, din] -> [n, dout]; {like}"
        )


def load(name: str) -> Any:
    """Import and return the module class of one model (this is where jax and flax come in).

    Raises:
        ConfigError: as `get`.
    """
    if name in MODELS:
        return _import(MODELS[name].target)
    get(name)  # says what is wrong with the name
    found = plugins.load(name, GROUP)
    assert found is not None
    return found[0]


def _import(target: str) -> Any:
    module, _, cls = target.partition(":")
    return getattr(import_module(module), cls)
