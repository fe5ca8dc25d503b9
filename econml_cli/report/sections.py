"""The sections of the account of one run, each made by a function and listed in `PARTS`."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from econml_cli.data.schema import Schema
from econml_cli.errors import ConfigError, EconmlError
from econml_cli.evaluation.estimate import Quantity
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.evaluation import VERDICT, Evaluation
from econml_cli.evaluation.intervals import told as methods
from econml_cli.evaluation.marginal.effects import Effect, Effects, effects
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.output import schema_table
from econml_cli.output.tables import Grid, cell, interval
from econml_cli.output.terminal import number
from econml_cli.problems.economies.verdicts import FAILED, PASSED, beside_bars
from econml_cli.report import data, images, origin
from econml_cli.report.elements import Section, code, definitions, paragraph, row, table, verdicts
from econml_cli.runs import curves, health
from econml_cli.runs.directory import Run

#: columns of the text of a model
TREE_WIDTH = 110
#: columns of a file whose partial dependence is drawn, and points of each
COLUMNS, POINTS = 3, 25
#: what the verdicts on an economic model ask
MEANINGS = {
    "loss": "whether the equations hold, within their bars",
    "truth": "whether the policy is the exact one, within its bars",
    "stability": "whether the economy goes where a solution goes",
    "states": "whether the economy stays in the states that the policy was trained on",
}


@dataclass(frozen=True)
class Options:
    """How numbers are found: replications of the bootstrap (0: no intervals), fresh draws of the decomposition of the
    risk (None: as many as it takes by itself), the seeds of both, and which standard errors coefficients have."""

    bootstrap: int = 1000
    bootstrap_seed: int = 0
    draws: int | None = None
    draw_seed: int = 0
    vcov: str | None = None


@dataclass(frozen=True)
class Account:
    """What the page says of one run. `heading` names it; `evaluation` is None where it could not be made; `failed` are
    the errors, one for each section that could not be made, and these sections say so themselves."""

    run: Run
    heading: str
    evaluation: Evaluation | None
    sections: tuple[Section, ...]
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """What a section is made of: a run, its evaluation (or why there is none), and how numbers are found."""

    run: OpenedRun
    options: Options
    evaluated: Evaluation | EconmlError


def account(run: Run, options: Options) -> Account:
    """All sections of one run. What cannot be made (a data file that is gone) is said in its place.

    Raises:
        RunError: the directory is no run, or its config cannot be read: there is nothing to tell.
    """
    with open_run(run) as opened:
        subject, sections, failed = Subject(opened, options, _evaluated(opened, options)), list[Section](), list[str]()
        for name, title, make in PARTS:
            try:
                body = make(subject)
            except EconmlError as error:
                failed.append(f"{run.name}, {title.lower()}: {error}")
                body = paragraph(str(error), "missing")
            if body:
                sections.append(Section(name, title, body))
        heading = f"{run.name}: {opened.config().model} on {opened.config().problem}"
    found = subject.evaluated
    return Account(run, heading, None if isinstance(found, EconmlError) else found, tuple(sections), tuple(failed))


def _evaluated(run: OpenedRun, options: Options) -> Evaluation | EconmlError:
    try:
        return evaluate(run, bootstrap=options.bootstrap, bootstrap_seed=options.bootstrap_seed, vcov=options.vcov)
    except EconmlError as error:
        return error


def _results(subject: Subject) -> str:
    """Headline numbers, verdicts, and the tables of `econml eval`."""
    if isinstance(subject.evaluated, EconmlError):
        raise subject.evaluated
    e = subject.evaluated
    parts = [definitions(_headline(subject.run, e), "headline"), *(paragraph(note, "missing") for note in e.notes)]
    told = {name.removeprefix(VERDICT): word for name, word in e.verdicts.items() if name.startswith(VERDICT)}
    why = health.reasons(e.verdicts)
    if told:
        parts.append(
            verdicts(
                (name, word, ": ".join(filter(None, (MEANINGS.get(name), why.get(name)))))
                for name, word in told.items()
            )
        )
    if (failed := e.verdicts.get("failed")) and not why:
        parts.append(paragraph(f"Not passed: {failed}.", "note"))
    first, *others = [grid for grid in e.grids() if grid.title != "Verdicts" and grid is not e.data]
    tables = [table(first, caption=f"Losses and metrics, weights of epoch {e.epoch:,}"), *map(table, others)]
    parts.append(row(*tables, _bars(subject.run, e)))
    if around := [quantity.name for quantity, one in e.measured.items() if quantity.split and one.low is not None]:
        parts.append(paragraph(f"95 % intervals: {methods(around, e.bootstrap)}, seed {e.bootstrap_seed}.", "note"))
    return "".join(parts)


def _bars(run: OpenedRun, e: Evaluation) -> str:
    """The numbers that the verdicts rest on, each beside its bar; "" where there are none."""
    if e.members > 1 or not any(name.startswith(VERDICT) for name in e.verdicts):
        return ""
    measured = {quantity.label: estimate.value for quantity, estimate in e.measured.items()}
    rows = tuple(
        (f"{verdict}: {name.replace('_', ' ')}", cell(value), f"< {bar:.4g}", PASSED if value < bar else FAILED)
        for verdict, name, value, bar in beside_bars(run.own_samples().problem, measured)
    )
    return table(Grid(("", "number", "bar", ""), rows, "What the verdicts rest on")) if rows else ""


def _headline(run: OpenedRun, e: Evaluation) -> list[tuple[str, str]]:
    """The numbers of the reported split with their intervals, then sizes."""
    rows = []
    for quantity in [q for q in e.measured if q.split == e.reported and q.across == "members"][:4]:
        found = e.measured[quantity]
        spread = f" (sd {cell(found.sd)})" if found.sd is not None else ""
        told = f"{cell(found.value)}{spread} {interval(found.low, found.high)}".strip()
        rows.append((("mean " if spread else "") + quantity.label.replace("_", " "), told))
    summary = run.summary()
    sizes = (("num_params", "parameters"), ("epochs", "epochs"), ("seconds_training", "seconds of training"))
    rows += [(label, number(summary[key])) for key, label in sizes if summary.get(key) is not None]
    if e.members > 1:
        rows.append(("members", f"{e.members:,}, {e.diverged:,} diverged"))
    return [*rows, ("ended", e.status.replace("_", " "))]


def _one(run: OpenedRun) -> tuple[OpenedRun, str]:
    """(the run, or of an ensemble its first member that has not diverged; which one, in words)."""
    if run.config().trainer.members == 1 or run.member is not None:
        return run, ""
    number = run.members().numbers[0]
    return run.of_member(number), paragraph(f"Of the ensemble this is member {number}.", "note")


def _data(subject: Subject) -> str:
    run = subject.run
    about, found = data.known(run), data.described(run)
    simulated = run.preprocessing() is None
    units = "in the units that the model reads" if simulated else "in the units of the file"
    schema = (run.preprocessing() or {}).get("schema")
    if schema is not None:
        found.append(schema_table.grid(Schema.from_json(schema)))
    evaluated = subject.evaluated
    if not isinstance(evaluated, EconmlError) and evaluated.data is not None:
        found.insert(0, evaluated.data)
    return "".join(
        [definitions(about) if about else "", row(*map(table, found)), paragraph(f"sd: over n - 1; {units}.", "note")]
    )


def _curves(subject: Subject) -> str:
    run = subject.run
    found = curves.read(run)
    if why := curves.absent(run, found):
        return paragraph(why)
    at = int(found.epochs[-1])
    if found.kept and found.best is not None and found.best in found.epochs:  # its weights are those of this page
        at = found.best
    logged = next(each for each in found.rows if each["epoch"] == at)
    names = [name for name in curves.COLOURS if f"{name}_loss" in logged]
    ends = [f"{name} loss {_told(logged[f'{name}_loss'])}" for name in names]
    alt = f"Losses by epoch on a log axis; at epoch {at:,}: {', '.join(ends)}."
    caption = f"{alt} {found.said().capitalize()}." if found.said() else alt
    return images.whole(curves.figure(found, ""), alt, caption)


def _told(loss: float | None) -> str:
    return number(float(loss)) if loss is not None and math.isfinite(loss) else "not finite"


def _fit(subject: Subject) -> str:
    from econml_cli.evaluation.drawing import figures

    one, said = _one(subject.run)
    return said + images.by_panel(figures.figure(one, width="single"), leave_out="Convergence")


def _effects(subject: Subject) -> str:
    """Average partial effects, and the partial dependence on the columns that move the prediction most; "" of a run
    whose inputs are no columns of a file."""
    from econml_cli.evaluation.marginal import effects_figure, partial_dependence

    one, said = _one(subject.run)
    if one.preprocessing() is None:
        return ""
    around: dict[str, Any] = {"bootstrap": subject.options.bootstrap, "bootstrap_seed": subject.options.bootstrap_seed}
    try:
        found = effects(one, **around, vcov=subject.options.vcov)
    except ConfigError:  # there is no outcome, or the inputs have no names
        return ""
    shown = _largest(one, found)
    pictures = []
    if len(found.effects) <= effects_figure.MOST:
        alt = f"Average partial effects of {len(found.effects)} columns, with their 95 % intervals, as in the table."
        pictures.append(images.whole(found.plot("single"), alt))
    if shown:
        parts = partial_dependence.partial_dependences(one, shown, points=POINTS, **around)
        pictures.append(images.by_panel(partial_dependence.figure(parts, "single")))
    notes = (paragraph(note, "note") for note in found.notes)
    return "".join([said, row(*map(table, found.grids()), *pictures), *notes])


def _largest(run: OpenedRun, found: Effects) -> list[str]:
    """The columns that move the prediction most over the range that they have, at most `COLUMNS`."""
    saved = (run.preprocessing() or {}).get("schema")
    ranges = {c.name: (c.low, c.high) for c in Schema.from_json(saved).columns} if saved else {}

    def size(effect: Effect) -> float:
        low, high = ranges.get(effect.column, (None, None))
        wide = high - low if isinstance(low, int | float) and isinstance(high, int | float) else 1.0
        return abs(effect.estimate.value) * (1.0 if effect.change else wide)

    known = [effect for effect in found.effects if math.isfinite(effect.estimate.value)]
    return list(dict.fromkeys(effect.column for effect in sorted(known, key=size, reverse=True)))[:COLUMNS]


def _risk(subject: Subject) -> str:
    """The decomposition of the risk; "" where the run has none."""
    from econml_cli.evaluation.risk.decompose import decompose

    one, said = _one(subject.run)
    options = subject.options
    given: dict[str, Any] = {} if options.draws is None else {"draws": options.draws}
    try:  # no proxy for the best in class: a report fits nothing
        found = decompose(one, draw_seed=options.draw_seed, larger=0, **given)
    except ConfigError:  # neither fresh draws nor a test split
        return ""
    grids = [replace(grid, rows=tuple(r for r in grid.rows if r[1] != "not available")) for grid in found.grids()]
    if found.over != "fresh draws":  # the population risk is the test loss: one number has one interval
        grids = [replace(grid, rows=tuple(_as_above(r, subject.evaluated) for r in grid.rows)) for grid in grids]
    over = "fresh draws" if found.over == "fresh draws" else f"observations of the {found.over}"
    told = f"In reported units; the population risk is a mean over {found.draws:,} {over}."
    return said + row(*(table(grid, caption="The risk in parts") for grid in grids)) + paragraph(told, "note")


def _as_above(row: tuple[str, ...], e: Evaluation | EconmlError) -> tuple[str, ...]:
    """The row of the population risk with the interval that the test loss has among the results."""
    loss = None if isinstance(e, EconmlError) else e.measured.get(Quantity("test", "loss"))
    if loss is None or row[0].strip() != "population risk" or loss.low is None:
        return row
    return (*row[:-1], interval(loss.low, loss.high))


def _model(subject: Subject) -> str:
    from econml_cli.inspection import text
    from econml_cli.inspection.checkpoints import describe_checkpoint

    one, said = _one(subject.run)
    found = describe_checkpoint(one)
    return said + row(
        code(_plain(text.graph(found.graph)), "graphdef of the model"),
        code(_plain(text.state(found.leaves)), "state of the model"),
    )


def _plain(renderable: Any) -> str:
    """Something rich as text without colours."""
    from rich.console import Console

    out = io.StringIO()
    Console(file=out, width=TREE_WIDTH, color_system=None, force_terminal=False).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())


Part = Callable[[Subject], str]
#: in the order of the page: (anchor, title, what makes its HTML, "" where there is nothing to say)
PARTS: Sequence[tuple[str, str, Part]] = (
    ("results", "Results", _results),
    ("curves", "Learning curves", _curves),
    ("data", "Data", _data),
    ("fit", "Fit", _fit),
    ("effects", "Effects", _effects),
    ("risk", "Risk", _risk),
    ("model", "Model", _model),
    ("repeat", "How to repeat it", lambda subject: origin.repeat(subject.run)),
    ("provenance", "Where it comes from", lambda subject: origin.provenance(subject.run)),
)


def anchored(account: Account, prefix: str) -> Account:
    """The same with the number of the run in front of its anchors, which are to be unique in the page."""
    return replace(account, sections=tuple(replace(s, name=f"{prefix}-{s.name}") for s in account.sections))
