"""Options that several commands have in the same words."""

from typing import Annotated

import typer

from econml_cli.errors import ConfigError

#: replications of a bootstrap that has ends of a 95 % interval: one beyond each of them
LEAST_BOOTSTRAP = 40

Member = Annotated[
    int | None,
    typer.Option("--member", min=0, metavar="K", help="Of an ensemble, only this member; 0 is the first."),
]


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
