"""Trials that are programs of the user's own, started as W&B's agent starts them, offline: no account, no network."""

import os
import shlex
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.options import own_code, shell
from econml_cli.sweeps.run.program import LOOK, Process, ProgramRequest
from econml_cli.sweeps.spec.command import notations, with_variables
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.training.many.requests import Event

#: a metric is looked up in the files of a running program every so many looks
SELDOM = 10
_PYTHON = ("python", "python3")


def check(sweep: Sweep, named: bool) -> None:
    """Refuse a program that the user has not named: opening what somebody sent runs none of their code.

    Args:
        named: the command was typed by the user.

    Raises:
        ConfigError: it was not named; it is no Python file and the command was not typed.
    """
    words = command(sweep, {p.name: p.distribution.quantile(0.5) for p in sweep.space.parameters}, Path("args.json"))
    if named:
        return
    if len(words) > 1 and words[0] in _PYTHON and words[1].endswith(".py"):
        try:
            own_code.check_named(words[1])
        except ConfigError as error:
            raise ConfigError(f"{error} Or fit a model of ours in its place: --model mlp.") from None
        return
    raise ConfigError(
        f"{sweep.path} starts `{shlex.join(words)[:200]}`, which you have not named yourself, so it is not run; if you "
        f"trust it, type it: {shell.option('--command', shlex.join(sweep.command))}"
    )


def command(
    sweep: Sweep, values: Mapping[str, Any], json_file: Path, more: Mapping[str, Any] = MappingProxyType({})
) -> tuple[str, ...]:
    """The words of a trial's process, without /usr/bin/env; `more` as of `requested`.

    Raises:
        ConfigError: there is no program to start.
    """
    nested = {**sweep.space.nest(values), **more}
    forms = {"env": [], "interpreter": ["python"], "args_json_file": [str(json_file)], **notations(nested)}
    forms["program"] = [sweep.program] if sweep.program else []
    words: list[str] = []
    for word in with_variables(sweep.command, os.environ):
        macro = word.startswith("${") and word.endswith("}")
        words += forms.get(word[2:-1], []) if macro else [word]
    words = words[1:] if words and words[0] == "/usr/bin/env" else words
    if not words or ("${program}" in sweep.command and not sweep.program):
        raise ConfigError(f"{sweep.path} has no `program` to start.")
    return tuple(words)


class Programs:
    """Runs programs, `jobs` at a time; an `Executor` whose trials cannot be paused, only ended."""

    def __init__(self, metric: str, jobs: int, stop_signal: Callable[[], int | None], others: Sequence[str] = ()):
        """others: further metrics that are to be good, of which the last value is looked at."""
        self._metric, self._jobs, self._stop = metric, jobs, stop_signal
        self._others = others
        self._waiting: deque[ProgramRequest] = deque()
        self._running: dict[int, Process] = {}

    def __enter__(self) -> "Programs":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.stop()

    def add(self, requests: Iterable[Any]) -> None:
        """As `Executor`; of `ProgramRequest`s."""
        self._waiting.extend(requests)

    def advance(self, until: int | None = None) -> Iterator[Event]:
        """As `Executor`; all to their ends, with a progress event for each value of the metric.

        Raises:
            RunError: a directory cannot be written.
        """
        looks = 0
        while self._stop() is None and (self._waiting or self._running):
            while self._waiting and len(self._running) < self._jobs:
                request = self._waiting.popleft()
                try:
                    self._running[request.number] = Process(request, self._metric, self._others)
                    yield Event(request.number, "begun")
                except FileNotFoundError:
                    yield Event(request.number, "failed", reason=f"there is no program {request.words[0]}")
            looks += 1
            for number, process in list(self._running.items()):
                ended = process.ended()
                if ended or looks % SELDOM == 0:
                    for step, value in process.news():
                        if number in self._running:  # it may have been pruned meanwhile
                            yield Event(number, "progress", step, {self._metric: value})
                if ended and number in self._running:
                    yield self._over(number)
            time.sleep(LOOK)
        self._waiting.clear()
        if self._stop() is not None:
            for number in list(self._running):
                yield self.end(number, signal=self._stop())

    def end(self, number: int, *, signal: int | None = None, pruned: bool = False) -> Event:
        """As `Executor`: with SIGTERM."""
        if self._running[number].ended():  # by itself, before anybody has looked
            return self._over(number)
        process = self._running.pop(number)
        process.stop()
        return Event(number, "ended", summary=process.summary("pruned" if pruned else "interrupted"))

    def _over(self, number: int) -> Event:
        process = self._running.pop(number)
        code = process.ended_with()
        if code:
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            return Event(
                number, "failed", reason=f"its program ended with {how}; see {process.directory / 'stderr.txt'}"
            )
        return Event(number, "ended", summary=process.summary("max_epochs"))


def requested(
    sweep: Sweep,
    number: int,
    params: Mapping[str, Any],
    directory: Path,
    more: Mapping[str, Any] = MappingProxyType({}),
) -> ProgramRequest:
    """The program of a trial; `more`: what it is given beside the parameters of the sweep.

    Raises:
        ConfigError: as `command`.
    """
    words: Sequence[str] = command(sweep, params, (directory / "args.json").absolute(), more)
    return ProgramRequest(number, tuple(words), directory, {**sweep.space.nest(params), **more})
