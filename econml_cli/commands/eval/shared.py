"""Options that the questions of `econml eval` have in the same words, and how an answer is printed."""

import contextlib
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.commands.common import CheckpointOptions, LookupOptions, check_bootstrap, find_run, say
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.errors import ConfigError, suggest
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.evaluation.opened import OpenedRun
    from econml_cli.runs.directory import Run

DATA, UNCERTAINTY, OUTPUT = "Data", "Uncertainty", "Output"
#: fresh draws where --draws is not given: of a risk, they are not optional
DRAWS = 10_000

told = partial(say, "eval")


@dataclass(frozen=True)
class RowOptions:
    """On which rows."""

    data: str | None = option(None, "evaluate on this file, encoded as the training data were", metavar="FILE")
    missing: Literal["error", "drop"] | None = option(
        None, "what is done about rows with missing values (default: as in the fit)"
    )
    sheet: str | None = option(
        None,
        "of an Excel file given to --data: the sheet, by name or number (default: that of the fit)",
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        """Refuse a sheet of no file. Raises ConfigError."""
        if self.sheet is not None and self.data is None:
            raise ConfigError("--sheet is the sheet of the file given to --data; name that file, or leave it out.")


@dataclass(frozen=True)
class ChangeOptions:
    """Of which problem."""

    with_: tuple[str, ...] = option(
        (),
        "evaluate on the problem with this option changed, such as --with N=1000; may be repeated",
        metavar="NAME=VALUE",
        repeated=True,
    )


@dataclass(frozen=True)
class BootstrapOptions:
    """Intervals."""

    bootstrap: int = option(
        1000, "bootstrap replications of the 95 % intervals, at least 40; 0: none", ge=0, metavar="N"
    )
    bootstrap_seed: int = option(0, "seed of the bootstrap", ge=0, metavar="SEED")


@dataclass(frozen=True)
class CoefficientOptions:
    """Which standard errors."""

    vcov: str | None = option(
        None,
        "standard errors of a linear model's coefficients: iid, HC1, HC3, cluster (by the --group of the fit) or "
        "cluster:COLUMN of its file (default: cluster where the fit has a --group, HC1 under sampling weights, else "
        "iid)",
        metavar="NAME",
    )

    def __post_init__(self) -> None:
        """Refuse what is none. Raises ConfigError."""
        known = ("iid", "HC1", "HC3", "cluster")
        if self.vcov is None or self.vcov in known or (self.vcov.startswith("cluster:") and self.vcov != "cluster:"):
            return
        raise ConfigError(
            f"--vcov must be one of {', '.join(known)}, cluster:COLUMN, got '{self.vcov}'.{suggest(self.vcov, known)}"
        )


@dataclass(frozen=True)
class DrawOptions:
    """What a population risk is taken over."""

    draws: int | None = option(
        None,
        "fresh draws that estimate the population risk (simulated problems; default: 10,000)",
        ge=0,
        metavar="N",
    )
    draw_seed: int | None = option(None, "seed of the fresh draws (0)", ge=0, lt=2**32, metavar="SEED")


@dataclass(frozen=True)
class FormOptions:
    """How an answer is printed."""

    format: Literal["table", "json", "csv", "markdown", "latex"] = option(
        "table", "how results are printed", metavar="FORMAT"
    )
    json: bool = option(False, "the same as --format json")

    @property
    def form(self) -> str:
        """The format that is meant."""
        return "json" if self.json else self.format


@contextlib.contextmanager
def opened(run: str | None, lookup: LookupOptions, member: int | None) -> Iterator["OpenedRun"]:
    """The run that is meant, open (`evaluation.opened`), so that a question reads each of its files once.

    Raises:
        RunError: there is no such run. ConfigError: it has no such member.
    """

    chosen = find_run(run, Path(lookup.runs_dir), "eval")

    from econml_cli.evaluation.opened import open_run
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    with open_run(chosen, member=member) as found:
        yield found


def sample(rows: RowOptions, changes: ChangeOptions, weights: CheckpointOptions) -> dict[str, Any]:
    """What the functions of `econml_cli.evaluation` call data, missing, sheet, step and changes.

    Raises:
        ConfigError: a --with is not NAME=VALUE.
    """
    from econml_cli.evaluation import counterfactual

    changed = counterfactual.parse(list(changes.with_))
    return {
        "data": rows.data, "missing": rows.missing, "sheet": rows.sheet, "step": weights.step, "changes": changed,
    }  # fmt: skip


def intervals(options: BootstrapOptions) -> dict[str, Any]:
    """What they call bootstrap and bootstrap_seed.

    Raises:
        ConfigError: replications that give no interval.
    """
    check_bootstrap(options.bootstrap)
    return {"bootstrap": options.bootstrap, "bootstrap_seed": options.bootstrap_seed}


def check_draws(run: "Run", draws: DrawOptions, *, seed_is_of_draws: bool = True) -> None:
    """Refuse draws of a problem that cannot be simulated, and none of one that is.

    Args:
        seed_is_of_draws: whether --draw-seed means nothing else.

    Raises:
        ConfigError: it says what to leave out.
    """
    from econml_cli.problems import registry as problems

    problem = run.config().problem
    if problems.load(problem).simulated:
        if draws.draws == 0:
            raise ConfigError("The risk is measured on fresh draws; leave --draws 0 out.")
        return
    said = "--draw-seed" if draws.draws is None else "--draws"
    if draws.draws is not None or (draws.draw_seed is not None and seed_is_of_draws):
        raise ConfigError(f"{said} needs a problem that can be simulated; {problem} reads a file: leave {said} out.")


def check_plot(plot: Path | None, size: FigureWidthOption | None = None) -> None:
    """Refuse a figure that cannot be written, or a width of none, before anything is computed.

    Raises:
        ConfigError: it says what to change.
    """
    if size is not None:
        size.check(plot)
    if plot is not None:
        from econml_cli.output import figure_files

        figure_files.check_file(plot)


def save_figure(figure: Any, plot: Path) -> None:
    """Write a figure, and say where it is."""
    from econml_cli.output import figure_files

    figure_files.save(figure, plot)
    told(f"drawn in {plot}")


def show(parts: Mapping[str, Any], form: str) -> None:
    """Print answers by name, their notes on stderr."""
    from econml_cli.evaluation import answer

    for note in dict.fromkeys(note for part in parts.values() for note in answer.notes(part)):
        told(note)
    print(answer.render_named(parts, form))  # noqa: T201


def width() -> int | None:
    """The columns of the terminal; None where stdout is none, so that nothing is cut in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
