"""Which parameters of a sweep matter for its metric: importance and rank correlation, from the trials alone."""

import contextlib
import dataclasses
import math
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

from econml_cli.sweeps.study.trials import Goal, Results, Trial

#: with fewer trials neither number says anything, and Fisher's interval does not exist
FEWEST = 4
#: the importance compares the best tenth of the trials with all of them, but at least this many of them
BEST_SHARE, BEST_FEWEST = 0.1, 5
#: the half-width of a 95 % interval, in standard errors
NORMAL_95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Influence:
    """What one parameter has to do with the metric; None where the trials do not say.

    Attributes:
        name: the parameter's.
        importance: its share of the importance of all parameters, 0 to 1.
        correlation: Spearman's rho of the parameter and the metric in its own sign. low, high: its 95 % interval.
        trials: on how many trials the correlation rests.
    """

    name: str
    importance: float | None
    correlation: float | None
    low: float | None
    high: float | None
    trials: int


@dataclass(frozen=True)
class Analysis:
    """The influence of every varied parameter, the most important first.

    Attributes:
        complete: how many trials it rests on: those that are complete, or, where some were pruned, these as well.
        best: how many of them the importance calls the best.
        rung: the epoch at which the trials are compared, the last one that all of them reached; None: their ends.
    """

    influences: tuple[Influence, ...]
    complete: int
    best: int
    rung: int | None = None

    @property
    def tells(self) -> bool:
        """Whether it has a number for any parameter."""
        return any(one.importance is not None or one.correlation is not None for one in self.influences)


def analyse(results: Results) -> Analysis:
    """Importance and rank correlation of each varied parameter, from the complete trials with a finite metric; where
    trials were pruned, from these too, at the last rung that all reached, since the survivors are alike in what
    matters."""
    rung, compared = _compared(results)
    done = [trial for trial in compared if trial.value is not None and math.isfinite(trial.value)]
    share = _best_share(len(done))
    importances = importance(results.varied, done, results.goal)
    found = []
    for name in results.varied:
        pairs = [(t.params[name], t.value) for t in done if _is_number(t.params.get(name))]
        rho = spearman(pairs) if len(pairs) == sum(name in t.params for t in done) else None
        low, high = (None, None) if rho is None else interval(rho, len(pairs))
        found.append(Influence(name, importances.get(name), rho, low, high, len(pairs)))
    found.sort(key=lambda influence: -1.0 if influence.importance is None else influence.importance, reverse=True)
    return Analysis(tuple(found), len(done), math.ceil(share * len(done)), rung)


def _compared(results: Results) -> tuple[int | None, Sequence[Trial]]:
    """The epoch at which trials are compared, and the trials with what they had there as their value: the last one of
    those that had ended by themselves before."""
    pruned = [trial for trial in results.current() if trial.state == "pruned" and trial.rungs]
    if not pruned:
        return None, results.ranked()
    rung = min(max(trial.rungs) for trial in pruned)
    early = [t for t in results.ranked() if rung not in t.rungs and t.epochs is not None and t.epochs <= rung]
    there = [t for t in (*results.ranked(), *pruned) if rung in t.rungs]
    return rung, [*early, *(dataclasses.replace(trial, value=trial.rungs[rung]) for trial in there)]


def spearman(pairs: Sequence[tuple[Any, Any]]) -> float | None:
    """Spearman's rho of n pairs of numbers, ties at their mean rank; None below `FEWEST` or for a constant side."""
    if len(pairs) < FEWEST or any(len(set(side)) == 1 for side in zip(*pairs, strict=True)):
        return None
    import numpy as np

    x, y = (_ranks(np.asarray(side, float)) for side in zip(*pairs, strict=True))
    return float(np.clip(np.corrcoef(x, y)[0, 1], -1, 1))


def _ranks(values: Any) -> Any:
    """The rank of each value of a vector, the mean rank for equal ones: as SciPy's, whose import takes seconds."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[place]


def interval(rho: float, n: int) -> tuple[float | None, float | None]:
    """The 95 % interval of Spearman's rho from n pairs; (None, None) for a perfect order, where it is not defined.

    Fisher's z with the variance (1 + rho^2 / 2) / (n - 3) of Bonett and Wright (2000), Psychometrika 65, 23-28.
    """
    if n < FEWEST or math.isclose(abs(rho), 1):
        return None, None
    z, half = math.atanh(rho), NORMAL_95 * math.sqrt((1 + rho**2 / 2) / (n - 3))
    return math.tanh(z - half), math.tanh(z + half)


def importance(names: Sequence[str], done: Sequence[Trial], goal: Goal) -> dict[str, float]:
    """Shares that add up to one, of the parameters that vary over the trials; {} where the trials do not tell.

    Optuna's PED-ANOVA (Watanabe, Bansal and Hutter 2023, IJCAI): how far the distribution of a parameter in the best
    trials differs from that in all of them.
    """
    if len(done) < FEWEST:
        return {}
    spaces = {name: space for name in names if (space := _space([t.params.get(name) for t in done])) is not None}
    if not spaces:
        return {}
    import optuna

    with _without_forests():
        from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    evaluator = PedAnovaImportanceEvaluator(target_quantile=_best_share(len(done)))
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # else it announces the study on stderr
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction=goal)
            study.add_trials([_frozen(trial, spaces) for trial in done])
            found = get_param_importances(study, evaluator=evaluator, params=list(spaces), normalize=False)
    finally:
        optuna.logging.set_verbosity(verbosity)
    total = sum(found.values())
    return {name: value / total for name, value in found.items()} if total > 0 and math.isfinite(total) else {}


@contextlib.contextmanager
def _without_forests() -> Iterator[None]:
    """Inside the context scikit-learn is not imported by a command, unless it is there already.

    Optuna imports it with its evaluators for the sake of another one (fANOVA), which takes more time than all else that
    `sweep show` does, and goes on where it is not installed. A program that has imported us may want that evaluator.
    """
    if "sklearn" in sys.modules or "econml_cli.cli" not in sys.modules:
        yield
        return
    sys.modules["sklearn"] = None  # type: ignore[assignment]  # Python's own way of saying that there is none
    try:
        yield
    finally:
        del sys.modules["sklearn"]


def _best_share(count: int) -> float:
    return max(BEST_SHARE, min(0.5, BEST_FEWEST / count)) if count else 0.5


def _frozen(trial: Trial, spaces: Mapping[str, Any]) -> Any:
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    params = {
        name: _category(trial.params[name]) if isinstance(space, CategoricalDistribution) else float(trial.params[name])
        for name, space in spaces.items()
    }
    return create_trial(params=params, distributions=dict(spaces), value=trial.value)


def _space(values: Sequence[Any]) -> Any | None:
    """The Optuna distribution that the values could have come from; None where they are constant, or one is missing.

    Few numbers that come again and again (width 64, 128, 256) are categories: a density on a fine grid would be all
    spikes, and a parameter without any influence would look important.
    """
    if not values or None in values:
        return None
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    categories = list(dict.fromkeys(map(_category, values)))
    if len(categories) < 2:
        return None
    if len(categories) <= max(2, min(10, len(values) // 2)) or not all(map(_is_number, values)):
        return CategoricalDistribution(categories)
    low, high = float(min(values)), float(max(values))
    return FloatDistribution(low, high, log=low > 0 and high > 10 * low)


def _category(value: Any) -> Any:
    """A value as text, since Optuna's categories compare 1, 1.0 and True as one."""
    return repr(value) if isinstance(value, bool | int | float) else str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
