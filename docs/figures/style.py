"""How the figures of the docs look: in the style of the package, a little larger, as small pictures for a page."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from PIL import Image

from econml_cli.output import figure_style
from econml_cli.output.figure_style import COLORS, LINES, MARKERS, ticks

__all__ = ["COLORS", "LINES", "MARKERS", "SETTINGS", "band", "drawn", "panels", "save", "save_image", "ticks"]

#: in place of those for print: on a screen a page is narrower than its figure
SETTINGS = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "savefig.dpi": 140,
}
#: colours of a picture that are kept exactly
FREQUENT = 48
#: by how much a colour may be another one, of 255, in a picture that is the same: versions of Matplotlib smooth edges
#: in their own ways
SMOOTHING = 24


def drawn(draw: Callable[[dict[str, Any]], Figure], numbers: dict[str, Any]) -> Figure:
    """The figure that a module draws of its numbers, in this style."""
    with figure_style.house(), rc_context(SETTINGS):
        figure = draw(numbers)
        for axis in figure.axes:
            _log_axes(axis)
        return figure


def _log_axes(axis: Any) -> None:
    """Logarithmic axes with the ticks of the package's own figures, where a figure has not set its own (`ticks`)."""
    if axis.get_xscale() == "log" and isinstance(axis.xaxis.get_major_locator(), LogLocator):
        figure_style.log_axis(axis, "x")
    if axis.get_yscale() == "log" and isinstance(axis.yaxis.get_major_locator(), LogLocator):
        figure_style.log_axis(axis, "y")


def panels(columns: int = 1) -> tuple[Figure, Sequence[Any]]:
    """A figure with so many panels side by side."""
    figure = Figure(figsize=(4.8 if columns == 1 else 7.6, 3.1), layout="constrained")
    return figure, figure.subplots(1, columns, squeeze=False)[0]


def band(axis: Any, x: Sequence[float], spreads: Sequence[dict[str, float]], number: int, label: str) -> None:
    """A line through medians in the style of a number, with a lighter band from low to high."""
    median, low, high = ([one[key] for one in spreads] for key in ("median", "low", "high"))
    figure_style.band(axis, x, low, high, COLORS[number])
    axis.plot(x, median, marker=MARKERS[number], label=label, **figure_style.look(number))


def save(figure: Figure, path: Path) -> None:
    """Write a figure as a small PNG."""
    drawn = io.BytesIO()
    with figure_style.house(), rc_context(SETTINGS):
        figure.savefig(drawn, format="png")
    save_image(Image.open(drawn), path)


def save_image(image: Image.Image, path: Path) -> None:
    """Write a PNG of 256 colours: the most frequent ones as they are, so that a pale grey stays grey, and the most
    different of the others. It does not say when and by what it was made. A file that shows the same stays as it is."""
    full = image.convert("RGB")
    counted = sorted(full.getcolors(full.width * full.height) or [], reverse=True)
    frequent = [color for _, color in counted[:FREQUENT]]
    different = full.quantize(256 - FREQUENT, Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = np.array([*frequent, *np.reshape(different, (-1, 3))])[:256]
    colors, places = np.unique(np.asarray(full).reshape(-1, 3), axis=0, return_inverse=True)
    distances = ((colors[:, None].astype(int) - palette) ** 2).sum(axis=2)
    few = Image.fromarray(distances.argmin(axis=1)[places].reshape(full.height, full.width).astype(np.uint8), "P")
    few.putpalette(palette.ravel().tolist())
    if not shows(path, few):
        few.save(path, format="PNG", optimize=True)


def shows(path: Path, image: Image.Image) -> bool:
    """Whether a file is there that shows this picture, up to the smoothing of edges."""
    if not path.is_file():
        return False
    with Image.open(path) as there:
        if there.size != image.size:
            return False
        apart = np.asarray(there.convert("RGB")).astype(int) - np.asarray(image.convert("RGB")).astype(int)
    return bool(np.abs(apart).max() <= SMOOTHING)
