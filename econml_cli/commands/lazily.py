"""Commands that are imported when they are first asked for: no other waits for what they import."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any

import typer


class Commands(Mapping[str, Any]):
    """The commands of a group by name, in the order of `homes`: name -> the module that has its `COMMAND` or `app`."""

    def __init__(self, homes: Mapping[str, str]):
        self._homes = homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)

    def __getitem__(self, name: str) -> Any:
        return _made(name, self._homes[name])


@cache
def _made(name: str, home: str) -> Any:
    """One command, or group of commands, as Typer makes it of its module."""
    module = import_module(home)
    own = getattr(module, "app", None)
    if own is None:
        own = typer.Typer(add_completion=False)
        module.COMMAND.add_to(own)
    made = typer.main.get_command(own)  # of one command that command
    made.name = name
    return made
