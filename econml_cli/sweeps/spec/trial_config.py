"""From a trial's point to the config of its fit. Imports nothing heavy."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.options.fields import options_of
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.target import Target

#: options of `econml fit` that say where a run goes and what is printed: in a sweep the engine's own business
_RUN = frozenset(opt.name for opt in options_of(configs.RunOptions))


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


def with_environment(sweep: Sweep) -> dict[str, str]:
    """The options that ECONML_* variables set, of those that the sweep itself leaves open."""
    aim = target_of(sweep)
    swept = {p.name.replace("-", "_") for p in sweep.space.parameters}
    names = [name for name in aim.options() if name not in swept and name not in aim.fixed]
    return configs.read_environment(names)


def config_of(sweep: Sweep, params: Mapping[str, Any]) -> FitConfig:
    """The config of one trial.

    Raises:
        ConfigError: options that contradict each other.
    """
    aim = target_of(sweep)
    point = {name.replace("-", "_"): value for name, value in params.items()}
    fixed = {name: value for name, value in aim.fixed.items() if name not in _RUN}
    layers = [(str(sweep.path), _own(point)), ("its command", fixed)]
    if "config" in aim.fixed:
        layers.append((aim.fixed["config"], _own(configs.read_yaml(Path(aim.fixed["config"])))))
    return configs.build(aim.model, aim.problem, layers)


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in ("model", "problem")}
