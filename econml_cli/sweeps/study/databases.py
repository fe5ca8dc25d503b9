"""Where the user has said that studies of theirs are kept: only there does a sweep.json lead. Imports nothing heavy.

A sweep.json may be somebody else's. libpq gives PGPASSWORD to any server that asks for it, and a study is written into
any file that it names. So a server, or a file outside of the sweep that is not yet a journal, is used where the user
has typed it with --storage, now or in an earlier command, as a file of their own code is run where they have named it
(`options/own_code.py`).
"""

import json
import os
import re
from pathlib import Path

from econml_cli.errors import ConfigError
from econml_cli.options import remembered, shell
from econml_cli.runs.directory import SWEEP
from econml_cli.storage import disk
from econml_cli.sweeps.study.passwords import shown, without_password

#: storages that the user names for this process and those it starts, a line each
VARIABLE = "ECONML_STORAGES"
#: the file of the user's state directory that keeps those named in earlier commands
_RECORD = "storages.txt"
#: what is no server: a file, named by its path, a journal of Optuna's, or one of SQLite
_FILE = re.compile(r"(?!.*://)|journal://|sqlite(\+pysqlite)?:///", re.DOTALL)


def name(storage: str) -> None:
    """The user has named this storage: a sweep.json that names it is followed, now and by later commands."""
    kept = _said(without_password(storage))
    if kept not in _named():
        os.environ[VARIABLE] = "\n".join([*_named(), kept])
    remembered.remember(_RECORD, kept)


def check(storage: str, where: Path, into: Path | None = None) -> str:
    """The storage that `where` names, a sweep.json or a config file that need not be the user's own.

    It is compared letter for letter: two readers of a URL may differ about which part of it is the host.

    Args:
        into: the directory of the sweep, where its trials are to be written; None: they are only read.

    Raises:
        ConfigError: it is a server, or a file that is to be written, that the user has not named.
    """
    if _said(storage) in (*_named(), *remembered.lines(_RECORD)):
        return storage
    if not _FILE.match(storage):
        what = "to which PGPASSWORD or a password of ~/.pgpass would be sent, so it is not asked"
    elif into is None or _own(_file(storage), into):
        return storage
    else:
        what = "which is outside of it and no journal of a sweep, so it is not written"
    named = ("--storage", shown(storage))
    again = f"`{shell.command('sweep', 'show', where.parent, *named)}`" if where.name == SWEEP else shell.option(*named)
    raise ConfigError(
        f"{where} keeps its trials in {shown(storage)}, {what}: you have not named it yourself; if you trust it, type "
        f"it: {again} (or set {VARIABLE})."
    )


def _named() -> list[str]:
    return [line for line in os.environ.get(VARIABLE, "").split("\n") if line]


def _said(storage: str) -> str:
    """A server as it was typed; a file by its place."""
    return str(_file(storage).absolute()) if _FILE.match(storage) else storage


def _file(storage: str) -> Path:
    if storage.startswith("sqlite"):
        return Path(storage.partition(":///")[2].partition("?")[0])
    return Path(storage.removeprefix("journal://"))


def _own(file: Path, into: Path) -> bool:
    """Whether a study may be written into a file: the sweep's own, or what is a journal of Optuna's already."""
    if file.resolve().is_relative_to(into.resolve()):
        return True
    try:
        with disk.opened(file) as opened:
            first = json.loads(opened.readline(100_000))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(first, dict) and "op_code" in first
