"""A comparison of runs as a regression table: models in columns, statistics in rows."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from econml_cli.evaluation.coefficients import INTERCEPT, Coefficients
from econml_cli.evaluation.comparing.accuracy_tests import Difference
from econml_cli.evaluation.comparing.column import Column
from econml_cli.evaluation.estimate import Estimate, Quantity
from econml_cli.evaluation.evaluation import UNKNOWN, VERDICT
from econml_cli.evaluation.intervals import told as methods
from econml_cli.output.regression_tables import WIDTH, Table
from econml_cli.output.tables import Block, Row, cell

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.comparison import Comparison

#: a name of a run, or a value of an option, that is longer stands in the notes, or is cut
LONG = 16
#: a title of a block of coefficients that is longer is cut
WIDEST = 40
#: significant digits of the ends of an interval: fewer where the table would not fit otherwise
DIGITS = (3, 2)
WORDS = {"rmse": "RMSE", "mae": "MAE", "r2": "R2", "auc": "AUC"}
SPLITS = ("data", "test", "train", "val")
#: behind an interval that rests on little
MARK = "!"
STARS = ((0.01, "***"), (0.05, "**"), (0.10, "*"))
LEGEND = "* p < 0.10, ** p < 0.05, *** p < 0.01."


def text(comparison: "Comparison", width: int | None) -> str:
    """Panels of at most `width` characters (None: 80); with fewer digits where one panel is then enough."""
    tables, room = [table(comparison, digits) for digits in DIGITS], WIDTH if width is None else width
    return next((one for one in tables if one.width <= room), tables[0]).text(room)


def table(comparison: "Comparison", digits: int = DIGITS[0]) -> Table:
    """The comparison in blocks: head, coefficients, accuracy, truth, verdicts, tests against the baseline, sizes."""
    columns = comparison.columns
    long = any(len(column.name) > LONG for column in columns)
    found = (
        _head(columns, long),
        _coefficients(columns),
        _estimates(columns, _accuracy(columns), digits),
        _estimates(columns, _truths(columns), digits),
        _verdicts(columns),
        _tests(comparison, digits),
        _sizes(columns),
    )
    return Table(tuple(block for block in found if block), _notes(comparison, long))


def _row(label: str, columns: Sequence[Column], show: Callable[[Column], str]) -> Row:
    return (label, *map(show, columns))


def _rows(columns: Sequence[Column], shows: dict[str, Callable[[Column], str]]) -> Block:
    """A row for each label but those that no column has anything for."""
    found = (_row(label, columns, show) for label, show in shows.items())
    return tuple(row for row in found if any(row[1:]))


def _head(columns: Sequence[Column], long: bool) -> Block:
    """Numbers and names of the columns, what each was fitted to, and in which options they differ."""
    shows: dict[str, Callable[[Column], str]] = {
        "": lambda c: c.label,
        "model": lambda c: _short(c.evaluation.model),
        "run": lambda c: "" if long else c.name,
        "problem": lambda c: _short(c.evaluation.problem),
        "target": lambda c: _short(c.target or ""),
        "features": lambda c: f"{c.features:,}",
    }
    for name in dict.fromkeys(name for column in columns for name in column.options):
        shows[name.replace("_", " ")] = lambda c, name=name: _option(c.options.get(name))  # type: ignore[misc]
    return _rows(columns, shows)


def _option(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return _short(f"{value:g}" if isinstance(value, float) else str(value).strip("[]"))


def _short(text: str) -> str:
    return text if len(text) <= LONG else text[: LONG - 3] + "..."


def _coefficients(columns: Sequence[Column]) -> Block:
    """The coefficients of linear models by feature, the constant last, each above its standard error; none of a fit
    that has not converged, of which a note says so."""
    given = [column.evaluation.linear for column in columns]
    shown = [one if one is not None and one.converged else None for one in given]
    rows = list[Row]()
    for heading, name, called in listed([one for one in shown if one is not None]):
        if heading is not None:
            rows.append((_cut(heading), *("" for _ in shown)))
        rows.append((" ".join(called.split()), *("" if one is None else _value(one, name) for one in shown)))
        errors = [math.nan if one is None else one.errors.get(name, math.nan) for one in shown]
        below = ["" if math.isnan(error) else f"({cell(error)})" for error in errors]
        rows += [("", *below)] if any(below) else []
    kinds = ["" if one is None or one.vcov is None else one.vcov for one in shown]
    rows += _fixed_effects(shown)
    return tuple(rows + ([("standard errors", *kinds)] if any(kinds) else []))


def listed(shown: Sequence[Coefficients]) -> list[tuple[str | None, str, str]]:
    """The coefficients of some fits, each once, the constant of an equation last: what their equation is of (with the
    first of each; None with the others, and where there is one), their name, and what they are called."""
    parts: dict[str, dict[str, str]] = {}
    for one in shown:
        for words, names in one.parts():
            parts.setdefault(words, {}).update(names)
    found: list[tuple[str | None, str, str]] = []
    for words, names in sorted(parts.items(), key=lambda part: part[0] != ""):
        ordered = sorted(names.items(), key=lambda item: item[1] == INTERCEPT)
        found += [(words or None if i == 0 else None, *item) for i, item in enumerate(ordered)]
    return found


def _cut(heading: str) -> str:
    return heading if len(heading) <= WIDEST else f"{heading[: WIDEST - 3]}..."


def _fixed_effects(shown: Sequence[Coefficients | None]) -> list[Row]:
    """Whether each has the fixed effects that any has: yes or no."""
    names = dict.fromkeys(name for one in shown if one is not None for name in one.absorbed)
    return [
        (f"{name} fixed effects", *("" if one is None else "yes" if name in one.absorbed else "no" for one in shown))
        for name in names
    ]


def _value(of: Coefficients, name: str) -> str:
    value = of.values.get(name)
    return "" if value is None else UNKNOWN if math.isnan(value) else cell(value)


def _accuracy(columns: Sequence[Column]) -> list[Quantity]:
    """What is reported of the splits: all of the reported one, then the loss of the training split."""
    reported = [split for split in SPLITS if any(c.evaluation.reported == split for c in columns)]
    there = _quantities(columns)
    own = [quantity for split in reported for quantity in there if quantity.split == split]
    return own + [loss for loss in (Quantity("train", "loss"),) if loss in there and loss not in own]


def _truths(columns: Sequence[Column]) -> list[Quantity]:
    """Errors against the truth, of equations, and all else that is of no split."""
    return [quantity for quantity in _quantities(columns) if quantity.split is None]


def _quantities(columns: Sequence[Column]) -> list[Quantity]:
    """What any of the runs has an estimate of, each once."""
    return list(dict.fromkeys(quantity for column in columns for quantity in column.evaluation.measured))


def _estimates(columns: Sequence[Column], quantities: Sequence[Quantity], digits: int) -> Block:
    """Two rows an estimate: values, and below them intervals in brackets or standard deviations in parentheses."""
    rows = list[Row]()
    for quantity in quantities:
        found = [column.evaluation.measured.get(quantity) for column in columns]
        rows.append((_label(quantity), *("" if one is None else cell(one.value) for one in found)))
        below = [_below(one, digits) for one in found]
        rows += [("", *below)] if any(below) else []
    return tuple(rows)


def _label(quantity: Quantity) -> str:
    """ "test R2"; "averaged R2" of the averaged prediction, which is of the reported split alone."""
    of = "averaged" if quantity.across == "averaged" else quantity.split
    words = [*([] if of is None else [of]), *quantity.name.split("_")]
    return " ".join(WORDS.get(word, word) for word in words)


def _below(estimate: Estimate | None, digits: int) -> str:
    if estimate is None:
        return ""
    if estimate.sd is not None:
        return f"({cell(estimate.sd)})"
    return _marked(interval(estimate.low, estimate.high, digits), estimate.caveat)


def _marked(told: str, caveat: str | None) -> str:
    """An interval with a mark that a note explains, where it rests on little."""
    return f"{told}{MARK}" if caveat else told


def _caveats(columns: Sequence[Column]) -> list[str]:
    """What the mark stands for: "! (2) test AUC: only 5 positives."."""
    told = [
        f"{column.label} {_label(quantity)}: {one.caveat}"
        for column in columns
        for quantity, one in column.evaluation.measured.items()
        if one.caveat
    ]
    told += [f"{c.label} difference: {c.against.caveat}" for c in columns if c.against is not None and c.against.caveat]
    return [f"{MARK} {'; '.join(told)}."] if told else []


def interval(low: float | None, high: float | None, digits: int) -> str:
    """ "[0.164, 0.225]", or "[1.64, 2.25]e-05" of small and large numbers: both ends with the decimals that the larger
    one needs for so many significant digits; "" where there is none."""
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return ""
    largest = max(abs(low), abs(high))
    exponent = math.floor(math.log10(largest)) if largest else 0
    power = "" if -3 <= exponent < 4 else f"e{exponent:+03d}"
    scale = 10.0**exponent if power else 1.0
    decimals = max(digits - 1 - (0 if power else exponent), 0)
    return f"[{low / scale:.{decimals}f}, {high / scale:.{decimals}f}]{power}"


def _verdicts(columns: Sequence[Column]) -> Block:
    names = dict.fromkeys(name for column in columns for name in column.evaluation.verdicts if name.startswith(VERDICT))
    return tuple(
        _row(f"{name.removeprefix(VERDICT)} verdict", columns, lambda c, n=name: c.evaluation.verdicts.get(n, ""))  # type: ignore[misc]
        for name in names
    )


def _tests(comparison: "Comparison", digits: int) -> Block:
    """The block "against (1)"; () for one run."""
    columns, base = comparison.columns, comparison.columns[comparison.baseline]
    if len(columns) == 1:
        return ()

    def told(show: Callable[[Difference], str], missing: str = "-") -> Callable[[Column], str]:
        return lambda c: "" if c is base else missing if c.against is None else show(c.against)

    shows = {
        "difference": told(lambda d: cell(d.value) + (_stars(d.p_value) if comparison.stars else "")),
        " ": told(lambda d: _marked(interval(d.low, d.high, digits), d.caveat), missing=""),
        "statistic": told(lambda d: "" if d.statistic is None else cell(d.statistic), missing=""),
        "p-value": told(lambda d: _p_value(d, comparison.bootstrap)),
    }
    rows = [("" if row[0] == " " else row[0], *row[1:]) for row in _rows(columns, shows)]
    return (_row(f"against {base.label}", columns, lambda c: ""), *rows)


def _stars(p_value: float | None) -> str:
    return next((stars for bar, stars in STARS if p_value is not None and p_value < bar), "")


def _p_value(difference: Difference, replications: int) -> str:
    """Three decimals; "< 0.002" where it is as small as the bootstrap can make it, which takes some replications."""
    p = difference.p_value
    if p is None:
        return "-"
    least = 1 / (replications + 1) if difference.statistic is None else 0.001
    smallest = math.ceil(1000 * least - 1e-9) / 1000
    return f"< {smallest:.3f}" if least < 0.1 and (p < 0.001 or p <= least * (1 + 1e-9)) else f"{p:.3f}"


def _sizes(columns: Sequence[Column]) -> Block:
    """Observations by split, parameters, members, epochs, seconds of training."""
    shows: dict[str, Callable[[Column], str]] = {"N train": lambda c: _count(c.n_train)}
    shows |= {
        f"N {split}": lambda c, split=split: _count(c.evaluation.n.get(split))  # type: ignore[misc]
        for split in ("val", "test", "data")
    }
    shows |= {
        "parameters": lambda c: _count(c.num_params),
        "members": lambda c: _count(c.evaluation.members) if _ensembles(columns) else "",
        "epochs": lambda c: _count(c.epochs),
        "seconds": lambda c: "" if c.seconds is None else f"{c.seconds:.1f}",
    }
    return _rows(columns, shows)


def _ensembles(columns: Sequence[Column]) -> bool:
    return any(column.evaluation.members > 1 for column in columns)


def _count(number: int | None) -> str:
    return f"{number:,}" if number else ""


def _notes(comparison: "Comparison", long: bool) -> tuple[str, ...]:
    """What names, brackets, parentheses and p-values mean, and what the comparison itself has to say."""
    columns, notes = comparison.columns, []
    if long:
        notes.append("Runs: " + ", ".join(f"{c.label} {c.name}" for c in columns) + ".")
    around = [q.name for c in columns for q, one in c.evaluation.measured.items() if q.split and one.low is not None]
    if around:
        notes.append(f"Brackets: 95 % intervals: {methods(around, comparison.bootstrap)}.")
    notes += _caveats(columns)
    notes += [f"{c.label} FAILED: {why}." for c in columns if (why := c.evaluation.verdicts.get("failed"))]
    if _ensembles(columns):
        notes.append("Ensembles: means over members, standard deviations in parentheses.")
    tests = [c.against for c in columns if c.against is not None]
    if tests:
        notes.append(_of_tests(tests, comparison.columns[comparison.baseline]))
    if comparison.stars and tests:
        notes.append(LEGEND)
    return (*notes, *comparison.notes)


def _of_tests(tests: Sequence[Difference], base: Column) -> str:
    """How the differences and their p-values came about."""
    where = base.evaluation.reported
    first = f"Difference: {where} loss less that of {base.label}, observation by observation"
    if all(one.p_value is None for one in tests):
        return f"{first}."
    if tests[0].horizon is None:
        return f"{first}; p-values are two-sided, from the paired bootstrap."
    kernels = " or ".join(sorted({"Bartlett" if one.kernel == "bartlett" else "rectangular" for one in tests}))
    return (
        f"{first}; statistic and two-sided p-value are those of Diebold and Mariano's test for horizon "
        f"{tests[0].horizon} ({kernels} long-run variance) as corrected by Harvey, Leybourne and Newbold."
    )
