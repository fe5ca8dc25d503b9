"""What a person writes on a run: tags and a note, in a file of their own, so that no fit ever touches it."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError, RunError
from econml_cli.storage import disk, json_shape

FILE = "labels.json"
_LOCK = ".labels.lock"
_SHAPE: json_shape.Shape = {"tags?": json_shape.TEXTS, "note?": json_shape.optional(json_shape.TEXT)}
#: how often the lock is waited for, a fifth of a second each: labelling takes a hundredth of that
_TURNS = 20
#: characters of a tag, and of a note
MOST_TAG, MOST_NOTE = 60, 10_000


@dataclass(frozen=True)
class Labels:
    """`tags`: in the order in which they were given. `note`: None where there is none."""

    tags: tuple[str, ...] = ()
    note: str | None = None


def read(path: Path) -> Labels:
    """What is written on a directory.

    Raises:
        RunError: the file is damaged.
    """
    if not (path / FILE).exists():
        return Labels()
    remedy = f"delete it, or restore it from a copy; the run in {path} is not touched by it"
    found = disk.read_json(path / FILE, absent=f"{path / FILE} is gone.", remedy=remedy, shape=_SHAPE)
    return Labels(tuple(dict.fromkeys(found.get("tags", ()))), found.get("note") or None)


def tag(path: Path, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> Labels:
    """Add and remove tags; one that is there, or is not there, is no error.

    Raises:
        ConfigError: a tag is empty, too long, or has a comma. RunError: the file is damaged, or cannot be written.
    """
    for word in add:
        if not word.strip() or len(word) > MOST_TAG or "," in word or not word.isprintable():
            raise ConfigError(f"A tag is a word or a few, up to {MOST_TAG} characters without a comma, got {word!r}.")
    with _alone(path):
        found = read(path)
        tags = tuple(word for word in dict.fromkeys([*found.tags, *(w.strip() for w in add)]) if word not in remove)
        return _write(path, Labels(tags, found.note))


def note(path: Path, text: str, *, append: bool = False) -> Labels:
    """Write a note in place of the one that is there, or below it; an empty one takes it away.

    Raises:
        ConfigError: it is too long. RunError: the file is damaged, or cannot be written.
    """
    with _alone(path):
        found = read(path)
        whole = "\n".join([found.note, text]) if append and found.note else text
        if len(whole) > MOST_NOTE:
            raise ConfigError(
                f"A note has up to {MOST_NOTE:,} characters, this one {len(whole):,}; put it into a file."
            )
        return _write(path, Labels(found.tags, whole.strip() or None))


def _write(path: Path, labels: Labels) -> Labels:
    disk.write_json(path / FILE, {"tags": list(labels.tags), "note": labels.note})
    return labels


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two commands that label one run at a time do not lose each other's words."""
    try:
        with contextlib.ExitStack() as held:
            for left in reversed(range(_TURNS)):
                try:
                    taken = f"{path} is being labelled by another process; try again."
                    held.enter_context(disk.exclusive(path / _LOCK, taken))
                    break
                except RunError:
                    if not left:
                        raise
            yield
    except OSError as error:
        raise RunError(f"{path / FILE} cannot be written: {error.strerror or error}.") from error
