"""Which trial tries which point, and which points are still to be tried: read off the trials of a study, no state.

A fresh trial carries no index: it gets the next one, which is its number minus the number of retries made before it. So
the storage's own counter of trials, the one thing that no two workers get twice, hands out the points. A retry carries
the index of what it repeats, and shifts nobody.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

#: a point that was under way when its worker was killed this often, and came no further in between, is given up
LIVES = 3

#: the attribute of a trial that says how far it has come; one without it has not begun
EPOCH = "epoch"

#: the attribute of a trial that another sweep has run: its name there
ORIGIN = "origin"
#: the index of such a trial
GIVEN = -1
#: the attribute of a trial of ours whose point another sweep had tried: the number of the one that has ORIGIN
REUSES = "reuses"

Standing = Literal["settled", "running", "waiting", "lost", "surplus", "given"]


@dataclass(frozen=True)
class Entry:
    """One trial of the study.

    Attributes:
        index: of its point. round: how often `--retry-failed` had asked for this point when the trial was made.
        standing: settled (complete, pruned, failed on its own account), running, waiting (for anyone to take it),
            lost (its worker was killed), surplus (another trial has the point), given (another sweep has run it: it is
            none of ours, and its index is -1).
    """

    trial: "FrozenTrial"
    index: int
    round: int
    standing: Standing

    @property
    def number(self) -> int:
        return self.trial.number


@dataclass(frozen=True)
class Assignments:
    """All trials, by number, and how many of them are fresh."""

    entries: tuple[Entry, ...]
    fresh: int

    @classmethod
    def read(cls, trials: Iterable["FrozenTrial"], ended: dict[int, tuple[Entry, int]] | None = None) -> "Assignments":
        """From the trials of a study, by number.

        Args:
            ended: what earlier calls have found of trials that have ended, which never change; added to.
        """
        entries, fresh = [], 0
        ended = {} if ended is None else ended
        for number, trial in enumerate(trials):
            if number in ended:
                entry, more = ended[number]
            else:
                index = trial.user_attrs.get("index")
                more = int(index is None)
                entry = Entry(
                    trial, fresh if index is None else index, trial.user_attrs.get("round", 0), _standing(trial)
                )
                if entry.standing not in ("running", "waiting"):
                    ended[number] = (entry, more)
            entries.append(entry)
            fresh += more
        return cls(tuple(entries), fresh)

    def points(self, count: int) -> dict[int, list[Entry]]:
        """{index: the trials of its last round, without surplus ones} for each index < count that has had a trial."""
        found: dict[int, list[Entry]] = {index: [] for index in range(min(self.fresh, count))}
        for entry in self.entries:
            if entry.index not in found or entry.standing == "surplus":
                continue
            rivals = found[entry.index]
            if rivals and entry.round > rivals[0].round:
                rivals.clear()
            if not rivals or entry.round == rivals[0].round:
                rivals.append(entry)
        return found

    def given(self, number: int | None = None) -> list[Entry]:
        """The trials that other sweeps have run, each once, as the trial of this number found them (None: all)."""
        found: dict[str, Entry] = {}
        for entry in self.entries:
            if entry.standing == "given" and (number is None or entry.number < number):
                found.setdefault(entry.trial.user_attrs[ORIGIN], entry)
        return list(found.values())

    def settled(self, count: int) -> int:
        """How many of the first `count` points need no further trial."""
        return sum(standing(entries) == "settled" for entries in self.points(count).values())

    def takeable(self, count: int, orphan: Callable[[Entry], bool]) -> list[tuple[int, Entry | None]]:
        """(index, the trial to go on with; None: it needs another one), ascending, below the first fresh index.

        Args:
            orphan: whether a running trial is nobody's.
        """
        out: list[tuple[int, Entry | None]] = []
        for index, entries in self.points(count).items():
            now = standing(entries)
            if now == "open":
                out.append((index, None))
            elif now in ("waiting", "running"):
                out += [(index, e) for e in entries if e.standing == now and (now == "waiting" or orphan(e))][:1]
        return out

    def superfluous(self, entry: Entry, count: int) -> bool:
        """Whether another trial has the point, or had it before: races between workers make such trials."""
        return entry.index >= count or any(
            other.index == entry.index
            and other.number != entry.number
            and other.standing in ("settled", "running", "waiting")
            and (other.round > entry.round or (other.round == entry.round and other.number < entry.number))
            for other in self.entries
        )

    def earlier(self, index: int) -> Entry | None:
        """The last trial of an index that knew its point."""
        known = [entry for entry in self.entries if entry.index == index and "point" in entry.trial.user_attrs]
        return known[-1] if known else None

    def __getitem__(self, number: int) -> Entry:
        return self.entries[number]


def standing(entries: Iterable[Entry]) -> Literal["settled", "running", "waiting", "open"]:
    """Where a point stands whose last round has these trials; open: somebody must make another one."""
    entries = list(entries)
    found = [entry.standing for entry in entries]
    if "settled" in found or deaths(entries) >= LIVES:
        return "settled"
    return "running" if "running" in found else "waiting" if "waiting" in found else "open"


def deaths(entries: Iterable[Entry]) -> int:
    """How often in a row the trials of a point were lost without having come further than those before them.

    Those that had not begun when their worker was killed lose nothing; a preempted worker may be killed any number of
    times as long as its trials go on.
    """
    count, furthest = 0, 0
    for entry in sorted(entries, key=lambda entry: entry.number):
        epoch = entry.trial.user_attrs.get(EPOCH)
        if entry.standing == "lost" and epoch is not None:
            count = 1 if epoch > furthest else count + 1
            furthest = max(furthest, epoch)
    return count


def failed(entries: Iterable[Entry]) -> bool:
    """Whether a settled point has come to nothing."""
    return all(entry.trial.state.name == "FAIL" for entry in entries)


def _standing(trial: "FrozenTrial") -> Standing:
    if trial.state.name in ("RUNNING", "WAITING"):
        return "running" if trial.state.name == "RUNNING" else "waiting"
    if ORIGIN in trial.user_attrs and REUSES not in trial.user_attrs:
        return "given"
    if trial.state.name == "FAIL" and trial.user_attrs.get("surplus"):
        return "surplus"
    return "lost" if trial.state.name == "FAIL" and trial.user_attrs.get("lost") else "settled"
