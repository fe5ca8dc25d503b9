"""Which model and problem a command line asks for, found out before its options can be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli import config as configs
from econml_cli.config import RunOptions
from econml_cli.models.registry import MODELS
from econml_cli.options import Peek, peek
from econml_cli.problems import registry as problems


def owners() -> dict[str, str]:
    """Every option of a model or a problem -> whose it is."""
    owned: dict[str, str] = {}
    rows = [(f"model {name}", entry.options) for name, entry in MODELS.items()]
    rows += [(f"problem {name}", entry.options) for name, entry in problems.PROBLEMS.items()]
    for owner, declared in rows:
        owned |= {opt.name: owner for opt in configs.options_of(declared)}
    return owned


def _switches() -> frozenset[str]:
    declared: list[type] = [RunOptions, configs.TrainerOptions, configs.TrackingOptions]
    declared += [entry.options for entry in MODELS.values()]
    declared += [entry.options for entry in problems.PROBLEMS.values()]
    return frozenset(opt.name for cls in declared for opt in configs.options_of(cls) if opt.is_bool) | {"help"}


def choose(args: Sequence[str]) -> tuple[str, str, Peek]:
    """The model and the problem that the arguments, the environment and a config file ask for.

    Raises:
        ConfigError: there is no such model or problem, or the config file cannot be read.
    """
    seen = peek(args, _switches())
    environment = configs.read_environment(["model", "problem", "data", "config", "resume", "runs_dir"])
    layers = [seen.values, environment, _from_file({**environment, **seen.values})]
    problem = next((found for layer in layers if (found := _problem(layer))), problems.DEFAULT)
    models = [seen.argument, *(layer.get("model") for layer in layers[1:])]
    model = next((str(found) for found in models if found), None) or problems.get(problem).model
    configs.sections(model, problem)  # raises for unknown names
    return model, problem, seen


def _problem(layer: Mapping[str, Any]) -> str | None:
    """The problem that one layer of options asks for: by name, or by naming data."""
    return str(layer["problem"]) if layer.get("problem") else "tabular" if layer.get("data") else None


def _from_file(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of --config, or of the run that --resume names."""
    if name := values.get("config"):
        return configs.read_yaml(Path(name))
    if name := values.get("resume"):
        from econml_cli import runs

        return runs.find(name, Path(values.get("runs_dir") or "runs")).config().to_dict()
    return {}
