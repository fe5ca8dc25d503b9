"""`econml inspect checkpoint [RUN]`: a fitted model, its views, its comparison with another, its checks."""

from pathlib import Path
from typing import Annotated, Any

import typer

from econml_cli.commands.common import Member, say
from econml_cli.commands.inspect import shared
from econml_cli.commands.inspect.shared import Json, RunsDir, View
from econml_cli.errors import ConfigError

FILES, FINDINGS = "Files", "Findings (exit code 1 where they are bad)"


def checkpoint_command(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="[RUN]",
            help="A run's path, its name in --runs-dir, or the start of it (default: the newest).",
            show_default=False,
        ),
    ] = None,
    view: Annotated[
        View | None,
        typer.Option(
            metavar="VIEW",
            help="Show only this: summary, graphdef, state, split (graphdef beside state), table (as --table), grad "
            "(of the training loss; dead units), torch (PyTorch's names), raw (Flax's own account) "
            "(default: the first three).",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        bool, typer.Option("--table", help="Show its layers: inputs, outputs, parameters, FLOPs.")
    ] = False,
    path: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only what this selects: linear2, 'linear2/*', '*.kernel'.")
    ] = None,
    step: Annotated[
        int | None, typer.Option(metavar="EPOCH", help="The checkpoint of this epoch (default: the newest).")
    ] = None,
    member: Member = None,
    values: Annotated[bool, typer.Option("--values", help="Show the numbers too (of large arrays a part).")] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=FILES,
            help="Also write a page that unfolds the model, replaced if it exists.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=FILES,
            help="Also draw histograms of the weights, layer by layer (.png, .pdf, .svg), replaced if it exists.",
        ),
    ] = None,
    diff: Annotated[
        str | None,
        typer.Option(metavar="RUN", rich_help_panel=FINDINGS, help="Compare with this run, leaf by leaf."),
    ] = None,
    other_step: Annotated[
        int | None,
        typer.Option(metavar="EPOCH", rich_help_panel=FINDINGS, help="Of --diff RUN, the checkpoint of this epoch."),
    ] = None,
    other_member: Annotated[
        int | None,
        typer.Option(min=0, metavar="K", rich_help_panel=FINDINGS, help="Of --diff RUN, this member of an ensemble."),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(min=0, rich_help_panel=FINDINGS, help="The largest |a-b| that --diff takes for no difference."),
    ] = 0.0,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            rich_help_panel=FINDINGS,
            help="Check the model on the run's own data: finite weights, dead units, permutation invariance, condition "
            "number.",
        ),
    ] = False,
    runs_dir: RunsDir = Path("runs"),
    json: Json = False,
) -> None:
    """Show a fitted model: a summary, its modules (graphdef) and its arrays (state); compare it; check it."""
    _refuse(diff, check, (other_step, other_member), view is not None or table, path, html or plot)

    from econml_cli.output import figure_files
    from econml_cli.runs import directory

    found = directory.find(run, runs_dir).of_member(member)  # before seconds go into importing jax
    if check:
        _check(found, step, json)
    elif diff is not None:
        other = directory.find(diff, runs_dir).of_member(other_member)
        _compare(found, other, step, other_step, tolerance, path, json)
    else:
        shared.check_html(html)
        if plot is not None:
            figure_files.check_file(plot)
        _show(found, step, shared.chosen(view, table, ("summary", "graphdef", "state")), path, values, json, html, plot)


def _refuse(
    diff: str | None, check: bool, other: tuple[int | None, int | None], views: bool, path: str | None, files: Any
) -> None:
    """Say which options do not go together, rather than leave one out."""
    if diff is not None and check:
        raise ConfigError("--diff and --check answer two questions; ask one at a time.")
    if (diff is not None or check) and (views or files):
        raise ConfigError(f"{'--check' if check else '--diff'} shows no views and writes no files; leave the rest out.")
    if check and path is not None:
        raise ConfigError("--check looks at the whole model; leave out --path.")
    for name, value in zip(("step", "member"), other, strict=True):
        if value is not None and diff is None:
            raise ConfigError(f"--other-{name} is of the run that --diff names; the checkpoint's own is --{name}.")


def _show(
    run: Any, step: int | None, views: tuple[str, ...], path: str | None, values: bool, json: bool, html: Any, plot: Any
) -> None:
    from econml_cli.inspection import views as shown
    from econml_cli.inspection.checkpoints import describe_checkpoint
    from econml_cli.output import figure_files, terminal

    report = shared.with_torch_names(describe_checkpoint(run, step, views=views, path=path), path)
    if plot is not None:
        figure_files.save(figure_files.weights(report.leaves, f"{run.name}, epoch {report.summary['epoch']:,}"), plot)
        say("inspect", f"{plot} written")
    shared.write_html(report, html, path)
    terminal.print_json(report.to_json(values)) if json else terminal.show(shown.report(report, values))


def _compare(
    first: Any, second: Any, step: int | None, other_step: int | None, tolerance: float, path: str | None, json: bool
) -> None:
    from econml_cli.inspection import findings
    from econml_cli.inspection.checkpoints import describe_checkpoint
    from econml_cli.inspection.difference import compare
    from econml_cli.output import terminal

    found = compare(describe_checkpoint(first, step), describe_checkpoint(second, other_step), tolerance, path)
    terminal.print_json(found.to_json()) if json else terminal.show(findings.difference(found))
    if not found.same:
        raise typer.Exit(1)


def _check(run: Any, step: int | None, json: bool) -> None:
    from econml_cli.inspection import findings
    from econml_cli.inspection.checks import check_run
    from econml_cli.output import terminal

    found = check_run(run, step)
    terminal.print_json([check.to_json() for check in found]) if json else terminal.show(findings.checks(found))
    if any(check.status == "fail" for check in found):
        raise typer.Exit(1)
