"""The figure of cross-validations side by side: the loss of each fold, and the differences that are paired by fold."""

from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError, plural
from econml_cli.output import figure_files, figure_style

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.folds import FoldComparison, Paired, Validated

#: lines that can still be read; cross-validations that are told apart
MOST, MOST_COMPARED = 40, len(figure_style.COLORS)
#: inches of a line, of what is above and below all, of a line of the key
LINE, AROUND, KEY = 0.22, 0.75, 0.16
#: how far what is drawn of one fold lies apart, and the means from the folds (a p-value stands between), in lines
APART, BELOW = 0.2, 1.3


@figure_style.styled
def figure(found: "FoldComparison", width: figure_style.Width | None = None) -> Any:
    """Left: the loss of each cross-validation in each fold, and its mean. Right: the differences to the baseline in
    each fold, and their mean with its 95 % interval and the p-value. A `matplotlib.figure.Figure`. Cross-validations
    by another loss than the baseline's are left out.

    Raises:
        ConfigError: none has the loss of the baseline, or there are more folds or columns than can be read.
    """
    base = found.columns[found.baseline]
    shown = [one for one in found.columns if one is base or "test_loss" in (one.against or {})]
    _check(found, base, shown)
    lines = [*(f"fold {fold}" for fold in found.folds), "mean"]
    across = 1 if width == "single" else 2
    height = AROUND + LINE * len(lines)
    wide = figure_style.inches(width or "double") / across
    drawn, (left, right) = figure_style.panels(2, width, shape=height / wide)
    drawn.set_figheight(height * (2 // across) + KEY * len(shown))
    names = ", ".join(one.name for one in shown)
    figure_style.describe(drawn, f"{names}: test loss by fold, and differences to {base.name}")
    for number, one in enumerate(shown):
        _points(left, one.by_fold["test_loss"], number, _shift(number, len(shown)), f"{one.label} {one.name}")
    _differences(right, base, shown)
    left.set_xlabel(figure_style.folded("test loss", left))
    less = f"test loss less that of {base.label} {base.name}; of the mean with its 95 % interval"
    right.set_xlabel(figure_style.folded(less, right))
    right.axvline(0.0, color="0.6", linewidth=0.6, zorder=0)
    _lines(left, lines, named=True)
    _lines(right, lines, named=across == 1)
    drawn.legend(*left.get_legend_handles_labels(), loc="outside lower left", ncols=1, borderpad=0.0)
    figure_files.as_written(drawn)
    return drawn


def _check(found: "FoldComparison", base: "Validated", shown: "list[Validated]") -> None:
    if len(shown) < 2:
        raise ConfigError(f"--plot: no loss is of the kind of {base.label}'s, so that there is nothing to draw.")
    if len(shown) > MOST_COMPARED:
        raise ConfigError(
            f"--plot: {len(shown)} cross-validations are not told apart in one figure; name {MOST_COMPARED} at most."
        )
    if len(found.folds) > MOST:
        raise ConfigError(
            f"--plot: {plural(len(found.folds), 'fold')} do not fit on a page; --format csv has the means."
        )


def _shift(number: int, count: int) -> float:
    """How far below its line what has this number is drawn, so that equal values do not hide each other."""
    return (number - (count - 1) / 2) * min(APART, 0.7 / count)


def _points(axis: Any, values: "tuple[float, ...]", number: int, shift: float, label: str) -> None:
    """A value in each fold, hollow, and their mean, filled."""
    color, marker = figure_style.COLORS[number], figure_style.MARKERS[number]
    places = [line + shift for line in _places(len(values))]
    axis.plot(values, places[:-1], marker, color=color, markerfacecolor="white", linestyle="none")
    axis.plot([sum(values) / len(values)], places[-1:], marker, color=color, linestyle="none", label=label)


def _places(folds: int) -> list[float]:
    """The heights of the folds and of the means."""
    return [*map(float, range(folds)), folds - 1 + BELOW]


def _differences(axis: Any, base: "Validated", shown: "list[Validated]") -> None:
    for number, one in enumerate(shown):
        if one is base or one.against is None:
            continue
        paired, shift = one.against["test_loss"], _shift(number, len(shown))
        _points(axis, paired.by_fold, number, shift, "")
        line = _places(len(paired.by_fold))[-1] + shift
        figure_style.whiskers(axis, [line], [(paired.mean.value, paired.mean.low, paired.mean.high)], number, "")
        if len(shown) == 2:
            _p_value(axis, line, paired)


def _p_value(axis: Any, line: float, paired: "Paired") -> None:
    """Above the mean difference; of several there is no room for it, and the table has them."""
    if paired.p_value != paired.p_value:  # NaN: all folds differ alike
        return
    said = "p < .001" if paired.p_value < 0.001 else f"p = {paired.p_value:.3f}".replace("0.", ".", 1)
    place = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    axis.annotate(said, (paired.mean.value, line), **place, fontsize=7.0)


def _lines(axis: Any, names: list[str], *, named: bool) -> None:
    places = _places(len(names) - 1)
    axis.set_yticks(places, names if named else [""] * len(names))
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.axhline(len(names) - 1.5, color="0.6", linewidth=0.6, zorder=0)
    axis.locator_params(axis="x", nbins=5)
    axis.set_ylim(places[-1] + 0.5, -0.6)
