"""Which states an economic model is trained on (`--states`): how they are simulated, and whether they can be."""

import math
from dataclasses import dataclass

from econml_cli.errors import ConfigError
from econml_cli.options.trainer import SECOND_ORDER, TrainerOptions
from econml_cli.problems.economies.visited import moves
from econml_cli.training.setup.setup import Setup

#: epochs between two simulations, by first- and by second-order methods, and the share of the states that stays the
#: problem's own, where it is not said
EVERY, EVERY_SECOND_ORDER, SHARE = 50, 5, 0.5
#: options that say how, by attribute
DETAILS = ("resample_every", "burn_in", "box_share")


@dataclass(frozen=True)
class StatePlan:
    """How training states are simulated: `every` so many epochs, `paths` paths of `periods` periods after `burn_in`;
    `box` of the n training states stay those of the problem's own sample."""

    every: int
    burn_in: int
    periods: int
    paths: int
    box: int
    n: int


def plan_of(setup: Setup) -> StatePlan | None:
    """The plan of a fit; None where it is trained on its problem's own sample."""
    options, problem = setup.config.trainer, setup.problem
    if options.states in (None, "box") or setup.solved or not moves(problem):
        return None
    n = setup.n_train
    box = round((options.box_share or SHARE) * n) if options.states == "both" else 0
    periods, paths = problem.path  # type: ignore[attr-defined]  # `moves` has looked
    every = EVERY_SECOND_ORDER if options.optimizer in SECOND_ORDER else EVERY
    paths = max(paths, math.ceil((n - box) / periods))
    return StatePlan(options.resample_every or every, options.burn_in or 0, periods, paths, box, n)


def check(setup: Setup) -> None:
    """Refuse states that cannot be simulated, and details of a simulation that is not asked for.

    Raises:
        ConfigError: the problem does not move under a policy, the model is not trained, the sample has weights, or
            `--states` is not said.
    """
    options, name = setup.config.trainer, setup.config.problem
    _check_details(options)
    if options.states in (None, "box"):
        return
    if not moves(setup.problem):
        raise ConfigError(
            f"--states {options.states} simulates the states of an economy under its policy, and problem {name} has "
            "none that a policy moves: it needs start, observe, step, shock_size and path, and a state that is not the "
            "date; leave out --states."
        )
    if setup.solved:
        raise ConfigError(
            f"--states {options.states} is for a model that is trained, and {setup.config.model} is solved exactly on "
            "one sample; leave out --states."
        )
    if setup.train.w is not None:
        raise ConfigError(
            f"--states {options.states} replaces the sample of problem {name}, which has weights; leave out --states."
        )


def _check_details(options: TrainerOptions) -> None:
    given = [name for name in DETAILS if getattr(options, name) is not None]
    if given and options.states in (None, "box"):
        flag = given[0].replace("_", "-")
        raise ConfigError(f"--{flag} says how states are simulated: add --states both (or simulated), or leave it out.")
    if options.box_share is not None and options.states == "simulated":
        raise ConfigError(
            "--box-share keeps some states of the sample, and --states simulated none: say --states both."
        )
