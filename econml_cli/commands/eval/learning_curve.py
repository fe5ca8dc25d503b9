"""`econml eval learning-curve [RUN] --samples N,N,...`: what more data would do."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import RUN, LookupOptions, path_of
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import DATA, DRAWS, OUTPUT, UNCERTAINTY, DrawOptions, FormOptions, told
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class CurveOptions:
    """Which data sets."""

    samples: tuple[int, ...] = option(
        None, "sizes of the new data sets, such as 100,300,1000,3000", metavar="N,N,...", required=True
    )
    replications: int | None = option(None, "data sets of each size (20)", ge=2, metavar="N")
    member: int | None = option(None, "of an ensemble, only this member; 0 is the first", ge=0, metavar="K")


@dataclass(frozen=True)
class PlotOption:
    """The figure."""

    plot: str | None = option(None, "draw the curve in FILE (.png, .pdf, .svg), replaced if it exists", metavar="FILE")


def learning_curve(
    run: str | None,
    curve: CurveOptions,
    draws: DrawOptions,
    lookup: LookupOptions,
    output: FormOptions,
    figure: PlotOption,
    size: FigureWidthOption,
) -> None:
    """Fit the recipe of a run again to new data sets of these sizes, with new weights: risk against the size.

    --draw-seed is also the seed of the data sets.
    """
    plot = path_of(figure.plot)
    shared.check_plot(plot, size)
    with shared.opened(run, lookup, curve.member) as opened:
        found = learning(opened, curve.samples, curve.replications, draws)
    shared.show({"learning_curve": found}, output.form)
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        shared.save_figure(found.plot(size.figure_width), plot)


def learning(run: "Run", samples: tuple[int, ...], replications: int | None, draws: DrawOptions) -> Any:
    """The answer.

    Raises:
        ConfigError: draws that the problem cannot have.
    """
    from econml_cli.evaluation.risk import learning_curve as curves

    shared.check_draws(run, draws, seed_is_of_draws=False)
    count, seed = replications or curves.REPLICATIONS, draws.draw_seed or 0
    return curves.learning_curve(run, list(samples), count, draws=draws.draws or DRAWS, seed=seed, say=told)


COMMAND = Command(
    "econml eval learning-curve",
    learning_curve,
    (
        (DATA, CurveOptions),
        (UNCERTAINTY, DrawOptions),
        (DATA, LookupOptions),
        (OUTPUT, FormOptions),
        (OUTPUT, PlotOption),
        (OUTPUT, FigureWidthOption),
    ),
    (RUN,),
)
