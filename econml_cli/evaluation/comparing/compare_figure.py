"""The figure of a comparison: the loss of each run with its interval, and how far it lies from that of the baseline."""

from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError
from econml_cli.evaluation.comparing.column import Column
from econml_cli.evaluation.estimate import Quantity
from econml_cli.output import figure_files, figure_style

if TYPE_CHECKING:
    from econml_cli.evaluation.comparing.comparison import Comparison

#: runs that can still be read
MOST = 60
#: inches of a line, and of what is above and below all
LINE, AROUND = 0.3, 0.75
LETTERS = 24

Ends = tuple[float, float | None, float | None]


@figure_style.styled
def figure(comparison: "Comparison", width: figure_style.Width | None = None) -> Any:
    """Left: each run's loss on the split that is reported, with its 95 % interval. Right: its difference to the loss of
    the baseline with the interval of the paired test, and the p-value. A `matplotlib.figure.Figure`; runs that are not
    tested against the baseline, whose losses may be in other units, are left out.

    Raises:
        ConfigError: no run is tested, or there are more than can be read.
    """
    base = comparison.columns[comparison.baseline]
    shown = [column for column in comparison.columns if column is base or column.against is not None]
    if len(shown) < 2:
        raise ConfigError(f"--plot: no run is tested against {base.label}, so that there is nothing to draw.")
    if len(shown) > MOST:
        raise ConfigError(f"--plot: {len(shown)} runs do not fit on a page; --format csv has them all.")
    height = AROUND + LINE * len(shown)
    across = 1 if width == "single" else 2
    wide = figure_style.inches(width or "double") / across
    drawn, (left, right) = figure_style.panels(2, width, shape=height / wide)
    drawn.set_figheight(height * (2 // across))
    runs = ", ".join(column.name for column in shown)
    figure_style.describe(drawn, f"{runs}: {base.evaluation.reported} loss, and tests against {base.name}")
    _lines(left, shown, [_loss(column) for column in shown], named=True)
    _lines(right, shown, [_difference(column, base) for column in shown], named=across == 1)
    left.set_xlabel(figure_style.folded(f"{base.evaluation.reported} loss, 95 % interval", left))
    less = f"{base.evaluation.reported} loss less that of {base.label} {base.name}, 95 % interval"
    right.set_xlabel(figure_style.folded(less, right))
    right.axvline(0.0, color="0.6", linewidth=0.6, zorder=0)
    for i, column in enumerate(shown):
        if column.against is not None and column.against.p_value is not None:
            _p_value(right, i, column.against.value, column.against.p_value)
    figure_files.as_written(drawn)
    return drawn


def _loss(column: Column) -> Ends:
    found = column.evaluation.measured[Quantity(column.evaluation.reported, "loss")]
    return found.value, found.low, found.high


def _difference(column: Column, base: Column) -> Ends:
    if column is base or column.against is None:
        return 0.0, None, None
    return column.against.value, column.against.low, column.against.high


def _lines(axis: Any, shown: list[Column], ends: list[Ends], *, named: bool) -> None:
    places = list(range(len(shown)))
    figure_style.whiskers(axis, places, ends, 0, "")
    names = [figure_style.folded(f"{column.label} {column.name}", letters=LETTERS) if named else "" for column in shown]
    axis.set_yticks(places, names, parse_math=False)  # dollar signs in a name are no formula
    axis.tick_params(axis="y", length=0)
    axis.grid(visible=False, axis="y")
    axis.locator_params(axis="x", nbins=5)
    axis.set_ylim(len(shown) - 0.5, -0.5)


def _p_value(axis: Any, line: int, value: float, p: float) -> None:
    """Above the difference."""
    said = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
    place = {"xytext": (0, 4), "textcoords": "offset points", "ha": "center", "va": "bottom"}
    axis.annotate(said, (value, line), **place, fontsize=7.0)
