"""Evaluations as a table, Markdown, LaTeX, CSV or JSON. Returns text, prints nothing."""

import json
from collections.abc import Sequence
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluate import REPORTED, Evaluation
from econml_cli.evaluation.layout.members_table import across
from econml_cli.output.tables import RENDERERS, Grid, cell, csv_lines, fitting, interval
from econml_cli.problems.economies.verdicts import PASSED

_SPLITS = ("train", "val", "test", "data")
_VERDICT = "verdict_"


def flat(evaluation: Evaluation) -> dict[str, Any]:
    """One evaluation as one row: test_loss, test_loss_low, test_loss_high, ...; coefficients as coef_NAME."""
    row: dict[str, Any] = {}
    for key, value in evaluation.to_dict().items():
        if key == "notes":
            continue
        if key == "coefficients":
            row |= {f"coef_{name}": coefficient for name, coefficient in value.items()}
        elif isinstance(value, dict):
            row |= {key if part == "value" else f"{key}_{part}": number for part, number in value.items()}
        else:
            row[key] = value
    return row


def ordered(evaluations: Sequence[Evaluation], by: str | None) -> list[Evaluation]:
    """Sorted by a column of `flat` (default: the loss of the new data, else of the test split, else of the training
    split); "-name" sorts descending; missing values come last.

    Raises:
        ConfigError: no such column.
    """
    table = [(flat(evaluation), evaluation) for evaluation in evaluations]
    known = dict.fromkeys(key for row, _ in table for key in row)
    default = next((f"{split}_loss" for split in REPORTED if f"{split}_loss" in known), "run")
    name = (by or default).removeprefix("-").replace("-", "_")
    if name not in known:
        raise ConfigError(
            f"--sort {by}: there is no column '{name}'.{suggest(name, known)} --json shows what there is."
        )
    there = [pair for pair in table if pair[0].get(name) is not None]
    there.sort(key=lambda pair: pair[0][name], reverse=bool(by) and str(by).startswith("-"))
    return [e for _, e in there] + [e for row, e in table if row.get(name) is None]


def as_json(evaluations: Sequence[Evaluation], several: bool) -> str:
    """A list where several runs were asked for, else one object."""
    found = [evaluation.to_dict() for evaluation in evaluations]
    return json.dumps(found if several else found[0], indent=2, ensure_ascii=False, allow_nan=False)


def as_csv(evaluations: Sequence[Evaluation]) -> str:
    """One line a run, every number with all its digits; missing values are empty."""
    return csv_lines([flat(evaluation) for evaluation in evaluations])


def render(evaluations: Sequence[Evaluation], form: str, *, several: bool, width: int | None = None) -> str:
    """The evaluations as "table", "markdown", "latex", "csv" or "json".

    One run is shown in full; `several` make one table with a line each, which as "table" keeps the columns that fit
    into `width` characters (None: all of them).
    """
    if form == "json":
        return as_json(evaluations, several)
    if form == "csv":
        return as_csv(evaluations)
    if not several:
        return "\n\n".join(map(RENDERERS[form], single(evaluations[0])))
    whole = comparison(evaluations)
    shown = fitting(whole, width) if form == "table" else whole
    more = len(whole.headers) - len(shown.headers)
    tail = f"\n  ({more} more columns in a wider terminal, or with --format csv)" if more else ""
    shares = passed(evaluations)
    return RENDERERS[form](shown) + tail + ("\n\n" + RENDERERS[form](shares) if shares else "")


def passed(evaluations: Sequence[Evaluation]) -> Grid | None:
    """Of how many runs each verdict has passed, as a share of those that it was given on; None without verdicts."""
    rows = []
    for name in dict.fromkeys(name for e in evaluations for name in e.verdicts if name.startswith(_VERDICT)):
        told = [e.verdicts[name] for e in evaluations if name in e.verdicts]
        good = sum(word == PASSED for word in told)
        rows.append((name.removeprefix(_VERDICT), f"{good} of {len(told)}", f"{good / len(told):.0%}"))
    return Grid(("", "", ""), tuple(rows), "Verdicts passed") if rows else None


def comparison(evaluations: Sequence[Evaluation]) -> Grid:
    """One line a run; what matters most stands first."""
    lead = [split for split in REPORTED if any(e.reported == split for e in evaluations)]
    names = dict.fromkeys(name for e in evaluations for name in e.estimates)
    losses = [f"{split}_loss" for split in (*lead, *(s for s in _SPLITS if s not in lead))]
    rest = [name for name in names if name not in losses and _split_of(name) in (*lead, None)]
    headers, columns = ["run"], [[e.run for e in evaluations]]
    for name in [name for name in losses if name in names] + rest:
        found = [e.estimates.get(name) for e in evaluations]
        headers.append(name)
        columns.append([_value(x) for x in found])
        if name.endswith("_loss") and "log_loss" not in name and any(x and x.low is not None for x in found):
            headers.append("95 % interval")
            columns.append([_interval(x) for x in found])
    for name in dict.fromkeys(name for e in evaluations for name in e.verdicts if name.startswith(_VERDICT)):
        headers.append(name.removeprefix(_VERDICT))
        columns.append([e.verdicts.get(name, "-") for e in evaluations])
    for name in ("model", "problem", "status", "epoch"):
        headers.append(name)
        columns.append([cell(getattr(e, name)) for e in evaluations])
    for split in _SPLITS:
        if any(split in e.n for e in evaluations):
            headers.append(f"n_{split}")
            columns.append([cell(e.n.get(split)) for e in evaluations])
    return Grid(tuple(headers), tuple(zip(*columns, strict=True)))


def single(evaluation: Evaluation) -> list[Grid]:
    """One run: metrics by split; errors against the truth; verdicts; coefficients. An ensemble: as `across`."""
    e = evaluation
    if e.members > 1:
        return [*across(e), *_verdicts(e)]
    splits = [split for split in _SPLITS if e.n.get(split)]
    metrics = list(dict.fromkeys(n.removeprefix(f"{s}_") for s in splits for n in e.estimates if n.startswith(f"{s}_")))
    intervals = e.bootstrap > 0
    rows = [("observations", *(f"{e.n[split]:,}" for split in splits), *([""] * intervals))]
    for name in metrics:
        found = [e.estimates.get(f"{split}_{name}") for split in splits]
        own = [_interval(e.estimates.get(f"{e.reported}_{name}"))] * intervals
        rows.append((name.replace("_", " "), *map(_value, found), *own))
    headers = ("", *splits, *([f"95 % interval ({e.reported})"] * intervals))
    grids = [Grid(headers, tuple(rows), f"{e.run}: {e.model} on {e.problem}, epoch {e.epoch:,}")]
    truth = {name: x for name, x in e.estimates.items() if _split_of(name) is None}
    if truth:
        lines = [line for name, x in truth.items() for line in _lines(name, x)]
        headers = ("", "", "95 % interval") if any(line[2] for line in lines) else ("", "", "")
        grids.append(
            Grid(headers, tuple(lines), "Equations, truth and stability" if e.verdicts else "Against the truth")
        )
    grids += _verdicts(e)
    if e.coefficients:
        coefficients = tuple((name, cell(value)) for name, value in e.coefficients.items())
        grids.append(Grid(("", ""), coefficients, "Coefficients, in the units of the data"))
    return grids


def _verdicts(e: Evaluation) -> list[Grid]:
    told = [(name.removeprefix(_VERDICT), word) for name, word in e.verdicts.items() if name.startswith(_VERDICT)]
    return [Grid(("", ""), tuple(told), "Verdicts")] if told else []


def _lines(name: str, estimate: Estimate) -> list[tuple[str, str, str]]:
    """One line for an estimate, and two more for one from fresh draws."""
    lines = [(name.replace("_", " "), _value(estimate), _interval(estimate))]
    if estimate.draws is not None:
        lines += [("  standard error", cell(estimate.standard_error), ""), ("  draws", f"{estimate.draws:,}", "")]
    return lines


def _split_of(name: str) -> str | None:
    return next((split for split in _SPLITS if name.startswith(f"{split}_")), None)


def _value(estimate: Estimate | None) -> str:
    return "-" if estimate is None else cell(estimate.value)


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else interval(estimate.low, estimate.high)
