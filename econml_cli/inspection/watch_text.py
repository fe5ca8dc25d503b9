"""What `econml watch` shows: a run with its curve, a sweep with its trials, a directory with its runs; and lines."""

import datetime
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from econml_cli.output.terminal import columns, number, pairs
from econml_cli.runs import health
from econml_cli.runs.listing import RunRow
from econml_cli.runs.watching import Curve, Watched

#: what a sparkline is drawn with, lowest first: Unicode, and what every terminal has
BARS, PLAIN = "▁▂▃▄▅▆▇█", "_.-=+*#@"
#: columns of a sparkline, lines of a curve
SPARK, CURVE = 24, 12
_STYLES = {"running": "bold", "failed": "red", "diverged": "red", "killed": "red", "damaged": "red"}
#: how many lines stand around a table
_AROUND = 6


@dataclass(frozen=True)
class Look:
    """What the terminal has room for, and the metric of a sweep, which is the better the lower it is if `sign` is 1."""

    width: int
    height: int
    unicode: bool = True
    metric: str = "val_loss"
    sign: int = 1


def frame(watched: Watched, rows: Sequence[RunRow], look: Look) -> RenderableType:
    """All of it as it is now."""
    if watched.whole is not None and watched.whole.kind == "run":
        return _run(watched, rows[0], look) if rows else Text(f"{watched.path} is gone")
    table = _trials if watched.whole is not None and watched.whole.kind == "sweep" else _rows
    return Group(Text(_headline(watched, rows, look), style="bold"), table(watched, rows, look))


def _headline(watched: Watched, rows: Sequence[RunRow], look: Look) -> str:
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.status or "unknown"] = counts.get(row.status or "unknown", 0) + 1
    order = sorted(counts, key=lambda status: (status != "running", -counts[status]))
    what = {"sweep": "trials", "cross-validation": "folds"}.get(watched.whole.kind if watched.whole else "", "runs")
    told = f"{watched.path}: {len(rows):,} {what}" + "".join(f", {counts[status]:,} {status}" for status in order)
    best = best_of(rows, look) if what == "trials" else None
    return told + (f"; best {look.metric} {number(value(best, look))}: {best.name}" if best else "")


def value(row: RunRow, look: Look) -> float | None:
    """The metric of a trial; None where it has none."""
    found = getattr(row, look.metric, None)
    return found if isinstance(found, int | float) and math.isfinite(found) else None


def best_of(rows: Sequence[RunRow], look: Look) -> RunRow | None:
    """The trial that is best so far among those that ended by themselves."""
    done = [row for row in rows if row.status not in ("running", "pruned", "failed", "diverged", "damaged", "killed")]
    there = [(look.sign * found, row.name, row) for row in done if (found := value(row, look)) is not None]
    return min(there, key=lambda each: each[:2])[2] if there else None


def _run(watched: Watched, row: RunRow, look: Look) -> RenderableType:
    config, summary = watched.config(row), watched.summary(row)
    planned = config.get("num_epochs")
    of = f" of {number(planned)}" if row.status == "running" and planned else ""
    head = f"{row.name}  {row.model} on {row.problem}  {row.status}  epoch {number(row.epochs or 0)}{of}  {_age(row)}"
    parts: list[RenderableType] = [Text(head.rstrip(), style="bold"), Text(_losses(row))]
    parts += [Text(line, style="red" if "FAILED" in line else "") for line in verdicts(summary)]
    curve = watched.curve(row)
    if (drawn := _curve(curve, look)) is not None:
        parts += [Text(), drawn]
    return Group(*parts)


def verdicts(summary: Mapping[str, Any]) -> list[str]:
    """The verdicts on an economic model, and what failed with its number and its bar."""
    names = [name for name in summary if name.startswith("verdict_")]
    return [f"{name.removeprefix('verdict_')} {health.in_words(summary, name)}" for name in names]


def _losses(row: RunRow) -> str:
    named = {"train loss": row.train_loss, "val loss": row.val_loss, "test loss": row.test_loss}
    return "  ".join(f"{name} {number(loss)}" for name, loss in named.items() if loss is not None)


def _age(row: RunRow) -> str:
    """How long it took, or has been running."""
    seconds = row.seconds
    if row.status == "running" and row.created:
        try:
            began = datetime.datetime.fromisoformat(row.created)
            seconds = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
        except (ValueError, TypeError):  # a stamp of another hand
            return ""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _curve(curve: Curve, look: Look) -> RenderableType | None:
    """The losses by epoch, where there are two positive ones."""
    if sum(loss > 0 for loss in curve.train) < 2 and sum(loss > 0 for loss in curve.val) < 2:
        return None
    import numpy as np

    from econml_cli.output import curve_text

    losses = {"train": np.array(curve.train), "val": np.array(curve.val)}
    losses = {name: values for name, values in losses.items() if (np.nan_to_num(values) > 0).any()}
    height = max(4, min(CURVE, look.height - 9))
    drawn = _Losses(np.array(curve.epochs), losses)
    return curve_text.draw(drawn, min(look.width, curve_text.WIDTH), height, unicode=look.unicode)


@dataclass(frozen=True)
class _Losses:
    """As `output.curve_text.Curves`."""

    epochs: Any
    losses: Mapping[str, Any]
    best: int | None = None

    def said(self) -> str:
        """No epoch is marked."""
        return ""


def sparkline(values: Sequence[float], width: int = SPARK, *, unicode: bool = True) -> str:
    """Positive numbers on a log scale, the mean of log10 of each of at most `width` parts; "" of fewer than two."""
    logs = [math.log10(x) for x in values if x > 0 and math.isfinite(x)]
    if len(logs) < 2:
        return ""
    count = min(width, len(logs))
    cuts = [round(i * len(logs) / count) for i in range(count + 1)]
    means = [sum(logs[a:b]) / (b - a) for a, b in itertools.pairwise(cuts)]
    low, high = min(means), max(means)
    bars = BARS if unicode else PLAIN
    scale = (len(bars) - 1) / (high - low) if high > low else 0.0
    return "".join(bars[round((mean - low) * scale)] for mean in means)


def _spark(watched: Watched, row: RunRow, look: Look) -> str:
    if row.kind != "run":
        return ""
    curve = watched.curve(row)
    val = [x for x in curve.val if not math.isnan(x)]
    return sparkline(val or curve.train, unicode=look.unicode)


def _shown(rows: Sequence[RunRow], look: Look) -> int:
    return max(3, look.height - _AROUND - (1 if len(rows) > look.height - _AROUND else 0))


def _rows(watched: Watched, rows: Sequence[RunRow], look: Look) -> RenderableType:
    """Those that run, then those that began last, as many as there is room for."""
    newest = sorted(rows, key=lambda row: (row.created or "", row.name), reverse=True)
    ordered = sorted(newest, key=lambda row: row.status != "running")  # stable
    count = _shown(rows, look)
    heads = ("run", "status", "epoch", "train", "val", "test", "", "loss")
    lines = []
    for row in ordered[:count]:
        losses = [number(loss, 3) for loss in (row.train_loss, row.val_loss, row.test_loss)]
        lines.append([row.name, _status(row), number(row.epochs), *losses, _age(row), _spark(watched, row, look)])
    return _table(heads, lines, ordered[:count], len(rows) - count, look)


def _trials(watched: Watched, rows: Sequence[RunRow], look: Look) -> RenderableType:
    """Those under way, then the best."""
    running = [row for row in rows if row.status == "running"]
    worst = math.inf
    done = sorted(
        (row for row in rows if row.status != "running"),
        key=lambda row: (worst if (v := value(row, look)) is None else look.sign * v, row.name),
    )
    count = _shown(rows, look)
    shown = [*running[: max(3, count // 2)], *done][:count]
    heads = ("trial", "status", "epoch", look.metric, "", "loss", "parameters")
    points = [dict(watched.point(row)) for row in shown]
    same = {name for point in points for name in point if all(p.get(name) == point[name] for p in points)}
    lines = []
    for row, point in zip(shown, points, strict=True):
        varied = {name: each for name, each in point.items() if len(points) < 2 or name not in same}
        numbers = [number(row.epochs), number(value(row, look)), _age(row)]
        lines.append([row.name, _status(row), *numbers, _spark(watched, row, look), pairs(varied)])
    return _table(heads, lines, shown, len(rows) - len(shown), look)


def _table(
    heads: Sequence[str], lines: list[list[str]], rows: Sequence[RunRow], left: int, look: Look
) -> RenderableType:
    """The lines, as many columns as fit; how many are not shown."""
    if not lines:
        return Text("nothing yet", style="dim")
    widths = [max(len(line[i]) for line in [list(heads), *lines]) for i in range(len(heads))]
    kept = [i for i in range(len(heads)) if sum(w + 2 for w in widths[: i + 1]) <= look.width or i < 3]
    table = columns(
        [heads[i] for i in kept],
        [[line[i] for i in kept] for line in lines],
        [heads[i] for i in kept if heads[i] in ("run", "trial", "status", "loss", "parameters")],
    )
    for style, row in zip(table.rows, rows, strict=True):
        style.style = _STYLES.get(row.status or "", "")
    more = [Text(f"and {left:,} more", style="dim")] if left > 0 else []
    return Group(table, *more)


def _status(row: RunRow) -> str:
    return row.status or "-" if row.kind == "run" else f"{row.kind}, {row.status}"


def line(row: RunRow, look: Look) -> str:
    """One of them in a line, for a log."""
    about = [f"epoch {number(row.epochs)}"] if row.epochs is not None else []
    if row.parts is not None:
        about.append(f"{row.parts:,} parts")
    losses = _losses(row)
    extra = value(row, look) if look.metric not in ("train_loss", "val_loss", "test_loss") else None
    about += ([losses] if losses else []) + ([f"{look.metric} {number(extra)}"] if extra is not None else [])
    return "  ".join([f"{row.name}: {_status(row)}", *about])
