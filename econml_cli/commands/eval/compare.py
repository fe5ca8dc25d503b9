"""`econml eval compare RUN RUN...`: the runs as columns of a regression table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import RUNS, CheckpointOptions, LookupOptions
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import shared
from econml_cli.commands.eval.shared import (
    DATA,
    DRAWS,
    OUTPUT,
    UNCERTAINTY,
    BootstrapOptions,
    CoefficientOptions,
    DrawOptions,
    FormOptions,
    RowOptions,
    told,
)
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class ComparisonOptions:
    """Which tests."""

    baseline: str | None = option(None, "the run that the others are tested against (the first)", metavar="RUN")
    stars: bool = option(False, "mark p-values below .10, .05 and .01 by stars")
    dm: bool | None = option(
        None, "test by Diebold and Mariano, for rows in the order of time (default: where a formula has lag)"
    )
    horizon: int | None = option(None, "periods ahead of the forecasts (1)", ge=1, metavar="H")


def compare(
    runs: list[str] | None,
    tests: ComparisonOptions,
    rows: RowOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    draws: DrawOptions,
    errors: CoefficientOptions,
    output: FormOptions,
) -> None:
    """Set runs side by side as columns of a regression table, with paired tests of their losses."""
    from econml_cli.runs import directory
    from econml_cli.training import compilation_cache

    around = shared.intervals(bootstrap)
    chosen = [directory.find(name, Path(lookup.runs_dir)).of_member(weights.member) for name in (runs or (None,))]
    compilation_cache.enable()
    show(chosen, tests, rows, weights.step, {**around, "vcov": errors.vcov}, draws, output.form)


def show(
    runs: Sequence["Run"],
    tests: ComparisonOptions,
    rows: RowOptions,
    step: int | None,
    around: Mapping[str, Any],
    draws: DrawOptions,
    form: str,
) -> None:
    """Compare and print."""
    from econml_cli.evaluation.comparing.compare import compare as compared

    found = compared(
        runs,
        baseline=tests.baseline,
        stars=tests.stars,
        step=step,
        data=rows.data,
        missing=rows.missing,
        series=tests.dm,
        horizon=tests.horizon or 1,
        draws=DRAWS if draws.draws is None else draws.draws,
        draw_seed=draws.draw_seed or 0,
        **around,
    )
    if form == "json":
        for note in found.notes:
            told(note)
    print(found.render(form, shared.width()))  # noqa: T201


COMMAND = Command(
    "econml eval compare",
    compare,
    (
        ("Tests", ComparisonOptions),
        (DATA, RowOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (UNCERTAINTY, DrawOptions),
        (UNCERTAINTY, CoefficientOptions),
        (OUTPUT, FormOptions),
    ),
    (RUNS,),
)
