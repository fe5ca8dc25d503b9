"""Where a study is kept: a journal file, a database, or Optuna's gRPC proxy. Optuna is imported inside functions."""

import contextlib
import io
import logging
import re
import time
import traceback
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import RunError
from econml_cli.sweeps.study.passwords import mistyped, shown

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

#: seconds to wait for a server's answer, and for another process to leave a SQLite file
CONNECT, SQLITE = 10, 60
#: what a database says when two workers make its tables at the same moment
_RACE = ("already exists", "duplicate key", "unique constraint")


def connect(storage: str, *, alone: bool) -> "BaseStorage":
    """Open a storage, make it where there is none.

    Args:
        storage: a path or `journal://PATH`, `grpc://HOST:PORT`, or a database URL as SQLAlchemy takes it.
        alone: nobody else uses it, so what a dead process has left locked is free.

    Raises:
        RunError: it cannot be reached, read or written; its driver is missing.
    """
    with reported(storage):
        _silence()
        _check(storage)
        if (path := journal_path(storage)) is not None:
            path.touch()
            if alone:
                path.with_name(path.name + ".lock").unlink(missing_ok=True)
            return _journal(path, mend=True)
        return _grpc(storage) if storage.startswith("grpc://") else _database(storage)


def connect_to_read(storage: str) -> "BaseStorage":
    """Open a storage that exists, and change nothing in it.

    Raises:
        RunError: as `connect`, and where there is none.
    """
    with reported(storage):
        _silence()
        _check(storage)
        path = journal_path(storage)
        if path is None and storage.startswith("grpc://"):
            return _grpc(storage)
        file = path or _sqlite_file(storage)
        if file is not None and not file.is_file():
            raise RunError(f"There is no study in {file}; run the sweep first, or look for it elsewhere.")
        return _journal(path, mend=False) if path else _database(storage, make=False)


def _check(storage: str) -> None:
    """Refuse what is no address, before a library quotes a part of it (which may be one of a password).

    Raises:
        RunError: that sentence.
    """
    wrong = mistyped(storage)
    if not wrong and journal_path(storage) is None and not storage.startswith("grpc://"):
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError

        try:
            make_url(storage).get_dialect()
        except NoSuchModuleError as error:
            raise RunError(
                f"--storage {shown(storage)} begins with no database that SQLAlchemy knows here; write "
                "postgresql://USER@HOST/NAME, mysql://..., sqlite:///FILE, grpc://HOST:PORT, or a file for a journal."
            ) from error
        except (ArgumentError, ValueError):
            wrong = True
    if wrong:
        raise RunError(
            f"--storage {shown(storage)} is neither a file nor the URL of a database (SCHEME://USER@HOST:PORT/NAME); "
            "in a user or a password write %40 for @, %3A for : and %2F for /."
        )


def journal_path(storage: str) -> Path | None:
    """The journal file that is meant, if one is."""
    if storage.startswith("journal://"):
        return Path(storage.removeprefix("journal://"))
    return None if "://" in storage else Path(storage)


@contextlib.contextmanager
def reported(storage: str) -> Iterator[None]:
    """Whatever goes wrong with the storage inside becomes one sentence.

    Raises:
        RunError: that sentence.
    """
    try:
        yield
    except Exception as error:
        told = _told(error, storage)
        if told is None:
            raise
        raise RunError(told) from error


def _told(error: Exception, storage: str) -> str | None:
    """The sentence for an error that comes from the storage; None for any other."""
    place, path = shown(storage), journal_path(storage)
    if path is not None:
        if isinstance(error, FileNotFoundError):
            return f"The journal {path} is gone, or its directory is; nothing more can be kept there: run it elsewhere."
        if isinstance(error, OSError):
            return f"The journal {path} cannot be used ({error.strerror or error}); make room or choose another --out."
        if _inside(error, "optuna.storages.journal"):  # ValueError, KeyError, ...: a line that Optuna cannot read
            return f"The journal {path} is damaged; restore it from a copy, or start again with another --out."
        return None
    if isinstance(error, ImportError):
        extra = "'econml-cli[postgres]'" if storage.startswith("postgres") else error.name or "its driver"
        extra = "grpcio protobuf" if storage.startswith("grpc") else extra
        return f"{place} needs a package that is not installed ({error}); try: pip install {extra}"
    origin = error.__cause__ if type(error).__name__ == "StorageInternalError" else error
    if isinstance(origin, OSError) or type(origin).__module__.partition(".")[0] in ("sqlalchemy", "grpc", "alembic"):
        said = re.sub(r"[.;\s]+$", "", str(getattr(origin, "orig", None) or origin).strip().partition("\n")[0])
        return (
            f"{place} cannot be used ({said}); check that the server runs, its address, user, password (PGPASSWORD, "
            "~/.pgpass) and database."
        )
    return None


def _inside(error: Exception, module: str) -> bool:
    """Whether the error comes from a module, or from what that called."""
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    return any(frame.f_globals.get("__name__", "").startswith(module) for frame in frames)


def _silence() -> None:
    """Optuna tells its own story on stderr; ours is told from its records."""
    logging.getLogger("optuna").setLevel(logging.CRITICAL + 1)


def _journal(path: Path, *, mend: bool) -> "BaseStorage":
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage

    # not Optuna's default, a symbolic link: one left behind on a relative path is never found to be stale
    lock = JournalFileOpenLock(str(path))
    if mend:
        mending: Any = MendingLock(lock, path)  # Optuna asks for a class of its own that it does not export
        mending.acquire()
        mending.release()
        return JournalStorage(JournalFileBackend(str(path), mending))
    return JournalStorage(JournalFileBackend(str(path), lock))


class MendingLock:
    """The lock under which Optuna appends to a journal; it also cuts a last line that was not written to its end.

    A process killed in mid-write leaves such a line (so does a full disk). Optuna skips it, but would append the next
    record right behind it and could then read neither. Whoever holds the lock is the only writer, so what stands behind
    the last newline is nobody's.
    """

    def __init__(self, lock: Any, path: Path):
        self._lock = lock
        self._path = path

    def acquire(self) -> bool:
        """Wait for the lock.

        Raises:
            FileNotFoundError: the journal was deleted (appending would begin another one, without its trials).
        """
        self._lock.acquire()
        try:
            cut_torn_line(self._path)
        except BaseException:
            self._lock.release()
            raise
        return True

    def release(self) -> None:
        """Let the others write."""
        with contextlib.suppress(RuntimeError):  # this process stood still for so long that another broke its lock
            self._lock.release()


def cut_torn_line(path: Path) -> None:
    """Cut what follows the last newline of a file."""
    with path.open("rb+") as file:
        end = size = file.seek(0, io.SEEK_END)
        while end > 0:
            start = max(end - 4096, 0)
            file.seek(start)
            if (newline := file.read(end - start).rfind(b"\n")) >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def _grpc(storage: str) -> "BaseStorage":
    from optuna.storages import GrpcStorageProxy

    host, _, port = storage.removeprefix("grpc://").rstrip("/").partition(":")
    if not host or not port.isdigit():
        raise RunError(f"{shown(storage)} is not grpc://HOST:PORT.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "experimental"
        proxy = GrpcStorageProxy(host=host, port=int(port))
    proxy.wait_server_ready(timeout=CONNECT)
    return proxy


def _database(storage: str, *, make: bool = True) -> "BaseStorage":
    from optuna.storages import get_storage
    from sqlalchemy.exc import SQLAlchemyError

    url = re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", storage)
    if url.startswith("postgresql"):
        settings: dict[str, Any] = {"pool_pre_ping": True, "connect_args": {"connect_timeout": CONNECT}}
    else:
        settings = {"connect_args": {"timeout": SQLITE}} if url.startswith("sqlite") else {"pool_pre_ping": True}
    for attempt in range(10):
        try:
            return get_storage(_closed_with_its_storage(url, dict(settings), make))
        except SQLAlchemyError as error:
            if attempt == 9 or not any(words in str(error).lower() for words in _RACE):
                raise
            time.sleep(0.1 * (attempt + 1))
    raise AssertionError("the last attempt returns or raises")


def _closed_with_its_storage(url: str, settings: dict[str, Any], make: bool) -> "BaseStorage":
    """Optuna's storage of a database, whose connections are closed once nobody has it any more, or it cannot be used.

    Optuna leaves them to be collected open, of which psycopg warns.
    """
    from optuna.storages import RDBStorage

    class Closing(RDBStorage):
        def __init__(self) -> None:
            try:
                super().__init__(url, engine_kwargs=settings, skip_table_creation=not make)
            except BaseException:
                if hasattr(self, "engine"):
                    self.engine.dispose()
                raise
            # not at the end of the process, which closes them itself and need not wait for a server
            weakref.finalize(self, self.engine.dispose).atexit = False

    return Closing()


def _sqlite_file(storage: str) -> Path | None:
    return Path(storage.partition(":///")[2].partition("?")[0]) if storage.startswith("sqlite") else None
