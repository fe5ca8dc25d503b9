"""Folders of encoded tables in the user's cache: made once, used by every fit and evaluation of the same table."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli.errors import DataError, RunError
from econml_cli.storage import disk

#: how many are kept, those that were used last, and how many bytes of them all together
KEPT, MOST_BYTES = 4, 20 * 10**9
#: what a folder is called while it is made, and after how many seconds without a write nobody is making it any more
MAKING, ABANDONED = ".making-", 86_400
#: what a folder says of itself, written last
ABOUT = "about.json"
#: what is kept of the contents of its files
DIGEST = "digest.json"


def place() -> Path:
    """The folder that they are in; XDG_CACHE_HOME moves it."""
    import platformdirs

    return platformdirs.user_cache_path("econml-cli") / "tables"


def kept(key: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """(the folder of a key, what is said of it); where there is none yet, `make` fills it and says it.

    A folder appears whole, whenever it is killed: `make` fills another one, which takes its name at the end. Those
    beyond the `KEPT`, or the `MOST_BYTES`, that were used last are deleted, never the one that is asked for; whoever
    has files of one open can go on reading them.

    Raises:
        DataError: the disk refuses. As `make`.
    """
    name = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]
    folder = place() / name
    with contextlib.suppress(OSError, ValueError):
        said = json.loads(disk.read_bytes(folder / ABOUT))
        if isinstance(said, dict):
            os.utime(folder)
            return folder, said
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=MAKING, ignore_cleanup_errors=True) as made:
            said = dict(make(Path(made)))
            disk.write_text(Path(made) / ABOUT, json.dumps(said, allow_nan=False))
            shutil.rmtree(folder, ignore_errors=True)  # a damaged one
            with contextlib.suppress(FileExistsError):  # another process was faster
                Path(made).rename(folder)
    except OSError as error:
        if (folder / ABOUT).is_file():
            return folder, json.loads(disk.read_bytes(folder / ABOUT))
        raise DataError(
            f"{folder.parent}, where --stream keeps the encoded table, cannot be written: {error.strerror or error}; "
            "make room, or let XDG_CACHE_HOME name a folder on another disk."
        ) from error
    _drop_old(folder)
    return folder, said


def remembered(files: Sequence[Path], make: Callable[[], str]) -> str:
    """What `make` computes from files of one of these folders, kept beside them: it is computed again where one of them
    has another size or was changed since."""
    seen = {file.name: [file.stat().st_size, file.stat().st_mtime_ns] for file in files}
    beside = files[0].parent / DIGEST
    with contextlib.suppress(OSError, ValueError):
        said = json.loads(disk.read_bytes(beside))
        if isinstance(said, dict) and said.get("files") == seen and isinstance(said.get("digest"), str):
            return str(said["digest"])
    digest = make()
    with contextlib.suppress(OSError, RunError):  # the folder may be gone by now; its files are open
        disk.write_json(beside, {"files": seen, "digest": digest})
    return digest


def _drop_old(used: Path) -> None:
    """Delete the folders that were not used for longest, and what killed processes have left half made."""
    with contextlib.suppress(OSError):
        folders = list(used.parent.iterdir())
        others = [one for one in folders if one != used and not one.name.startswith(".")]
        others.sort(key=lambda one: one.stat().st_mtime, reverse=True)
        room = MOST_BYTES - _size(used)
        for place, old in enumerate(others, 1):
            room -= _size(old)
            if place >= KEPT or room < 0:
                shutil.rmtree(old, ignore_errors=True)
        for one in folders:
            if one.name.startswith(MAKING) and _last_write(one) < time.time() - ABANDONED:
                shutil.rmtree(one, ignore_errors=True)


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _last_write(folder: Path) -> float:
    return max(path.lstat().st_mtime for path in (folder, *folder.rglob("*")))
