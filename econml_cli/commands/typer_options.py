"""From option dataclasses to a Typer command: the only place that knows both.

Values stay strings here and are read by `options.fields.coerce`, so that a flag, a YAML key and an environment variable
get the same checks and the same messages. An option that was not given is None, which is how layers are told apart.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from econml_cli.commands import completions
from econml_cli.commands.help_text import BRACKET, CONTEXT, Command
from econml_cli.config.command_line import split, takes
from econml_cli.errors import ConfigError
from econml_cli.options import synonyms
from econml_cli.options.fields import Option, as_text, coerce, options_of
from econml_cli.problems import registry as problems
from econml_cli.problems.table import PROBLEMS

#: how the parameter of a hidden --no-X begins
NOT = "not_"


@dataclass(frozen=True)
class Section:
    """The options of one dataclass, shown in one panel of the help; `paired` booleans are also offered as --no-X."""

    title: str
    options: tuple[Option, ...]
    paired: bool = True

    @classmethod
    def of(cls, title: str, declared: type, paired: bool = True) -> "Section":
        return cls(title, options_of(declared), paired)


def _help(opt: Option) -> str:
    """The help line with the choices and the default, unless it is None (the line says what that means) or a switch."""
    text = opt.help + (f": {', '.join(opt.choices)}" if any(word not in opt.help for word in opt.choices) else "")
    if opt.required:
        return f"{text} {BRACKET}required]"
    if opt.default is None or opt.default is False or opt.default == ():
        return text
    shown = {True: opt.flag}.get(opt.default, opt.default) if opt.is_bool else as_text(opt.default)
    return f"{text} {BRACKET}{shown:g}]" if isinstance(shown, float) else f"{text} {BRACKET}{shown}]"


def parameters(opt: Option, section: Section) -> list[inspect.Parameter]:
    """One option as the parameters of a Typer command: every switch is also offered as --no-X, in the help only where
    that says something."""
    shown: dict[str, Any] = {"help": _help(opt), "rich_help_panel": section.title, "show_default": False}
    shown["hidden"] = opt.hidden
    if opt.is_bool:
        negative, both = f"--no-{opt.flag[2:]}", section.paired or opt.default is None
        names = f"{opt.flag}/{negative}" if both else opt.flag
        found: list[tuple[str, Any]] = [(opt.attribute, Annotated[bool | None, typer.Option(names, **shown)])]
        if not both:
            found.append(
                (
                    f"{NOT}{opt.attribute}",
                    Annotated[bool | None, typer.Option(negative, hidden=True, help=f"not {opt.flag}")],
                )
            )
    else:
        group = problems.GROUP if opt.name == "problem" else opt.group
        known = choices_of(opt)
        shown["autocompletion"] = completions.words(known, group) if known else completions.of(opt.metavar)
        kind: Any = list[str] | None if opt.repeated else str | None
        flags = [opt.flag, *([opt.short] if opt.short else [])]
        found = [(opt.attribute, Annotated[kind, typer.Option(*flags, metavar=opt.metavar, **shown)])]
    keyword = inspect.Parameter.KEYWORD_ONLY
    return [inspect.Parameter(name, keyword, default=None, annotation=annotation) for name, annotation in found]


def given(values: Mapping[str, Any], sections: Sequence[Section]) -> dict[str, Any]:
    """{option: raw value} of the parameters that were given."""
    names = {opt.attribute: opt.name for section in sections for opt in section.options}
    typed = {name: value for name, value in values.items() if value not in (None, [], ())}
    off = {names[name.removeprefix(NOT)]: False for name in typed if name.startswith(NOT)}
    return {names[name]: value for name, value in typed.items() if name in names} | off


def choices_of(opt: Option) -> tuple[str, ...]:
    """The words that a shell can complete after an option."""
    return tuple(PROBLEMS) if opt.name == "problem" else opt.choices


def build_command(
    name: str,
    callback: Callable[..., None],
    sections: Sequence[Section],
    *,
    argument: Any,
    help: str,
) -> Command:
    """A Typer command with one optional argument and the options of the sections.

    `callback` is called as callback(argument, {option: raw value}) with the options that were given.
    """

    def run(model: str | None, **values: Any) -> None:
        callback(model, given(values, sections))

    first = inspect.Parameter("model", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=argument)
    rest = [each for section in sections for opt in section.options for each in parameters(opt, section)]
    run.__signature__ = inspect.Signature([first, *rest])  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in (first, *rest)}
    app = typer.Typer(add_completion=False)
    app.command(name, cls=Command, help=help, context_settings=CONTEXT)(run)
    command = typer.main.get_command(app)
    assert isinstance(command, Command)  # an app with one command is that command
    return command


def spell_switches(args: Sequence[str], sections: Sequence[Section]) -> list[str]:
    """Rewrite `--bias=False`, which W&B's agents pass, and `--bias False` as the `--no-bias` that Click understands.

    Raises:
        ConfigError: the value is not true or false.
    """
    known = {opt.name: opt for section in sections for opt in section.options if opt.is_bool}
    out: list[str] = []
    queue = list(args)
    while queue:
        token = queue.pop(0)
        if token == "--":  # noqa: S105 - a sign, no password
            return [*out, token, *queue]
        name, value = split(token) if token.startswith("--") else ("", None)
        if name in known and value is None and takes(queue):
            value = queue.pop(0)
        if value is None or name not in known:
            out.append(token)
            continue
        opt = known[name]
        try:
            on = coerce(opt, value)
        except ValueError as error:
            raise ConfigError(f"{opt.flag} {error}.") from None
        out.append(opt.flag if on else f"--no-{opt.flag[2:]}")
    return out


def check_known(
    command: str,
    values: Mapping[str, str],
    sections: Sequence[Section],
    elsewhere: Callable[[], Mapping[str, str]],
    what: str,
) -> None:
    """Answer an unknown option with where it belongs, or with the nearest one.

    Args:
        command: "econml fit". values: the options given. elsewhere: option -> who has it ("model mlp"), for those that
            others have; asked where an option is unknown. what: whose options these are.

    Raises:
        ConfigError: one of them is none of this command's.
    """
    known = {opt.name for section in sections for opt in section.options}
    paired = {f"no_{opt.name}" for section in sections for opt in section.options if opt.is_bool}
    for name in values:
        if name in known | paired | {"help"}:
            continue
        flag = "--" + name.replace("_", "-")
        if owner := elsewhere().get(name):
            raise ConfigError(f"{flag} is an option of {owner}, not of {what}.")
        near = synonyms.meant(name, known, flags=True)
        raise ConfigError(f"There is no option {flag} for {what}.{near} `{command} --help` lists them.")
