"""Learning curves drawn with characters: train as a line of Braille dots, val as rings, the loss on a log axis."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from rich.text import Text

#: dots of a Braille character, across and down, and the bit of each (row by row)
ACROSS, DOWN = 2, 4
BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
#: columns from one ring to the next: the line of train shows between them where both are the same
EVERY = 3
LABEL = 9
#: columns and lines of the whole and of the curves, where there is room
WIDTH, HEIGHT = 80, 16
#: lines of (character, style)
_Cells = list[list[tuple[str, str]]]
STYLES = {"train": "blue", "val": "yellow"}


class Curves(Protocol):
    """What is drawn: losses by epoch, in reported units."""

    @property
    def epochs(self) -> np.ndarray:
        """[n], ascending."""

    @property
    def losses(self) -> Mapping[str, np.ndarray]:
        """ "train", "val" -> [n], NaN where it was not measured."""

    @property
    def best(self) -> int | None:
        """The epoch that is marked."""

    def said(self) -> str:
        """Which epoch that is, in words; "" where none is marked."""


@dataclass(frozen=True)
class _Glyphs:
    """What is drawn with: Unicode, or what every terminal has."""

    ring: str
    side: str
    corner: str
    floor: str
    tick: str
    mark: str
    dots: bool


UNICODE = _Glyphs("o", "\u2502", "\u2514", "\u2500", "\u2524", "\u25b2", dots=True)
ASCII = _Glyphs("o", "|", "+", "-", "+", "^", dots=False)


@dataclass(frozen=True)
class _Scale:
    """The range of epochs, and of log10 of the loss."""

    first: int
    last: int
    low: float
    high: float

    def column(self, epoch: int, width: int) -> int:
        return round((epoch - self.first) / (self.last - self.first) * (width - 1))

    def row(self, value: float, height: int) -> int:
        """From the top; `value` is log10 of a loss."""
        return round((self.high - value) / (self.high - self.low) * (height - 1))


def draw(curves: Curves, width: int = WIDTH, height: int = HEIGHT, *, unicode: bool = True) -> Text:
    """The losses by epoch as `height` lines of at most `width` columns, with axes below and beside, and a legend.

    A column shows the mean of log10 of the losses of its epochs. Losses that are not positive are left out; call
    `curves.absent` first.
    """
    glyphs, inner = UNICODE if unicode else ASCII, max(width - LABEL - 3, 20)
    logs = {name: np.log10(np.where(values > 0, values, np.nan)) for name, values in curves.losses.items()}
    scale = _scale(curves, logs)
    cells = [[(" ", "")] * inner for _ in range(height)]
    if "train" in logs:
        _line(cells, scale, curves.epochs, logs["train"], glyphs)
    if "val" in logs:
        _rings(cells, scale, curves.epochs, logs["val"], glyphs)
    ticks = _ticks(scale, height)
    text = Text("loss, on a log axis\n")
    for i, row in enumerate(cells):
        text.append(f"{ticks.get(i, ''):>{LABEL}} {glyphs.tick if i in ticks else glyphs.side}")
        for character, style in row:
            text.append(character, style=style)
        text.append("\n")
    text.append(f"{' ' * (LABEL + 1)}{glyphs.corner}{glyphs.floor * inner}\n")
    text.append(f"{' ' * (LABEL + 2)}{_below(curves, scale, inner, glyphs)}\n")
    return text.append(_legend(curves, logs, glyphs))


def _scale(curves: Curves, logs: Mapping[str, np.ndarray]) -> _Scale:
    low, high = (float(f([f(v[np.isfinite(v)]) for v in logs.values() if np.isfinite(v).any()])) for f in (min, max))
    room = max(0.05 - (high - low) / 2, 0)  # a flat line stands in the middle
    return _Scale(int(curves.epochs[0]), int(curves.epochs[-1]), low - room, high + room)


def _columns(scale: _Scale, epochs: np.ndarray, values: np.ndarray, width: int) -> dict[int, float]:
    """The mean of the finite values of each column."""
    found: dict[int, list[float]] = {}
    for epoch, value in zip(epochs, values, strict=True):
        if np.isfinite(value):
            found.setdefault(scale.column(int(epoch), width), []).append(float(value))
    return {column: float(np.mean(several)) for column, several in found.items()}


def _line(cells: _Cells, scale: _Scale, epochs: np.ndarray, values: np.ndarray, g: _Glyphs) -> None:
    """Dots, joined by straight lines; without Braille one full stop a cell."""
    across, down = (ACROSS, DOWN) if g.dots else (1, 1)
    width, height = len(cells[0]) * across, len(cells) * down
    points = sorted(_columns(scale, epochs, values, width).items())
    x = np.arange(points[0][0], points[-1][0] + 1) if points else np.arange(0)
    at = np.array(points, np.float64).reshape(-1, 2)
    rows = [scale.row(float(value), height) for value in (np.interp(x, at[:, 0], at[:, 1]) if points else ())]
    bits = np.zeros((len(cells), len(cells[0])), int)
    before = rows[0] if rows else 0
    for column, row in zip(x, rows, strict=True):
        near = row if row == before else before + (1 if row > before else -1)
        for y in range(min(near, row), max(near, row) + 1):  # what joins it to the dot before
            bits[y // down, column // across] |= BITS[y % down][column % across] if g.dots else 1
        before = row
    for i, j in zip(*np.nonzero(bits), strict=True):
        cells[i][j] = (chr(0x2800 + int(bits[i, j])) if g.dots else ".", STYLES["train"])


def _rings(cells: _Cells, scale: _Scale, epochs: np.ndarray, values: np.ndarray, g: _Glyphs) -> None:
    """A ring in every third column."""
    for column, value in _columns(scale, epochs, values, len(cells[0])).items():
        if column % EVERY == 0:
            cells[scale.row(value, len(cells))][column] = (g.ring, STYLES["val"])


def _ticks(scale: _Scale, height: int) -> dict[int, str]:
    """Labels of the axis by line: powers of ten where there are two or more, else both ends."""
    powers = range(int(np.ceil(scale.low - 1e-9)), int(np.floor(scale.high + 1e-9)) + 1)
    if len(powers) < 2:
        return {0: f"{10**scale.high:.3g}", height - 1: f"{10**scale.low:.3g}"}
    step = -(-len(powers) // max(height // 2, 1))
    return {scale.row(power, height): f"1e{power:+03d}" for power in powers[::-1][::step]}


def _below(curves: Curves, scale: _Scale, width: int, g: _Glyphs) -> str:
    """First and last epoch below the axis, and a mark below the best one where it does not hide them."""
    left, right = f"{scale.first:,}", f"{scale.last:,}"
    line = list(left.ljust(width - len(right)) + right)
    if curves.best is not None and scale.first <= curves.best <= scale.last:
        at = scale.column(curves.best, width)
        if len(left) < at < width - len(right) - 1:
            line[at] = g.mark
    return "".join(line)


def _legend(curves: Curves, logs: Mapping[str, np.ndarray], g: _Glyphs) -> Text:
    text = Text(f"{' ' * (LABEL + 2)}epoch")
    signs = {"train": "\u28c0\u28e4\u28e4" if g.dots else "...", "val": g.ring}
    for name in logs:
        text.append("   ").append(signs[name], style=STYLES[name]).append(f" {name} loss")
    return text.append(f"   {g.mark} {curves.said()}" if curves.said() else "")
