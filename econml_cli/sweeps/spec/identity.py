"""What makes a sweep the same sweep: kept in its study, compared when somebody continues it. Imports nothing heavy."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec.distributions import Distribution
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.target import Target

#: what is optimised where the file names no metric
METRIC = {"name": "val_loss", "goal": "minimize"}


def objectives(sweep: Sweep) -> tuple[tuple[str, str], ...]:
    """(name, goal) of each metric that is to be good, the first one first."""
    several = sweep.metrics or (sweep.metric or METRIC,)
    return tuple((str(metric["name"]), str(metric.get("goal", METRIC["goal"]))) for metric in several)


#: who proposes the points of method bayes where nobody says
SAMPLER = {"sampler": "gp"}


def check_method(sweep: Sweep) -> None:
    """Refuse a sweep whose search is not in its file.

    Raises:
        ConfigError: method custom.
    """
    if sweep.method == "custom":
        raise ConfigError(f"{sweep.path}: method custom runs on W&B's servers only; use bayes, random or grid.")


def define(sweep: Sweep, seed: int, batch: int, sampler: str | None = None) -> dict[str, Any]:
    """The sweep as a JSON value: all on which its points, and the order among them, depend.

    Args:
        batch: trials proposed together. sampler: who proposes them, None: any. Only method bayes depends on them.
    """
    metric = sweep.metric or METRIC
    parameters = {p.name: {"distribution": p.called, **_settings(p.distribution)} for p in sweep.space.parameters}
    defined = {
        "method": sweep.method,
        "metric": {"name": metric["name"], "goal": metric.get("goal", METRIC["goal"])},
        "metrics": [{"name": name, "goal": goal} for name, goal in objectives(sweep)] if sweep.metrics else None,
        "parameters": parameters,
        "early_terminate": sweep.early_terminate,
        "target": sweep.target and _target(sweep.target),
        "command": None if sweep.target else [sweep.program, *sweep.command],
        "replication": sweep.replication and sweep.replication.to_dict(),
        "seed": seed,
        "batch": batch if sweep.method == "bayes" else None,
        "sampler": sampler if sweep.method == "bayes" else None,
    }
    found: dict[str, Any] = plain({key: value for key, value in defined.items() if value is not None})
    return found


def _target(target: Target) -> dict[str, Any]:
    given = {**target.environment, **target.fixed}
    fixed = {name: value for name, value in given.items() if name not in ("model", "problem")}
    return {"model": target.model, "problem": target.problem, "fixed": fixed}


def plain(value: Any) -> Any:
    """The value as it comes back from JSON: dates as text, tuples as lists."""
    return json.loads(json.dumps(value, default=str))


def _settings(distribution: Distribution) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for field in fields(distribution):  # type: ignore[arg-type]  # every one is a dataclass
        value = getattr(distribution, field.name)
        out |= _settings(value) if isinstance(value, Distribution) else {field.name: value}
    return out


def varied(defined: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the parameters that are not constant."""
    return tuple(name for name, settings in defined["parameters"].items() if "value" not in settings)


def check_same(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> None:
    """Refuse to continue a sweep as another one.

    Raises:
        ConfigError: they differ; every difference is shown.
    """
    differences = list(_differences(before, now, ""))
    one, other = (list(defined.get("parameters", ())) for defined in (before, now))
    # a random point does not depend on the order of its parameters; a grid is counted through in it
    if one != other and sorted(one) == sorted(other) and now["method"] != "random":
        differences.append(f"order of parameters: {', '.join(one)} -> {', '.join(other)}")
    if differences:
        raise ConfigError(
            f"{name} was begun as another sweep ({'; '.join(differences)}); restore the file, or start a new sweep "
            "with another --out or --study."
        )


def _differences(before: Any, now: Any, where: str) -> Iterator[str]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(key for key in now if key not in before)]:
            dotted = f"{where}.{key}" if where else key
            yield from _differences(before.get(key), now.get(key), dotted)
    elif before != now or type(before) is not type(now):
        yield f"{where}: {_text(before)} -> {_text(now)}"


def _text(value: Any) -> str:
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
