"""Intervals around predictions: which are asked for, across the seeds of an ensemble, of a normal distribution."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from econml_cli.errors import ConfigError, plural
from econml_cli.evaluation.conformal import Conformal
from econml_cli.evaluation.opened import Members
from econml_cli.problems.loss_row import Loss
from econml_cli.runs.directory import Run

#: the level of an interval where none is asked for, in percent
LEVEL = 95.0


@dataclass(frozen=True)
class Asked:
    """Which intervals predictions get: at `level` percent (None: `level_of`), by split conformal prediction or across
    members."""

    level: float | None = None
    conformal: bool = False


@dataclass(frozen=True)
class Spread:
    """What stands beside a prediction [n, dout]: standard deviation across members (None without them), low, high."""

    sd: np.ndarray | None
    low: np.ndarray
    high: np.ndarray


def level_of(asked: Asked | None, row: Loss) -> float:
    """The level in percent: the one asked for; else `LEVEL`, of conformal intervals around several quantiles what the
    outermost two enclose."""
    if asked is None:
        return LEVEL
    if asked.level is not None:
        return asked.level
    return 100 * (row.levels[-1] - row.levels[0]) if asked.conformal and len(row.levels) > 1 else LEVEL


def across(yhat: Sequence[np.ndarray], level: float) -> Spread:
    """Standard deviation and central `level` percent quantiles of the members' predictions, each [n, dout].

    They say how far the fits of several seeds lie apart, not how far the outcome does: noise in y is not in them.
    """
    stacked = np.stack(yhat).astype(np.float64)
    tail = (1 - level / 100) / 2
    low, high = np.quantile(stacked, [tail, 1 - tail], axis=0)
    return Spread(sd_of(yhat), low, high)


def sd_of(yhat: Sequence[np.ndarray]) -> np.ndarray | None:
    """The standard deviation across members of their predictions, each [n, dout]; None of one."""
    return np.stack(yhat).astype(np.float64).std(axis=0, ddof=1) if len(yhat) > 1 else None


def of_normal(distribution: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """`lo` and `hi`: the central `level` percent interval of an outcome, given mean and standard deviation [n, 2]."""
    from scipy.special import ndtri

    mean, sd = distribution[:, 0].astype(np.float64), distribution[:, 1].astype(np.float64)
    wide = float(ndtri(0.5 + level / 200)) * sd
    return {"lo": mean - wide, "hi": mean + wide}


def check_spread(run: Run, asked: Asked | None, of: Members) -> None:
    """Refuse intervals across members where there is one model.

    Raises:
        ConfigError: that is so; says why.
    """
    if asked is None or asked.conformal or len(of.models) > 1:
        return
    which, remedy = run.name, "fit with --members"
    if run.member is not None:
        which, remedy = f"member {run.member} of {run.name}", "leave out --member"
    why = f"{which} is one fit, without a spread across seeds"
    if of.total > 1:
        why = f"only one of the {of.total} members of {run.name} has not diverged: no spread across seeds"
        remedy = "fit again with a smaller --lr or with --grad-clip 1"
    raise ConfigError(f"--interval: {why}; add --conformal, or {remedy}.")


def notes(run: Run, asked: Asked | None, of: Members, row: Loss, learnt: Conformal | None) -> list[str]:
    """What the columns lo and hi of predictions under a loss are, and which members those are of, in a sentence each;
    `learnt`: the conformal intervals, None where they are others."""
    level, lost = level_of(asked, row), [of.left_out] if of.diverged else []
    if row.is_normal and learnt is None and (asked is not None or len(of.models) > 1):
        several = ", a mixture over the members" * (len(of.models) > 1)
        return [f"lo, hi: {level:g} % of an outcome by the normal distribution that is predicted{several}", *lost]
    if learnt is not None:
        told = [f"lo, hi: {level:g} % by split conformal prediction{_of_what(row)}, from the validation split"]
        if held := learnt.held:
            told.append(
                f"they hold {held.share:.1%} of the {plural(held.n, 'outcome')} of the test split (95 % interval: "
                f"{held.low:.1%} to {held.high:.1%})"
            )
        if getattr(run.config().problem_options, "group", None) is not None:
            told.append("by groups: for rows of a group that the fit has not seen")
        if run.config().trainer.patience:
            told.append("the validation split chose the epoch too (--patience), so that their level is approximate")
        return [*told, *lost]
    if of.total == 1:
        return []
    if len(of.models) == 1:
        return [f"only one of {of.total} members has not diverged: no spread across seeds"]
    counted = f"{len(of.models)} of {of.total}" if lost else str(of.total)
    return [f"lo, hi: {level:g} % across seeds, of {counted} members; the noise of an outcome is not in them", *lost]


def _of_what(row: Loss) -> str:
    """What conformal intervals of a distribution are made of, a clause; "" of numbers."""
    if row.is_normal:
        return ", in predicted standard deviations"
    return f", around the quantiles {row.levels[0]:g} and {row.levels[-1]:g}" if len(row.levels) > 1 else ""
