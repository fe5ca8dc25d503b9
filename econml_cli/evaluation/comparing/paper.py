"""A comparison as a paper prints it: coefficients above their standard errors, N, R2, fixed effects, clustering."""

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from econml_cli.errors import ConfigError, suggest
from econml_cli.evaluation.coefficients import INTERCEPT, Coefficients
from econml_cli.evaluation.comparing.column import Column
from econml_cli.evaluation.comparing.compare_layout import listed
from econml_cli.evaluation.comparing.comparison import Comparison
from econml_cli.evaluation.comparing.paper_rows import cut
from econml_cli.evaluation.estimate import Quantity
from econml_cli.output import tables
from econml_cli.output.regression_tables import Table
from econml_cli.output.tables import Block, Row

#: decimals, where nothing is said: more where a standard error would have fewer than `SIGNIFICANT` digits, to `MOST`
DECIMALS, SIGNIFICANT, MOST = 3, 2, 6
STARS = ((0.01, "***"), (0.05, "**"), (0.10, "*"))
LEGEND = "* p < 0.10, ** p < 0.05, *** p < 0.01."
VCOV = {"iid": "classical", "HC1": "robust (HC1)", "HC3": "robust (HC3)", "cluster": "clustered"}
#: statistics below the coefficients, by name of the metric
STATISTICS = {"r2": "R2", "d2": "D2", "auc": "AUC", "accuracy": "Accuracy"}
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")


@dataclass(frozen=True)
class Style:
    """How the table looks.

    Attributes:
        rows: {coefficient: what it is called}, those that are shown, in this order; {}: all, under the labels of
            the file. digits: decimals; None: three, or more of small standard errors. stars: of p-values of
            coefficients. caption, label: of LaTeX's table; the caption stands above the other forms.
    """

    rows: Mapping[str, str] = field(default_factory=dict)
    digits: int | None = None
    stars: bool = False
    caption: str = ""
    label: str = ""


def check(style: Style, form: str) -> None:
    """Refuse a label that LaTeX would not take, and what a form has no place for. Raises ConfigError."""
    named = [name for name in ("rows", "digits", "caption", "label") if getattr(style, name) not in (None, "", {})]
    if form == "json" and named:
        raise ConfigError(
            f"--{named[0]} is of the table of a paper; JSON has all numbers with all their digits. Leave it out, or "
            "take --format csv, which has the cells of the table."
        )
    if form == "csv" and style.caption:
        raise ConfigError("--caption has no place in a CSV file; leave it out, or take --format markdown or latex.")
    if style.label and not _LABEL.fullmatch(style.label):
        raise ConfigError(f"--label {style.label} must be letters, digits and : . _ -, such as tab:wages.")


def render(comparison: Comparison, style: Style, form: str, width: int | None = None) -> str:
    """As "table" in panels of `width` characters, "markdown", "html", "csv" (cells as they are printed, without notes),
    or "latex": a `table` with caption and label where there is either, else its tabular.

    Raises:
        ConfigError: `style.rows` names what no run has, or as `check`; there is no such form.
    """
    if form not in (*tables.RENDERERS, "csv"):
        raise ConfigError(f"A table of a paper has no form {form}; it has {', '.join(tables.RENDERERS)} and csv.")
    check(style, form)
    found = table(comparison, style)
    if form == "csv":
        return tables.csv_cells(found)
    if form == "table":
        return (f"{style.caption}\n" if style.caption else "") + found.text(width)
    if form != "latex":
        return tables.RENDERERS[form](dataclasses.replace(found, title=style.caption), width)
    text = tables.latex(found)
    if not (style.caption or style.label):
        return text
    head = [r"\begin{table}[htbp]", r"\centering"]
    head += [rf"\caption{{{tables.escape_latex(style.caption)}}}"] if style.caption else []
    head += [rf"\label{{{style.label}}}"] if style.label else []
    return "\n".join([*head, text, r"\end{table}"])


def table(comparison: Comparison, style: Style) -> Table:
    """The table in blocks: head, coefficients, what they are of.

    Raises:
        ConfigError: `style.rows` names what no run has.
    """
    columns = comparison.columns
    blocks = (_head(columns), _coefficients(columns, style), _below(columns, style))
    return Table(tuple(block for block in blocks if block), _notes(columns, style), "")


def _head(columns: Sequence[Column]) -> Block:
    """Numbers of the columns, what they explain, and what the models are where that differs."""
    rows: list[Row] = [("", *(c.label for c in columns)), ("", *(c.called(c.target or "") for c in columns))]
    if len({c.method for c in columns}) > 1:
        rows.append(("", *(c.method for c in columns)))
    return tuple(rows)


def _coefficients(columns: Sequence[Column], style: Style) -> Block:
    shown = [_shown(column) for column in columns]
    there = list(dict.fromkeys(name for one in shown if one is not None for name in one.values))
    if style.rows and (unknown := [name for name in style.rows if name not in there]):
        raise ConfigError(
            f"--rows: no run has a coefficient '{unknown[0]}'.{suggest(unknown[0], there)} There are "
            f"{', '.join(there[:20])}{', ...' if len(there) > 20 else ''}."
        )
    found = listed([one for one in shown if one is not None])
    named = {name: called for _, name, called in found}
    # in an order of the user's own coefficients of several equations stand under their whole names
    chosen = [(None, name, name if named[name] == name else "") for name in style.rows] or found
    rows: list[Row] = []
    for heading, name, called in chosen:
        if heading is not None:
            rows.append((heading, *("" for _ in columns)))
        label = style.rows.get(name) or _label(columns, called) or _whole(columns, name, named[name])
        decimals = _decimals([one for one in shown if one is not None], name, style)
        rows.append((label, *("" if one is None else _value(one, name, decimals, style) for one in shown)))
        below = ["" if one is None else _error(one, name, decimals) for one in shown]
        rows += [("", *below)] if any(below) else []
    return tuple(rows)


def _label(columns: Sequence[Column], name: str) -> str:
    """The label that a file gives a column, or the coefficient in words."""
    return next((c.called(name) for c in columns if c.called(name) != name), _plain(name))


def _whole(columns: Sequence[Column], name: str, called: str) -> str:
    """The label behind that of its equation: "walk: Income"."""
    return f"{name.removesuffix(called)}{_label(columns, called)}"


def _shown(column: Column) -> Coefficients | None:
    """The coefficients of a run, where they are estimates."""
    of = column.evaluation.linear
    return of if of is not None and of.converged else None


def _plain(name: str) -> str:
    """A coefficient in words: "Constant", "female = Female", "educ x female"."""
    if name == INTERCEPT:
        return "Constant"
    parts = [re.sub(r"^(?:C\((.+?)\)|([^\[]+))\[(?:T\.)?(.+)\]$", _level, part) for part in cut(name, ":")]
    return " x ".join(parts)


def _level(m: re.Match[str]) -> str:
    """ "region = South" of region[T.South]; the third column of poly(x, 3) stays poly(x, 3)[3]."""
    factor = m[1] or m[2]
    return m[0] if factor.startswith(("poly(", "bs(")) else f"{factor.split(', base')[0]} = {m[3]}"


def _decimals(shown: Sequence[Coefficients], name: str, style: Style) -> int:
    """Decimals of a row: enough for two digits of each standard error."""
    if style.digits is not None:
        return style.digits
    errors = [one.errors.get(name, one.values.get(name, math.nan)) for one in shown]
    small = [abs(e) for e in errors if math.isfinite(e) and e]
    needed = SIGNIFICANT - 1 - math.floor(math.log10(min(small))) if small else DECIMALS
    return min(max(DECIMALS, needed), MOST)


def _value(of: Coefficients, name: str, decimals: int, style: Style) -> str:
    if name not in of.values:
        return ""
    value, p = of.values[name], of.p_value(name)
    stars = next((mark for bar, mark in STARS if style.stars and p < bar), "")
    return "not identified" if math.isnan(value) else f"{value:.{decimals}f}{stars}"


def _error(of: Coefficients, name: str, decimals: int) -> str:
    error = of.errors.get(name, math.nan)
    return "" if math.isnan(error) else f"({error:.{decimals}f})"


def _below(columns: Sequence[Column], style: Style) -> Block:
    """Fixed effects, weights, standard errors, N, and how well the runs fit, in and out of sample."""
    shown = [_shown(column) for column in columns]
    rows: list[Row] = []
    for name in dict.fromkeys(name for one in shown if one is not None for name in one.absorbed):
        called = next((c.called(name) for c in columns if c.called(name) != name), name)
        rows.append((f"{called} fixed effects", *("Yes" if one and name in one.absorbed else "No" for one in shown)))
    for called in dict.fromkeys(name for column in columns for name in column.weighted):
        rows.append((called, *(column.weighted.get(called, "No") for column in columns)))
    kinds = ["" if one is None or one.vcov is None else _vcov(one.vcov) for one in shown]
    rows += [("Standard errors", *kinds)] if any(kinds) else []
    rows.append(("Observations", *("" if c.n_train is None else f"{c.n_train:,}" for c in columns)))
    digits = DECIMALS if style.digits is None else style.digits
    for split, of in (("train", ""), ("test", " (test)"), ("data", " (data)")):
        for name, called in STATISTICS.items():
            found = [column.evaluation.measured.get(Quantity(split, name)) for column in columns]
            cells = ["" if one is None or not math.isfinite(one.value) else f"{one.value:.{digits}f}" for one in found]
            rows += [(f"{called}{of}" if of else called, *cells)] if any(cells) else []
    return tuple(rows)


def _vcov(kind: str) -> str:
    """ "clustered by firm"."""
    head, _, column = kind.partition(":")
    return f"{VCOV[head]} by {column}" if column else VCOV[head]


def _notes(columns: Sequence[Column], style: Style) -> tuple[str, ...]:
    shown = [one for one in map(_shown, columns) if one is not None]
    notes = ["Standard errors in parentheses."] if any(one.errors for one in shown) else []
    if any(column.evaluation.linear is not None and _shown(column) is None for column in columns):
        notes.append("Coefficients of a fit that has not converged are left out.")
    return (*notes, *([LEGEND] if style.stars and notes else []))
