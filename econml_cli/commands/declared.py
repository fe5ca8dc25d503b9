"""A command as it is declared: arguments, option dataclasses, and the function that they are handed to.

Every command whose options do not depend on a model is made here, so that all of them read the same things in the same
way: flags, ECONML_<COMMAND>_<OPTION> variables, a --config file where one is offered, and the declared defaults.
"""

import inspect
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from econml_cli.commands import completions, help_text
from econml_cli.commands.typer_options import Section, given, parameters, spell_switches
from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, suggest
from econml_cli.options.fields import Option

#: the one variable that all commands share
RUNS_DIR = "runs_dir"
Layers = list[tuple[str, Mapping[str, Any]]]


@dataclass(frozen=True)
class Argument:
    """What stands on a command line without a flag; `many`: any number of them."""

    name: str
    metavar: str
    help: str
    required: bool = False
    many: bool = False

    def parameter(self) -> inspect.Parameter:
        """The parameter of a Typer command."""
        kind: Any = list[str] if self.many else str
        shown = typer.Argument(
            metavar=self.metavar, help=self.help, show_default=False, autocompletion=completions.of(self.metavar)
        )
        default = inspect.Parameter.empty if self.required else None
        annotation: Any = Annotated[kind if self.required else kind | None, shown]
        return inspect.Parameter(self.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        line: "econml sweep run". function: called with the arguments, then with an object of each of the option
            dataclasses, in the order in which they stand here; its docstring is the help.
        panels: (title of a panel of the help, option dataclass) each.
    """

    line: str
    function: Callable[..., Any]
    panels: tuple[tuple[str, type], ...]
    arguments: tuple[Argument, ...] = ()

    @property
    def sections(self) -> list[Section]:
        """The options by panel."""
        return [Section.of(title, declared, paired=False) for title, declared in self.panels]

    @property
    def options(self) -> dict[str, Option]:
        """All options by name."""
        return {opt.name: opt for section in self.sections for opt in section.options}

    def read(self, typed: Mapping[str, Any]) -> list[Any]:
        """An object of each option dataclass, from what was typed, the environment, a config file and the defaults.

        Raises:
            ConfigError: lists every bad value, each with where it came from.
        """
        wrong: list[str] = []
        found = layers(self.line, self.options, typed)
        made: list[Any] = [configs.fill(declared, found, wrong) for _, declared in self.panels]
        configs.refuse(wrong)
        return made

    def add_to(self, app: typer.Typer, name: str | None = None) -> None:
        """Offer it in an app, by default under the last word of its line."""
        app.command(
            name or self.line.rpartition(" ")[2],
            cls=self._made(),
            help=inspect.getdoc(self.function),
        )(self._callback())

    def _callback(self) -> Callable[..., None]:
        """The function as Typer wants it, with a parameter for each argument and each option."""
        sections = self.sections
        shown = [argument.parameter() for argument in self.arguments]
        shown += [each for section in sections for opt in section.options for each in parameters(opt, section)]

        def run(**values: Any) -> None:
            arguments = [values.pop(argument.name) for argument in self.arguments]
            self.function(*arguments, *self.read(given(values, sections)))

        run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in shown}
        return run

    def _made(self) -> type[help_text.Command]:
        """The class of the Typer command: it spells switches, and answers an unknown option."""
        declared = self

        class Declared(help_text.Command):
            command = declared

            def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
                if ctx.resilient_parsing:  # completion of a line that is half typed
                    return super().parse_args(ctx, args)
                try:
                    return super().parse_args(ctx, spell_switches(args, declared.sections))
                except Exception as error:
                    if type(error).__name__ != "NoSuchOption":
                        raise
                    raise declared.unknown(str(error.option_name)) from None  # type: ignore[attr-defined]

        return Declared

    def check(self, command: Any, args: Sequence[str]) -> None:
        """Say what is wrong with a command line, and do nothing.

        Args:
            command: this command, as Typer has made it.

        Raises:
            ConfigError: it says what. Click's errors likewise.
        """
        values = dict(command.make_context(command.name, list(args)).params)
        for argument in self.arguments:
            values.pop(argument.name)
        self.read(given(values, self.sections))

    def unknown(self, flag: str) -> ConfigError:
        """The answer to an option that it does not have: the nearest one."""
        near = suggest(flag, [opt.flag for opt in self.options.values() if not opt.hidden])
        return ConfigError(f"There is no option {flag} for {self.line}.{near} `{self.line} --help` lists them.")


def layers(line: str, options: Mapping[str, Option], typed: Mapping[str, Any]) -> Layers:
    """What was typed, each ECONML_* variable, and the config file that either of them names, strongest first.

    Raises:
        ConfigError: the file cannot be read, or has an option that the command does not have.
    """
    found: Layers = [(configs.TYPED, typed)]
    for name in options:
        for variable in variables(line, name):
            if value := os.environ.get(variable):
                found.append((variable, {name: value}))
    file = next((str(layer["config"]) for _, layer in found if layer.get("config")), None)
    if "config" not in options or file is None:
        return found
    values = configs.read_yaml(Path(file))
    if unknown := next((name for name in values if name not in options), None):
        raise ConfigError(f"{file} says '{unknown}', which {line} does not have.{suggest(unknown, options)}")
    return [*found, (file, values)]


def by_user(line: str, name: str) -> bool:
    """Whether the user has said an option themselves, on the command line or in its variable: a --config file may be
    somebody else's."""
    flags = {f"--{name}", f"--{name.replace('_', '-')}"}
    typed = any(word.partition("=")[0] in flags for word in sys.argv[1:])
    return typed or any(os.environ.get(variable) for variable in variables(line, name))


def variables(line: str, name: str) -> Sequence[str]:
    """The environment variables of an option, the strongest first: ECONML_SWEEP_RUN_JOBS.

    Those of `econml fit` are ECONML_<OPTION>: an ECONML_SEED or ECONML_DATA that is meant for a fit must not change
    what other commands answer.
    """
    own = configs.variable("_".join([*line.replace("-", "_").split()[1:], name]))
    return (own, configs.variable(name)) if name == RUNS_DIR else (own,)
