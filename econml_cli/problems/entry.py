"""One row of the table of problems. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ProblemEntry:
    """One row: where the problem lives ("module:Class"), its options, one line of help, its natural model, and its
    recipe (defaults of model and trainer options that suit it; a flag or a config key beats them)."""

    target: str
    options: type
    help: str
    model: str = "mlp"
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, problem: Any, options: type, help: str) -> "ProblemEntry":
        """The row of a class; it may say its natural model and its recipe in attributes `model` and `recipe`."""
        target = f"{problem.__module__}:{problem.__name__}"
        return cls(target, options, help, getattr(problem, "model", "mlp"), getattr(problem, "recipe", {}))
