"""What came of a fit, in numbers: what summary.json says."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.problems.economies.verdicts import judge
from econml_cli.problems.economies.visited import outside
from econml_cli.problems.equation_weights import told
from econml_cli.storage import checkpoint, digests, disk
from econml_cli.training.loop.ensemble import member
from econml_cli.training.loop.over_members import seeds_passed, spread, words_over_members
from econml_cli.training.setup.setup import Setup, num_params
from econml_cli.training.step.carry import CONVERGED, DIVERGED, SOLVED, STOPPED_EARLY, Carry
from econml_cli.training.step.epoch import inputs_of, trained_on
from econml_cli.training.step.programs import Program

_REASONS = {STOPPED_EARLY: "early_stopping", DIVERGED: "diverged", SOLVED: "solved", CONVERGED: "converged"}


def summary(
    setup: Setup, program: Program, carry: Carry, report: Mapping[str, float], *, pruned: bool, interrupted: bool
) -> dict[str, Any]:
    """Where a fit stopped and why, losses, verdicts, parameters; of an ensemble (a stacked carry) over its members.
    `report` is what a solver says of its solution."""
    members = setup.config.trainer.members
    status = np.atleast_1d(jax.device_get(carry.status))
    reason = _reason(setup, carry, status, pruned=pruned, interrupted=interrupted)
    found = {
        "model": setup.config.model,
        "problem": setup.config.problem,
        "stop_reason": reason,
        "epochs": carry.done,
    }
    if members == 1:
        model = program.epoch.fitted(carry)
        found |= {"best_epoch": int(carry.best_epoch) or None, **losses(model, trained_on(setup, carry), program)}
    else:
        finite = [k for k in range(members) if status[k] != DIVERGED]
        alone = [member(carry, k) for k in finite]
        found |= {"members": members, "diverged": members - len(finite)}
        found |= over_members([losses(program.epoch.fitted(one), trained_on(setup, one), program) for one in alone])
    state = nnx.merge_state(*carry.kept)
    found |= {
        **told(setup.problem),
        **report,
        "num_params": num_params(setup.model),
        "n_train": setup.n_train,
        "state_sha256": digests.whole({"model": checkpoint.flatten(state)}),
    }
    if reason == "diverged":
        found["diverged_epoch"] = carry.done + 1
    return disk.finite({name: value for name, value in found.items() if value is not None})


def _reason(setup: Setup, carry: Carry, status: np.ndarray, *, pruned: bool, interrupted: bool) -> str:
    """Why a fit has ended; an ensemble is said to have run for as long as one of its members has."""
    last = min((int(s) for s in status if s != DIVERGED), default=DIVERGED)
    reason = _REASONS.get(last, "max_epochs")
    if reason == "max_epochs" and carry.done < setup.config.trainer.num_epochs:
        return "pruned" if pruned else "interrupted" if interrupted else reason
    return reason


def losses(model: Model, setup: Setup, program: Program | None = None) -> dict[str, Any]:
    """train_loss, val_loss and test_loss in reported units, and the verdicts: numbers, and what those on an economic
    model amount to (`verdicts.judge`)."""
    parts = {"train": setup.train, "val": setup.val, "test": setup.test}
    there = {name: batch for name, batch in parts.items() if batch is not None}
    measure = (program or Program(setup)).measure
    found = jax.device_get(measure(nnx.state(model), inputs_of(setup), there))
    # through str: the shortest decimal of a float32
    measured = {f"{name}_loss": float(str(found[name])) for name in there}
    measured |= setup.problem.verdicts(model, there.get("test", there["train"]))
    measured |= outside(setup.problem, model, setup.train.x)
    return {**measured, **judge(setup.problem, measured)}


def over_members(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What `losses` gives of several members as one: the mean of each number, of a loss also the standard deviation
    (`_sd`), lowest and highest (`_min`, `_max`), and of how many members a verdict has passed."""
    told: dict[str, Any] = {}
    for name in dict.fromkeys(name for each in found for name, value in each.items() if not isinstance(value, str)):
        values = [each[name] for each in found if name in each]
        over = {end: float(value) for end, value in spread(np.asarray(values, np.float64)).items()}
        ends = ("", "_sd", "_min", "_max") if name.endswith("_loss") else ("",)
        told |= {f"{name}{end}": over[end] for end in ends}
    return {**told, **words_over_members(found), **seeds_passed(found)}
