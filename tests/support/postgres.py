"""A PostgreSQL server of the tests' own, in a temporary directory, from whatever package is installed."""

import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

#: where Debian puts the programs, which are not on its PATH
DEBIAN = Path("/usr/lib/postgresql")
PASSWORD = "correct-horse"


@dataclass(frozen=True)
class Server:
    """A running server with one superuser and the database `postgres`."""

    port: int
    user: str = "econ"

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        return f"postgresql://{self.user}:{password}@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """An empty database; its URL."""
        import psycopg

        database = f"d{secrets.token_hex(8)}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        return self.url(database)


def program(name: str) -> str | None:
    """The path of initdb or pg_ctl; None where it is not installed."""
    newest = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    return str(newest[-1]) if newest else shutil.which(name)


def missing() -> str | None:
    """Why there can be no server here; None where there can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed (pip install 'econml-cli[postgres]')"
    if program("initdb") is None or program("pg_ctl") is None:
        return "no PostgreSQL server is installed (apt-get install postgresql)"
    if os.name == "nt":
        return "the server of these tests is for POSIX"
    return None


@contextmanager
def serve() -> Iterator[Server]:
    """A server that lives as long as the context, on a free port of 127.0.0.1."""
    # not below pytest's directories, which only their owner may enter
    directory = Path(tempfile.mkdtemp(prefix="econml-postgres-"))
    try:
        yield _started(directory)
    finally:
        _stopped(directory)


def shared(session: Path) -> Server:
    """The server of this run of the tests, which the first of its workers that asks for it starts.

    Args:
        session: a directory of this run; whoever made it calls `stop` with it at the end.
    """
    with (session / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        known = session / "postgres.json"
        if not known.exists():
            directory = Path(tempfile.mkdtemp(prefix="econml-postgres-"))
            server = _started(directory)
            known.write_text(json.dumps({"port": server.port, "directory": str(directory)}))
        return Server(json.loads(known.read_text())["port"])


def stop(session: Path) -> None:
    """Stop the server of this run of the tests, where there is one."""
    known = session / "postgres.json"
    if known.exists():
        _stopped(Path(json.loads(known.read_text())["directory"]))


def _started(directory: Path) -> Server:
    data, password = directory / "data", directory / "password"
    password.write_text(PASSWORD)
    server = Server(_free_port())
    _give_to_server(directory, password)
    _run("initdb", "--pgdata", data, "--username", server.user, "--pwfile", password, "--auth", "scram-sha-256",
         "--no-sync", "--no-locale", "--encoding", "UTF8")  # fmt: skip
    options = f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    _run("pg_ctl", "--pgdata", data, "--log", directory / "log", "--options", options, "--wait", "start")
    return server


def _stopped(directory: Path) -> None:
    try:
        if (directory / "data/postmaster.pid").exists():
            _run("pg_ctl", "--pgdata", directory / "data", "--mode", "immediate", "--wait", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _give_to_server(*paths: Path) -> None:
    """PostgreSQL refuses to run as root: where the tests do, it runs as nobody."""
    if os.geteuid() == 0:
        for path in paths:
            shutil.chown(path, "nobody")


def _run(name: str, *arguments: object) -> None:
    path = program(name)
    assert path is not None
    subprocess.run(
        [path, *map(str, arguments)],
        check=True,
        # files, not pipes: the server inherits them and would keep a reader waiting
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        user="nobody" if os.geteuid() == 0 else None,
        cwd="/",
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
