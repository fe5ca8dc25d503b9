"""Command lines and options that a message offers: what is pasted is what is meant, whatever a path or a column is
called."""

import shlex


def command(*words: object) -> str:
    """A command of econml: `econml fit --resume 'my run'`."""
    return shlex.join(["econml", *map(str, words)])


def option(flag: str, value: object) -> str:
    """An option with its value: `--drop-columns 'per capita'`."""
    return shlex.join([flag, str(value)])
