"""How runs and their views show themselves in Python and in a notebook."""

import dataclasses
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from econml_cli.errors import ConfigError, EconmlError, suggest
from econml_cli.output import html
from econml_cli.runs import health
from econml_cli.runs.directory import Run
from econml_cli.runs.listing import RunRow

#: columns of a table of runs
HEADS = ("run", "model", "problem", "status", "epochs", "train_loss", "val_loss", "test_loss", "parameters", "seconds")
#: what can be shown of a model; without a choice the first three
VIEWS = ("summary", "graphdef", "state", "split", "table", "grad", "torch", "raw")


def run_line(run: Run) -> str:
    """A run in one line: FittedRun('runs/first': mlp on linear, max_epochs, test_loss 8.009e-07)."""
    member = "" if run.member is None else f", member {run.member}"
    try:
        summary, config, status = run.summary(), run.config(), run.status()
    except EconmlError as error:
        return f"FittedRun('{run.path}'{member}: cannot be read: {error})"
    loss = next((name for name in ("test_loss", "val_loss", "train_loss") if summary.get(name) is not None), None)
    told = f", {loss} {summary[loss]:.4g}" if loss and run.member is None else ""
    wrong = html.failed_verdicts(summary)
    return f"FittedRun('{run.path}'{member}: {config.model} on {config.problem}, {status}{told}{wrong})"


def run_html(run: Run) -> str:
    """A run as a table for a notebook; what is wrong with it stands first."""
    from econml_cli.output.terminal import number

    try:
        summary, config, status, wrong = run.summary(), run.config(), run.status(), health.failed(run)
    except EconmlError as error:
        return f"<p>{html.warning(f'{run.path} cannot be read: {error}')}</p>"
    left_out = ("model", "problem", "stop_reason", "state_sha256", "failed")
    rows = [("status", status)] + ([] if run.member is None else [("member", number(run.member))])
    rows += [(name.replace("_", " "), number(value)) for name, value in summary.items() if name not in left_out]
    rows.append(("directory", str(run.path)))
    table = html.table(("", ""), rows, f"{run.name}: {config.model} on {config.problem}")
    return (f"<p>{html.warning(wrong)}</p>" if wrong else "") + table + _curves(run)


def _curves(run: Run) -> str:
    """The learning curves of a run as a picture; "" where it has none."""
    from econml_cli.output import figure_page
    from econml_cli.runs import curves

    try:
        found = curves.read(run)
        if curves.absent(run, found) is not None:
            return ""
    except EconmlError:  # the table is there all the same
        return ""
    figure, alt = curves.figure(found), f"Losses of {run.name} by epoch on a log axis. {found.said()}"
    source = figure_page.source(*figure_page.picture(figure, transparent=False))  # the page of another may be dark
    return f'<img src="{source}" alt="{html.escape(alt)}" width="{figure_page.pixels(figure.get_figwidth())}">'


def runs_html(rows: Sequence[RunRow]) -> str:
    """Runs as one table for a notebook."""
    from econml_cli.output.terminal import number

    lines = []
    for row in rows:
        numbers = (row.epochs, row.train_loss, row.val_loss, row.test_loss, row.num_params, row.seconds)
        status = f"damaged: {row.error}" if row.error else row.status or "-"
        lines.append((row.name, row.model or "-", row.problem or "-", status, *map(number, numbers)))
    return html.table(HEADS, lines) if lines else "<p>no runs</p>"


def shown(figure: Any) -> Any:
    """A Matplotlib figure that a notebook shows whether or not pyplot was ever imported."""

    def png() -> bytes:
        from econml_cli.output import figure_style

        out = io.BytesIO()
        with figure_style.house():
            figure.savefig(out, format="png", dpi=150)
        return out.getvalue()

    figure._repr_png_ = png
    return figure


@dataclass(frozen=True, repr=False)
class Inspection:
    """Views of a model, shown as `econml inspect` prints them; `report` has them as data."""

    report: Any

    def __repr__(self) -> str:
        from rich.console import Console

        from econml_cli.inspection import views
        from econml_cli.output.terminal import PIPE_WIDTH

        out = io.StringIO()
        Console(file=out, width=PIPE_WIDTH, highlight=False, markup=False, emoji=False, force_jupyter=False).print(
            views.report(self.report), crop=False
        )
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def inspect(run: Run, views: Sequence[str], path: str | None, step: int | None) -> Inspection:
    """The views of a run's checkpoint.

    Raises:
        ConfigError: no such view, or `path` selects nothing. As `inspection.checkpoints.describe_checkpoint` otherwise.
    """
    from econml_cli.inspection import selection
    from econml_cli.inspection.checkpoints import describe_checkpoint

    if (wrong := next((view for view in views if view not in VIEWS), None)) is not None:
        raise ConfigError(f"There is no view '{wrong}'.{suggest(wrong, VIEWS)} There are {', '.join(VIEWS)}.")
    report = describe_checkpoint(run, step, views=tuple(views) or VIEWS[:3], path=path)
    if "torch" in report.views:
        from econml_cli.export.torch_names import named_parameters

        report = dataclasses.replace(report, torch=selection.rows(path, named_parameters(report.model)))
    return Inspection(report)
