"""What is written into a study's storage, one method a deed. Optuna is imported inside functions."""

import contextlib
import time
from collections.abc import Container, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import identity
from econml_cli.sweeps.spec.sample import DEFAULT
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.study.assignment import EPOCH, GIVEN, ORIGIN, REUSES, Assignments, Entry
from econml_cli.sweeps.study.heartbeat import Heartbeat, Watch
from econml_cli.sweeps.study.history import History
from econml_cli.sweeps.study.warm_start import Earlier, StartFrom

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

    from econml_cli.sweeps.study.proposals import Proposer

_HEARTBEAT = "pulse "
#: the study's attribute that says what it began with
_START = "start"


class TrialWriter:
    """One worker's access to one study.

    Attributes:
        storage, where: Optuna's storage, and how the user calls it. study: its id there.
        worker: unique, also among processes that their owner calls the same. alone: nobody else uses the study.
    """

    def __init__(self, storage: "BaseStorage", where: str, study: int, worker: str, alone: bool, grace: float):
        self.storage = storage
        self.where = where
        self.study = study
        self.worker = worker
        self.alone = alone
        self._heartbeat = Heartbeat(
            lambda n: storage.set_study_user_attr(study, _HEARTBEAT + worker, n), grace, time.monotonic
        )
        self._watch = Watch(grace, time.monotonic)
        self._ended: dict[int, tuple[Entry, int]] = {}

    def attrs(self) -> dict[str, Any]:
        """What is kept with the study: sweep, count, heartbeats."""
        return self.storage.get_study_user_attrs(self.study)

    def read(self) -> Assignments:
        """All trials."""
        return Assignments.read(self.storage.get_all_trials(self.study, deepcopy=False), self._ended)

    def id(self, number: int) -> int:
        """The storage's own name of a trial."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study, number)

    def beat(self) -> None:
        """Write a sign of life, where anybody looks for one and it is time."""
        if not self.alone:
            self._heartbeat.beat()

    def bury(self, mine: Container[int]) -> None:
        """Mark the trials of dead workers as lost; of several workers that see a death, one does it."""
        running = [e for e in self.read().entries if e.standing == "running" and e.number not in mine]
        if not running:
            return
        attrs = self.attrs()
        heartbeats = {key.removeprefix(_HEARTBEAT): n for key, n in attrs.items() if key.startswith(_HEARTBEAT)}
        # one that nobody has signed: its worker may have died between taking and signing it
        owners = {e.number: e.trial.user_attrs.get("worker") or f"unsigned {e.number}" for e in running}
        dead = {owner for owner in set(owners.values()) if self._watch.dead(owner, heartbeats)}
        for number, owner in owners.items():
            if owner in dead:
                self.end(number, "FAIL", {"lost": True})

    def add_fresh(self) -> int:
        """A new trial for the next index, running, this worker's; its number."""
        from optuna.trial import TrialState, create_trial

        template = create_trial(state=TrialState.RUNNING, user_attrs={"worker": self.worker})
        return self.storage.get_trial_number_from_id(self.storage.create_new_trial(self.study, template))

    def add(self, index: int, round_: int, earlier: Entry | None, *, state: str) -> int:
        """Another trial for an index, RUNNING (this worker's) or WAITING, at the point that is known; its number."""
        from optuna.trial import TrialState, create_trial

        template = create_trial(
            state=TrialState[state],
            params=earlier.trial.params if earlier else None,
            distributions=earlier.trial.distributions if earlier else None,
            user_attrs={
                "index": index,
                "round": round_,
                "worker": self.worker if state == "RUNNING" else "",
                **({"point": earlier.trial.user_attrs["point"]} if earlier else {}),
            },
        )
        return self.storage.get_trial_number_from_id(self.storage.create_new_trial(self.study, template))

    def add_retry(self, index: int, assignments: Assignments) -> int:
        """Another running trial, this worker's, for an index whose trials were all lost; its number."""
        round_ = max(entry.round for entry in assignments.entries if entry.index == index)
        return self.add(index, round_, assignments.earlier(index), state="RUNNING")

    def write_point(self, entry: Entry, proposer: "Proposer", history: History) -> Any:
        """Settle which point a trial tries; the point, as it is kept."""
        proposal = proposer.propose(entry.index, history)
        id_ = entry.trial._trial_id
        if proposer.learns:  # so that the proposal can be made again
            self.storage.set_trial_user_attr(id_, "history", history.text())
        for axis in proposer.axes:
            if axis.name not in proposal.params:  # it does not apply to the point
                continue
            internal = axis.distribution.to_internal_repr(proposal.params[axis.name])
            self.storage.set_trial_param(id_, axis.name, internal, axis.distribution)
        point = identity.plain(proposal.point)
        self.storage.set_trial_user_attr(id_, "point", point)  # last: a trial that has it has all of it
        return point

    def add_given(self, earlier: Earlier, axes: Mapping[str, "BaseDistribution"]) -> None:
        """A trial that another sweep has run, ended; it has no index, and shifts nobody's."""
        from optuna.trial import TrialState, create_trial

        template = create_trial(
            state=TrialState.COMPLETE if earlier.values else TrialState.FAIL,
            values=list(earlier.values) or None,
            params=dict(earlier.params),
            distributions={name: axes[name] for name in earlier.params},
            user_attrs={
                "index": GIVEN,
                "point": identity.plain(earlier.point),
                "about": dict(earlier.about),
                ORIGIN: earlier.origin,
            },
        )
        self.storage.create_new_trial(self.study, template)

    def reuse(self, number: int, given: Entry) -> bool:
        """End a trial with the result that another sweep has of its point; otherwise as `end`."""
        had = given.trial.user_attrs
        attrs = {"about": had["about"], ORIGIN: had[ORIGIN], REUSES: given.number}
        return self.end(number, given.trial.state.name, attrs, given.trial.values or ())

    def sign(self, entry: Entry) -> None:
        """Say whose a trial is."""
        self.storage.set_trial_user_attr(entry.trial._trial_id, "worker", self.worker)

    def note(self, number: int, epoch: int) -> None:
        """Say how far a trial has come."""
        from optuna.exceptions import UpdateFinishedTrialError

        with contextlib.suppress(UpdateFinishedTrialError):  # it was taken for lost
            self.storage.set_trial_user_attr(self.id(number), EPOCH, epoch)

    def pop(self, number: int) -> bool:
        """Set a waiting trial running; False where another worker was quicker."""
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        try:
            return self.storage.set_trial_state_values(self.id(number), TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False

    def end(self, number: int, state: str, attrs: dict[str, Any], values: Sequence[float] = ()) -> bool:
        """Set attributes and then the state of a trial, with a value of each metric; False where it had ended before,
        and stays as it was.

        A trial ends once in every storage, so among several workers one gets True.
        """
        from optuna.exceptions import UpdateFinishedTrialError
        from optuna.trial import TrialState

        id_ = self.id(number)
        try:
            for key, content in attrs.items():
                self.storage.set_trial_user_attr(id_, key, content)
            told = [float(value) for value in values] or None
            return self.storage.set_trial_state_values(id_, TrialState[state], told)
        except UpdateFinishedTrialError:
            return False


def find_or_create(opened: "BaseStorage", name: str, defined: dict[str, Any]) -> tuple[int, str]:
    """The id of the study called so, which is made where there is none, and the sampler of its method bayes.

    Args:
        defined: without `sampler` where it may be any.

    Raises:
        ConfigError: it was begun as another sweep.
    """
    from optuna.exceptions import DuplicatedStudyError
    from optuna.study import StudyDirection

    try:
        goals = [metric["goal"] for metric in defined.get("metrics") or [defined["metric"]]]
        id_ = opened.create_new_study([StudyDirection[goal.upper()] for goal in goals], name)
    except DuplicatedStudyError:
        id_ = opened.get_study_id_from_name(name)
    # a creator killed before this line leaves a study that knows no sweep yet
    before = opened.get_study_user_attrs(id_).get("sweep")
    if before is None:
        defined = {**defined, **identity.SAMPLER, **defined} if defined["method"] == "bayes" else defined
        opened.set_study_user_attr(id_, "sweep", defined)
        return id_, str(defined.get("sampler"))
    if "sampler" not in before:  # of 0.1, whose batches were others; its trials are as good as any
        before = {key: value for key, value in before.items() if key != "batch"}
        before |= {key: defined[key] for key in ("batch", "sampler") if key in defined}
    if "sampler" not in defined and "sampler" in before:
        defined = {**defined, "sampler": before["sampler"]}
    identity.check_same(before, defined, f"The study '{name}'")
    return id_, str(before.get("sampler", identity.SAMPLER["sampler"]))


def begin_from(writer: TrialWriter, start: StartFrom | None, axes: Mapping[str, "BaseDistribution"]) -> dict[str, Any]:
    """Have a study begin with earlier trials and with points, once; what it began with: {"said", "points", "known"}.

    Of several workers that begin it together each writes the trials that it does not find; those written twice count
    once.

    Raises:
        ConfigError: it was begun with something else, or its first points are taken.
    """
    before: dict[str, Any] | None = writer.attrs().get(_START)
    if start is None:
        return before or {}
    if before is not None:
        if before["said"] != list(start.said):
            raise ConfigError(
                f"The sweep was begun with --start-from {' --start-from '.join(before['said'])}; continue it so, or "
                "begin a new one with another --out or --study."
            )
        return before
    asked, assignments = start.read(), writer.read()
    if asked.points and assignments.fresh:
        raise ConfigError(
            "The sweep has begun, so that no points can be tried first; begin a new one with another --out."
        )
    there = {entry.trial.user_attrs[ORIGIN] for entry in assignments.given()}
    for earlier in asked.earlier:
        if earlier.origin not in there:
            writer.add_given(earlier, axes)
            there.add(earlier.origin)
    # a sweep that has begun keeps the points that are spread over its space
    known = 0 if assignments.fresh else sum(bool(earlier.values) for earlier in asked.earlier)
    found = {"said": list(start.said), "points": [identity.plain(point) for point in asked.points], "known": known}
    writer.storage.set_study_user_attr(writer.study, _START, found)
    return found


def set_count(writer: TrialWriter, sweep: Sweep, count: int | None) -> None:
    """Keep how many points are to be tried: `count`; None: as before, else run_cap, else the whole grid, else 50."""
    before = writer.attrs().get("count")
    wanted = count or before or sweep.run_cap
    if sweep.method == "grid":
        size = sweep.space.grid_size()
        wanted = min(wanted or size, size)
    wanted = wanted or DEFAULT
    if wanted != before:
        writer.storage.set_study_user_attr(writer.study, "count", wanted)
