"""Several evaluations as one table, Markdown, LaTeX, CSV or JSON. Returns text, prints nothing."""

from collections.abc import Sequence

from econml_cli.evaluation.answer import as_json
from econml_cli.evaluation.estimate import Quantity
from econml_cli.evaluation.evaluation import REPORTED, SPLITS, VERDICT, Evaluation, interval_of, value_of
from econml_cli.output.sorting import order
from econml_cli.output.tables import RENDERERS, Grid, cell, csv_lines, fitting
from econml_cli.problems.economies.verdicts import PASSED


def ordered(evaluations: Sequence[Evaluation], by: str | None) -> list[Evaluation]:
    """Sorted by a column of their CSV file, as `output.sorting.order` reads `by` (default: the loss of the new data,
    else of the test split, else of the training split); missing values come last.

    Raises:
        ConfigError: no such column.
    """
    rows = [evaluation.rows()[0] for evaluation in evaluations]
    losses = (f"{split}_loss" for split in REPORTED)
    default = next((loss for loss in losses if any(loss in row for row in rows)), "run")
    return [evaluations[place] for place in order(rows, by or default)]


def render(evaluations: Sequence[Evaluation], form: str, *, several: bool, width: int | None = None) -> str:
    """The evaluations as "table", "markdown", "latex", "csv" or "json".

    One run is shown in full; `several` make one table with a line each, which as "table" keeps the columns that fit
    into `width` characters (None: all of them).
    """
    if not several:
        return evaluations[0].render(form, width)
    if form == "json":
        return as_json([evaluation.to_dict() for evaluation in evaluations])
    if form == "csv":
        return csv_lines([row for evaluation in evaluations for row in evaluation.rows()])
    whole = comparison(evaluations)
    shown = fitting(whole, width) if form == "table" else whole
    more = len(whole.headers) - len(shown.headers)
    tail = f"\n  ({more} more columns in a wider terminal, or with --format csv)" if more else ""
    shares = passed(evaluations)
    return RENDERERS[form](shown, width) + tail + ("\n\n" + RENDERERS[form](shares, width) if shares else "")


def passed(evaluations: Sequence[Evaluation]) -> Grid | None:
    """Of how many runs each verdict has passed, as a share of those that it was given on; None without verdicts."""
    rows = []
    for name in dict.fromkeys(name for e in evaluations for name in e.verdicts if name.startswith(VERDICT)):
        told = [e.verdicts[name] for e in evaluations if name in e.verdicts]
        good = sum(word == PASSED for word in told)
        rows.append((name.removeprefix(VERDICT), f"{good} of {len(told)}", f"{good / len(told):.0%}"))
    return Grid(("", "", ""), tuple(rows), "Verdicts passed") if rows else None


def comparison(evaluations: Sequence[Evaluation]) -> Grid:
    """One line a run; what matters most stands first."""
    lead = [split for split in REPORTED if any(e.reported == split for e in evaluations)]
    quantities = dict.fromkeys(quantity for e in evaluations for quantity in e.measured)
    losses = [Quantity(split, "loss") for split in (*lead, *(s for s in SPLITS if s not in lead))]
    rest = [q for q in quantities if not q.is_loss and (q.split in (*lead, None) or q.across == "averaged")]
    headers, columns = ["run"], [[e.run for e in evaluations]]
    for quantity in [loss for loss in losses if loss in quantities] + rest:
        found = [e.measured.get(quantity) for e in evaluations]
        headers.append(quantity.label)
        columns.append([value_of(x) for x in found])
        if quantity.is_loss and any(x and x.low is not None for x in found):
            headers.append("95 % interval")
            columns.append([interval_of(x) for x in found])
    for name in dict.fromkeys(name for e in evaluations for name in e.verdicts if name.startswith(VERDICT)):
        headers.append(name.removeprefix(VERDICT))
        columns.append([e.verdicts.get(name, "-") for e in evaluations])
    for name in ("model", "problem", "status", "epoch"):
        headers.append(name)
        columns.append([cell(getattr(e, name)) for e in evaluations])
    for split in SPLITS:
        if any(split in e.n for e in evaluations):
            headers.append(f"n_{split}")
            columns.append([cell(e.n.get(split)) for e in evaluations])
    return Grid(tuple(headers), tuple(zip(*columns, strict=True)))
