"""The trials of a study as records. Optuna is imported inside functions."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import RunError
from econml_cli.sweeps.spec import identity
from econml_cli.sweeps.study import storage
from econml_cli.sweeps.study.assignment import LIVES, ORIGIN, REUSES, Assignments, Entry, deaths
from econml_cli.sweeps.study.passwords import shown
from econml_cli.sweeps.study.trials import Replicates, Results, State, Trial

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

_STATES: dict[str, State] = {
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "RUNNING": "running",
    "WAITING": "waiting",
}
#: what `complete`, `prune` and `fail` are told beside the value
ABOUT = ("epochs", "seconds", "metrics", "run", "replicates")


def read(where: str, name: str | None, directory: Path | None) -> Results:
    """A study as it stands; nothing is made or changed.

    Args:
        where: its storage. name: None means the only study there.
        directory: where the runs are.

    Raises:
        RunError: there is none, it is damaged, or the server does not answer.
    """
    return read_with_definition(where, name, directory)[0]


def read_with_definition(where: str, name: str | None, directory: Path | None) -> tuple[Results, Mapping[str, Any]]:
    """As `read`, and the study's sweep as `identity.define` made it."""
    with storage.reported(where):
        opened, study = find(where, name)
        found = results(opened, study, opened.get_study_name_from_id(study), directory)
        return found, opened.get_study_user_attrs(study)["sweep"]


def find(where: str, name: str | None) -> tuple["BaseStorage", int]:
    """The storage of a study, to be read only, and the study's id there; arguments and errors as of `read`."""
    opened = storage.connect_to_read(where)
    place = shown(where)
    with storage.reported(where):
        studies = {study.study_name: study for study in opened.get_all_studies()}
        if name is None and len(studies) != 1:
            names = f"several ({', '.join(sorted(studies))}); choose one with --study" if studies else "no study yet"
            raise RunError(f"{place} has {names}.")
        if name is not None and name not in studies:
            there = f"; it has {', '.join(sorted(studies))}" if studies else ""
            raise RunError(f"{place} has no study '{name}'{there}.")
        found = studies[name] if name is not None else next(iter(studies.values()))
        if "sweep" not in found.user_attrs or "count" not in found.user_attrs:
            raise RunError(f"The study '{found.study_name}' in {place} is no sweep of econml.")
        return opened, found._study_id


def results(
    opened: "BaseStorage",
    study: int,
    name: str,
    directory: Path | None = None,
    orphan: Callable[[Entry], bool] = lambda entry: False,
) -> Results:
    """All trials but surplus ones.

    Args:
        study: its id in the storage. orphan: whether a running trial is nobody's, and waits to be taken.
    """
    attrs = opened.get_study_user_attrs(study)
    defined = attrs["sweep"]
    assignments = Assignments.read(opened.get_all_trials(study, deepcopy=False))
    rivals = assignments.points(assignments.fresh)
    reused = {entry.trial.user_attrs.get(REUSES) for entry in assignments.entries}
    given = {entry.number for entry in assignments.given()} - reused
    return Results(
        name=name,
        method=defined["method"],
        metric=defined["metric"]["name"],
        goal=defined["metric"]["goal"],
        varied=identity.varied(defined),
        count=attrs["count"],
        replication=defined.get("replication"),
        objectives=tuple((each["name"], each["goal"]) for each in defined.get("metrics", ())),
        trials=tuple(
            record(entry, waiting=orphan(entry), reason=_why_lost(entry, rivals.get(entry.index, [])))
            for entry in assignments.entries
            if entry.standing != "surplus" and (entry.standing != "given" or entry.number in given)
        ),
        directory=directory,
    )


def record(entry: Entry, *, waiting: bool = False, reason: str | None = None) -> Trial:
    """One trial."""
    trial = entry.trial
    attrs: Mapping[str, Any] = trial.user_attrs
    about = attrs.get("about", {})
    state = "waiting" if waiting and entry.standing == "running" else _STATES[trial.state.name]
    ended = state in ("complete", "pruned", "failed")
    return Trial(
        number=trial.number,
        index=entry.index,
        state=state,
        params=attrs.get("point", {}),
        value=trial.values[0] if state in ("complete", "pruned") and trial.values else None,
        reason=reason or (about.get("reason") if ended else None),
        **(_about(about) if ended else {}),
        rungs=dict(trial.intermediate_values),
        worker=label(attrs["worker"]) if attrs.get("worker") else None,
        started=_utc(trial.datetime_start),
        finished=_utc(trial.datetime_complete),
        origin=attrs.get(ORIGIN),
    )


def _about(about: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: about[key] for key in ABOUT if key in about}
    return found | ({"replicates": Replicates(**found["replicates"])} if "replicates" in found else {})


def label(worker: str) -> str:
    """A worker as its owner calls it, without what makes it unique."""
    return worker.partition("#")[0]


def _why_lost(entry: Entry, rivals: list[Entry]) -> str | None:
    if entry.standing != "lost":
        return None
    lost = [other.number for other in rivals if other.standing == "lost"]
    if deaths(rivals) >= LIVES and lost[-1] == entry.number:
        return f"its worker was killed {deaths(rivals)} times: the machine may have run out of memory on it"
    return "its worker was killed"


def _utc(moment: datetime | None) -> str | None:
    # Optuna keeps the local time without saying so
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")
