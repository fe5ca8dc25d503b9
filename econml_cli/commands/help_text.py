"""Help as boxes of text, drawn without rich, which takes longer to import than all else that help does.

`Command` and `Group` are Typer's, with this help, and with values taken as they were typed: `options.fields.coerce`
reads them later, so that Typer need not import pydantic, its own reader of values, for any command.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

#: columns beyond which a line of help is not read any faster, and below which a box is of no use
WIDEST, NARROWEST = 120, 40
#: how a help line spells a bracket, which rich (of Typer's completion in zsh) would read as markup
BRACKET = "\\["
#: corners and edges of a box: top left, top right, bottom left, bottom right, horizontal, vertical
ROUND, ASCII = "╭╮╰╯─│", "++++-|"
#: how every command reads its words: --num_epochs is --num-epochs
CONTEXT = {"help_option_names": ["-h", "--help"], "token_normalize_func": lambda token: token.replace("_", "-")}
BOLD, DIM, CYAN = "1", "2", "36"


@dataclass(frozen=True)
class Panel:
    """A box of help: its title, and rows of (what is typed, what it means)."""

    title: str
    rows: tuple[tuple[str, str], ...]


class _AsTyped:
    """How Typer reads a value: not at all. `coerce` of Typer's RuntimeParam."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        several = getattr(param, "multiple", False) or getattr(param, "nargs", 1) == -1
        return ([] if value is None else list(value)) if several else value


class _Plain:
    """What `Command` and `Group` add to those of Typer.

    Attributes:
        front: boxes that come before those of the options.
    """

    front: tuple[Panel, ...] = ()

    def get_params(self, ctx: Any) -> list[Any]:
        """Typer's, whose values are taken as typed."""
        found: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in found:
            if hasattr(param, "_runtime_param"):  # newer Typers' reader, which they make when it is first needed
                param._runtime_param = _AsTyped()
        return found

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Usage, what the command does, and a box for each panel."""
        if os.environ.get("FORCE_COLOR") and "NO_COLOR" not in os.environ:
            ctx.color = True  # in a pipe too
        formatter.write(drawn(self, ctx))


class Command(_Plain, TyperCommand):
    """A command of econml."""


class Group(_Plain, TyperGroup):
    """A group of commands. Without any of them it shows its help, which is no error: exit code 0."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As Typer's."""
        if not args and not ctx.resilient_parsing and not self.invoke_without_command:
            args = ["--help"]
        return super().parse_args(ctx, args)


def drawn(command: Any, ctx: Any) -> str:
    """The whole help of a command, as text that ends with a line end."""
    width = columns()
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    about = [_filled(part, width - 2) for part in (command.help or "").strip().split("\n\n") if part.strip()]
    blocks = [f"{_styled('Usage:', BOLD)} {usage}", *about]
    out = "\n".join(f"\n{textwrap.indent(block, ' ')}" for block in blocks) + "\n\n"
    return out + "".join(_box(panel, width) for panel in (*command.front, *panels(command, ctx)))


def columns() -> int:
    """How wide help is: as the terminal, 80 columns in a pipe, or what COLUMNS says."""
    return max(NARROWEST, min(WIDEST, shutil.get_terminal_size((80, 24)).columns))


def panels(command: Any, ctx: Any) -> Iterator[Panel]:
    """The boxes of a command's arguments, options and commands."""
    found: dict[str, list[tuple[str, str]]] = {}
    last: list[tuple[str, str]] = []
    for param in command.get_params(ctx):
        row = (_spelled(param), (getattr(param, "help", None) or "").replace(BRACKET, "["))
        if getattr(param, "hidden", False):
            continue
        if isinstance(param, TyperArgument):
            found.setdefault("Arguments", []).append(row)
        elif "--help" in param.opts:
            last.append(row)
        else:
            found.setdefault(getattr(param, "rich_help_panel", None) or "Options", []).append(row)
    if isinstance(command, TyperGroup):
        found["Commands"] = _listed(command, ctx)
    if last:
        found.setdefault("Options", []).extend(last)
    ordered = sorted(found, key=lambda title: title == "Commands") if isinstance(command, TyperGroup) else found
    for title in ordered:
        yield Panel(title, tuple(found[title]))


def _listed(group: Any, ctx: Any) -> list[tuple[str, str]]:
    """The commands of a group, each with a line."""
    if lines := getattr(group, "lines", None):  # they are imported when they are asked for
        return list(lines.items())
    named = [(name, group.get_command(ctx, name)) for name in group.list_commands(ctx)]
    return [(name, each.get_short_help_str(200)) for name, each in named if each and not each.hidden]


def _spelled(param: Any) -> str:
    """How a parameter is typed: `--lr FLOAT`, `--bias/--no-bias`, `MODEL`."""
    if isinstance(param, TyperArgument):
        return str(param.metavar or param.name.upper())
    flags = ", ".join(sorted(param.opts, key=len, reverse=True)) + "".join(f"/{flag}" for flag in param.secondary_opts)
    return flags if param.is_flag else f"{flags} {param.metavar or 'TEXT'}"


def _box(panel: Panel, width: int) -> str:
    """One panel with its edges."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    left, right, below, end, across, side = tuple(ROUND if encoding.startswith("utf") else ASCII)
    inside = width - 4
    lines = list(_rows(panel.rows, inside))
    title = f"{left}{across} {panel.title} "
    out = [title + across * (width - len(title) - 1) + right]
    out += [f"{side} {text}{' ' * (inside - size)} {side}" for text, size in lines]
    return "\n".join([*out, below + across * (width - 2) + end]) + "\n"


def _rows(rows: Sequence[tuple[str, str]], inside: int) -> Iterator[tuple[str, int]]:
    """(line, its columns on the screen): what is typed, its meaning beside it, or below where it is long."""
    most = inside * 2 // 5
    at = max((len(typed) + 2 for typed, _ in rows if len(typed) + 2 <= most), default=4)
    for typed, meaning in rows:
        told = textwrap.wrap(meaning, inside - at, break_long_words=False, break_on_hyphens=False) or [""]
        told = [piece for line in told for piece in _cut(line, inside - at)]
        if len(typed) + 2 > at or not any(told):
            for line in textwrap.wrap(typed, inside, break_on_hyphens=False) or [""]:
                yield _typed(line), len(line)
            beside = told if any(told) else []
        else:
            yield _typed(typed) + " " * (at - len(typed)) + told[0], at + len(told[0])
            beside = told[1:]
        for line in beside:
            yield " " * at + line, at + len(line)


def _cut(line: str, width: int) -> list[str]:
    """A word that is longer than a line, in pieces; anything else as it is."""
    return [line[i : i + width] for i in range(0, len(line), width)] or [line]


def _typed(text: str) -> str:
    """What is typed, coloured: flags, and dimmed what stands for a value."""
    flags, space, value = text.partition(" ")
    if not text.startswith("-") or not space:
        return _styled(text, CYAN)
    return f"{_styled(flags, CYAN)} {_styled(value, DIM)}"


def _filled(paragraph: str, width: int) -> str:
    """A paragraph, wrapped; lines that are commands (examples) stay lines."""
    lines = [line.strip() for line in paragraph.splitlines()]
    if all(line.startswith("econml ") for line in lines):
        return "\n".join(f"  {_styled(line, CYAN)}" for line in lines)
    return textwrap.fill(" ".join(paragraph.split()), width, break_on_hyphens=False, break_long_words=False)


def _styled(text: str, code: str) -> str:
    """Text with a style, which Typer's `echo` takes off in a pipe, and which NO_COLOR turns off."""
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"
