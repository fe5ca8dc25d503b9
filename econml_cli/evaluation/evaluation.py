"""What a run is worth: losses, metrics with intervals, errors against the truth; as tables and as JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from econml_cli.data.schema import Schema
from econml_cli.errors import plural
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate, Estimates, Quantity
from econml_cli.output import html
from econml_cli.output.tables import Grid, cell, flat, interval
from econml_cli.runs import health
from econml_cli.storage import disk

if TYPE_CHECKING:  # few runs have any
    from econml_cli.evaluation.coefficients import Coefficients

#: the splits that a number out of sample is read from, the best first
REPORTED = ("data", "test", "train")
#: all splits, in the order in which tables show them
SPLITS = ("train", "val", "test", "data")
#: what the names of verdicts on an economic model begin with, in summary.json and in JSON output
VERDICT = "verdict_"
#: what summary.json says of how far a trained fit is from its end
CONVERGENCE = ("gradient_norm", "loss_fall", "solution_distance", "not_converged")
#: in place of a coefficient that is no estimate
UNKNOWN = "not identified"
#: mappings of coefficients in JSON, and what begins the names of their columns in CSV
_BY_NAME = {"coefficients": "coef", "standard_errors": "se"}


@dataclass(frozen=True)
class Evaluation(Answer):
    """What a fitted run is worth.

    `measured` has an estimate of each quantity, `estimates` the same by label, such as test_loss, test_r2 and
    theta_error; those of the split `reported` (the test split; new data; the training split where there is no other)
    have intervals. Losses are in reported units, as in metrics.jsonl; rmse and mae in the target's own units.
    `verdicts` are those on an economic model: verdict_loss, verdict_truth, verdict_stability, verdict_states ("passed"
    or "FAILED"), and what `failed`, in words. `linear` has the coefficients of a linear model in the units of the data
    file, with their standard errors. `changed` are the options of the problem that are other than in the fit.
    `convergence` says how far a trained fit is from its end, as summary.json does.

    Of an ensemble of several `members` each estimate is the mean over those that have not `diverged`, with their
    standard deviation, lowest and highest; `averaged_test_rmse` and its like are of their averaged prediction, and a
    verdict says how many have passed. `member` is the one that was chosen. `schema`: what the columns of a file are;
    `data` the same in a few lines.
    """

    run: str
    path: str
    model: str
    problem: str
    task: str | None
    status: str
    epoch: int
    reported: str
    n: dict[str, int]
    measured: Estimates
    verdicts: dict[str, str]
    linear: "Coefficients | None"
    bootstrap: int
    bootstrap_seed: int
    notes: tuple[str, ...]
    changed: dict[str, Any] = field(default_factory=dict)
    members: int = 1
    diverged: int = 0
    member: int | None = None
    convergence: dict[str, Any] = field(default_factory=dict)
    schema: Schema | None = None
    data: Grid | None = None

    @property
    def coefficients(self) -> dict[str, float] | None:
        """The coefficients by name, NaN where there is no estimate; None of a model that has none."""
        return None if self.linear is None else self.linear.values

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The estimates by label: train_loss, averaged_test_rmse, theta_error."""
        return {quantity.label: estimate for quantity, estimate in self.measured.items()}

    def __repr__(self) -> str:
        loss = self.measured.get(Quantity(self.reported, "loss"))
        told = "" if loss is None else f", {self.reported}_loss {cell(loss.value)}"
        failed = html.failed_verdicts(self.verdicts)
        return f"Evaluation('{self.run}': {self.model} on {self.problem}{told}{failed})"

    def grids(self) -> list[Grid]:
        """Metrics by split; errors against the truth; what was read of a file; verdicts; coefficients. Of an ensemble
        each number across its members, and what their averaged prediction is worth."""
        own = _across(self) if self.members > 1 else _single(self)
        return [*own, *([self.data] if self.data else []), *_verdicts(self), *_coefficients(self)]

    def rows(self) -> list[dict[str, Any]]:
        """One row: test_loss, test_loss_low, test_loss_high, ...; coefficients as coef_NAME, their standard errors as
        se_NAME."""
        row: dict[str, Any] = {}
        for key, value in self.to_dict().items():
            if key in _BY_NAME:
                row |= {f"{_BY_NAME[key]}_{name}": number for name, number in value.items()}
            elif key not in ("notes", "schema"):
                row |= flat({key: value})
        return [row]

    def to_dict(self) -> dict[str, Any]:
        """One flat JSON object; undefined numbers are null."""
        head = ("run", "path", "model", "problem", "task", "status", "epoch", "reported")
        found: dict[str, Any] = {name: getattr(self, name) for name in head}
        if self.member is not None:
            found["member"] = self.member
        if self.members > 1:
            found |= {"members": self.members, "diverged": self.diverged}
        if self.changed:
            found["with"] = self.changed
        found |= {f"n_{split}": n for split, n in self.n.items()}
        found |= {name: estimate.to_json() for name, estimate in self.estimates.items()}
        found |= self.verdicts
        found |= self.convergence
        if self.linear is not None:
            found["coefficients"] = self.linear.values
            if self.linear.errors:
                found |= {"standard_errors": self.linear.errors, "vcov": self.linear.vcov}
            if self.linear.absorbed:
                found["fixed_effects"] = self.linear.absorbed
        found |= {"bootstrap": self.bootstrap, "bootstrap_seed": self.bootstrap_seed, "notes": list(self.notes)}
        if self.schema is not None:
            found["schema"] = self.schema.to_json()
        whole: dict[str, Any] = disk.finite(found)
        return whole


def _single(e: Evaluation) -> list[Grid]:
    """One model: metrics by split; errors against the truth."""
    splits = [split for split in SPLITS if e.n.get(split)]
    names = dict.fromkeys(q.name for split in splits for q in e.measured if q.split == split)
    intervals = e.bootstrap > 0
    rows = [("observations", *(f"{e.n[split]:,}" for split in splits), *([""] * intervals))]
    for name in names:
        found = [e.measured.get(Quantity(split, name)) for split in splits]
        own = [interval_of(e.measured.get(Quantity(e.reported, name)))] * intervals
        rows.append((_words(name), *map(value_of, found), *own))
    headers = ("", *splits, *([f"95 % interval ({e.reported})"] * intervals))
    grids = [Grid(headers, tuple(rows), f"{e.run}: {e.model} on {e.problem}, epoch {e.epoch:,}")]
    if truth := {q: x for q, x in e.measured.items() if q.split is None}:
        lines = [line for q, x in truth.items() for line in _lines(q.label, x)]
        headers = ("", "", "95 % interval") if any(line[2] for line in lines) else ("", "", "")
        grids.append(Grid(headers, tuple(lines), _of_truth(e)))
    return grids


def _lines(name: str, estimate: Estimate) -> list[tuple[str, str, str]]:
    """One line for an estimate, and two more for one from fresh draws."""
    lines = [(_words(name), value_of(estimate), interval_of(estimate))]
    if estimate.draws is not None:
        lines += [("  standard error", cell(estimate.standard_error), ""), ("  draws", f"{estimate.draws:,}", "")]
    return lines


def _across(e: Evaluation) -> list[Grid]:
    """An ensemble: mean, standard deviation, lowest and highest of each number; metrics of the averaged prediction."""
    losses = {q: x for q, x in e.measured.items() if q.is_loss}
    own = {q: x for q, x in e.measured.items() if q.split == e.reported and q.across == "members" and not q.is_loss}
    truth = {q: x for q, x in e.measured.items() if q.split is None}
    averaged = {q: x for q, x in e.measured.items() if q.across == "averaged"}
    kept = e.members - e.diverged
    grids = [_spread(losses | own, f"{e.run}: {e.model} on {e.problem}, {e.members} members, epoch {e.epoch:,}", kept)]
    if averaged:
        rows = tuple((_words(f"{q.split}_{q.name}"), value_of(x), interval_of(x)) for q, x in averaged.items())
        grids.append(Grid(("", "", "95 % interval"), rows, "The members' averaged prediction"))
    return [*grids, _spread(truth, _of_truth(e), kept)] if truth else grids


def _spread(found: Mapping[Quantity, Estimate], title: str, kept: int) -> Grid:
    rows = [(_words(q.label), *(cell(value) for value in (x.value, x.sd, x.min, x.max))) for q, x in found.items()]
    return Grid((f"across {plural(kept, 'seed')}", "mean", "sd", "min", "max"), tuple(rows), title)


def _of_truth(e: Evaluation) -> str:
    return "Equations, truth and stability" if e.verdicts else "Against the truth"


def _verdicts(e: Evaluation) -> list[Grid]:
    names = [name for name in e.verdicts if name.startswith(VERDICT)]
    told = tuple((name.removeprefix(VERDICT), health.in_words(e.verdicts, name)) for name in names)
    return [Grid(("", ""), told, "Verdicts", align="ll")] if told else []


def _coefficients(e: Evaluation) -> list[Grid]:
    of = e.linear
    if of is None or not of.values:
        return []
    title = "Coefficients, in the units of the data"
    if of.absorbed:
        levels = ", ".join(f"{name} ({plural(count, 'level')})" for name, count in of.absorbed.items())
        title += f"; fixed effects: {levels}"
    told = [(words or of.explained, names) for words, names in of.parts()]
    return [_of_equation(of, names, f"{title}: {words}" if words else title) for words, names in told]


def _of_equation(of: "Coefficients", names: Mapping[str, str], title: str) -> Grid:
    """The table of one equation, whose coefficients are called as `names` says."""
    if not of.converged or not of.errors:
        values = {called: of.values[name] for name, called in names.items()}
        rows = tuple((name, UNKNOWN if math.isnan(value) else cell(value)) for name, value in values.items())
        if not of.converged:
            told = title.replace("Coefficients, in the units of the data", "Not converged: no estimates", 1)
            return Grid(("", "where it stopped"), rows, f"{told}, in the units of the data")
        return Grid(("", ""), rows, f"{title} ({of.why})" if of.why else title)
    headers = ("", "coefficient", f"s.e. ({of.vcov})", "z" if of.freedom is None else "t", "p")
    return Grid(headers, tuple(_coefficient(of, name, called) for name, called in names.items()), title)


def _coefficient(of: "Coefficients", name: str, called: str) -> tuple[str, ...]:
    """A line of the table: the coefficient, its standard error, t or z, and p."""
    if math.isnan(of.values[name]):
        return (called, UNKNOWN, "", "", "")
    told = (of.values[name], of.errors[name], of.statistic(name), of.p_value(name))
    return (called, *("" if math.isnan(x) else cell(x) for x in told))


def _words(name: str) -> str:
    return name.replace("_", " ")


def value_of(estimate: Estimate | None) -> str:
    """An estimate in a table; "-" where there is none."""
    return "-" if estimate is None else cell(estimate.value)


def interval_of(estimate: Estimate | None) -> str:
    """Its interval in a table, and why it is too short, or not there; "" where there is none."""
    if estimate is None:
        return ""
    told = interval(estimate.low, estimate.high)
    return f"{told} ({estimate.caveat})" if told and estimate.caveat else told or estimate.caveat or ""
