"""What `econml sweep run` tells on stderr while it runs: a live table in a terminal, a line a trial in a log."""

import contextlib
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from econml_cli.errors import printable
from econml_cli.output.terminal import number, pairs
from econml_cli.sweeps.run.plan import Watcher
from econml_cli.sweeps.spec.distributions import Constant
from econml_cli.sweeps.spec.identity import METRIC
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study.trials import Trial

#: ended trials that the live table shows above those that run
RECENT = 8


@contextlib.contextmanager
def watcher(sweep: Sweep, quiet: bool) -> Iterator[Watcher]:
    """The watcher that suits stderr."""
    if quiet:
        yield Watcher()
    elif sys.stderr.isatty():
        from rich.live import Live

        from econml_cli.output import terminal

        table = LiveTable(sweep)
        console = terminal.console(stderr=True)
        with Live(get_renderable=table.render, console=console, transient=True, refresh_per_second=4):
            yield table
    else:
        yield Lines(sweep)


class Score:
    """What both ways of telling keep count of."""

    def __init__(self, sweep: Sweep):
        metric = sweep.metric or METRIC
        self.metric = str(metric["name"])
        self._sign = 1 if metric.get("goal", METRIC["goal"]) == "minimize" else -1
        self.varied = tuple(p.name for p in sweep.space.parameters if not isinstance(p.distribution, Constant))
        self.best: float | None = None
        self.count = self.before = self.done = 0
        self._began = time.monotonic()

    def begin(self, study: Any) -> None:
        """Read what earlier invocations have done."""
        results = study.results()
        best = results.best()
        self.best, self.count = best and best.value, results.count
        self.before = self.done = sum(t.state in ("complete", "pruned", "failed") for t in results.own)
        self._began = time.monotonic()

    def end(self, value: float | None) -> bool:
        """Count a trial; whether it is the best so far."""
        self.done += 1
        better = value is not None and (self.best is None or self._sign * value < self._sign * self.best)
        if better:
            self.best = value
        return better

    def left(self) -> str:
        """The time left, from the pace so far: "4:05", or "-"."""
        new = self.done - self.before
        if not new:
            return "-"
        seconds = (time.monotonic() - self._began) / new * max(0, self.count - self.done)
        minutes, hours = divmod(int(seconds // 60), 60)[::-1]
        return f"{hours}:{minutes:02d}:{int(seconds % 60):02d}" if hours else f"{minutes}:{int(seconds % 60):02d}"

    def point(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that vary."""
        return {name: params[name] for name in self.varied if name in params}


class Lines(Watcher):
    """One line for each trial that ends."""

    def __init__(self, sweep: Sweep):
        self._score = Score(sweep)

    def begin(self, study: Any) -> None:
        """As `Watcher`."""
        self._score.begin(study)

    def ended(self, trial: Trial, value: float | None, reason: str | None) -> None:
        """As `Watcher`."""
        best = self._score.end(value)
        what = reason if value is None else f"{self._score.metric} {number(value)}" + (" (best so far)" if best else "")
        done = f"{self._score.done}/{self._score.count}"
        line = f"{done} trial {trial.number}: {what}  {pairs(self._score.point(trial.params))}"
        print(printable(line.rstrip()), file=sys.stderr, flush=True)  # noqa: T201


class LiveTable(Watcher):
    """The trials that run and the last that have ended, with the best so far and the time left."""

    def __init__(self, sweep: Sweep):
        self._score = Score(sweep)
        self._running: dict[int, tuple[Trial, str, str]] = {}
        self._recent: list[tuple[Trial, str, str]] = []

    def begin(self, study: Any) -> None:
        """As `Watcher`."""
        self._score.begin(study)

    def started(self, trials: Sequence[Trial]) -> None:
        """As `Watcher`."""
        self._running |= {trial.number: (trial, "", "") for trial in trials}

    def progress(self, event: Any) -> None:
        """As `Watcher`."""
        if event.kind in ("progress", "paused") and event.number in self._running:
            value = event.metrics.get(self._score.metric)
            shown = (self._running[event.number][0], f"epoch {event.epoch:,}", number(value))
            self._running[event.number] = shown

    def ended(self, trial: Trial, value: float | None, reason: str | None) -> None:
        """As `Watcher`."""
        best = self._score.end(value)
        self._running.pop(trial.number, None)
        what = ("best" if best else "done") if value is not None else (reason or "failed").replace(" after", ",")
        self._recent = [*self._recent, (trial, what, number(value))][-RECENT:]

    def render(self) -> Any:
        """The table as it is now."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        score = self._score
        title = f"{score.done} of {score.count} trials, best {score.metric} {number(score.best)}, {score.left()} left"
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=Text(title), title_justify="left")
        table.caption_justify = "left"
        for name in ("trial", *score.varied, score.metric):
            table.add_column(name, justify="right", overflow="ellipsis", no_wrap=True, min_width=min(len(name), 12))
        table.add_column("", overflow="ellipsis", no_wrap=True, max_width=18)
        begun = [row for row in self._running.values() if row[1]]
        waiting = len(self._running) - len(begun)
        for trial, what, value in [*self._recent, *begun[:RECENT]]:
            point = score.point(trial.params)
            cells = [number(point.get(name)) for name in score.varied]
            table.add_row(str(trial.number), *map(Text, cells), value, Text(what), style=_style(what))
        if waiting or len(begun) > RECENT:
            table.caption = Text(f"{waiting + max(0, len(begun) - RECENT)} more in this round", style="dim")
        return table


def _style(what: str) -> str:
    return {"best": "bold", "done": ""}.get(what, "dim")
