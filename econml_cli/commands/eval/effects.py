"""`econml eval effects [RUN]`: average partial effects of the features."""

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
    CoefficientOptions,
    FormOptions,
    RowOptions,
)
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.options.fields import option


@dataclass(frozen=True)
class RefitOptions:
    """Standard errors that hold the sample."""

    refit: int = option(
        0,
        "fit the recipe again to N bootstrap samples of the training rows (--group: of whole groups), side by side: "
        "standard errors of another sample and seed; 0: given the fit",
        ge=0,
        metavar="N",
    )


@dataclass(frozen=True)
class PlotOption:
    """The figure."""

    plot: str | None = option(
        None, "draw the effects with their intervals in FILE (.png, .pdf, .svg), replaced if it exists", metavar="FILE"
    )


def effects(
    run: str | None,
    rows: RowOptions,
    changes: ChangeOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    errors: CoefficientOptions,
    again: RefitOptions,
    output: FormOptions,
    figure: PlotOption,
    size: FigureWidthOption,
) -> None:
    """Average the partial effect of each feature over the rows, in its own units, beside OLS or logit.

    The coefficients of OLS or a logit, with classical standard errors, need `pip install "econml-cli[stats]"`.
    """
    around, plot = shared.intervals(bootstrap), path_of(figure.plot)
    shared.check_plot(plot, size)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation.marginal import effects as marginal

        found = marginal.effects(
            opened, **shared.sample(rows, changes, weights), **around, vcov=errors.vcov, refit=again.refit
        )
    shared.show({"effects": found}, output.form)
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        shared.save_figure(found.plot(size.figure_width), plot)


COMMAND = Command(
    "econml eval effects",
    effects,
    (
        (DATA, RowOptions),
        (DATA, ChangeOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (UNCERTAINTY, CoefficientOptions),
        (UNCERTAINTY, RefitOptions),
        (OUTPUT, FormOptions),
        (OUTPUT, PlotOption),
        (OUTPUT, FigureWidthOption),
    ),
    (RUN,),
)
