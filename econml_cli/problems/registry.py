"""The problems by name. Add one: a module in this folder, an options dataclass in options.py, a row here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.problems import options


@dataclass(frozen=True)
class ProblemEntry:
    """One row: where the problem lives ("module:Class"), its options, one line of help, its natural model, and its
    recipe (defaults of model and trainer options that suit it; a flag or a config key beats them)."""

    target: str
    options: type
    help: str
    model: str = "mlp"
    recipe: Mapping[str, Any] = field(default_factory=dict)


PROBLEMS: dict[str, ProblemEntry] = {
    "linear": ProblemEntry(
        "econml_cli.problems.linear:LinearProblem",
        options.LinearProblemOptions,
        "the lecture's regression with a known truth: Y = X theta + sigma eps",
    ),
    "tabular": ProblemEntry(
        "econml_cli.problems.tabular:Tabular",
        options.TabularOptions,
        "a table in a file: regression or classification",
    ),
}

DEFAULT = "linear"


def get(name: str) -> ProblemEntry:
    """The row of one problem.

    Raises:
        ConfigError: no such problem; the nearest name is suggested.
    """
    if name not in PROBLEMS:
        raise ConfigError(f"Unknown problem '{name}': choose one of {', '.join(PROBLEMS)}.{suggest(name, PROBLEMS)}")
    return PROBLEMS[name]


def load(name: str) -> Any:
    """Import and return the class of one problem (this is where jax comes in)."""
    module, _, cls = get(name).target.partition(":")
    return getattr(import_module(module), cls)
