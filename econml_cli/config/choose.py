"""Which model, which problem and which options a fit has: one rule for the shell, Python, sweeps and resumed runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.config.command_line import Peek, peek, split
from econml_cli.config.fit_config import FitConfig, Layers
from econml_cli.models import representations
from econml_cli.models.table import MODELS
from econml_cli.options import own_code
from econml_cli.options.devices import DeviceOptions
from econml_cli.options.fields import options_of
from econml_cli.options.trainer import RunOptions, TrackingOptions, TrainerOptions
from econml_cli.problems import registry as problems
from econml_cli.problems.table import PROBLEMS

#: no ECONML_* variables: Python has none, and neither has a run that is resumed
NO_VARIABLES: Mapping[str, str] = {}
#: options of the command alone, which a run does not keep
_RUN = frozenset(opt.name for cls in (RunOptions, DeviceOptions) for opt in options_of(cls)) - {"problem"}


@dataclass(frozen=True)
class Choice:
    """A model, a problem, and the layers that their options are read from, strongest first."""

    model: str
    problem: str
    layers: Layers

    def config(self) -> FitConfig:
        """Every option, checked.

        Raises:
            ConfigError: as `fit_config.build`.
        """
        return configs.build(self.model, self.problem, self.layers)


def resolve(typed: Layers, files: Layers = (), environment: Mapping[str, str] = NO_VARIABLES) -> Choice:
    """The model, the problem and the options that somebody asks for.

    Options come in layers, and the strongest that has an option decides it:

    1. what is typed: flags; the arguments of a call in Python; a sweep's parameters and the words of its command;
    2. ECONML_<NAME> variables, of the shell and of sweeps (Python and `--resume` read none);
    3. the config file, or the run that is resumed;
    4. the defaults: those of the optimizer, the recipe of model and problem, the declared ones (`fit_config.build`).

    The problem is that of the strongest layer that names one: by `problem`, or else by `data`, which means `tabular`.
    Where none does, it is what the model is for, else `linear`. The model is that of the strongest layer that names
    one, else the problem's own. `features` that name a representation are `phi`. All that is typed is one layer.

    Args:
        typed, files: (where from, {option: raw value}), strongest first. environment: variables, as in os.environ.

    Raises:
        ConfigError: there is no such model or problem; `phi` and `features` both name a representation.
    """
    typed, files = _spelled(typed), _spelled(files)
    said = {name: value for _, layer in reversed(typed) for name, value in layer.items()}
    tiers = [said, configs.read_environment(("model", "problem", "data"), environment), *(layer for _, layer in files)]
    model = next((str(tier["model"]) for tier in tiers if tier.get("model")), None)
    problem = next((found for tier in tiers if (found := _problem(tier))), None) or configs.default_problem(model)
    model = model or problems.get(problem).model
    offered = configs.offered(model, problem)  # raises for unknown names
    variables = configs.phi_by_its_name(configs.read_environment([*offered, "features"], environment))
    layers = [*typed, (configs.ENVIRONMENT, {k: v for k, v in variables.items() if k in offered}), *files]
    return Choice(model, problem, tuple((source, _options(layer)) for source, layer in layers))


def _problem(layer: Mapping[str, Any]) -> str | None:
    """The problem that one layer of options asks for: by name, or by naming data."""
    return str(layer["problem"]) if layer.get("problem") else "tabular" if layer.get("data") else None


def _spelled(layers: Layers) -> Layers:
    """The layers with hyphens in names as underscores, and a representation as `phi`."""
    return [
        (source, configs.phi_by_its_name({str(name).replace("-", "_"): value for name, value in layer.items()}))
        for source, layer in layers
    ]


def _options(layer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in layer.items() if name not in ("model", "problem")}


def config_file(typed: Mapping[str, Any], environment: Mapping[str, str] = NO_VARIABLES) -> Layers:
    """The layer of the file that `config` or ECONML_CONFIG names; no layer where neither does.

    Raises:
        ConfigError: as `fit_config.read_yaml`.
    """
    name = typed.get("config") or configs.read_environment(["config"], environment).get("config")
    return [(str(name), configs.read_yaml(Path(str(name))))] if name else []


def from_arguments(
    args: Sequence[str],
    resumed: Callable[[str, str | None], Layers] = lambda run, runs_dir: (),
    switches: AbstractSet[str] = frozenset(),
) -> tuple[Choice, Peek]:
    """What the words after `econml fit` ask for, found out before it is known which options there are; and those words.

    Args:
        resumed: (what --resume names, --runs-dir) -> the layer of that run. switches: boolean options that only this
            command has.

    Raises:
        ConfigError: as `resolve` and `config_file`.
    """
    known = _switches(args, switches)
    seen = peek(args, known)
    named = {**configs.read_environment(("model", "problem", "loss", "config", "resume", "runs_dir")), **seen.values}
    own_code.name(seen.argument, *(named.get(kind) for kind in ("model", "problem", "loss")))
    flags = {name: value for name, value in seen.values.items() if name not in _RUN}
    typed = [(configs.TYPED, {**flags, "model": seen.argument})]
    if run := named.get("resume"):
        choice = resolve(typed, resumed(run, named.get("runs_dir")))
    else:
        choice = resolve(typed, config_file(named), os.environ)
    own = {opt.name for opt in configs.offered(choice.model, choice.problem).values() if opt.is_bool}
    return choice, peek(args, known | own)


def _switches(args: Sequence[str], own: AbstractSet[str]) -> frozenset[str]:
    """The boolean options among the words, with the command's `own`. Problems are asked one after the other, and
    imported for it, until each word is somebody's option: first those named, then that of tables. (An option has one
    type, whoever declares it.)"""
    words = {word.rpartition("=")[2] for word in args}
    asked = {split(word)[0] for word in args if word.startswith("--")}
    declared: list[type] = [RunOptions, DeviceOptions, TrainerOptions, TrackingOptions]
    declared += [entry.options for entry in MODELS.values()]
    found = {opt.name: opt.is_bool for cls in declared for opt in options_of(cls)} | dict.fromkeys(own | {"help"}, True)
    for _, entry in sorted(PROBLEMS.items(), key=lambda row: (row[0] not in words, row[0] != "tabular")):
        if all(name in found or name.removeprefix("no_") in found for name in asked):
            break
        found |= {opt.name: opt.is_bool for opt in options_of(entry.options)}
    return frozenset(name for name, switch in found.items() if switch)


def owners() -> dict[str, str]:
    """Every option of a model or a problem -> whose it is: "model mlp", "problems linear and runge"."""
    owned: dict[str, str] = {}
    for kind, table in (("problem", PROBLEMS), ("model", MODELS)):
        having: dict[str, list[str]] = {}
        for name, entry in table.items():
            for opt in options_of(entry.options):
                having.setdefault(opt.name, []).append(name)
        owned |= {opt: _listed(kind, names) for opt, names in having.items()}
    return owned


def _listed(kind: str, names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"{kind} {names[0]}"
    return f"{kind}s {', '.join(names[:-1])} and {names[-1]}"


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
