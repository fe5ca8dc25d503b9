"""How all figures look: small, plain, told apart without colour vision and in print."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

#: of Okabe and Ito (2008), ordered from dark to light: blue, vermilion, bluish green, orange, grey
COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#7F7F7F")
#: a second mark for each colour
LINES, MARKERS = ("-", "--", "-.", ":", (0, (5, 1))), ("o", "s", "^", "D", "v")
SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "savefig.dpi": 140,
}


def drawn(draw: Callable[[dict[str, Any]], Figure], numbers: dict[str, Any]) -> Figure:
    """The figure that a module draws of its numbers, in this style."""
    with rc_context(SETTINGS):
        return draw(numbers)


def panels(columns: int = 1) -> tuple[Figure, Sequence[Any]]:
    """A figure with so many panels side by side."""
    figure = Figure(figsize=(4.8 if columns == 1 else 7.6, 3.1), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def band(axis: Any, x: Sequence[float], spreads: Sequence[dict[str, float]], number: int, label: str) -> None:
    """A line through medians in the style of a number, with a lighter band from low to high."""
    median, low, high = ([one[key] for one in spreads] for key in ("median", "low", "high"))
    axis.fill_between(x, low, high, color=COLORS[number], alpha=0.18, linewidth=0)
    axis.plot(x, median, color=COLORS[number], linestyle=LINES[number], marker=MARKERS[number], label=label)


def ticks(axis: Any, values: Sequence[float]) -> None:
    """A logarithmic x axis with ticks at these values, written out."""
    axis.set_xscale("log")
    axis.set_xticks(values, [f"{value:,g}" for value in values])
    axis.tick_params(axis="x", which="minor", bottom=False)


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG."""
    drawn = io.BytesIO()
    with rc_context(SETTINGS):
        figure.savefig(drawn, format="png")
    save_image(Image.open(drawn), path)


def save_image(image: Image.Image, path: Path) -> None:
    """Write a PNG of 128 colours, which a plot does not exceed by far; it does not say when and by what it was made."""
    few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.info.clear()
    few.save(path, format="PNG", optimize=True)
