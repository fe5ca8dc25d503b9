"""`econml runs rm`, `mv` and `archive`."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from econml_cli.commands.common import ONE_RUN, OPTIONS, RunsDirOption, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.errors import ConfigError, plural
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.kinds import Kept

SEVERAL = Argument(
    "runs", "RUN", "Names in --runs-dir, patterns of them ('test-*'), or directories.", required=True, many=True
)
NEW = Argument("new", "NEW", "Another name, or with a slash another place.", required=True)


@dataclass(frozen=True)
class RemoveOptions:
    """How much is removed."""

    checkpoints: bool = option(False, "remove the weights only; config, losses and summary stay")
    yes: bool = option(False, "do not ask; needed where stdin is no terminal")


@dataclass(frozen=True)
class ArchiveOptions:
    """There or back."""

    undo: bool = option(False, "take them out of the archive again")


def rm(runs: list[str], options: RemoveOptions, lookup: RunsDirOption) -> None:
    """Remove runs, cross-validations, sweeps, estimates. What is under way, is a part of one of them, or is none of
    them is left alone.

    econml runs rm first 'test-*' --yes
    """
    from econml_cli.runs import keeping, kinds

    found = kinds.matching(runs, Path(lookup.runs_dir))
    if not options.yes:
        _ask(found, options.checkpoints)
    for one in found:
        keeping.remove_checkpoints(one) if options.checkpoints else keeping.remove(one)
        say("runs", f"{one.path}{': checkpoints' if options.checkpoints else ''} removed")


def _ask(found: "Sequence[Kept]", checkpoints: bool) -> None:
    """Whether to go on.

    Raises:
        ConfigError: nobody can be asked, or the answer is no.
    """
    from econml_cli.output import working
    from econml_cli.output.terminal import size
    from econml_cli.runs import keeping

    used = [keeping.usage(one) for one in found]
    bytes_ = sum(one.checkpoints if checkpoints else one.bytes for one in used)
    names = ", ".join(one.name for one in found[:5]) + (f" and {len(found) - 5:,} more" if len(found) > 5 else "")
    what = f"{'the checkpoints of ' if checkpoints else ''}{names} ({size(bytes_)})"
    if not sys.stdin.isatty():
        raise ConfigError(f"{plural(len(found), 'directory')} to remove: {what}; add --yes.")
    working.stop()
    print(f"Remove {what}? [y/N] ", end="", file=sys.stderr, flush=True)  # noqa: T201
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise ConfigError("Nothing is removed.")


def mv(run: str, new: str, lookup: RunsDirOption) -> None:
    """Rename a run, cross-validation, sweep or estimate, or move it to another directory; prints where it is.

    econml runs mv mlp-linear-20261122-234913-7f3a baseline
    """
    from econml_cli.runs import keeping, kinds

    print(keeping.move(kinds.find(run, Path(lookup.runs_dir), exactly=True), new))  # noqa: T201


def archive(runs: list[str], options: ArchiveOptions, lookup: RunsDirOption) -> None:
    """Put runs away, into the directory `archive` beside them: lists leave them out, `archive/NAME` names them.

    econml runs archive 'test-*'
    econml runs list --archived
    econml runs archive --undo test-3
    """
    from econml_cli.runs import directory, keeping, kinds

    place = Path(lookup.runs_dir)
    found = kinds.matching(runs, place / directory.ARCHIVE if options.undo else place)
    for one in found:
        print(keeping.take_out(one) if options.undo else keeping.archive(one))  # noqa: T201


RM = Command("econml runs rm", rm, ((OPTIONS, RemoveOptions), (OPTIONS, RunsDirOption)), (SEVERAL,))
MV = Command("econml runs mv", mv, ((OPTIONS, RunsDirOption),), (ONE_RUN, NEW))
ARCHIVE = Command("econml runs archive", archive, ((OPTIONS, ArchiveOptions), (OPTIONS, RunsDirOption)), (SEVERAL,))
COMMANDS = (MV, ARCHIVE, RM)
