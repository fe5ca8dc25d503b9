"""`econml estimate plr|irm|iivm`: a treatment effect by double machine learning; `resume` goes on with one."""

import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from econml_cli.causal.options import MODELS, PANELS, Specification
from econml_cli.commands.common import ONE_RUN, LookupOptions, say
from econml_cli.commands.declared import Command
from econml_cli.commands.help_text import Group
from econml_cli.errors import ConfigError, RunError
from econml_cli.options.fields import option

_say = partial(say, "estimate")
#: the form of a table by the ending of its file
FORMS = {
    ".tex": "latex",
    ".md": "markdown",
    ".html": "html",
    ".txt": "table",
    ".csv": "csv",
    ".json": "json",
}


@dataclass(frozen=True)
class TableOptions:
    """What is printed and written."""

    out: str | None = option(
        None,
        "also write the table here (.tex, .md, .html, .txt, .csv, .json), replaced if it exists",
        metavar="FILE",
    )
    json: bool = option(False, "print one JSON document and nothing else")


@dataclass(frozen=True)
class PlaceOptions:
    """Where the estimate is kept."""

    name: str | None = option(None, "name of its directory (default: generated)")
    runs_dir: str = option("runs", "parent of its directory", metavar="DIR")
    config: str | None = option(None, "read options of this command from a YAML file", metavar="FILE")
    force: bool = option(False, "replace an estimate of that name")


_EXPLAINED = {
    "plr": """Effect of a treatment in y = theta d + g(x) + u, where d = m(x) + v: partially linear regression.

    The nuisances E[y|x] and E[d|x] are cross-fitted; theta is the slope of the residuals of y on those of d.
    The treatment may be any number. Standard errors are robust, with --cluster to clusters.
    """,
    "irm": """Average effect of a treatment of 0 and 1, which may differ from row to row: interactive regression.

    The nuisances E[y|d,x] and P(d=1|x) are cross-fitted; the score is doubly robust.
    Propensities are limited by --trim; without overlap there is no estimate.
    """,
    "iivm": """Local average effect of a treatment of 0 and 1 on those who follow an instrument of 0 and 1.

    The nuisances E[y|z,x], P(d=1|z,x) and P(z=1|x) are cross-fitted; the score is doubly robust.
    Propensities of the instrument are limited by --trim; without overlap there is no estimate.
    """,
}


def check_out(out: str | None) -> tuple[Path, str] | None:
    """The file of the table and its form, checked before anything is computed.

    Raises:
        ConfigError: it has another ending, or cannot be written.
    """
    if out is None:
        return None
    from econml_cli.output import files

    path = Path(out)
    if path.suffix.lower() not in FORMS:
        raise ConfigError(f"--out {out} has to end in one of {', '.join(FORMS)}, by which its form is chosen.")
    files.check(path, "--out", None, force=True)
    return path, FORMS[path.suffix.lower()]


def _function(model: str) -> Callable[..., None]:
    """What the command of a model calls."""

    def run(*given: Any) -> None:
        *parts, place, shown = given
        asked, file = Specification.of(model, parts), check_out(shown.out)
        from econml_cli.runs import directory, estimates

        path = directory.named(place.runs_dir, place.name, directory.new_name(model, asked.columns.target))
        estimates.check_free(path, place.force)

        def make(**told: Any) -> Any:
            from econml_cli.causal import estimation

            command = shlex.join(["econml", *sys.argv[1:]])
            return estimation.estimate(asked, path, force=place.force, command=command, **told)

        _made(make, shown, file)

    run.__doc__ = _EXPLAINED[model]
    return run


def resume(run: str, lookup: LookupOptions, shown: TableOptions) -> None:
    """Go on with an estimate that was interrupted; the repeats that are finished stay as they are."""
    from econml_cli.runs import estimates

    file, found = check_out(shown.out), estimates.find(run, Path(lookup.runs_dir))
    if found is None:
        raise RunError(f"No estimate '{run}' here or in {lookup.runs_dir}/; name the directory of one.")

    def make(**told: Any) -> Any:
        from econml_cli.causal import estimation

        return estimation.resume(found, **told)

    _made(make, shown, file)


def _made(make: Callable[..., Any], shown: TableOptions, file: tuple[Path, str] | None) -> None:
    """Estimate, print, write."""
    from econml_cli.commands.signals import stop_signals

    with stop_signals() as stop:
        from econml_cli.output import working
        from econml_cli.training import compilation_cache

        compilation_cache.enable()
        effect = make(stop_signal=stop, say=working.phase)
    show(effect, "json" if shown.json else "table", file)


def show(effect: Any, form: str, file: tuple[Path, str] | None = None) -> None:
    """Print an effect, its notes on stderr, and write its table."""
    for note in effect.notes:
        _say(note)
    print(effect.render(form))  # noqa: T201
    if form == "table":
        print(f"\n  kept in  {shlex.quote(effect.path)}")  # noqa: T201
    if file is not None:
        from econml_cli.storage import disk

        disk.write_text(file[0], effect.written(file[1]) + "\n")
        _say(f"table written to {file[0]}")


COMMANDS = tuple(
    Command(
        f"econml estimate {model}",
        _function(model),
        (*PANELS[model], ("Output", PlaceOptions), ("Output", TableOptions)),
    )
    for model in MODELS
)
RESUME = Command("econml estimate resume", resume, (("Output", LookupOptions), ("Output", TableOptions)), (ONE_RUN,))

app = typer.Typer(add_completion=False, cls=Group, help="Estimate a treatment effect by double machine learning.")
for command in (*COMMANDS, RESUME):
    command.add_to(app)
