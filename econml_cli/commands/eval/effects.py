"""`econml eval effects [RUN]`: average partial effects of the features."""

from dataclasses import dataclass

from econml_cli.commands.common import RUN, CheckpointOptions, LookupOptions
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
) -> None:
    """Average the partial effect of each feature over the rows, in its own units, beside OLS or logit.

    The coefficients of OLS or a logit, with classical standard errors, need `pip install "econml-cli[stats]"`.
    """
    around = shared.intervals(bootstrap)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation.marginal import effects as marginal

        found = marginal.effects(
            opened, **shared.sample(rows, changes, weights), **around, vcov=errors.vcov, refit=again.refit
        )
    shared.show({"effects": found}, output.form)


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
    ),
    (RUN,),
)
