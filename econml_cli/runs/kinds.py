"""What a person keeps in --runs-dir: runs, cross-validations, sweeps, estimates, told apart by the file that each has.

Imports nothing heavy.
"""

import contextlib
import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.runs import directory
from econml_cli.runs.directory import CROSS_VALIDATION, ESTIMATE, LOCK, SWEEP, Run
from econml_cli.storage import disk

#: kind -> the file that makes a directory one of it; the first that is there counts
MARKS = {
    "sweep": SWEEP,
    "cross-validation": CROSS_VALIDATION,
    "estimate": ESTIMATE,
    "run": "manifest.json",
}
#: how the parts of a sweep (its trials, their fits) and of a cross-validation (its folds) are called
_PARTS = {
    "sweep": re.compile(r"\d{4,}"),
    "cross-validation": re.compile(r"fold\d+"),
    "estimate": re.compile(r"(?!)"),
    "run": re.compile(r"(?!)"),
}


@dataclass(frozen=True)
class Kept:
    """One of them: "run", "cross-validation", "sweep" or "estimate", and its directory."""

    kind: str
    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def run(self) -> Run:
        """The same as a run."""
        return Run(self.path)

    def under_way(self) -> bool:
        """Whether a process works on it or on a part of it: it holds a lock (workers that share a sweep hold one, too),
        or, where the file system knows no locks, is there and says so."""
        locks = (self.path / LOCK, *(self.path / p.name / LOCK for p in self.parts()))
        if any(disk.held(lock, shared=True) for lock in locks):
            return True
        if self.kind != "run" or disk.held(self.path / LOCK) is False:  # which is faster than reading a manifest
            return False
        with contextlib.suppress(RunError):
            return self.run.in_training()
        return False

    def parts(self) -> list[Path]:
        """The directories of its trials or folds, by name."""
        pattern = _PARTS[self.kind]
        if self.kind in ("run", "estimate"):
            return []
        with contextlib.suppress(OSError):
            there = [p for p in self.path.iterdir() if pattern.fullmatch(p.name)]
            return sorted(p for p in there if p.is_dir() and not p.is_symlink())
        return []


def kind_of(path: Path) -> str | None:
    """What a directory is; None where it is none of them."""
    return next((kind for kind, mark in MARKS.items() if (path / mark).is_file()), None)


def kept(path: Path) -> Kept | None:
    """A directory as what it is; None where it is none of them."""
    path = path if path.name else path.absolute()  # "." has no name
    kind = kind_of(path)
    return None if kind is None else Kept(kind, path)


def all_in(runs_dir: Path) -> list[Kept]:
    """All of them directly below a directory, by name."""
    if not runs_dir.is_dir():
        return []
    return [found for p in sorted(runs_dir.iterdir()) if not p.name.startswith(".") and (found := kept(p))]


def whole_of(path: Path) -> Kept | None:
    """The sweep, cross-validation or estimate of which a directory is a part (a trial, one of its fits, a fold)."""
    path = path.absolute()
    for above in path.parents[:2]:
        whole = kept(above)
        if whole is not None and _PARTS[whole.kind].fullmatch(path.relative_to(above).parts[0]):
            return whole
    return None


def strangers(found: Kept) -> list[Path]:
    """What lies directly in a directory and is kept for itself, not as a part."""
    with contextlib.suppress(OSError):
        inside = [p for p in found.path.iterdir() if p.is_dir() and not p.is_symlink() and kind_of(p) is not None]
        return sorted(p for p in inside if not _PARTS[found.kind].fullmatch(p.name))
    return []


def find(name: str, runs_dir: Path, *, exactly: bool = False) -> Kept:
    """What is meant by a path, a name below `runs_dir`, or the unique start of one (not `exactly`).

    Raises:
        RunError: there is none, or several start so; suggests the nearest name.
    """
    places = directory.places_of(name, runs_dir)
    for place in places if name else ():
        if (found := kept(place)) is not None:
            return found
    there = all_in(runs_dir)
    if name and not exactly and (one := directory.beginning_with(name, there)) is not None:
        return one
    if (other := next((p for p in places if name and p.exists()), None)) is not None:
        raise RunError(f"{other} is no run, cross-validation, sweep or estimate of econml, so it is left alone.")
    raise directory.none_called(name, runs_dir, there)


def matching(names: Sequence[str], runs_dir: Path) -> list[Kept]:
    """What is meant by whole names, paths, and patterns of names (`test-*`), each once, in the order given.

    Raises:
        RunError: a name or a pattern fits nothing.
    """
    found: dict[Path, Kept] = {}
    for name in names:
        here: Iterable[Kept]
        if any(sign in name for sign in "*?[") and not Path(name).exists():
            here = [each for each in all_in(runs_dir) if fnmatch.fnmatchcase(each.name, name)]
            if not here:
                raise RunError(f"Nothing in {runs_dir}/ fits '{name}'; `econml runs list` lists what is there.")
        else:
            here = [find(name, runs_dir, exactly=True)]
        for each in here:
            found.setdefault(each.path.absolute(), each)
    return list(found.values())
