"""Commands whose options are those of the model and the problem that their arguments name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from econml_cli.commands.typer_options import Section, build_command, check_known, completion, spell_switches
from econml_cli.config import choose
from econml_cli.config import fit_config as configs
from econml_cli.config.command_line import Peek
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import EconmlError
from econml_cli.models.registry import GROUP, MODELS
from econml_cli.options.fields import options_of
from econml_cli.problems import registry as problems

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help=f"{', '.join(MODELS)} (default: the problem's own)",
        show_default=False,
        autocompletion=completion(tuple(MODELS), GROUP),
    ),
]


def make_context(
    command: str,
    help: str,
    sections_of: Callable[[str, str], Sequence[Section]],
    callback: Callable[[str, str, dict[str, Any]], None],
    info_name: str | None,
    args: list[str],
    *,
    switches: tuple[str, ...] = (),
    **extra: Any,
) -> Any:
    """The context of a command with the chosen model's and problem's options.

    Args:
        command: "econml fit". sections_of: (model, problem) -> what is offered. callback: (model, problem, what was
            given). switches: flags of this command alone, which take no value. extra: as Click hands it over.

    Raises:
        ConfigError: no such model, problem or option.
    """
    args = choose.spell_representations(args)
    half_typed = extra.get("resilient_parsing")  # completion must not fail on such a line
    try:
        model, problem, seen = choose.choose([arg for arg in args if arg.partition("=")[0] not in switches])
    except EconmlError:
        if not half_typed:
            raise
        model, problem, seen = "mlp", problems.DEFAULT, Peek()
    sections = sections_of(model, problem)
    if not half_typed:
        check_known(command, seen.values, sections, choose.owners(), f"{model} on {problem}")
        args = spell_switches(args, sections)
    built = build_command(
        command.rpartition(" ")[2],
        lambda argument, given: callback(model, problem, given),
        sections,
        argument=Model,
        help=help,
    )
    return built.make_context(info_name, args, **extra)


def config(model: str, problem: str, file: str | None, flags: Mapping[str, Any]) -> FitConfig:
    """The config that flags, environment variables and a --config file make.

    Raises:
        ConfigError: as `configs.build` and `configs.read_yaml`.
    """
    names = [opt.name for _, cls in configs.sections(model, problem) for opt in options_of(cls)]
    layers: list[tuple[str, Mapping[str, Any]]] = [
        (configs.TYPED, flags),
        (configs.ENVIRONMENT, configs.read_environment(names)),
    ]
    if file:
        values = configs.read_yaml(Path(file))
        layers.append((file, {name: value for name, value in values.items() if name not in ("model", "problem")}))
    return configs.build(model, problem, layers)
