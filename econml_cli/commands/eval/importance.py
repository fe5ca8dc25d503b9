"""`econml eval importance [RUN]`: by how much the loss rises where a column is shuffled."""

from dataclasses import dataclass

from econml_cli.commands.common import RUN, CheckpointOptions, LookupOptions
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import DATA, OUTPUT, UNCERTAINTY, BootstrapOptions, FormOptions, RowOptions
from econml_cli.options.fields import option


@dataclass(frozen=True)
class ShuffleOptions:
    """What is shuffled."""

    columns: tuple[str, ...] = option((), "columns; a+b are shuffled together (default: each alone)", metavar="A,B+C")
    permutations: int = option(20, "permutations of each, whose mean is told", ge=1, metavar="N")
    permutation_seed: int = option(0, "their seed", ge=0, lt=2**32, metavar="SEED")


def importance(
    run: str | None,
    asked: ShuffleOptions,
    rows: RowOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    output: FormOptions,
) -> None:
    """Shuffle the values of a column among the test rows: by how much the loss rises, with 95 % intervals."""
    around = shared.intervals(bootstrap)
    with shared.opened(run, lookup, weights.member) as opened:
        from econml_cli.evaluation.marginal import importance as shuffled

        found = shuffled.importance(
            opened, columns=asked.columns, permutations=asked.permutations, seed=asked.permutation_seed,
            data=rows.data, missing=rows.missing, step=weights.step, **around,
        )  # fmt: skip
    shared.show({"importance": found}, output.form)


COMMAND = Command(
    "econml eval importance",
    importance,
    (
        ("Columns", ShuffleOptions),
        (DATA, RowOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (OUTPUT, FormOptions),
    ),
    (RUN,),
)
