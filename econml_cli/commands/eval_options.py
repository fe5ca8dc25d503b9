"""The options of `econml eval`, by the question that they belong to."""

from pathlib import Path
from typing import Annotated, Literal

import typer

DATA, UNCERTAINTY, OUTPUT = "Data", "Uncertainty", "Output"
RISK, EFFECTS, COMPARISON = "Risk", "Effects of features", "Comparison of runs"

Runs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN",
        help="Run directories, or names in --runs-dir (default: the newest).",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", rich_help_panel=DATA, help="Evaluate on this file, encoded as the training data were."
    ),
]
Missing = Annotated[
    Literal["error", "drop"] | None,
    typer.Option(rich_help_panel=DATA, help="What rows with missing values get (default: as in the fit)."),
]
Predictions = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=DATA,
        help="Also write the rows with their predictions here (.csv, .csv.gz, .tsv, .parquet), replaced if it exists.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--with",
        metavar="NAME=VALUE",
        rich_help_panel=DATA,
        help="Evaluate on the problem with this option changed, such as --with N=1000; may be repeated.",
        show_default=False,
    ),
]
Step = Annotated[
    int | None,
    typer.Option(
        metavar="EPOCH",
        rich_help_panel=DATA,
        help="Use the checkpoint of this epoch (default: the best or newest).",
    ),
]
RunsDir = Annotated[
    Path,
    typer.Option(
        metavar="DIR", rich_help_panel=DATA, envvar="ECONML_RUNS_DIR", help="Where runs are looked up by name."
    ),
]
Bootstrap = Annotated[
    int,
    typer.Option(
        min=0,
        metavar="N",
        rich_help_panel=UNCERTAINTY,
        help="Replications of the 95 % bootstrap intervals, at least 40; 0: none.",
    ),
]
BootstrapSeed = Annotated[
    int, typer.Option(min=0, metavar="SEED", rich_help_panel=UNCERTAINTY, help="Seed of the bootstrap.")
]
Draws = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        rich_help_panel=UNCERTAINTY,
        help="Fresh draws that estimate the population risk (simulated problems); 0: none (default: 0; with "
        "--decompose, --samples or --compare 10,000).",
    ),
]
DrawSeed = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=2**32 - 1,
        metavar="SEED",
        rich_help_panel=UNCERTAINTY,
        help="Seed of the fresh draws, of the data sets of --samples, and of the paths (0).",
    ),
]
Decompose = Annotated[
    bool,
    typer.Option(
        "--decompose",
        rich_help_panel=RISK,
        help="Take the risk apart: empirical and population risk, generalisation and approximation error.",
    ),
]
Samples = Annotated[
    str | None,
    typer.Option(
        metavar="N,N,...",
        rich_help_panel=RISK,
        help="The learning curve: fit again to new data sets of these sizes, such as 100,300,1000,3000.",
    ),
]
Replications = Annotated[
    int | None, typer.Option(min=2, metavar="N", rich_help_panel=RISK, help="Data sets of each size (20).")
]
Effects = Annotated[
    bool,
    typer.Option(
        "--effects",
        rich_help_panel=EFFECTS,
        help="Average partial effect of each feature in its own units, beside OLS or logit (extra `stats`).",
    ),
]
Pdp = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=EFFECTS,
        help="Partial dependence: the mean prediction at each value of this column; may be repeated.",
        show_default=False,
    ),
]
Compare = Annotated[
    bool,
    typer.Option(
        "--compare",
        rich_help_panel=COMPARISON,
        help="The runs as columns of a regression table, with paired tests of their losses.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        metavar="RUN", rich_help_panel=COMPARISON, help="The run that the others are tested against (the first)."
    ),
]
Stars = Annotated[
    bool, typer.Option("--stars", rich_help_panel=COMPARISON, help="Mark p-values below .10, .05 and .01 by stars.")
]
Dm = Annotated[
    bool | None,
    typer.Option(
        "--dm/--no-dm",
        rich_help_panel=COMPARISON,
        help="Test by Diebold and Mariano, for rows in the order of time (default: where a formula has lag).",
        show_default=False,
    ),
]
Horizon = Annotated[
    int | None, typer.Option(min=1, metavar="H", rich_help_panel=COMPARISON, help="Periods ahead of the forecasts (1).")
]
DenHaanMarcet = Annotated[
    bool,
    typer.Option(
        "--den-haan-marcet",
        rich_help_panel=UNCERTAINTY,
        help="Test on simulated paths whether what is known predicts the Euler errors (models with shocks).",
    ),
]
Periods = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", rich_help_panel=UNCERTAINTY, help="Periods of each of its paths (3000)."),
]
Paths = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", rich_help_panel=UNCERTAINTY, help="How many paths it has (100)."),
]
Plot = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=OUTPUT,
        help="Draw the fit against the truth or the data, its residuals, and convergence (.png, .pdf, .svg), replaced "
        "if it exists.",
    ),
]
Sort = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        rich_help_panel=OUTPUT,
        help="Sort several runs by this column of the CSV; -COLUMN: descending (default: test_loss).",
    ),
]
Format = Annotated[
    Literal["table", "json", "csv", "markdown", "latex"],
    typer.Option(
        metavar="FORMAT", rich_help_panel=OUTPUT, help="How results are printed: table, json, csv, markdown, latex."
    ),
]
Json = Annotated[bool, typer.Option("--json", rich_help_panel=OUTPUT, help="The same as --format json.")]
