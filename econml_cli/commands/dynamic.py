"""Commands whose options are those of the model and the problem that their arguments name."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from econml_cli.commands import completions
from econml_cli.commands.help_text import Panel
from econml_cli.commands.typer_options import Section, build_command, check_known, spell_switches
from econml_cli.config import choose
from econml_cli.config import fit_config as configs
from econml_cli.config.command_line import Peek
from econml_cli.config.fit_config import FitConfig, Layers
from econml_cli.errors import EconmlError
from econml_cli.models.registry import GROUP
from econml_cli.models.table import MODELS
from econml_cli.options.fields import options_of
from econml_cli.problems import registry as problems
from econml_cli.problems.tabular_options import TabularOptions

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help=f"{', '.join(MODELS)} (default: the problem's own)",
        show_default=False,
        autocompletion=completions.argument(tuple(MODELS), GROUP),
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
    switches: frozenset[str] = frozenset(),
    front: Callable[[Peek], tuple[Panel, ...]] = lambda seen: (),
    **extra: Any,
) -> Any:
    """The context of a command with the chosen model's and problem's options.

    Args:
        command: "econml fit". sections_of: (model, problem) -> what is offered. callback: (model, problem, what was
            given). switches: boolean options of this command alone. front: the boxes of help before those of
            the options. extra: as Click hands it over.

    Raises:
        ConfigError: no such model, problem or option.
    """
    args = choose.spell_representations(args)
    half_typed = extra.get("resilient_parsing")  # completion must not fail on such a line
    try:
        choice, seen = choose.from_arguments(_of_a_table(args) if half_typed else args, resumed, switches)
        model, problem = choice.model, choice.problem
    except EconmlError:
        if not half_typed:
            raise
        model, problem, seen = "mlp", problems.DEFAULT, Peek()
    sections = sections_of(model, problem)
    if not half_typed:
        check_known(command, seen.values, sections, choose.owners, f"{model} on {problem}")
        args = spell_switches(args, sections)
    built = build_command(
        command.rpartition(" ")[2],
        lambda argument, given: callback(model, problem, given),
        sections,
        argument=Model,
        help=help,
    )
    built.front = front(seen)
    last = args[-1] if args else ""
    context = built.make_context(info_name, args, **extra)
    context.meta[completions.VALUE] = _takes_a_value(last, built.get_params(context))
    return context


def _of_a_table(args: list[str]) -> list[str]:
    """A line that is half typed, `--data` or `--target`: one of a table, whichever it will be."""
    own = {opt.flag for opt in options_of(TabularOptions)}
    last = args[-1].replace("_", "-") if args else ""
    return [*args, ".", "--data=."] if last in own and "--problem" not in args else args


def _takes_a_value(word: str, params: Sequence[Any]) -> bool:
    """Whether what follows a word is its value: it is "=" (as bash parts `--data=f`), or an option that takes one."""
    switches = {
        flag for param in params if getattr(param, "is_flag", False) for flag in (*param.opts, *param.secondary_opts)
    }
    return word == "=" or (word.startswith("--") and "=" not in word and word not in switches)


def resumed(run: str, runs_dir: str | None) -> Layers:
    """The layer of the run that --resume names.

    Raises:
        RunError: as `runs.directory.find`.
    """
    from econml_cli.runs import directory, folds

    there = folds.found(run, Path(runs_dir or "runs"))
    found = directory.Run(there) if there else directory.find(run, Path(runs_dir or "runs"))
    return [(str(found.path / "config.yaml"), found.config().to_dict())]


def config(model: str, problem: str, file: str | None, flags: Mapping[str, Any]) -> FitConfig:
    """The config that flags, environment variables and a --config file make, of a model and a problem that are chosen.

    Raises:
        ConfigError: as `choose.resolve`, `Choice.config` and `choose.config_file`.
    """
    typed = [(configs.TYPED, {**flags, "model": model, "problem": problem})]
    return choose.resolve(typed, choose.config_file({"config": file}, os.environ), os.environ).config()
