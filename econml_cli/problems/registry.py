"""From the name of a problem to its row and its class: of ours (table.py), of an installed package, or of a file."""

from importlib import import_module
from typing import Any

from econml_cli.options import plugins, signature
from econml_cli.problems.entry import Declared, ProblemEntry
from econml_cli.problems.table import PROBLEMS

#: the entry points by which installed packages offer problems
GROUP = "econml_cli.problems"
#: what a constructor is given beside its options
GIVEN = ("rngs",)

DEFAULT = "linear"


def get(name: str) -> ProblemEntry:
    """The row of one problem: of ours, of an installed package, or of a file (`./mine.py:MyEuler`).

    A class of the user's may say its natural model and its recipe in attributes `model` and `recipe`.

    Raises:
        ConfigError: no such problem (the nearest name is suggested), or one that cannot be offered.
    """
    return plugins.find(name, PROBLEMS, GROUP, _entry)


def _entry(cls: type, target: str) -> ProblemEntry:
    model = str(getattr(cls, "model", "mlp"))
    declared = Declared(signature.options_from(cls, GIVEN), model, signature.recipe_of(cls))
    return ProblemEntry(target, signature.help_line(cls), lambda: declared)


def load(name: str) -> Any:
    """Import and return the class of one problem (this is where jax comes in).

    Raises:
        ConfigError: as `get`.
    """
    if name not in PROBLEMS:
        get(name)  # says what is wrong with the name
        found = plugins.load(name, GROUP)
        assert found is not None
        return found[0]
    module, _, cls = PROBLEMS[name].target.partition(":")
    return getattr(import_module(module), cls)
