"""`econml eval compare RUN RUN...`: the runs as columns of a regression table."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import RUNS, CheckpointOptions, LookupOptions, path_of
from econml_cli.commands.declared import Command
from econml_cli.commands.eval import folds, shared
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
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.comparison import Comparison
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


@dataclass(frozen=True)
class PaperOptions:
    """A table for a paper."""

    paper: bool = option(
        False,
        "only what a paper prints: coefficients above standard errors (--stars marks these), N, R2, fixed effects",
    )
    rows: str | None = option(
        None,
        'of --paper: coefficients shown, in this order, "educ=Years of schooling,exper"; a label with a comma in '
        "quotes, as in CSV: 'educ=\"Schooling, in years\"'",
        metavar="NAMES",
    )
    digits: int | None = option(None, "of --paper: decimals (3, more of small standard errors)", ge=0, le=12)
    caption: str | None = option(None, "of --paper: caption of the table", metavar="TEXT")
    label: str | None = option(None, "of --paper: label in LaTeX, such as tab:wages", metavar="LABEL")
    out: str | None = option(
        None, "write it to this file, as its name ends: .tex, .md, .csv, .json, .html, .txt", metavar="FILE"
    )

    @property
    def asked(self) -> bool:
        """Whether any of it is."""
        return self.paper or any(x is not None for x in (self.rows, self.digits, self.caption, self.label))

    def form(self, given: str) -> str:
        """The form of the table: that of the file, where it is written to one and nothing else was said.

        Raises:
            ConfigError: the file cannot be written, or its name ends otherwise.
        """
        if self.out is None:
            return given
        from econml_cli.output import files

        files.check(Path(self.out), "--out", None, True)
        ending = Path(self.out).suffix.lower()
        if ending not in ENDINGS:
            raise ConfigError(f"--out {self.out} must end in one of {', '.join(ENDINGS)}.")
        return ENDINGS[ending] if given == "table" else given


@dataclass(frozen=True)
class PlotOption:
    """The figure."""

    plot: str | None = option(
        None,
        "draw the losses (of cross-validations those of each fold) and their differences to the baseline's in FILE "
        "(.png, .pdf, .svg), replaced if it exists",
        metavar="FILE",
    )


#: how a table is written to a file whose name ends so
ENDINGS = {".tex": "latex", ".md": "markdown", ".csv": "csv", ".json": "json", ".html": "html", ".txt": "table"}


def compare(
    runs: list[str] | None,
    tests: ComparisonOptions,
    paper: PaperOptions,
    rows: RowOptions,
    weights: CheckpointOptions,
    lookup: LookupOptions,
    bootstrap: BootstrapOptions,
    draws: DrawOptions,
    errors: CoefficientOptions,
    output: FormOptions,
    figure: PlotOption,
    size: FigureWidthOption,
) -> None:
    """Set runs side by side as columns of a regression table, with paired tests of their losses.

    Cross-validations on the same folds are compared fold by fold: `econml eval compare CV1 CV2`.
    """
    plot = path_of(figure.plot)
    shared.check_plot(plot, size)
    if validated := folds.named(runs, Path(lookup.runs_dir)):
        others = [rows, weights, bootstrap, draws, errors, dataclasses.replace(paper, out=None)]
        others.append(dataclasses.replace(tests, baseline=None, stars=False))
        folds.refuse_others(validated, others, "--baseline, --stars, --format, --out, --plot")
        apart = folds.compare(validated, tests.baseline, tests.stars, paper.form(output.form), paper.out)
        if plot is not None:
            shared.save_figure(apart.plot(size.figure_width), plot)
        return

    from econml_cli.evaluation import covariances
    from econml_cli.runs import directory
    from econml_cli.training import compilation_cache

    around, form = shared.intervals(bootstrap), paper.form(output.form)
    chosen = [directory.find(name, Path(lookup.runs_dir)).of_member(weights.member) for name in (runs or (None,))]
    covariances.check_some_linear(errors.vcov, chosen)
    compilation_cache.enable()
    found = show(chosen, tests, rows, weights.step, {**around, "vcov": errors.vcov}, draws, form, paper)
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        shared.save_figure(found.plot(size.figure_width), plot)


def show(
    runs: Sequence["Run"],
    tests: ComparisonOptions,
    rows: RowOptions,
    step: int | None,
    around: Mapping[str, Any],
    draws: DrawOptions,
    form: str,
    paper: PaperOptions | None = None,
) -> "Comparison":
    """Compare and print, or write to a file; what was found."""
    from econml_cli.evaluation.comparing import paper as papers
    from econml_cli.evaluation.comparing.compare import compare as compared
    from econml_cli.evaluation.comparing.paper_rows import parse_rows

    style = None if paper is None or not paper.asked else papers.Style(
        parse_rows(paper.rows) if paper.rows is not None else {},
        paper.digits, tests.stars, paper.caption or "", paper.label or "",
    )  # fmt: skip
    if style is not None:
        papers.check(style, form)
    found = compared(
        runs,
        baseline=tests.baseline,
        stars=tests.stars,
        step=step,
        data=rows.data,
        missing=rows.missing,
        sheet=rows.sheet,
        series=tests.dm,
        horizon=tests.horizon or 1,
        draws=DRAWS if draws.draws is None else draws.draws,
        draw_seed=draws.draw_seed or 0,
        **around,
    )
    to_file = paper is not None and paper.out is not None
    if form == "json" or style is not None:
        for note in found.notes:
            told(note)
    if style is not None and form != "json":
        text = papers.render(found, style, form, None if to_file else shared.width())
    else:
        text = found.render(form, None if to_file else shared.width())
    if paper is not None and paper.out is not None:
        from econml_cli.storage import disk

        disk.write_text(Path(paper.out), text + "\n")
        told(f"written to {paper.out}")
    else:
        print(text)  # noqa: T201
    return found


COMMAND = Command(
    "econml eval compare",
    compare,
    (
        ("Tests", ComparisonOptions),
        ("A table for a paper", PaperOptions),
        (DATA, RowOptions),
        (DATA, CheckpointOptions),
        (DATA, LookupOptions),
        (UNCERTAINTY, BootstrapOptions),
        (UNCERTAINTY, DrawOptions),
        (UNCERTAINTY, CoefficientOptions),
        (OUTPUT, FormOptions),
        (OUTPUT, PlotOption),
        (OUTPUT, FigureWidthOption),
    ),
    (RUNS,),
)
