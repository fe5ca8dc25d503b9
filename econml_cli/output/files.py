"""Where an output that the user has named may be written: a new file, or in place of one of ours.

Imports nothing heavy: it is asked first.
"""

import os
import stat
from pathlib import Path

from econml_cli.errors import ConfigError, RunError

#: in the head of every page of ours, so that we know our own
GENERATOR = '<meta name="generator" content="econml">'
#: bytes at the beginning or the end of a file in which a mark is looked for
NEAR = 1000


def check(path: Path, option: str, mark: bytes | None, force: bool, what: str = "page") -> None:
    """Refuse a file that is not to be written, before anything is computed.

    Args:
        mark: what a file of ours has near its beginning or end; None: any file may be replaced. force: replace
            another file, too.

    Raises:
        ConfigError: there is no directory to write to, or something else than a file is there. RunError: a file that
            is not ours is there.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
    except OSError as error:
        raise ConfigError(f"{option} {path} cannot be written: {error.strerror or error}.") from None
    if mode is not None and stat.S_ISDIR(mode):
        raise ConfigError(f"{option} {path} is a directory; name a file in it.")
    if mode is not None and not stat.S_ISREG(mode):
        raise ConfigError(f"{option} {path} is a link, a pipe or a device, and no file; name a file.")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"{option} {path}: there is no directory {path.parent}; make it first.")
    if mode is not None and mark is not None and not force and mark not in _ends(path):
        raise RunError(
            f"{path} exists and is no {what} of econml, so it is left alone; choose another {option}, or add --force."
        )


def _ends(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(NEAR)
            file.seek(max(0, file.seek(0, os.SEEK_END) - NEAR))
            return start + file.read(NEAR)
    except OSError:  # ours can be read
        return b""
