"""The figure of average partial effects: a point and its interval for each, OLS or a logit beside it."""

import math
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError
from econml_cli.evaluation import words
from econml_cli.output import figure_files, figure_style

if TYPE_CHECKING:
    from econml_cli.evaluation.estimate import Estimate
    from econml_cli.evaluation.marginal.effects import Effect, Effects

#: effects of one output that can still be read
MOST = 60
#: inches of a line, and of what is above and below all
LINE, AROUND = 0.26, 0.65
#: how far the two points of a line lie apart, in lines
APART = 0.16
#: letters of a label, of one panel a page wide and otherwise
LETTERS = 30


@figure_style.styled
def figure(effects: "Effects", width: figure_style.Width | None = None) -> Any:
    """A panel for each output, a line for each effect in the order of the table: its value and 95 % interval, below it
    (where there is one) that of OLS or a logit; a `matplotlib.figure.Figure`. Effects are per unit of their columns,
    and so lie on one axis only as far as their units do.

    Raises:
        ConfigError: there are more effects than can be read.
    """
    outputs = list(dict.fromkeys(effect.output for effect in effects.effects))
    rows = [[effect for effect in effects.effects if effect.output == output] for output in outputs]
    if max(map(len, rows)) > MOST:
        raise ConfigError(f"--plot: {max(map(len, rows))} effects do not fit on a page; --format csv has them all.")
    height = AROUND + LINE * max(map(len, rows)) * (1.4 if effects.beside else 1.0)
    across = 1 if width == "single" else min(len(outputs), 3)
    wide = figure_style.inches(width or ("single" if len(outputs) == 1 else "double")) / across
    drawn, axes = figure_style.panels(len(outputs), width, shape=height / wide)
    drawn.set_figheight(height * math.ceil(len(outputs) / across))
    figure_style.describe(drawn, f"{effects.run}: average partial effects, {effects.n:,} rows of {effects.split}")
    for i, (axis, output, shown) in enumerate(zip(axes, outputs, rows, strict=True)):
        _panel(axis, effects, output, shown, named=i % across == 0)
    figure_files.as_written(drawn)
    return drawn


def _panel(axis: Any, effects: "Effects", output: str, rows: "list[Effect]", *, named: bool) -> None:
    lines, both = list(range(len(rows))), effects.beside is not None
    axis.axvline(0.0, color="0.6", linewidth=0.6)
    figure_style.whiskers(axis, [y - APART * both for y in lines], [_ends(e.estimate) for e in rows], 0, effects.model)
    if both:
        there = [(y + APART, e.beside) for y, e in zip(lines, rows, strict=True) if e.beside is not None]
        figure_style.whiskers(axis, [y for y, _ in there], [_ends(e) for _, e in there], 1, str(effects.beside))
        axis.legend(loc="best")
    labels = [_label(effect, effects) if named else "" for effect in rows]
    axis.set_yticks(lines, labels, parse_math=False)  # dollar signs in a label are no formula
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.set_ylim(len(rows) - 0.5, -0.5)
    axis.set_xlabel(figure_style.folded(f"effect on {words.worded(output, effects.labels)}, 95 % interval", axis))


def _ends(estimate: "Estimate") -> tuple[float, float | None, float | None]:
    """(value, low, high); of one that has a standard error alone 1.96 of these about it."""
    low, high, error = estimate.low, estimate.high, estimate.standard_error
    if low is None and error:
        low, high = estimate.value - 1.96 * error, estimate.value + 1.96 * error
    return estimate.value, low, high


def _label(effect: "Effect", effects: "Effects") -> str:
    name = words.worded(effect.column, effects.labels)
    return figure_style.folded(name if effect.change is None else f"{name}: {effect.change}", letters=LETTERS)
