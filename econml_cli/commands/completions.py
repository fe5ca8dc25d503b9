"""What a shell completes where a value belongs: the columns of the file, the names of runs and of sweeps.

Where a file or a directory belongs nothing is offered, upon which bash, zsh and fish offer files. What is read off a
disk is offered only where it is a plain word: the shell that gets it may evaluate it.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from econml_cli.options import plugins

Offer = Callable[..., list[str]]
#: words that no shell reads as anything but themselves
_PLAIN = re.compile(r"[\w][\w.+%-]*")
#: in the `meta` of a context: its last word is an option that it does not have, so that what follows is no argument
VALUE = "econml.value"


def words(known: Sequence[str], group: str | None = None) -> Offer:
    """Those of the words, and of what packages offer, that start as typed."""

    def complete(ctx: Any, incomplete: str) -> list[str]:
        return _starting(dict.fromkeys([*known, *(plugins.offered(group) if group else ())]), incomplete)

    return complete


def argument(known: Sequence[str], group: str) -> Offer:
    """The same for an argument, of which nothing is offered where the value of an option belongs."""
    complete = words(known, group)
    return lambda ctx, incomplete: [] if ctx.meta.get(VALUE) else complete(ctx, incomplete)


def of(metavar: str) -> Offer | None:
    """The completion of what a metavar stands for; None where nothing is known of it."""
    return _BY_METAVAR.get(metavar.strip("[]."))


def columns(ctx: Any, incomplete: str) -> list[str]:
    """A column of the file that --data names."""
    return _starting(_columns(ctx), incomplete)


def several_columns(ctx: Any, incomplete: str) -> list[str]:
    """The last of several columns with commas between; one that stands there already is not offered again."""
    before, comma, last = incomplete.rpartition(",")
    left = [name for name in _columns(ctx) if name not in before.split(",")]
    return [f"{before}{comma}{name}" for name in _starting(left, last)]


def runs(ctx: Any, incomplete: str) -> list[str]:
    """The names of the runs, and cross-validations, in --runs-dir."""
    return _starting(_below(ctx, ("manifest.json", "cross_validation.json")), incomplete)


def sweeps(ctx: Any, incomplete: str) -> list[str]:
    """The names of the sweeps in --runs-dir."""
    from econml_cli.sweeps.run.directory import list_sweeps

    return _starting([sweep.path.name for sweep in list_sweeps(_runs_dir(ctx))], incomplete)


def _starting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete) and _PLAIN.fullmatch(name)]


def _runs_dir(ctx: Any) -> Path:
    return Path(ctx.params.get("runs_dir") or os.environ.get("ECONML_RUNS_DIR") or "runs").expanduser()


def _below(ctx: Any, files: Sequence[str]) -> list[str]:
    """The directories in --runs-dir that hold one of these files."""
    there = _runs_dir(ctx)
    if not there.is_dir():
        return []
    return sorted(each.name for each in there.iterdir() if any((each / file).is_file() for file in files))


def _columns(ctx: Any) -> list[str]:
    """The names in the file that --data, or ECONML_DATA, names; none where it cannot be read."""
    from econml_cli.data.files import column_names
    from econml_cli.errors import EconmlError

    source = ctx.params.get("data") or os.environ.get("ECONML_DATA")
    if not source:
        return []
    try:
        return column_names(str(source), ctx.params.get("delimiter"), ctx.params.get("sheet"))
    except (EconmlError, OSError):
        return []


_BY_METAVAR: dict[str, Offer] = {"COLUMN": columns, "A,B,": several_columns, "RUN": runs, "SWEEP": sweeps}
