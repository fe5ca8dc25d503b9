"""Which model and problem a command line asks for, found out before its options can be."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.config.command_line import Peek, peek
from econml_cli.config.fit_config import RunOptions
from econml_cli.models import representations
from econml_cli.models.registry import MODELS
from econml_cli.options import own_code
from econml_cli.problems import registry as problems


def owners() -> dict[str, str]:
    """Every option of a model or a problem -> whose it is: "model mlp", "problems linear and runge"."""
    owned: dict[str, str] = {}
    for kind, table in (("problem", problems.PROBLEMS), ("model", MODELS)):
        having: dict[str, list[str]] = {}
        for name, entry in table.items():
            for opt in configs.options_of(entry.options):
                having.setdefault(opt.name, []).append(name)
        owned |= {opt: _listed(kind, names) for opt, names in having.items()}
    return owned


def _listed(kind: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{kind} {names[0]}"
    return f"{kind}s {', '.join(names[:-1])} and {names[-1]}"


def _switches() -> frozenset[str]:
    declared: list[type] = [RunOptions, configs.TrainerOptions, configs.TrackingOptions]
    declared += [entry.options for entry in MODELS.values()]
    declared += [entry.options for entry in problems.PROBLEMS.values()]
    return frozenset(opt.name for cls in declared for opt in configs.options_of(cls) if opt.is_bool) | {"help"}


def spell_representations(args: Sequence[str]) -> list[str]:
    """The arguments with `--features polynomial:degree=3` as `--phi polynomial:degree=3`."""
    out: list[str] = []
    for token in args:
        flag, equals, value = token.partition("=")
        if equals and flag == "--features" and representations.looks_like(value):
            token = f"--phi={value}"
        elif out and out[-1] == "--features" and representations.looks_like(token):
            out[-1] = "--phi"
        out.append(token)
    return out


def choose(args: Sequence[str]) -> tuple[str, str, Peek]:
    """The model and the problem that the arguments, the environment and a config file ask for.

    Raises:
        ConfigError: there is no such model or problem, or the config file cannot be read.
    """
    seen = peek(args, _switches())
    environment = configs.read_environment(["model", "problem", "loss", "data", "config", "resume", "runs_dir"])
    named = {**environment, **seen.values}
    own_code.name(seen.argument, *(named.get(kind) for kind in ("model", "problem", "loss")))
    layers = [seen.values, environment, _from_file(named)]
    models = [seen.argument, *(layer.get("model") for layer in layers[1:])]
    model = next((str(found) for found in models if found), None)
    problem = next((found for layer in layers if (found := _problem(layer))), None) or configs.default_problem(model)
    model = model or problems.get(problem).model
    declared = [cls for _, cls in configs.sections(model, problem)]  # raises for unknown names
    own = {opt.name for cls in declared for opt in configs.options_of(cls) if opt.is_bool}
    return model, problem, peek(args, _switches() | own)


def _problem(layer: Mapping[str, Any]) -> str | None:
    """The problem that one layer of options asks for: by name, or by naming data."""
    return str(layer["problem"]) if layer.get("problem") else "tabular" if layer.get("data") else None


def _from_file(values: Mapping[str, str]) -> dict[str, Any]:
    """The options of --config, or of the run that --resume names."""
    if name := values.get("config"):
        return configs.read_yaml(Path(name))
    if name := values.get("resume"):
        from econml_cli.runs import directory

        return directory.find(name, Path(values.get("runs_dir") or "runs")).config().to_dict()
    return {}
