"""Which model and problem a command line asks for, found out before its options can be."""

import os
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
    file = _from_file(seen.values)

    def ask(name: str) -> str | None:
        found = seen.values.get(name) or os.environ.get(f"ECONML_{name.upper()}") or file.get(name)
        return None if found is None else str(found)

    problem = ask("problem") or ("tabular" if ask("data") else problems.DEFAULT)
    model = seen.argument or ask("model") or problems.get(problem).model
    configs.sections(model, problem)  # raises for unknown names
    return model, problem, seen


def _from_file(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of --config, or of the run that --resume names."""
    if name := values.get("config"):
        return configs.read_yaml(Path(name))
    if name := values.get("resume"):
        from econml_cli import runs

        run = runs.find(name, Path(values.get("runs_dir") or os.environ.get("ECONML_RUNS_DIR") or "runs"))
        return configs.read_yaml(run.path / "config.yaml")
    return {}
