"""From flags or the file to what each point of a sweep is trained over. Imports nothing heavy."""

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.identity import METRIC
from econml_cli.sweeps.spec.replication import SHARE, Replication
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.space import Space

#: fits of one point, at most
MOST = 10_000


def apply(sweep: Sweep, replicate: str | None, folds: int | None, aggregate: str | None) -> Sweep:
    """The sweep with its replication: what was typed, else what the file says.

    In the file a `seed` with `values` and equal `probabilities` is a distribution to take the mean over, no parameter
    to choose; so are `folds` in the command or as a constant, without a `fold`.

    Args:
        replicate: NAME=COUNT (0 to COUNT - 1), NAME=A..B or NAME=A,B,C. folds: cross-validate each point.

    Raises:
        ConfigError: they contradict each other or the file.
    """
    if replicate is not None and folds is not None:
        raise ConfigError("--replicate and --folds both say what each point is trained over; leave one of them out.")
    if folds is not None:
        found: Replication | None = _folds(folds, {"folds": folds})
    else:
        found = _read(replicate) if replicate is not None else in_file(sweep)
    if found is None:
        if aggregate is not None:
            raise ConfigError("--aggregate says what is made of several fits of a point; add --replicate or --folds.")
        return sweep
    return with_replication(sweep, dataclasses.replace(found, aggregate=_aggregate(aggregate or "mean")))


def with_replication(sweep: Sweep, replication: Replication) -> Sweep:
    """The sweep whose points are trained so.

    Raises:
        ConfigError: there is no such option, or it is a parameter too.
    """
    _check(sweep, replication)
    own = (replication.option, *replication.fixed)
    space = Space(tuple(p for p in sweep.space.parameters if p.name not in own))
    share = {"name": SHARE, "goal": "maximize"}
    metric = share if replication.aggregate == "share" else sweep.metric
    return dataclasses.replace(sweep, space=space, metric=metric, replication=replication)


def in_file(sweep: Sweep) -> Replication | None:
    """What the file itself asks for."""
    by_name = {p.name: p.distribution for p in sweep.space.parameters}
    seed = by_name.get("seed")
    if isinstance(seed, distributions.Categorical) and seed.probabilities is not None:
        if len(set(seed.probabilities)) > 1 or not all(_is_whole(value) for value in seed.values):
            raise ConfigError(
                f"{sweep.path}: a seed with probabilities is what each point is trained over: give it integers with "
                "equal probabilities, or leave `probabilities` out to search over it."
            )
        return Replication("seed", tuple(dict.fromkeys(int(value) for value in seed.values)))
    folds, given = by_name.get("folds"), {} if sweep.target is None else sweep.target.fixed
    if "fold" in by_name or "fold" in given or sweep.target is None:
        return None
    count = folds.value if isinstance(folds, distributions.Constant) else given.get("folds")
    return _folds(int(count), {"folds": int(count)}) if count is not None and int(count) > 1 else None


def _folds(count: int, fixed: Mapping[str, Any]) -> Replication:
    if count < 2:
        raise ConfigError(f"--folds {count} leaves nothing to train on; use 2 or more.")
    return Replication("fold", tuple(range(1, count + 1)), fixed=fixed)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()


def _read(text: str) -> Replication:
    found = re.fullmatch(r"([A-Za-z_][\w-]*)=(?:(\d+)|(\d+)\.\.(\d+)|(\d+(?:,\d+)+))", text.replace(" ", ""))
    if found is None:
        raise ConfigError(f"--replicate {text}: write seed=30 (seeds 0 to 29), seed=5..9 or seed=1,7,11.")
    name, count, low, high, listed = found.groups()
    first, last = (0, int(count) - 1) if count else (int(low), int(high)) if low else (0, -1)
    if last - first >= MOST:
        raise ConfigError(f"--replicate {text}: at most {MOST:,} fits of a point.")
    values = tuple(dict.fromkeys(map(int, listed.split(",")))) if listed else tuple(range(first, last + 1))
    if len(values) < 2:
        raise ConfigError(f"--replicate {text} is no more than one fit of each point; give two values or more.")
    return Replication(name.replace("-", "_"), values)


def _aggregate(text: str) -> str:
    if text in ("mean", "median", "share"):
        return text
    found = re.fullmatch(r"quantile:(0?\.\d+)", text)
    if found is None or not 0 < float(found[1]) < 1:
        raise ConfigError(f"--aggregate {text}: write mean, median, quantile:0.9 or share (of the fits that passed).")
    return f"quantile:{float(found[1]):g}"


def _check(sweep: Sweep, replication: Replication) -> None:
    name, target = replication.option, sweep.target
    swept = {p.name for p in sweep.space.parameters if not isinstance(p.distribution, distributions.Constant)}
    swept -= {"seed"} if in_file_says_seed(sweep) else set()
    if name in swept:
        raise ConfigError(f"{sweep.path} searches over {name}, so that no point can be trained over it: take it out.")
    if len(swept - {name, *replication.fixed}) == 0 and sweep.method == "bayes":
        raise ConfigError(f"{sweep.path}: method bayes needs a parameter that varies beside {name}.")
    if target is not None:
        options = target.options()
        for needed in (name, *replication.fixed):
            if needed not in options:
                raise ConfigError(f"{target.model} on {target.problem} has no option {needed}, so it has no {name}s.")
            if needed in target.fixed and str(target.fixed[needed]) != str(replication.fixed.get(needed)):
                raise ConfigError(f"{sweep.path} says --{needed} in its command; take it out.")
        if options[name].element is not int:
            raise ConfigError(f"--replicate {name}: only an option that is an integer can be replicated over.")
    if sweep.early_terminate and (replication.aggregate == "share" or target is None):
        what = "the share that passed" if target else "a program over several seeds"
        raise ConfigError(f"{sweep.path}: {what} is known at the end only; take early_terminate out.")
    metric = sweep.metric or METRIC
    if replication.aggregate == "share" and sweep.metrics:
        raise ConfigError(
            f"{sweep.path}: the share that passed is one metric; give one `metric` in place of `metrics`."
        )
    if replication.aggregate == "share" and metric.get("target") is not None:
        raise ConfigError(f"{sweep.path}: metric.target is one of {metric['name']}, not of the share that passed.")


def in_file_says_seed(sweep: Sweep) -> bool:
    """Whether the file's seed is a distribution to train over."""
    seeds = [p.distribution for p in sweep.space.parameters if p.name == "seed"]
    return any(isinstance(d, distributions.Categorical) and d.probabilities is not None for d in seeds)
