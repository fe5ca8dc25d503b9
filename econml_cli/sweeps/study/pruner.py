"""`early_terminate` in a study: at which epochs a value is reported, and who is stopped there.

W&B's server and Optuna stop by different rules. Here it is Optuna's Hyperband: a trial goes on past a rung if it is
among the best 1/eta of those that have reached it so far (asynchronous successive halving, Li et al. 2020,
https://arxiv.org/abs/1810.05934), in one of several brackets whose first rung comes later and later. `strict` says
the same of W&B's and changes nothing. A trial's bracket is a hash of the study's name and the trial's number: the same
name and seed stop the same trials.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec.schema import Sweep

if TYPE_CHECKING:
    from optuna.pruners import BasePruner

#: W&B's default
ETA = 3


def rungs(sweep: Sweep) -> tuple[int, ...]:
    """The epochs at which a value is to be reported, ascending: min_iter * eta^k below the longest fit; () for none.

    Raises:
        ConfigError: settings that cannot be followed exactly.
    """
    if sweep.early_terminate is None:
        return ()
    first, eta, last = _settings(sweep)
    found = []
    while first < last:
        found.append(first)
        first *= eta
    return tuple(found)


def pruner(sweep: Sweep) -> "BasePruner":
    """Who decides what `report` answers.

    Raises:
        ConfigError: as `rungs`.
    """
    from optuna.pruners import HyperbandPruner, NopPruner

    if not rungs(sweep):
        return NopPruner()
    first, eta, last = _settings(sweep)
    return HyperbandPruner(min_resource=first, max_resource=last, reduction_factor=eta)


def _settings(sweep: Sweep) -> tuple[int, int, int]:
    """The first rung in epochs, the reduction factor, the epochs of the longest fit."""
    given: Mapping[str, Any] = sweep.early_terminate or {}
    eta = given.get("eta", ETA)
    if eta != int(eta) or eta < 2:
        raise ConfigError(f"{sweep.path}: `early_terminate.eta` must be an integer >= 2 in this engine, got {eta}.")
    eta = int(eta)
    last = longest(sweep) or given.get("max_iter")
    first = given.get("min_iter")
    if first is None:  # W&B counts its s rungs down from max_iter
        first = max(1, round(given["max_iter"] / eta ** given["s"]))
    return first, eta, int(last or first * eta**3)


def longest(sweep: Sweep) -> int | None:
    """The most epochs that a trial can have; None where the sweep starts a program that is not ours."""
    for parameter in sweep.space.parameters:
        if parameter.name.replace("-", "_") == "num_epochs":
            return int(max(parameter.distribution.extremes()))
    if sweep.target is None:
        return None
    return max(int(one.settled("num_epochs", str(sweep.path))) for one in sweep.target.each())
