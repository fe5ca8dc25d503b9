"""Folders of encoded tables in the user's cache: made once, used by every fit and evaluation of the same table."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from econml_cli.errors import DataError
from econml_cli.storage import disk

#: how many are kept, those that were used last
KEPT = 4
#: what a folder says of itself, written last
ABOUT = "about.json"


def place() -> Path:
    """The folder that they are in; XDG_CACHE_HOME moves it."""
    import platformdirs

    return platformdirs.user_cache_path("econml-cli") / "tables"


def kept(key: Mapping[str, Any], make: Callable[[Path], Mapping[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """(the folder of a key, what is said of it); where there is none yet, `make` fills it and says it.

    A folder appears whole, whenever it is killed: `make` fills another one, which takes its name at the end. Those
    beyond the `KEPT` that were used last are deleted; whoever has files of one open can go on reading them.

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
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-", ignore_cleanup_errors=True) as made:
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


def _drop_old(used: Path) -> None:
    """Delete the folders that were not used for longest."""
    with contextlib.suppress(OSError):
        others = [one for one in used.parent.iterdir() if one != used and not one.name.startswith(".")]
        others.sort(key=lambda one: one.stat().st_mtime, reverse=True)
        for old in others[KEPT - 1 :]:
            shutil.rmtree(old, ignore_errors=True)
