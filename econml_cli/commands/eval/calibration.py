"""`econml eval calibration [RUN]`: whether predicted probabilities are those with which things happen."""

from dataclasses import dataclass

from econml_cli.commands.common import RUN, CheckpointOptions, LookupOptions, path_of
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import DATA, OUTPUT, UNCERTAINTY, ChangeOptions, FormOptions, RowOptions
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.options.fields import option


@dataclass(frozen=True)
class BinOptions:
    """How it is measured."""

    bins: int = option(10, "bins, of equal numbers of observations; fewer of few", ge=2, metavar="N")
    draw_seed: int = option(0, "seed of the draws that say what chance alone would give", ge=0, metavar="SEED")


@dataclass(frozen=True)
class PlotOption:
    """The figure."""

    plot: str | None = option(
        None, "draw observed against predicted shares in FILE (.png, .pdf, .svg), replaced if it exists", metavar="FILE"
    )


def calibration(
    run: str | None,
    rows: RowOptions,
    changes: ChangeOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bins: BinOptions,
    output: FormOptions,
    figure: PlotOption,
    size: FigureWidthOption,
) -> None:
    """Compare predicted probabilities of classes with observed shares: by bin with 95 % intervals, and as one number.

    The calibration error is the mean distance of the two; beside it stands what chance alone would give.
    """
    plot = path_of(figure.plot)
    shared.check_plot(plot, size)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation import calibration as answers

        sample = shared.sample(rows, changes, weights)
        found = answers.calibration(opened, bins=bins.bins, seed=bins.draw_seed, **sample)
    shared.show({"calibration": found}, output.form)
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        shared.save_figure(found.plot(size.figure_width), plot)


COMMAND = Command(
    "econml eval calibration",
    calibration,
    (
        (DATA, RowOptions),
        (DATA, ChangeOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BinOptions),
        (OUTPUT, FormOptions),
        (OUTPUT, PlotOption),
        (OUTPUT, FigureWidthOption),
    ),
    (RUN,),
)
