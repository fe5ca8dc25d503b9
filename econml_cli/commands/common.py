"""Options that several commands have in the same words."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from econml_cli.errors import ConfigError, plural

#: replications of a bootstrap that has ends of a 95 % interval: one beyond each of them
LEAST_BOOTSTRAP = 40

Member = Annotated[
    int | None,
    typer.Option("--member", min=0, metavar="K", help="Of an ensemble, only this member; 0 is the first."),
]


def say(command: str, message: str) -> None:
    """A line of a command on stderr: stdout is for its result."""
    print(f"econml {command}: {message}", file=sys.stderr)  # noqa: T201


def write_rows(frame: Any, out: str, say: Callable[[str], None]) -> None:
    """Write a table to a file, or for "-" to stdout as CSV, and say of how many rows."""
    from econml_cli.evaluation import predictions

    if out == "-":
        frame.to_csv(sys.stdout, index=False, lineterminator="\n")
    else:
        predictions.write(frame, Path(out))
    say(f"{plural(len(frame), 'row')} written to {'stdout' if out == '-' else out}")


def check_bootstrap(replications: int) -> None:
    """Refuse a bootstrap of so few replications that its interval is none.

    Raises:
        ConfigError: it says how many there must be.
    """
    if 0 < replications < LEAST_BOOTSTRAP:
        raise ConfigError(
            f"--bootstrap {replications}: a 95 % interval needs {LEAST_BOOTSTRAP} replications or more; take more, or "
            "0 for no intervals."
        )
