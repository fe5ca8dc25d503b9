"""One row of the table of problems. Standard library only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


def as_it_is(options: Any) -> Mapping[str, Any]:
    """A recipe that does not depend on the options of the problem."""
    return {}


def alike(model: str, options: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe that does not depend on the model."""
    return {}


@dataclass(frozen=True)
class ProblemEntry:
    """One row: where the problem lives ("module:Class"), its options, one line of help, its natural model, and its
    recipe (defaults of model and trainer options that suit it; a flag or a config key beats them).

    `adapted` says what the recipe has in place of that where the problem has these options, and `suiting` what it has
    for a model where it has these and somebody has `named` some options of the fit, with these values (None: not known
    yet). `former` is what a run that does not say an option, because it was made before there was one, had for it.
    """

    target: str
    options: type
    help: str
    model: str = "mlp"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    adapted: Callable[[Any], Mapping[str, Any]] = as_it_is
    former: Mapping[str, Any] = field(default_factory=dict)
    suiting: Callable[[str, Any, Mapping[str, Any]], Mapping[str, Any]] = alike

    @classmethod
    def of(cls, problem: type, options: type, help: str) -> "ProblemEntry":
        """The row of a class; it may say its natural model and its recipe in attributes `model` and `recipe`, and so
        `adapted`, `former` and `suiting`."""
        return cls(
            f"{problem.__module__}:{problem.__name__}",
            options,
            help,
            getattr(problem, "model", "mlp"),
            getattr(problem, "recipe", {}),
            getattr(problem, "adapted", as_it_is),
            getattr(problem, "former", {}),
            getattr(problem, "suiting", alike),
        )
