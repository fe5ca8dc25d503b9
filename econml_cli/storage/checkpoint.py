"""Checkpoints through Orbax: the only file that imports it.

A checkpoint is a few named sections ("model", "optimizer", "rng", "position", "best"), each a flat mapping from the
path of a leaf ("linear1.kernel") to a NumPy array. Flat paths do not depend on the containers that optax and flax use
this year, NumPy leaves do not depend on the device, and a digest of each leaf shows damage that the file format
lets pass, also where a part of the checkpoint is all that is read.
"""

import contextlib
import logging
import math
import os
import re
import shutil
import stat
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from econml_cli.errors import CheckpointError, DamagedError
from econml_cli.storage import digests, ocdbt
from econml_cli.storage.steps import steps

#: section -> leaf -> its NumPy array, or, where it was not read, its `jax.ShapeDtypeStruct`
Sections = dict[str, dict[str, Any]]
#: {section: its leaves} of a checkpoint -> those (section, leaf) that are to be read
Wanted = Callable[[Mapping[str, Collection[str]]], Collection[tuple[str, str]]]

#: how often the newest checkpoint is looked for again while a fit replaces it, after so many seconds each time
ATTEMPTS, PAUSE = 10, 0.05
#: bytes of arrays that a checkpoint may claim whatever its files hold (zeros compress to nothing), and for each byte
MOST_UNASKED, MOST_RATIO = 2**28, 200


def path_name(path: tuple[Any, ...]) -> str:
    """The name of one leaf: a jax key path joined by dots, without the `.value` that an nnx variable adds."""
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


def flatten(tree: Any) -> dict[str, np.ndarray]:
    """A pytree as {path: array}; typed RNG keys become their key data."""
    return {path_name(path): _to_numpy(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _is_key(leaf: Any) -> bool:
    return jax.numpy.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _to_numpy(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def unflatten(abstract: Any, flat: Mapping[str, np.ndarray], what: str) -> Any:
    """Fill a pytree of shapes (from `jax.eval_shape`) with the arrays of one section; what was not read stays a shape.

    Raises:
        CheckpointError: a leaf is missing, left over, or of another shape or dtype; names the leaf, expected and got.
    """
    leaves, treedef = jax.tree_util.tree_flatten_with_path(abstract)
    names = [path_name(path) for path, _ in leaves]
    if missing := [n for n in names if n not in flat]:
        raise CheckpointError(f"{what} lacks '{missing[0]}': it was saved from another model than its config says.")
    if extra := [n for n in flat if n not in names]:
        raise CheckpointError(f"{what} holds '{extra[0]}', which the model of its config does not have.")
    return jax.tree.unflatten(
        treedef, [_fill(name, leaf, flat[name], what) for name, (_, leaf) in zip(names, leaves, strict=True)]
    )


def _fill(name: str, leaf: Any, value: Any, what: str) -> Any:
    read = isinstance(value, np.ndarray)
    if _is_key(leaf):
        return leaf if not read else jax.random.wrap_key_data(jax.numpy.asarray(value))
    if tuple(value.shape) != tuple(leaf.shape) or value.dtype != leaf.dtype:
        expected, got = f"{leaf.dtype}{list(leaf.shape)}", f"{value.dtype}{list(value.shape)}"
        raise CheckpointError(f"{what}: '{name}' is {got} where the model of its config expects {expected}.")
    return jax.device_put(value) if read else leaf  # `asarray` would compile a program for each shape


def _orbax() -> Any:
    """Orbax's v0 interface, with the chatter of its loggers off the user's stderr."""
    for name in ("absl", "orbax"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong reaches us as exceptions
    import orbax.checkpoint as ocp

    return ocp


def prepare() -> None:
    """Import what a first checkpoint needs, so that it is there when it is saved. Fails in silence: saving will say."""
    with contextlib.suppress(Exception):
        _orbax()


class CheckpointWriter:
    """Writes the checkpoints of one run, each into its own step directory, atomically, and keeps the newest `keep`."""

    def __init__(self, directory: Path, keep: int):
        self._directory, self._keep = directory.absolute(), keep
        self._directory.mkdir(parents=True, exist_ok=True)  # later it is no longer there because somebody took it away
        self._opened: Any = None

    def _manager(self) -> Any:
        """Orbax's manager, opened at the first save: importing Orbax takes half a second."""
        if self._opened is None:
            ocp = _orbax()
            # of a fit in several processes this one alone writes: the others are not to be waited for
            several = jax.process_count() > 1
            alone = {jax.process_index()} if several else None
            processes = ocp.options.MultiprocessingOptions(primary_host=jax.process_index(), active_processes=alone)
            options = ocp.CheckpointManagerOptions(
                max_to_keep=self._keep,
                enable_async_checkpointing=False,
                create=False,
                multiprocessing_options=processes,
            )
            self._opened = ocp.CheckpointManager(self._directory, options=options)
        return self._opened

    def save(self, step: int, sections: Sections) -> None:
        """Write one step (a step that is there already is left as it is).

        Raises:
            CheckpointError: the disk is full or the directory cannot be written.
        """
        ocp = _orbax()  # its import takes half a second, in which a directory can be moved
        gone = CheckpointError(
            f"The checkpoint of epoch {step} could not be saved: {self._directory} was moved or deleted."
        )
        before = _inodes(self._directory)
        if not before[0]:  # Orbax would make it again
            raise gone
        tree = {name: leaves for name, leaves in sections.items() if leaves}
        tree["digest"] = {"leaves": digests.by_leaf(tree)}
        try:
            if step not in self._manager().all_steps():
                self._manager().save(step, args=ocp.args.StandardSave(tree))
        except Exception as error:  # Orbax and TensorStore raise a dozen kinds
            for unfinished in self._directory.glob(f"{step}.orbax-checkpoint-tmp*"):
                shutil.rmtree(unfinished, ignore_errors=True)
            full = any(sign in str(error) for sign in ("os_error_code='28'", "No space left"))
            why = "the disk is full; free some space" if full else _reason(error)
            if not _unmade(self._directory, step, before):
                raise gone from error
            raise CheckpointError(f"The checkpoint of epoch {step} could not be saved: {why}.") from error
        if not _unmade(self._directory, step, before):
            raise gone

    def close(self) -> None:
        """Release Orbax's threads."""
        if self._opened is not None:
            self._opened.close()


def _inodes(directory: Path) -> list[int]:
    """Which directory stands at a path, at its parent's, and at that of the run among others; 0 where none does."""
    return [path.stat().st_ino if path.is_dir() else 0 for path in (directory, *directory.parents[:2])]


def _unmade(directory: Path, step: int, before: list[int]) -> bool:
    """Take away what Orbax has made again, with all directories on the way, of one that was moved while it wrote.

    Args:
        before: what `_inodes` said.

    Returns:
        whether the directory is still there.
    """
    after = _inodes(directory)
    if after[0] == before[0]:
        return True
    if after[0]:
        shutil.rmtree(directory / str(step), ignore_errors=True)
    for path, old, new in zip((directory, *directory.parents[:2]), before, after, strict=True):
        if new and new != old:
            with contextlib.suppress(OSError):  # something else is in it
                path.rmdir()
    return False


def _reason(error: Exception) -> str:
    """What the system said, out of what TensorStore made of it."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    code = re.search(r"os_error_code='(\d+)'", str(error))
    return os.strerror(int(code[1])) if code else _first_line(error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def everything(names: Mapping[str, Collection[str]]) -> Collection[tuple[str, str]]:
    """All that a checkpoint holds (a `Wanted`)."""
    return {(section, leaf) for section, leaves in names.items() for leaf in leaves}


def load(directory: Path, step: int | None = None, wanted: Wanted = everything) -> tuple[int, Sections]:
    """Read one checkpoint (default: the newest) as (step, sections), on whatever device is there.

    The run may be in training: where the newest checkpoint is replaced while it is read, the one after it is read.

    Args:
        wanted: which leaves are read (default: all); of the others the sections hold shapes. Those that are read are
            checked against their digests. An older checkpoint has one digest of all, and is read whole.

    Raises:
        DamagedError: it is damaged (names the other steps that could be tried).
        CheckpointError: there is none, the disk or a permission refuses now, or a fit that is running has replaced it.
    """
    if directory.is_symlink():
        raise CheckpointError(f"{directory} is a link, which econml never makes in a run, so it is not followed.")
    import tensorstore  # noqa: F401  # before the steps are listed: a fit may replace them all while it is imported

    for _ in range(ATTEMPTS):
        there = steps(directory)
        if not there:
            raise CheckpointError(f"{directory} holds no finished checkpoint; the run ended before its first one.")
        if step is not None and step not in there:
            kept = " (--keep says how many of the newest are kept)" if step < there[0] else ""
            epochs = ", ".join(map(str, there))
            raise CheckpointError(f"{directory} has no checkpoint of epoch {step}; it has {epochs}{kept}.")
        chosen = there[-1] if step is None else step
        try:
            return chosen, _read(directory, chosen, there, wanted)
        except CheckpointError:
            time.sleep(PAUSE)  # a deletion that was under way has ended then
            now = steps(directory)
            if now == there:
                raise
        if step is not None and step not in now:
            break
    raise CheckpointError(
        f"The checkpoint of epoch {chosen} in {directory} has been replaced by newer ones: the run is being trained; "
        "leave --step out, or wait until it has ended."
    )


def _read(directory: Path, step: int, there: list[int], wanted: Wanted) -> Sections:
    """The sections of one checkpoint without their digests, which they must match."""
    sections = _restored(directory, step, there, wanted)
    stored = sections.pop("digest", {})
    if "leaves" in stored:
        good = digests.agree(stored["leaves"], sections)
    else:
        good = "sha256" in stored and bytes(stored["sha256"]).hex() == digests.whole(sections)
    if not good:
        raise _damaged(directory, step, there, "its digest does not match its contents")
    return sections


def _restored(directory: Path, step: int, there: list[int], wanted: Wanted) -> Sections:
    """The sections as they are stored: by TensorStore alone, by Orbax, and then whole, what that does not know."""

    def chosen(names: Mapping[str, Collection[str]]) -> Collection[tuple[str, str]]:
        apart = "leaves" in names.get("digest", ())  # else one digest of all
        return {*wanted(names), ("digest", "leaves")} if apart else everything(names)

    place = directory.absolute() / str(step)
    try:
        found = ocdbt.read(place, MOST_UNASKED + MOST_RATIO * _bytes_of(place), chosen)
        return {name: {leaf: _or_shape(value) for leaf, value in part.items()} for name, part in found.items()}
    except ocdbt.UnreadableError as error:  # asked the same, Orbax leaves threads behind that complain of it later
        _refuse_if_unreadable(place)
        raise _damaged(directory, step, there, _first_line(error)) from error
    except Exception as error:  # Orbax's answer is the one that counts
        logging.getLogger(__name__).debug("%s is left to Orbax: %s", place, error)
    ocp = _orbax()
    try:
        on_disk = _bytes_of(place)
        _check_sizes(ocp.StandardCheckpointHandler().metadata(place / "default"), on_disk)
        with ocp.CheckpointManager(
            directory.absolute(), options=ocp.CheckpointManagerOptions(read_only=True)
        ) as manager:
            tree = manager.restore(step, args=ocp.args.StandardRestore())
        return {name: {leaf: np.asarray(value) for leaf, value in part.items()} for name, part in tree.items()}
    except Exception as error:  # Orbax and TensorStore raise a dozen kinds for a damaged file
        _refuse_if_unreadable(place)
        raise _damaged(directory, step, there, _first_line(error)) from error


def _or_shape(value: Any) -> Any:
    return jax.ShapeDtypeStruct(value.shape, value.dtype) if isinstance(value, ocdbt.Unread) else value


def _bytes_of(place: Path) -> int:
    """The size of a checkpoint's files.

    Raises:
        ValueError: something in it is neither a file nor a directory, such as a link out of the run.
    """
    total = 0
    for path in place.rglob("*"):
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
            raise ValueError(f"{path.name} is neither a file nor a directory")
        total += about.st_size
    return total


def _check_sizes(metadata: Any, on_disk: int) -> None:
    """Compare the sizes that a checkpoint claims with those of its files, before anything is allocated.

    Raises:
        ValueError: they cannot be so small. Whatever else: it is not the tree that we write.
    """
    claimed = 0
    for section in getattr(metadata, "tree", metadata).values():
        for leaf in section.values():
            chunk = getattr(leaf.storage, "chunk_shape", None) or ()
            claimed += max(math.prod(leaf.shape), math.prod(chunk)) * np.dtype(leaf.dtype).itemsize
    if claimed > MOST_UNASKED + MOST_RATIO * on_disk:
        raise ValueError(f"it claims arrays of {claimed / 1e9:,.1f} GB in files of {on_disk / 1e6:,.1f} MB")


def _refuse_if_unreadable(place: Path) -> None:
    """Tell a disk that does not answer, or a permission, from damage: that may be other tomorrow.

    Raises:
        CheckpointError: what the system says.
    """
    try:
        for path in (place, *place.rglob("*")):
            if path.is_dir():
                next(path.iterdir(), None)
            elif path.is_file():
                with path.open("rb") as file:
                    while file.read(2**20):
                        pass
    except FileNotFoundError:
        return  # it is being replaced
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {place} cannot be read now ({error.strerror or error}); nothing was changed: try again."
        ) from error


def _damaged(directory: Path, step: int, there: list[int], why: str) -> DamagedError:
    others = [s for s in there if s != step]
    remedy = f"try --step {others[-1]}" if others else "fit again"
    why = why if len(why) < 100 else f"{why[:100].rsplit(maxsplit=1)[0]} ..."
    return DamagedError(f"The checkpoint {directory / str(step)} is damaged ({why}); {remedy}.")
