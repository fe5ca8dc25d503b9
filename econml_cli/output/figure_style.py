"""How every figure looks: sizes of a journal's columns, one size of type, colours that are told apart in grey and
without colour vision, ticks that say where they are. Matplotlib's Figure alone: no pyplot, no state that one figure
leaves to the next."""

import functools
import math
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

#: how wide a figure is: one column of a page, or the whole of it
Width = Literal["single", "double"]
#: the same in millimetres, as Nature, Science and Elsevier's journals have them
MILLIMETRES: Mapping[str, float] = {"single": 89.0, "double": 183.0}
#: dots an inch of a PNG, and of a cloud of points inside a PDF or SVG
DOTS = 300
#: of Okabe and Ito (2008), ordered from dark to light: blue, vermilion, bluish green, orange, grey
COLORS = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#7F7F7F")
#: a second mark for each colour
LINES: Sequence[Any] = ("-", "--", "-.", ":", (0, (5, 1)))
MARKERS = ("o", "s", "^", "D", "v")
#: of what was fitted, of what is beside it, and of what is true
FITTED, OTHER, TRUE = COLORS[0], COLORS[1], "black"
SETTINGS: Mapping[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # it comes with Matplotlib: the same file on every machine
    "font.size": 8.0,
    "axes.titlesize": 8.0,
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.25,
    "lines.markersize": 3.5,
    "axes.formatter.useoffset": False,
    "axes.formatter.use_mathtext": True,
    "axes.formatter.limits": (-4, 5),
    "savefig.dpi": DOTS,
    "pdf.fonttype": 42,  # TrueType, embedded: a Type 3 font is refused by many a journal
    "svg.fonttype": "path",  # letters as shapes, so that no font is needed where it is looked at
    "svg.hashsalt": "econml",  # names the parts of an SVG, which are random otherwise
}
#: what a matplotlibrc of the user's, or a style of a notebook, does not change
_OURS = (
    "axes.", "errorbar.", "figure.", "font.", "grid.", "hatch.", "hist.", "image.", "legend.", "lines.", "markers.",
    "mathtext.", "patch.", "path.", "pdf.", "savefig.", "scatter.", "svg.", "text.", "xtick.", "ytick.",
)  # fmt: skip
#: the height of a panel as a share of its width, and the highest figure of several rows, in inches
SHAPE, TALLEST = 0.72, 9.4
#: characters of a label on one line, an inch of it
LETTERS = 14
#: inches of a line of a key below a panel; points between the panel and its key, of one line of label and of more
KEY, BELOW, MORE = 0.14, 29.0, 9.5


@contextmanager
def house() -> Iterator[None]:
    """Matplotlib's settings are those of this file, whatever else is set."""
    import matplotlib as mpl

    settings: dict[Any, Any] = {n: value for n, value in mpl.rcParamsDefault.items() if n.startswith(_OURS)}
    with mpl.rc_context(settings | dict(SETTINGS)):
        yield


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A function that draws, in this style."""

    @functools.wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> T:
        with house():
            return draw(*args, **kwargs)

    return drawn


def inches(width: Width) -> float:
    """How wide a figure is."""
    return MILLIMETRES[width] / 25.4


def panels(
    count: int,
    width: Width | None = None,
    *,
    across: int | None = None,
    shape: float = SHAPE,
    extra: float = 0.0,
    keys: int = 0,
    tallest: float = TALLEST,
) -> tuple[Any, list[Any]]:
    """(a `matplotlib.figure.Figure`, so many axes): one below the other where it is a single column wide, side by side
    where it is double. Call it inside `house`.

    Args:
        width: default: single of one panel, double of several. across: how many stand side by side in a double one
            (default: as many as there are, at most three, and two of four). shape: height of a panel by its width.
        extra: inches of height for what is not a panel (a legend below all). keys: lines of the longest key below a
            panel (`key`). tallest: inches of all panels together, beyond which they are flatter (default: a page).
    """
    from matplotlib.figure import Figure

    wide: Width = width or ("single" if count == 1 else "double")
    if wide == "single":
        across = 1
    elif across is None:
        across = 2 if count == 4 else min(count, 3)
    down = math.ceil(count / across)
    shape = min(shape, 0.5) if wide == "double" and across == 1 else shape
    height = min(inches(wide) / across * shape, tallest / down)
    size = (inches(wide), (height + KEY * keys) * down + extra)
    figure = Figure(figsize=size, layout="constrained")
    axes = list(figure.subplots(down, across, squeeze=False).ravel())
    for axis in axes[count:]:
        axis.remove()
    return figure, axes[:count]


def describe(figure: Any, text: str) -> None:
    """What the file says it is (its title, in the metadata): a caption has that in a paper, the picture has not."""
    figure.set_label(text)


def look(number: int) -> dict[str, Any]:
    """Colour and kind of the line of a number."""
    return {"color": COLORS[number % len(COLORS)], "linestyle": LINES[number % len(LINES)]}


def key(axis: Any, columns: int = 1) -> None:
    """The legend of a panel below it, where it hides nothing that is drawn."""
    from matplotlib.transforms import ScaledTranslation

    lines = axis.get_xlabel().count("\n")
    down = ScaledTranslation(0, -(BELOW + MORE * lines) / 72, axis.get_figure().dpi_scale_trans)
    place = {"loc": "upper left", "bbox_to_anchor": (0.0, 0.0), "bbox_transform": axis.transAxes + down}
    axis.legend(**place, borderaxespad=0.0, ncols=columns, borderpad=0.0)


def band(axis: Any, x: Any, low: Any, high: Any, color: str, label: str | None = None) -> None:
    """An interval at each x, as an area."""
    axis.fill_between(x, low, high, color=color, alpha=0.18, linewidth=0, label=label)


def rug(axis: Any, values: Sequence[float], label: str) -> None:
    """Where values lie, as strokes inside of the axes, which no tick is: those stand outside."""
    look: dict[str, Any] = {"color": COLORS[4], "markersize": 5, "markeredgewidth": 1.0, "linestyle": "none"}
    axis.plot(values, [0.04] * len(values), "|", transform=axis.get_xaxis_transform(), label=label, **look)


def log_axis(axis: Any, which: Literal["x", "y"], ends: tuple[float, float] | None = None) -> None:
    """A logarithmic axis whose labelled ticks are enough to read a value between them: at every power of ten of many,
    also at 2 and 5 of few, at even numbers of less than one; numbers that are short are written out.

    Args:
        ends: the lowest and the highest number on it (default: those of the axis as it is).
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    getattr(axis, f"set_{which}scale")("log")
    side = axis.xaxis if which == "x" else axis.yaxis
    low, high = ends or getattr(axis, f"get_{which}lim")()
    decades = math.log10(high / low) if 0 < low < high else 0.0
    if decades < 0.8:  # no power of ten need be on it
        even = MaxNLocator(5).tick_values(low, high) if decades else [low]
        side.set_major_locator(FixedLocator([value for value in even if value > 0]))
        side.set_minor_locator(NullLocator())
    else:
        subs = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0,)
        side.set_major_locator(LogLocator(subs=subs, numticks=10))
        side.set_minor_locator(LogLocator(subs=range(1, 10), numticks=100))
        side.set_minor_formatter(NullFormatter())
    side.set_major_formatter(FuncFormatter(lambda value, _: written(value)))


def written(value: float) -> str:
    """A number of a tick on a logarithmic axis: 0.05, 20, 5,000, or $2\\times10^{-7}$."""
    if 1e-3 <= value < 1e6:
        return f"{value:,.10g}"
    exponent = math.floor(math.log10(value) + 1e-9)
    first = round(value / 10.0**exponent, 6)
    return rf"$10^{{{exponent}}}$" if first == 1 else rf"${first:g}\times10^{{{exponent}}}$"


def ticks(axis: Any, values: Sequence[float]) -> None:
    """A logarithmic x axis with ticks at these values alone, written out."""
    from matplotlib.ticker import NullLocator

    axis.set_xscale("log")
    axis.set_xticks(values, [f"{value:,g}" for value in values])
    axis.xaxis.set_minor_locator(NullLocator())  # over about a decade its ticks would have labels of their own


def folded(text: str, axis: Any = None, letters: int | None = None) -> str:
    """A label in lines that fit beside the axis that it is of."""
    if letters is None:
        box = None if axis is None else axis.get_figure().get_figwidth()
        letters = 40 if box is None else max(18, int(LETTERS * box * 0.8))
    return "\n".join(textwrap.wrap(text, letters, break_on_hyphens=False)) or text


def whiskers(axis: Any, where: Sequence[float], rows: Sequence[tuple[Any, Any, Any]], number: int, label: str) -> None:
    """Estimates (value, low, high) as points with their intervals, one at each height; an end that is None: none."""
    color, marker = COLORS[number], MARKERS[number]
    for i, (y, (value, low, high)) in enumerate(zip(where, rows, strict=True)):
        if low is not None and high is not None:
            axis.plot([low, high], [y, y], color=color, linewidth=1.25, linestyle="-", solid_capstyle="butt")
        shown = label if i == 0 else None
        axis.plot([value], [y], marker, color=color, markersize=4, linestyle="none", label=shown)
