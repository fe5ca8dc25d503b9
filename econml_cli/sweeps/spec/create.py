"""Write a sweep's YAML from flags: valid for W&B, commented, checked before it is written."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.options.fields import Option
from econml_cli.sweeps.spec import flags, parameters, schema, target
from econml_cli.sweeps.spec.space import Parameter, Space
from econml_cli.sweeps.spec.target import Target
from econml_cli.sweeps.spec.yaml_lines import Findings

#: the sweep of the lecture
LECTURE = ("lr=0.0001..0.01", "width=64,128,256", "num_epochs=300")
METHODS = {
    "bayes": "proposes points where good trials were; random draws them, grid tries all",
    "random": "draws independent points; bayes proposes, grid tries all",
    "grid": "tries every combination; bayes proposes, random draws",
}
#: hyperband looks at min_iter, 3 min_iter, 9 min_iter: by default the last look is at a third of the epochs
ETA, LOOKS = 3, 3


@dataclass(frozen=True)
class Request:
    """What `econml sweep create` was asked for.

    Attributes:
        params: "NAME=RANGE" each; none: the lecture's. fixed: "NAME=VALUE" each, the same in every trial.
        early_terminate: hyperband, or hyperband:MIN_ITER (epochs before the first look).
    """

    name: str = "lecture"
    model: str | None = None
    problem: str | None = None
    method: str = "bayes"
    metric: str = "val_loss"
    goal: str = "minimize"
    params: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    run_cap: int | None = None
    early_terminate: str | None = None


def write(request: Request, path: Path) -> tuple[str, tuple[str, ...]]:
    """The YAML of a sweep, and notes about it.

    Args:
        path: where the text will be kept; only named here.

    Raises:
        ConfigError: every flag that does not fit, each with what to change.
    """
    aim, params = _target(request), request.params or LECTURE
    findings = Findings(lambda keys: (0, f"{keys[0]}: " if keys else ""))
    target.check_fixed(aim, findings, ("--fix",))
    target.check_metric(request.metric, bool(request.early_terminate), findings, (f"--metric {request.metric}",))
    settings = _settings(params, request.method, aim, findings)
    findings.refuse("The command line")
    lines = _head(request, aim) + _parameters(settings, aim.options()) + _tail(request, aim, settings)
    text = "\n".join(lines) + "\n"
    schema.parse(text, path)  # it must pass `sweep check`; what could be wrong has been said above
    return text, findings.said()


def _target(request: Request) -> Target:
    fixed = {}
    for text in request.fixed:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigError(f"--fix {text} is not NAME=VALUE.")
        fixed[name.replace("-", "_")] = value
    if request.problem:
        fixed["problem"] = request.problem
    data = next((text.partition("=")[2] for text in request.params if text.startswith("data=")), None)
    words = [request.model] if request.model else []
    words += [f"--{name}={value}" for name, value in fixed.items()]
    aim = target.find(words, {"data": data}, os.environ)
    # said in the file, so that it does not depend on where it is run
    return dataclasses.replace(aim, fixed={"problem": aim.problem, **aim.fixed})


def _settings(params: Sequence[str], method: str, aim: Target, findings: Findings) -> dict[str, dict[str, Any]]:
    """{parameter: W&B's settings}; every problem is said of the flag that has it."""
    out: dict[str, dict[str, Any]] = {}
    found: dict[str, Parameter] = {}
    options, flag = aim.options(), {}
    for text in params:
        here = (f"--param {text}",)
        try:
            name, settings = flags.parse(text, options)
        except ValueError as error:
            findings.problem(here, str(error) if str(error).endswith("?") else f"{error}.")
            continue
        if name in out:
            findings.problem(here, f"{name} is given twice.")
        out[name] = settings
        if (parameter := parameters.read(settings, findings, here, (name,))) is not None:
            target.check_parameter(aim, parameter, findings, here)
            found[name], flag[name] = parameter, here
    schema.check_method(method, Space(tuple(found.values())), findings, lambda parameter: flag[parameter.name])
    return out


def _head(request: Request, aim: Target) -> list[str]:
    return [
        f"# What `econml fit {aim.model}` on {aim.problem} is tuned over. Check it: econml sweep check FILE",
        f"name: {_yaml(request.name)}",
        "program: econml  # a name for W&B to show; what its agents start is the command below",
        f"method: {request.method}  # {METHODS.get(request.method, '')}",
        "metric:",
        f"  name: {_yaml(request.metric)}",
        f"  goal: {request.goal}",
    ]


def _parameters(settings: Mapping[str, Mapping[str, Any]], options: Mapping[str, Option]) -> list[str]:
    lines = ["parameters:"]
    for name, given in settings.items():
        lines += [f"  {name}:  # {options[name].help}"] + [f"    {key}: {_yaml(value)}" for key, value in given.items()]
    return lines


def _tail(request: Request, aim: Target, settings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    if request.early_terminate is not None:
        epochs = _epochs(aim, settings)
        start = _min_iter(request.early_terminate, epochs)
        looks = ", ".join(str(start * ETA**i) for i in range(LOOKS) if start * ETA**i < epochs)
        lines += [f"early_terminate:  # after {looks} epochs the best third goes on"]
        lines += ["  type: hyperband", f"  min_iter: {start}", f"  eta: {ETA}"]
    if request.run_cap is not None:
        lines += [f"run_cap: {request.run_cap}  # trials, over all agents"]
    elif request.method != "grid":
        lines += ["# run_cap: 50  # without it, agents start trials until they are stopped"]
    words = ["${env}", "econml", "fit", aim.model, *(f"--{k}={v}" for k, v in aim.fixed.items()), "${args}"]
    lines += ["command:  # ${env}: /usr/bin/env, ${args}: --lr=0.001 --width=64 ..."]
    return lines + [f"  - {_yaml(word)}" for word in words]


def _epochs(aim: Target, settings: Mapping[str, Mapping[str, Any]]) -> int:
    """The fewest epochs that a trial has."""
    usual = aim.settled("num_epochs", "the sweep", settings)
    given = settings.get("num_epochs", {"value": usual})
    return int(given.get("value") or given.get("min") or min(given.get("values", [1])))


def _min_iter(text: str, epochs: int) -> int:
    kind, colon, number = text.partition(":")
    if kind != "hyperband" or (colon and not (number.isdecimal() and int(number) > 0)):
        raise ConfigError(f"--early-terminate {text}: write hyperband, or hyperband:EPOCHS for the first look.")
    return int(number) if colon else max(1, epochs // ETA**LOOKS)


def _yaml(value: Any) -> str:
    """A value on one line, as YAML reads it back: 1e-05 -> 1.0e-05."""
    import yaml

    return (
        yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True).removesuffix("...\n").strip()
    )
