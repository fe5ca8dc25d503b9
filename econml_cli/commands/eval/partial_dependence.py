"""`econml eval partial-dependence [RUN] --column NAME`: the mean prediction at each value of a column."""

from dataclasses import dataclass

from econml_cli.commands.common import RUN, CheckpointOptions, LookupOptions, path_of
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import (
    DATA,
    OUTPUT,
    UNCERTAINTY,
    BootstrapOptions,
    ChangeOptions,
    FormOptions,
    RowOptions,
)
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.options.fields import option


@dataclass(frozen=True)
class ColumnOption:
    """Of what."""

    column: tuple[str, ...] = option(
        None, "the column that is moved; may be repeated", metavar="NAME", required=True, repeated=True
    )


@dataclass(frozen=True)
class PlotOption:
    """The figure."""

    plot: str | None = option(
        None, "draw a panel for each column in FILE (.png, .pdf, .svg), replaced if it exists", metavar="FILE"
    )


def partial_dependence(
    run: str | None,
    asked: ColumnOption,
    rows: RowOptions,
    changes: ChangeOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    output: FormOptions,
    figure: PlotOption,
    size: FigureWidthOption,
) -> None:
    """Move one column over its values, all others as they are: the mean prediction, with 95 % intervals."""
    around, plot = shared.intervals(bootstrap), path_of(figure.plot)
    shared.check_plot(plot, size)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation.marginal.partial_dependence import figure as panels
        from econml_cli.evaluation.marginal.partial_dependence import partial_dependences

        found = partial_dependences(opened, asked.column, **shared.sample(rows, changes, weights), **around)
    shared.show({"partial_dependence": found}, output.form)
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        shared.save_figure(panels(found, size.figure_width), plot)


COMMAND = Command(
    "econml eval partial-dependence",
    partial_dependence,
    (
        (DATA, ColumnOption),
        (DATA, RowOptions),
        (DATA, ChangeOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (OUTPUT, FormOptions),
        (OUTPUT, PlotOption),
        (OUTPUT, FigureWidthOption),
    ),
    (RUN,),
)
