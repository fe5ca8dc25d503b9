"""The study of a sweep: who tries which point, and what came of it, kept so that no kill loses or repeats a trial.

It wraps a study of Optuna's, in a journal file or a database, that one process or many may work on at a time. It knows
points and values, not training. Optuna is imported inside functions.
"""

import itertools
import json
import math
import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from econml_cli.sweeps.spec import identity
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study import pruner, records, storage
from econml_cli.sweeps.study.assignment import Assignments, Entry, failed, standing
from econml_cli.sweeps.study.history import History
from econml_cli.sweeps.study.records import read as read  # the study without the right to change it
from econml_cli.sweeps.study.trial_writer import TrialWriter, begin_from, find_or_create, set_count
from econml_cli.sweeps.study.trials import Results, Trial
from econml_cli.sweeps.study.warm_start import StartFrom

if TYPE_CHECKING:
    from optuna import Study as OptunaStudy
    from optuna.pruners import BasePruner

    from econml_cli.sweeps.study.proposals import Proposer


class Study:
    """Hands out the trials of a sweep and keeps their results. `Study.open` makes one.

    All methods but `beat` are for one thread. All of them raise RunError, in one sentence, where the storage fails.
    """

    def __init__(self, optuna: "OptunaStudy", writer: TrialWriter, proposer: "Proposer", judge: "BasePruner"):
        self._optuna = optuna
        self._writer = writer
        self._proposer = proposer
        self._judge = judge
        #: the numbers that `take` has given and nobody has told the end of
        self._mine: set[int] = set()
        #: {point as text: the trial of another sweep that has tried it}
        self._given = {_text(entry.trial.user_attrs["point"]): entry for entry in writer.read().given()}

    @classmethod
    def open(
        cls,
        sweep: Sweep,
        where: str,
        *,
        name: str,
        seed: int,
        count: int | None,
        batch: int,
        alone: bool,
        worker: str,
        grace: float = 120.0,
        sampler: str | None = None,
        start: StartFrom | None = None,
    ) -> "Study":
        """Create a study, or continue one.

        Args:
            where: a path, `journal://PATH`, `grpc://HOST:PORT` or a database URL.
            count: how many points to try; None: as before, or for a new study run_cap, else the whole grid, else 50.
            batch: trials proposed from the same results by method bayes.
            alone: this process has the only lock: trials that were running are continued, under their numbers.
            worker: how to call this process in the records.
            grace: seconds without a sign of life after which another worker is taken for dead (not where alone).
            sampler: of method bayes: gp, tpe, qmc or random; None: as before, at first gp.
            start: what the sweep begins with.

        Raises:
            ConfigError: the study belongs to another sweep (each difference is shown), or the method is custom; it
                was begun from something else than `start`.
            RunError: the storage cannot be reached, read or written.
        """
        identity.check_method(sweep)
        judge = pruner.pruner(sweep)
        opened = storage.connect(where, alone=alone)
        with storage.reported(where):
            from optuna import load_study
            from optuna.pruners import NopPruner
            from optuna.samplers import RandomSampler

            from econml_cli.sweeps.study.optuna_axes import axes
            from econml_cli.sweeps.study.proposals import STARTUP, Proposer, Remembered

            id_, sampler = find_or_create(opened, name, identity.define(sweep, seed, batch, sampler))
            optuna = load_study(study_name=name, storage=opened, sampler=RandomSampler(), pruner=NopPruner())
            grid = Remembered(sweep.space.grid(seed) if sweep.method == "grid" else iter(()))
            along = axes(sweep.space, sweep.method)
            writer = TrialWriter(opened, where, id_, f"{worker}#{secrets.token_hex(4)}", alone, grace)
            begun = begin_from(writer, start, {axis.name: axis.distribution for axis in along})
            first, left = begun.get("points", ()), max(0, STARTUP - begun.get("known", 0))
            proposer = Proposer(sweep, along, seed, batch, sampler, grid, first, left)
            set_count(writer, sweep, count)
            writer.beat()
        return cls(optuna, writer, proposer, judge)

    @property
    def count(self) -> int:
        """How many points are to be tried; other workers may change it."""
        return int(self._writer.attrs()["count"])

    def take(self, n: int) -> list[Trial]:
        """Up to n trials to run now, by index: ones left behind, then new ones; [] where there are none to take now.

        Method bayes, alone, proposes a whole batch, and only once all trials before it are told: so what it proposes
        does not depend on the order in which the trials of a batch end, nor on a kill in between. Where others share
        the study it knows what is told; which trials these are is kept with the point.

        Raises:
            ConfigError: a point that the options do not take.
        """
        taken: list[Trial] = []
        with self._reported():
            while len(taken) < n and (entries := self._next(n - len(taken))):
                self._mine |= {entry.number for entry in entries}
                taken += map(records.record, entries)
        return sorted(taken, key=lambda trial: trial.index)

    def report(self, number: int, epoch: int, value: float) -> bool:
        """Tell a value at a rung; whether the trial is to be pruned. Does nothing without early_terminate."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.pruners import NopPruner

        if isinstance(self._judge, NopPruner) or not math.isfinite(value):
            return False
        with self._reported():
            id_ = self._writer.id(number)
            try:
                self._writer.storage.set_trial_intermediate_value(id_, epoch, float(value))
                return bool(self._judge.prune(self._optuna, self._writer.storage.get_trial(id_)))
            except UpdateFinishedTrialError:  # this worker was taken for dead; somebody else runs the trial
                return True

    def note(self, number: int, epoch: int) -> None:
        """Say that a trial has begun (epoch 0), or how far it has come: where it is lost, others know how it went."""
        if not self._writer.alone:
            with self._reported():
                self._writer.note(number, epoch)

    def lost(self, index: int) -> list[int]:
        """The numbers of a point's trials whose workers were killed, the latest first."""
        if self._writer.alone:
            return []
        with self._reported():
            entries = self._writer.read().entries
        return [entry.number for entry in reversed(entries) if entry.index == index and entry.standing == "lost"]

    def complete(self, number: int, value: float, *more: float, **about: Any) -> bool:
        """The trial has ended with this metric (not finite: it has failed).

        Args:
            more: of the other metrics, where the sweep has several.
            about: epochs, seconds, metrics, run: as in `Trial`.

        Returns:
            Whether it was still this worker's: False where the others had taken it for dead, and try the point again.
        """
        for each in (value, *more):
            if not math.isfinite(each):
                return self.fail(number, f"the metric is {each}", **about)
        return self._end(number, "COMPLETE", (value, *more), about)

    def prune(self, number: int, reason: str, **about: Any) -> bool:
        """The trial was stopped early; its value is the last one reported. Otherwise as `complete`."""
        with self._reported():
            seen = self._writer.storage.get_trial(self._writer.id(number)).intermediate_values
        return self._end(number, "PRUNED", (seen[max(seen)],) if seen else (), {"reason": reason, **about})

    def fail(self, number: int, reason: str, **about: Any) -> bool:
        """The trial came to nothing. Otherwise as `complete`."""
        return self._end(number, "FAIL", (), {"reason": reason, **about})

    def release(self, number: int) -> None:
        """Give an interrupted trial back: whoever comes next runs it under the same number."""
        with self._reported():
            # nobody's, before anybody can take it
            self._writer.end(number, "WAITING", {"worker": ""})
        self._mine.discard(number)

    def beat(self) -> None:
        """Say that this worker lives. Call it every few seconds, from any thread: it seldom writes; catch RunError."""
        with self._reported():
            self._writer.beat()

    def done(self) -> bool:
        """Whether every point has been tried, and nobody is running one."""
        with self._reported():
            count = self.count
            return self._assignments().settled(count) == count

    def retry_failed(self) -> int:
        """Ask for every point again that has failed; how many there are."""
        with self._reported():
            assignments = self._assignments()
            lost = {i: e for i, e in assignments.points(self.count).items() if standing(e) == "settled" and failed(e)}
            for index, entries in lost.items():
                self._writer.add(index, entries[-1].round + 1, assignments.earlier(index), state="WAITING")
            return len(lost)

    def results(self) -> Results:
        """All trials, as they stand."""
        with self._reported():
            writer = self._writer
            return records.results(writer.storage, writer.study, self._optuna.study_name, orphan=self._orphan)

    def _reported(self) -> AbstractContextManager[None]:
        return storage.reported(self._writer.where)

    def _end(self, number: int, state: str, values: Sequence[float], about: dict[str, Any]) -> bool:
        with self._reported():
            ended = self._writer.end(number, state, {"about": identity.plain(about)}, values)
        self._mine.discard(number)
        return ended

    def _orphan(self, entry: Entry) -> bool:
        """Whether a running trial is to be continued here: alone, all that was not taken is a dead process's."""
        return self._writer.alone and entry.standing == "running" and entry.number not in self._mine

    def _assignments(self) -> Assignments:
        """All trials, those of dead workers marked."""
        if not self._writer.alone:
            self._writer.bury(self._mine)
        return self._writer.read()

    def _next(self, most: int) -> list[Entry]:
        """Up to `most` more trials in this worker's hands, their points known; [] where there are none to take now.

        One where others share the study, who may have taken the next one meanwhile. Alone, many come of one look at
        all trials, so that the thousandth costs no more than the first.
        """
        most = most if self._writer.alone else 1
        while True:
            count, assignments = self.count, self._assignments()
            kept = list(itertools.islice(self._left_behind(count, assignments), most))
            if not kept:
                ahead = self._ahead(assignments, count, most)
                if ahead == 0:
                    return []
                kept = self._fresh(ahead)[:most]  # alone, the others are there now, nobody's, and left behind
            if kept:
                now = self._writer.read()
                return [now[number] for number in kept]

    def _left_behind(self, count: int, assignments: Assignments) -> Iterator[int]:
        """The numbers of trials that were begun, or have to be begun again, taken as they are asked for."""
        for index, left in assignments.takeable(count, self._orphan):
            number = self._writer.add_retry(index, assignments) if left is None else left.number
            if left is not None and left.standing == "waiting" and not self._writer.pop(number):
                continue
            if self._keep(number, assignments if self._unread and left is not None else None):
                yield number

    def _fresh(self, ahead: int) -> list[int]:
        """The numbers of so many new trials, this worker's, without those whose points others have tried."""
        added = [self._writer.add_fresh() for _ in range(ahead)]
        known = self._writer.read() if self._unread else None
        return [number for number in added if self._keep(number, known)]

    @property
    def _unread(self) -> bool:
        """Whether trials stay as they were read while others are begun: nobody else begins any, and no proposal
        learns from the points before it."""
        return self._writer.alone and not self._proposer.learns

    def _ahead(self, assignments: Assignments, count: int, most: int) -> int:
        """How many new trials to propose now."""
        proposer, left = self._proposer, max(0, count - assignments.fresh)
        if not self._writer.alone or not proposer.learns:
            return min(most, left)
        before = proposer.begins(assignments.fresh)
        ready = assignments.settled(min(before, count)) == before
        return min(proposer.ends(assignments.fresh) - assignments.fresh, left) if ready else 0

    def _keep(self, number: int, known: Assignments | None) -> bool:
        """Settle the point of a trial, and whose it is; False where it turns out that another one has the point.

        Args:
            known: all trials, if they need not be read again.
        """
        assignments = known or self._writer.read()
        entry = assignments[number]
        if assignments.superfluous(entry, self.count):
            self._writer.end(number, "FAIL", {"surplus": True})
            return False
        if (point := entry.trial.user_attrs.get("point")) is None:
            point = self._writer.write_point(entry, self._proposer, self._history(assignments, entry))
        given = self._given.get(_text(point)) if entry.round == 0 else None
        if given is not None:  # another sweep has fitted it; --retry-failed fits it anew
            self._writer.reuse(number, given)
            return False
        if entry.trial.user_attrs.get("worker") != self._writer.worker:
            self._writer.sign(entry)
        return True

    def _history(self, assignments: Assignments, entry: Entry) -> History:
        """What the proposal of a trial's point may know."""
        if not self._proposer.learns:
            return History((), ())
        before = self._proposer.begins(entry.index) if self._writer.alone else None
        return History.read(assignments, entry.number, before)


def _text(point: Any) -> str:
    return json.dumps(identity.plain(point), sort_keys=True)
