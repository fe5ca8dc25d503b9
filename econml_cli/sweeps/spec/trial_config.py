"""From a trial's point to the config of its fit. Imports nothing heavy."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import choices, target
from econml_cli.sweeps.spec.command import with_variables
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.target import Target


def target_of(sweep: Sweep) -> Target:
    """What the sweep's command fits.

    Raises:
        ConfigError: the command starts another program.
    """
    if sweep.target is None:
        program = sweep.program or "a program of its own"
        raise ConfigError(
            f"{sweep.path} starts {program}, which is not econml: fit a model of ours in its place with --model mlp "
            "(and --problem, --fix), or run it with W&B's agents."
        )
    return sweep.target


def under(sweep: Sweep, environment: Mapping[str, str]) -> Sweep:
    """The sweep with the options that ECONML_* variables set when it was begun, {option: value}, in place of what they
    say now: the same in every trial.

    Raises:
        ConfigError: as `target.find`.
    """
    if sweep.target is None:
        return sweep
    words = target.words_after_fit(with_variables(sweep.command, os.environ)) or []
    variables = {configs.variable(name): value for name, value in environment.items()}
    aim = target.find(words, target.naming(sweep.space.parameters), variables)
    return dataclasses.replace(sweep, target=choices.over(aim, sweep.space.parameters))


def environment_of(sweep: Sweep) -> dict[str, str]:
    """The options that ECONML_* variables set, of those that the sweep itself leaves open."""
    if sweep.target is None:
        return {}
    swept = {target.option_of(parameter) for parameter in sweep.space.parameters}
    return {name: value for name, value in target_of(sweep).environment.items() if name not in swept}


def tracking_of(sweep: Sweep) -> dict[str, str]:
    """{option: text} of the `wandb_` options that are the same in every trial, from its parameters or its command."""
    given = {**sweep.target.environment, **sweep.target.fixed} if sweep.target else {}
    given |= target.naming(sweep.space.parameters)
    return {
        name: str(given[name])
        for name in ("wandb_mode", "wandb_project", "wandb_artifacts")
        if given.get(name) is not None
    }


def config_of(sweep: Sweep, params: Mapping[str, Any]) -> FitConfig:
    """The config of one trial, or of one of its fits, whose own options are among `params`.

    Raises:
        ConfigError: options that contradict each other.
    """
    return target_of(sweep).choice(params, str(sweep.path)).config()
