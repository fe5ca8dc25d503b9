"""One row of the table of problems. Standard library only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any


def always(recipe: Mapping[str, Any]) -> Callable[[Any], Mapping[str, Any]]:
    """A recipe that does not depend on the options of the problem."""
    return lambda options: recipe


def alike(model: str, options: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """A recipe that does not depend on the model."""
    return {}


@dataclass(frozen=True)
class Declared:
    """What the class of a problem declares: its options, its natural model, and its recipe (defaults of model and
    trainer options that suit it; a flag or a config key beats them).

    `adapted` says what the recipe has in place of that where the problem has these options, and `suiting` what it has
    for a model where it has these and somebody has `named` some options of the fit, with these values (None: not known
    yet). `former` is what a run that does not say an option, because it was made before there was one, had for it.
    """

    options: type
    model: str = "mlp"
    recipe: Mapping[str, Any] = field(default_factory=dict)
    adapted: Callable[[Any], Mapping[str, Any]] = always({})
    former: Mapping[str, Any] = field(default_factory=dict)
    suiting: Callable[[str, Any, Mapping[str, Any]], Mapping[str, Any]] = alike

    @classmethod
    def by(cls, problem: type, options: type) -> "Declared":
        """What a class says in attributes `model`, `recipe`, `adapted`, `former` and `suiting`, each if it has it;
        `adapted` may also be the recipe itself, where it is one for all options."""
        adapted = getattr(problem, "adapted", {})
        return cls(
            options,
            getattr(problem, "model", "mlp"),
            getattr(problem, "recipe", {}),
            adapted if callable(adapted) else always(adapted),
            getattr(problem, "former", {}),
            getattr(problem, "suiting", alike),
        )


@dataclass(frozen=True)
class ProblemEntry:
    """One row: where the problem lives ("module:Class"), one line of help, and what its class declares, which is
    imported when it is asked for: names and help of all problems take the import of none."""

    target: str
    help: str
    declared: Callable[[], Declared]

    @classmethod
    def of(cls, target: str, help: str) -> "ProblemEntry":
        """The row of a class of ours, `Xor`, that has its options in `XorOptions` beside it."""
        module, _, name = target.partition(":")

        @cache
        def declared() -> Declared:
            imported = import_module(module)
            return Declared.by(getattr(imported, name), getattr(imported, f"{name}Options"))

        return cls(target, help, declared)

    @property
    def options(self) -> type:
        """The dataclass of its options."""
        return self.declared().options

    @property
    def model(self) -> str:
        """The name of its natural model."""
        return self.declared().model

    @property
    def recipe(self) -> Mapping[str, Any]:
        """As `Declared` has it; so the others."""
        return self.declared().recipe

    @property
    def adapted(self) -> Callable[[Any], Mapping[str, Any]]:
        """(options) -> what the recipe has in place of that."""
        return self.declared().adapted

    @property
    def former(self) -> Mapping[str, Any]:
        """{option: its value in a run from before there was such an option}."""
        return self.declared().former

    @property
    def suiting(self) -> Callable[[str, Any, Mapping[str, Any]], Mapping[str, Any]]:
        """(model, options, named) -> what the recipe has for that model."""
        return self.declared().suiting
