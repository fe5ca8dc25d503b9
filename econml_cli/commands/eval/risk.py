"""`econml eval risk [RUN]`: the risk of a run taken apart."""

from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import RUN, CheckpointOptions, LookupOptions
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import DATA, DRAWS, OUTPUT, UNCERTAINTY, DrawOptions, FormOptions

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run


def risk(
    run: str | None, draws: DrawOptions, weights: CheckpointOptions, lookup: LookupOptions, output: FormOptions
) -> None:
    """Take the risk of a run apart: empirical and population risk, generalisation and approximation error.

    Each with a standard error; what cannot be measured is said with its reason.
    """
    with shared.opened(run, lookup, weights.member) as opened:
        shared.check_draws(opened, draws)
        shared.show({"decomposition": decomposition(opened, draws, weights.step)}, output.form)


def decomposition(run: "Run", draws: DrawOptions, step: int | None) -> Any:
    """The answer."""
    from econml_cli.evaluation.risk.decompose import decompose

    return decompose(run, draws=draws.draws or DRAWS, draw_seed=draws.draw_seed or 0, step=step)


COMMAND = Command(
    "econml eval risk",
    risk,
    ((UNCERTAINTY, DrawOptions), (DATA, CheckpointOptions), (DATA, LookupOptions), (OUTPUT, FormOptions)),
    (RUN,),
)
