"""Figures, by Matplotlib's Figure alone: no pyplot, no window, no state that one figure leaves to the next."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError, printable
from econml_cli.output import figure_style, files
from econml_cli.storage import disk

#: what a file's suffix may be
FORMATS = (".png", ".pdf", ".svg")
#: rows of one figure that can still be read
MOST_LAYERS = 40


def check_file(path: Path) -> None:
    """Refuse a file that no figure can be written to, before anything is computed.

    Raises:
        ConfigError: another suffix, or no directory.
    """
    if path.suffix.lower() not in FORMATS:
        raise ConfigError(f"--plot {path} must end in {', '.join(FORMATS)}.")
    files.check(path, "--plot", None, force=True)


@figure_style.styled
def weights(leaves: Sequence[Any], title: str, width: figure_style.Width | None = None) -> Any:
    """One histogram for each trained array (`inspection.state.Leaf`), a row a layer, as a `matplotlib.figure.Figure`.

    The bars are counts of finite elements; what is not finite is counted in the title of its histogram.

    Raises:
        ConfigError: there is no array to draw, or there are more layers than can be read.
    """
    rows = _by_layer(leaves)
    if not rows:
        raise ConfigError("--plot: there is no array of weights to draw; `--path` may leave out too many.")
    if len(rows) > MOST_LAYERS:
        raise ConfigError(f"--plot: {len(rows)} layers do not fit on a page; select some of them with --path.")
    wide = 1 if width == "single" else max(map(len, rows.values()))
    lines = [arrays[i : i + wide] for arrays in rows.values() for i in range(0, len(arrays), wide)]
    figure, axes = figure_style.panels(wide * len(lines), width or "double", across=wide, shape=0.35, tallest=math.inf)
    figure_style.describe(figure, title)
    for i, arrays in enumerate(lines):
        line = axes[i * wide : (i + 1) * wide]
        for axis, leaf in zip(line, arrays, strict=False):
            _histogram(axis, leaf)
        for axis in line[len(arrays) :]:
            axis.set_axis_off()
    return figure


def save(figure: Any, path: Path) -> None:
    """Write a figure in the format of the file's suffix, atomically; the same figure gives the same bytes, since the
    file says what is drawn (`figure_style.describe`), not when, nor by which version of Matplotlib."""
    as_written(figure)
    title = printable(str(figure.get_label())) or None
    metadata = {
        ".svg": {"Date": None, "Creator": None, "Title": title},
        ".pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": title},
        ".png": {"Software": None} | ({"Title": title} if title else {}),
    }[path.suffix.lower()]
    with disk.replacing(path) as temporary, figure_style.house():
        figure.savefig(temporary, dpi=figure_style.DOTS, metadata=metadata)


def as_written(figure: Any) -> None:
    """Names of columns, classes and runs as they are: dollar signs in them are no formulas."""
    from matplotlib.category import StrCategoryFormatter
    from matplotlib.text import Text

    texts = list(figure.texts)
    for axis in figure.axes:
        legend = axis.get_legend()
        texts += [axis.xaxis.label, axis.yaxis.label]
        texts += [child for child in axis.get_children() if isinstance(child, Text)]  # titles, on whichever side
        texts += legend.get_texts() if legend else []
        for side in (axis.xaxis, axis.yaxis):  # of an axis of labels; the powers of ten of others are formulas
            texts += side.get_ticklabels() if isinstance(side.get_major_formatter(), StrCategoryFormatter) else []
    for text in texts:
        text.set_parse_math(False)


def _by_layer(leaves: Sequence[Any]) -> dict[str, list[Any]]:
    """Arrays of floating-point weights by the layer that holds them, kernels before biases."""
    rows: dict[str, list[Any]] = {}
    for leaf in leaves:
        if leaf.kind == "Param" and leaf.mean is not None:
            rows.setdefault(leaf.path.rpartition(".")[0], []).append(leaf)
    return {layer: sorted(arrays, key=lambda leaf: leaf.path.endswith("bias")) for layer, arrays in rows.items()}


def _histogram(axis: Any, leaf: Any) -> None:
    values = np.asarray(leaf.values, np.float64).ravel()
    values = values[np.isfinite(values)]
    axis.hist(values, bins=int(np.clip(np.sqrt(values.size), 5, 60)), color=figure_style.FITTED)
    lost = f", {leaf.nonfinite} not finite" if leaf.nonfinite else ""
    shape = ",".join(map(str, leaf.shape))
    axis.set_title(f"{leaf.path} [{shape}]{lost}")
    axis.axvline(0.0, color="0.6", linewidth=0.8, zorder=0)
    axis.set_ylabel("count")
