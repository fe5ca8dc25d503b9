"""`econml eval effects [RUN]`: average partial effects of the features."""

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


def effects(
    run: str | None,
    rows: RowOptions,
    changes: ChangeOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    errors: CoefficientOptions,
    output: FormOptions,
) -> None:
    """Average the partial effect of each feature over the rows, in its own units, beside OLS or logit.

    The coefficients of OLS or a logit, with classical standard errors, need `pip install "econml-cli[stats]"`.
    """
    around = shared.intervals(bootstrap)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation.marginal import effects as marginal

        found = marginal.effects(opened, **shared.sample(rows, changes, weights), **around, vcov=errors.vcov)
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
        (OUTPUT, FormOptions),
    ),
    (RUN,),
)
