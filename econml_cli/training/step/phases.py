"""A fit in two phases: a first-order method goes most of the way, a second-order method the rest (`adam+lm`)."""

from dataclasses import dataclass, replace
from typing import Any

import jax

from econml_cli.options.trainer import POLISH_EPOCHS, POLISHED, TrainerOptions
from econml_cli.training.step.second_order import Search, SecondOrder


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TwoStates:
    """The states of both methods: `descent` optax's, `polish` that of the second-order method."""

    descent: Any
    polish: Search


@dataclass(frozen=True)
class Polished:
    """Both methods: an optax optimizer, and what polishes what it has found."""

    descent: Any
    polish: SecondOrder

    def init(self, params: Any) -> TwoStates:
        """The states before the first epoch: lm's holds nothing of where it is."""
        return TwoStates(self.descent.init(params), self.polish.init(params))

    def method(self, polishing: bool) -> Any:
        """The method of a phase."""
        return self.polish if polishing else self.descent

    @staticmethod
    def state(states: TwoStates, polishing: bool) -> Any:
        """The state of the method of a phase."""
        return states.polish if polishing else states.descent

    @staticmethod
    def after(states: TwoStates, state: Any, polishing: bool) -> TwoStates:
        """Both states, with this one of the method of a phase."""
        return replace(states, polish=state) if polishing else replace(states, descent=state)


def polishes(options: TrainerOptions) -> bool:
    """Whether a fit has two phases."""
    return options.optimizer in POLISHED


def descent_epochs(options: TrainerOptions) -> int:
    """The epochs of the first-order method: all, but for those that polish."""
    return options.num_epochs - ((options.polish_epochs or POLISH_EPOCHS) if polishes(options) else 0)
