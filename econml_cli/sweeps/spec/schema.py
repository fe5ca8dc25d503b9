"""Read a W&B sweep YAML and check all of it offline: every problem with its line.

The keys are those of W&B's own schema, https://github.com/wandb/sweeps `src/sweeps/config/schema.json`, the rules
between them those of `src/sweeps/config/cfg.py` and of its searches there, the `${...}` of a command those of the agent
(`wandb/wandb_agent.py`).
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import choices, parameters, target, yaml_lines
from econml_cli.sweeps.spec import command as commands
from econml_cli.sweeps.spec import keys as toplevel
from econml_cli.sweeps.spec.replication import Replication
from econml_cli.sweeps.spec.space import Parameter, Point, Space
from econml_cli.sweeps.spec.target import Target
from econml_cli.sweeps.spec.yaml_lines import Document, Findings, Keys


@dataclass(frozen=True)
class Sweep:
    """A sweep that has passed every check.

    Attributes:
        path: the file it came from. name: its `name:`, else the file's.
        method: bayes, random, grid or custom.
        metric: {"name", "goal", ...}, or None.
        command: what an agent starts, with W&B's ${...} still in it.
        program: `program:`, or None.
        target: what `econml fit` is asked for; None where the command starts something else.
        early_terminate: its settings, or None. run_cap: the most runs, or None.
        notes: what is allowed but may not be meant.
        replication: what each point is trained over; None: each is one fit. `replicating.apply` sets it.
        metrics: all that are to be good at once, the first of which is `metric`; () where there is one.
        own_metric: what each fit is measured by, where `metric` is the share of fits that passed; else `metric`.
    """

    path: Path
    name: str
    method: str
    space: Space
    metric: Mapping[str, Any] | None
    command: tuple[str, ...]
    program: str | None
    target: Target | None
    early_terminate: Mapping[str, Any] | None
    run_cap: int | None
    notes: tuple[str, ...]
    replication: Replication | None = None
    own_metric: Mapping[str, Any] | None = None
    metrics: tuple[Mapping[str, Any], ...] = ()

    def typed(self, point: Point) -> Point:
        """The point with each value as the option's type, where it is for `econml fit`.

        Raises:
            ConfigError: a value that its option does not take.
        """
        return point if self.target is None else self.target.typed(point)


#: W&B's command where the file gives none
DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")


def load(path: Path, command: Sequence[str] | None = None) -> Sweep:
    """Read and check a sweep's YAML file.

    Args:
        command: what is to be started in the place of the file's own `command` and `program`.

    Raises:
        ConfigError: the file cannot be read, or has problems: one line for each, "FILE:LINE: what to change".
    """
    return parse(yaml_lines.read(path), path, command)


def parse(text: str, path: Path, command: Sequence[str] | None = None) -> Sweep:
    """The same from text; `path` is what the messages call it.

    Raises:
        ConfigError: as `load`.
    """
    document, findings = yaml_lines.parse(text, path)
    if not isinstance(document.data, dict):
        what = "is empty" if document.data is None else "is not a list of `key: value` lines"
        raise ConfigError(f"{path} {what}; `econml sweep create --out -` shows what a sweep looks like.")
    if command is not None:
        document.data["command"] = list(command)
    toplevel.check(document.data, findings)
    found: list[Parameter] = []
    if "parameters" in document.data:
        found = parameters.read_all(document.data["parameters"], findings, ("parameters",))
        _check_names(found, findings)
    space = Space(tuple(found))
    for parameter in found:
        if parameter.name == "seed" and getattr(parameter.distribution, "probabilities", None) is not None:
            findings.note(
                keys_of(parameter),
                "a seed with probabilities is no choice: `econml sweep run` trains each point over all of its values.",
            )
    aim = _target(document.data, space, findings)
    if aim is not None:
        space = Space(choices.conditions(aim, space.parameters))
        for parameter in space.parameters:
            target.check_parameter(aim, parameter, findings, keys_of(parameter))
            if parameter.name in ("model", "problem"):
                choices.note_choices(parameter.name, aim, findings, keys_of(parameter))
        _check_options(space, findings)
    else:
        _check_program(document.data, findings)
    check_method(document.data.get("method"), space, findings, keys_of)
    findings.refuse(str(path))
    return _sweep(document, space, aim, findings)


def _sweep(document: Document, space: Space, aim: Target | None, findings: Findings) -> Sweep:
    data = document.data
    several = tuple(data.get("metrics") or ())
    metric = several[0] if several else data.get("metric")
    return Sweep(
        path=document.path,
        name=data.get("name") or document.path.stem,
        method=data["method"],
        space=space,
        metric=metric,
        own_metric=metric,
        metrics=several,
        command=tuple(str(word) for word in data.get("command") or DEFAULT_COMMAND),
        program=data.get("program"),
        target=aim,
        early_terminate=data.get("early_terminate"),
        run_cap=data.get("run_cap"),
        notes=findings.said(),
    )


def keys_of(parameter: Parameter) -> Keys:
    """Where a parameter stands in the file."""
    keys: Keys = ()
    for key in parameter.path:
        keys = (*keys, "parameters", key)
    return keys


def _check_names(found: list[Parameter], findings: Findings) -> None:
    seen: set[str] = set()
    for parameter in found:
        if parameter.name in seen:
            findings.problem(keys_of(parameter), f"two parameters are called {parameter.name}.")
        seen.add(parameter.name)


def _check_options(space: Space, findings: Findings) -> None:
    """Complain of an option that one trial would be given by two parameters."""
    first: dict[str, Parameter] = {}
    for parameter in space.parameters:
        name = target.option_of(parameter)
        other = first.setdefault(name, parameter)
        if other is not parameter and other.path[:-1] == parameter.path[:-1][: len(other.path) - 1]:
            findings.problem(
                keys_of(parameter), f"{parameter.name} and {other.name} are one option; leave one of them out."
            )


def _target(data: Mapping[str, Any], space: Space, findings: Findings) -> Target | None:
    """What `econml fit` is asked for, checked; None where the command starts something else, or is wrong."""
    command = data.get("command")
    words = target.words_after_fit(commands.with_variables(command, os.environ)) if isinstance(command, list) else None
    if words is None:
        return None
    if not any(notation in (command or []) for notation in commands.ARGS):
        findings.problem(("command",), 'econml fit takes its parameters from "${args}"; add it to the command.')
    if not choices.check(space.parameters, findings, keys_of):
        return None
    try:
        aim = target.find(words, target.naming(space.parameters), os.environ)
        aim = choices.over(aim, space.parameters)
        for one in aim.each():
            one.options()
    except ConfigError as error:
        findings.problem(("command",), str(error))
        return None
    target.check_fixed(aim, findings, ("command",))
    for i, each in enumerate(data["metrics"] if isinstance(data.get("metrics"), list) else ()):
        if isinstance(each, dict) and isinstance(each.get("name"), str):
            target.check_metric(each["name"], False, findings, ("metrics", i, "name"))
    metric = data.get("metric")
    if isinstance(metric, dict) and isinstance(metric.get("name"), str):
        target.check_metric(metric["name"], "early_terminate" in data, findings, ("metric", "name"))
        if "early_terminate" in data and metric["name"] == "val_loss" and not _patient(aim, space):
            findings.note(
                ("early_terminate",),
                "without --patience a fit ends with its last epoch, overfitted or not, and a pruned trial may stand "
                "above the best one; --patience 20 in the command keeps the best epoch.",
            )
    return aim


def _patient(aim: Target, space: Space) -> bool:
    """Whether a fit keeps its best epoch, or may, by a parameter."""
    swept = {target.option_of(parameter) for parameter in space.parameters}
    if "patience" in swept:
        return True
    try:
        return int(aim.settled("patience", "the sweep", swept) or 0) > 0
    except (ConfigError, ValueError):  # said elsewhere
        return True


def _check_program(data: Mapping[str, Any], findings: Findings) -> None:
    command = data.get("command")
    starts_program = not command or (isinstance(command, list) and "${program}" in command)
    if starts_program and not any(key in data for key in ("program", "job", "image_uri", "scheduler")):
        findings.note((), "there is neither `program` nor `command`: W&B's agents will not know what to start.")
    elif starts_program and data.get("program") in ("econml", "econml_cli"):
        ours = '["${env}", econml, fit, mlp, "${args}"]'
        findings.note(("program",), f"agents will start `python {data['program']}`; add `command: {ours}`.")


def check_method(method: Any, space: Space, findings: Findings, where: Callable[[Parameter], Keys]) -> None:
    """Complain where the method cannot search the space; `where`: the keys that a parameter's problem belongs to."""
    if method == "bayes" and space.parameters and len(target.constants(space.parameters)) == len(space.parameters):
        findings.problem(("parameters",), "method bayes needs a parameter that varies; all of them are constants.")
    if method == "custom":
        findings.note(("method",), "method custom runs only on W&B's servers, with a scheduler of yours.")
    for parameter in space.parameters if method == "grid" else ():
        try:
            parameter.grid()
        except ValueError as error:
            findings.problem(where(parameter), f"{parameter.name} is {parameter.called}: {error}.")
