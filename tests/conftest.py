"""Every test has its own directory, environment and terminal; none touches the network, $HOME or a W&B account."""

import contextlib
import ctypes
import gc
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, settings

from tests.support import SESSION, caches, long, postgres, running, sharing
from tests.support.running import Ran
from tests.support.scheduling import scheduler

# the machines that run this are shared: how long an example takes says nothing about the code
SLOW_MACHINE = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("few", max_examples=25, **SLOW_MACHINE)
settings.register_profile("ci", max_examples=200, **SLOW_MACHINE)
settings.load_profile("few")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--run-all`, as CI does."""
    words = "also run long tests, and pages of the docs and figures where nothing has changed since they last passed"
    parser.addoption("--run-all", action="store_true", help=words)


def pytest_configure(config: pytest.Config) -> None:
    """One cache of compiled programs and one directory for all workers, known before any of them imports jax."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:  # with `&`, or nohup: what tests start would ignore it, too
            signal.signal(number, usual)
    if not hasattr(config, "workerinput"):
        caches.use(os.environ, long=config.getoption("--run-all"))
        session = Path(tempfile.mkdtemp(prefix="econml-tests-"))
        os.environ[SESSION] = str(session)
        config.add_cleanup(lambda: (postgres.stop(session), shutil.rmtree(session, ignore_errors=True)))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long tests are skipped where nobody has asked for them."""
    for item in items if not config.getoption("--run-all") else ():
        if item.get_closest_marker("slow") and long.is_long(item.nodeid):
            item.add_marker(pytest.mark.skip(reason=long.REASON))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of one file go to one worker."""
    return scheduler(config, log)


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own working directory, home and environment."""
    for name in list(os.environ):
        if name.startswith(("ECONML_", "WANDB_", "XDG_", "SLURM_")) or name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    work = tmp_path / "work"
    home.mkdir()
    work.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.chdir(work)
    monkeypatch.setattr(socket.socket, "connect", _only_here(socket.socket.connect))
    return work


@pytest.fixture(autouse=True, scope="session")
def compiled() -> Iterator[dict[Hashable, Any]]:
    """What the tests of this worker have compiled of the package's own models and problems.

    Where it is to be seen which tests execute which lines (benchmarks/which_tests.py), each traces its own programs.
    """
    common: dict[Hashable, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        if "WHICH_TESTS_COSTS" not in os.environ:
            sharing.share(patch, common)
        yield common


@pytest.fixture(autouse=True, scope="module")
def memory_is_bounded(compiled: dict[Hashable, Any]) -> Iterator[None]:
    """Programs are dropped after a file of tests where they have come to fill the memory."""
    yield
    if psutil.Process().memory_info().rss > most_bytes():
        import jax

        compiled.clear()
        jax.clear_caches()
        gc.collect()
        _give_back()


def most_bytes() -> float:
    """What one worker may hold before it drops its programs: all workers together half of the memory."""
    return psutil.virtual_memory().total / 2 / int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))


def _give_back() -> None:
    """Return what has been freed to the system: it would count as used, and all be dropped again after every file."""
    with contextlib.suppress(OSError, AttributeError):  # not the C library of GNU
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _only_here(connect: Callable[..., None]) -> Callable[..., None]:
    """Connections to this machine only."""

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    return guarded


@pytest.fixture
def econml(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process: `econml("fit", "mlp")` -> Ran(code, stdout, stderr)."""

    def run(*args: Any) -> Ran:
        capfd.readouterr()
        code = running.here(*args)
        return Ran(code, *capfd.readouterr())

    return run


@pytest.fixture
def shell(isolated: Path) -> Callable[..., Ran]:
    """Run a command line in a process of its own: for what only a process has (imports, signals, a terminal)."""
    return running.alone
