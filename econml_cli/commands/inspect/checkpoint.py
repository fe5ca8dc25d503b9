"""`econml inspect checkpoint [RUN]`: a fitted model, its views, its comparison with another, its checks."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from econml_cli.commands import importing
from econml_cli.commands.common import OPTIONS, RunsDirOption, find_run, path_of, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.figure_width import FigureWidthOption
from econml_cli.commands.inspect import shared
from econml_cli.commands.inspect.shared import JsonOption, View
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.output.figure_style import Width
    from econml_cli.runs.directory import Run

FILES, FINDINGS = "Files", "Findings (exit code 1 where they are bad)"
RUN = Argument("run", "[RUN]", "A run's path, its name in --runs-dir, or the start of it (default: the newest).")


@dataclass(frozen=True)
class ViewOptions:
    """What is shown of which weights."""

    view: View | None = option(
        None,
        "show only this: summary, graphdef, state, split (graphdef beside state), table (as --table), grad (of the "
        "training loss; dead units), torch (PyTorch's names), raw (Flax's own account) (default: the first three)",
        metavar="VIEW",
    )
    table: bool = option(False, "show its layers: inputs, outputs, parameters, FLOPs")
    path: str | None = option(None, "only what this selects: linear2, 'linear2/*', '*.kernel'", metavar="PATTERN")
    step: int | None = option(None, "the checkpoint of this epoch (default: the newest)", metavar="EPOCH")
    member: int | None = option(None, "of an ensemble, only this member; 0 is the first", ge=0, metavar="K")
    values: bool = option(False, "show the numbers too (of large arrays a part)")


@dataclass(frozen=True)
class FileOptions:
    """What is written besides."""

    html: str | None = option(None, "also write a page that unfolds the model, replaced if it exists", metavar="FILE")
    force: bool = option(False, "with --html: replace a file that is no page of econml, too")
    plot: str | None = option(
        None,
        "also draw histograms of the weights, layer by layer (.png, .pdf, .svg), replaced if it exists",
        metavar="FILE",
    )


@dataclass(frozen=True)
class FindingOptions:
    """A comparison, or a check, in place of views."""

    diff: str | None = option(None, "compare with this run, leaf by leaf", metavar="RUN")
    other_step: int | None = option(None, "of --diff RUN, the checkpoint of this epoch", metavar="EPOCH")
    other_member: int | None = option(None, "of --diff RUN, this member of an ensemble", ge=0, metavar="K")
    tolerance: float = option(0.0, "the largest |a-b| that --diff takes for no difference", ge=0)
    check: bool = option(
        False,
        "check the model on the run's own data: finite weights, dead units, permutation invariance, condition number",
    )


def checkpoint(
    run: str | None,
    shown: ViewOptions,
    written: FileOptions,
    asked: FindingOptions,
    lookup: RunsDirOption,
    form: JsonOption,
    size: FigureWidthOption,
) -> None:
    """Show a fitted model: a summary, its modules (graphdef) and its arrays (state); compare it; check it."""
    html, plot, path, step = path_of(written.html), path_of(written.plot), shown.path, shown.step
    other = (asked.other_step, asked.other_member)
    _refuse(asked.diff, asked.check, other, shown.view is not None or shown.table, path, html or plot)

    from econml_cli.output import figure_files

    runs_dir = Path(lookup.runs_dir)
    found = find_run(run, runs_dir, "inspect").of_member(shown.member)  # before seconds go into importing jax
    if asked.check:
        _check(found, step, form.json)
    elif asked.diff is not None:
        second = find_run(asked.diff, runs_dir, "inspect").of_member(asked.other_member)
        _compare(found, second, step, asked.other_step, asked.tolerance, path, form.json)
    else:
        shared.check_html(html, written.force)
        size.check(plot)
        if plot is not None:
            figure_files.check_file(plot)
        views = shared.chosen(shown.view, shown.table, ("summary", "graphdef", "state"))
        _show(found, step, views, path, shown.values, form.json, html, plot, size.figure_width)


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
    run: "Run",
    step: int | None,
    views: tuple[str, ...],
    path: str | None,
    values: bool,
    json: bool,
    html: Path | None,
    plot: Path | None,
    width: "Width | None",
) -> None:
    with importing.at_once():
        from econml_cli.inspection import views as shown
        from econml_cli.inspection.checkpoints import describe_checkpoint
        from econml_cli.output import figure_files, terminal

    also = (*(["raw"] if html is not None else []), *(["state"] if plot is not None else []))
    found = describe_checkpoint(run, step, views=views, path=path, also=also)
    report = shared.with_torch_names(found, path)
    if plot is not None:
        title = f"{run.name}, epoch {report.summary['epoch']:,}"
        figure_files.save(figure_files.weights(report.leaves, title, width), plot)
        say("inspect", f"{plot} written")
    shared.write_html(report, html, path)
    terminal.print_json(report.to_json(values)) if json else terminal.show(shown.report(report, values))


def _compare(
    first: "Run",
    second: "Run",
    step: int | None,
    other_step: int | None,
    tolerance: float,
    path: str | None,
    json: bool,
) -> None:
    from econml_cli.inspection import findings
    from econml_cli.inspection.checkpoints import describe_checkpoint
    from econml_cli.inspection.difference import compare
    from econml_cli.output import terminal

    found = compare(describe_checkpoint(first, step), describe_checkpoint(second, other_step), tolerance, path)
    terminal.print_json(found.to_json()) if json else terminal.show(findings.difference(found))
    if not found.same:
        raise typer.Exit(1)


def _check(run: "Run", step: int | None, json: bool) -> None:
    from econml_cli.inspection import findings
    from econml_cli.inspection.checks import check_run
    from econml_cli.output import terminal

    found = check_run(run, step)
    terminal.print_json([check.to_json() for check in found]) if json else terminal.show(findings.checks(found))
    if any(check.status == "fail" for check in found):
        raise typer.Exit(1)


COMMAND = Command(
    "econml inspect checkpoint",
    checkpoint,
    (
        (OPTIONS, ViewOptions),
        (FILES, FileOptions),
        (FINDINGS, FindingOptions),
        (OPTIONS, RunsDirOption),
        (OPTIONS, JsonOption),
        (OPTIONS, FigureWidthOption),
    ),
    (RUN,),
)
