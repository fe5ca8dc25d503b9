"""A first look at a command line, before it is known which options its command will have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Peek:
    """What a look at the raw arguments tells before the command is built."""

    argument: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)


def split(token: str) -> tuple[str, str | None]:
    """An option's name, spelt as a key, and the value written after "=" (None where there is none)."""
    name, equals, value = token.partition("=")
    return name[2:].replace("-", "_"), value if equals else None


def takes(queue: Sequence[str]) -> bool:
    """Whether the words after a switch begin with its value: `--bias False`."""
    return bool(queue) and queue[0].lower() in ("true", "false")


def peek(args: Sequence[str], switches: frozenset[str]) -> Peek:
    """Find the argument and the options' raw values without knowing which options the command will have.

    `switches` are the names of the boolean options: they take no value unless it is written with "=", or is true or
    false.
    """
    argument, values, queue = None, {}, list(args)
    while queue:
        token = queue.pop(0)
        if token == "--":  # noqa: S105 - a sign, no password
            argument = argument or (queue[0] if queue else None)
            break
        if not token.startswith("--"):
            if not token.startswith("-") and argument is None:
                argument = token
            continue
        name, value = split(token)
        if value is None and (name.removeprefix("no_") not in switches or (name in switches and takes(queue))):
            value = queue.pop(0) if queue else ""
        values[name] = value if value is not None else "true"
    return Peek(argument, values)
