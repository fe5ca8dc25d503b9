"""The keys of a W&B sweep other than its parameters: their types, their values, and the rules between them."""

import os
import re
from collections.abc import Mapping
from typing import Any

from econml_cli.errors import suggest
from econml_cli.sweeps.spec.command import ENVVAR, unset
from econml_cli.sweeps.spec.yaml_lines import Findings, Keys

_IMPUTE = ("latest", "best", "worst")
#: key -> what it must be: a type, or the words it can be
_METRIC: dict[str, Any] = {
    "name": str,
    "goal": ("minimize", "maximize"),
    "target": float,
    "impute": _IMPUTE,
    "impute_while_running": (*_IMPUTE, "false"),
}
_HYPERBAND: dict[str, Any] = {
    "type": ("hyperband",),
    "min_iter": int,
    "max_iter": int,
    "s": float,
    "eta": float,
    "strict": bool,
}
_SCHEDULER: dict[str, Any] = {
    "engine": ("optuna", "ax", "wandb"),
    "source": str,
    "optimizer": str,
    "search_space": str,
}
KEYS: dict[str, Any] = {
    "name": str,
    "description": str,
    "program": str,
    "command": list,
    "method": ("bayes", "random", "grid", "custom"),
    "metric": _METRIC,
    "metrics": list,
    "parameters": object,  # parameters.py
    "early_terminate": _HYPERBAND,
    "run_cap": int,
    "project": str,
    "entity": str,
    "controller": {"type": ("cloud", "local")},
    "job": str,
    "image_uri": str,
    "scheduler": _SCHEDULER,
    "apiVersion": str,
    "kind": ("sweep",),
}
_KINDS = {str: "text", int: "an integer", float: "a number", bool: "true or false", list: "a list"}
#: what W&B's agent puts into a command
MACROS = (
    "env", "interpreter", "program", "args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags",
    "args_json", "args_json_file", "args_dict", "args_append_hydra", "args_override_hydra",
)  # fmt: skip


def check(data: Mapping[Any, Any], findings: Findings) -> None:
    """Tell the findings all that is wrong outside `parameters`."""
    _mapping(data, KEYS, findings, ())
    if "method" not in data:
        findings.problem((), "`method` is missing: bayes, random or grid.")
    scheduler = data.get("scheduler")
    own_space = isinstance(scheduler, dict) and scheduler.get("search_space")
    if "parameters" not in data and not own_space:
        findings.problem((), "`parameters` is missing: the space that is searched.")
    if type(cap := data.get("run_cap")) is int and cap <= 0:
        findings.problem(("run_cap",), f"`run_cap` must be > 0, got {cap}.")
    _check_metric(data, findings)
    _check_hyperband(data.get("early_terminate"), findings)
    _check_scheduler(data, findings)
    if isinstance(data.get("command"), list):
        _check_command(data["command"], findings)


def _mapping(data: Mapping[Any, Any], known: Mapping[str, Any], findings: Findings, keys: Keys) -> None:
    """Unknown keys, and values that are not what their key takes."""
    for key, value in data.items():
        here = (*keys, str(key))
        name = ".".join(str(k) for k in here)
        if key not in known:
            near = suggest(str(key), known) or f" The keys are {', '.join(known)}."
            findings.problem(here, f"unknown key '{name}'.{near}")
        elif isinstance(wants := known[key], dict):
            if isinstance(value, dict):
                _mapping(value, wants, findings, here)
            else:
                findings.problem(here, f"`{name}` must be a mapping with {', '.join(wants)}, got {value!r}.")
        elif isinstance(wants, tuple):
            if not isinstance(value, str) or value not in wants:
                near = suggest(str(value), wants)
                findings.problem(here, f"`{name}` must be one of {', '.join(wants)}, got {value!r}.{near}")
        elif not _is(value, wants):
            findings.problem(here, f"`{name}` must be {_KINDS[wants]}, got {value!r}.")


def _is(value: Any, kind: type) -> bool:
    if kind is object:
        return True
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, kind)


def _check_metric(data: Mapping[str, Any], findings: Findings) -> None:
    metric, several = data.get("metric"), data.get("metrics")
    if isinstance(metric, dict) and "name" not in metric:
        findings.problem(("metric",), "`metric` needs a `name`, such as val_loss.")
    for i, each in enumerate(several if isinstance(several, list) else ()):
        if isinstance(each, dict):
            _mapping(each, _METRIC, findings, ("metrics", i))
        else:
            findings.problem(("metrics", i), f"each of `metrics` must be a mapping with a name, got {each!r}.")
    if isinstance(several, list) and len(several) < 2:
        findings.problem(("metrics",), "`metrics` are two or more; give one as `metric`.")
    if "metric" in data and "metrics" in data:
        findings.problem(("metrics",), "`metric` and `metrics` cannot both be given.")
    elif "metrics" in data:
        _check_several(data, findings)
    elif "metric" not in data and data.get("method") == "bayes":
        findings.problem(("method",), "method bayes needs a `metric`, such as `metric: {name: val_loss}`.")
    elif "metric" not in data and "early_terminate" in data:
        findings.problem(("early_terminate",), "`early_terminate` needs a `metric`.")


def _check_several(data: Mapping[str, Any], findings: Findings) -> None:
    """Several metrics, none of which decides alone."""
    several = data["metrics"] if isinstance(data["metrics"], list) else []
    names = [each.get("name") for each in several if isinstance(each, dict)]
    for i, each in enumerate(several):
        if isinstance(each, dict) and "name" not in each:
            findings.problem(("metrics", i), "each of `metrics` needs a `name`.")
        elif isinstance(each, dict) and names.index(each["name"]) < i:
            findings.problem(("metrics", i), f"{each['name']} is among the metrics twice.")
        if isinstance(each, dict) and "target" in each:
            findings.problem(
                ("metrics", i, "target"), "a `target` is of one `metric`; take it out of several `metrics`."
            )
    if "early_terminate" in data:
        findings.problem(("early_terminate",), "`early_terminate` compares one `metric`; take it out, or the others.")
    if data.get("method") != "custom":
        findings.note(
            ("metrics",), "W&B takes several `metrics` with method custom only; `econml sweep run` takes them."
        )


def _check_hyperband(given: Any, findings: Findings) -> None:
    if not isinstance(given, dict):
        return
    here: Keys = ("early_terminate",)
    if "type" not in given:
        findings.problem(here, "`early_terminate` needs `type: hyperband`.")
    if "min_iter" not in given and not ("max_iter" in given and "s" in given):
        findings.problem(here, "hyperband needs `min_iter`, or `max_iter` and `s`.")
    if isinstance(eta := given.get("eta"), float) and not eta.is_integer():
        findings.note((*here, "eta"), f"`econml sweep run` needs an integer `eta`, not {eta}; W&B's agents take it.")
    for key, floor, strict in (("min_iter", 1, False), ("eta", 1, True)):
        value = given.get(key)
        if isinstance(value, int | float) and (value <= floor if strict else value < floor):
            findings.problem((*here, key), f"`early_terminate.{key}` must be {'>' if strict else '>='} {floor}.")


def _check_scheduler(data: Mapping[str, Any], findings: Findings) -> None:
    given = data.get("scheduler")
    if not isinstance(given, dict):
        return
    methods = ("bayes", "random", "grid") if given.get("engine") == "wandb" else ("custom",)
    if "engine" not in given:
        findings.problem(("scheduler",), f"`scheduler` needs an `engine`: {', '.join(_SCHEDULER['engine'])}.")
    elif data.get("method") not in methods:
        findings.problem(("method",), f"`scheduler.engine: {given['engine']}` goes with method {' or '.join(methods)}.")
    for key in ("optimizer", "search_space"):
        if key in given and "source" not in given:
            findings.problem(("scheduler", key), f"`scheduler.{key}` is in a file: add `source`.")
    if "early_terminate" in data:
        findings.problem(("early_terminate",), "`early_terminate` cannot stand beside `scheduler`.")
    if data.get("controller") == {"type": "local"}:
        findings.problem(("controller",), "`controller: {type: local}` cannot stand beside `scheduler`.")


def _check_command(command: list[Any], findings: Findings) -> None:
    """Agents leave out a ${...} that they do not know, without a word."""
    if not command:
        findings.problem(("command",), "`command` is empty; leave it out for W&B's own.")
    for name in unset(command, os.environ):
        findings.note(("command",), f"the variable {name} is not set here; agents would put the word {name} there.")
    for i, word in enumerate(command):
        if isinstance(word, list | dict):
            findings.problem(("command", i), f"each word of `command` must be text, got {word!r}.")
            continue
        found = re.fullmatch(r"\$\{(.*)\}", str(word))
        if found and not ENVVAR.search(str(word)) and found[1] not in MACROS:
            findings.problem(
                ("command", i), f"agents know no {word}.{suggest(str(word), [f'${{{m}}}' for m in MACROS])}"
            )
