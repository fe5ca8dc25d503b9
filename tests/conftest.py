"""Every test has its own directory, environment and terminal; none touches the network, $HOME or a W&B account."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# the machines that run this are shared: how long an example takes says nothing about the code
settings.register_profile("econml", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("econml")


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    stdout: str
    stderr: str


def pytest_configure(config: pytest.Config) -> None:
    """One compilation cache for the session, set before jax is imported: tests compile the same programs often."""
    directory = tempfile.mkdtemp(prefix="econml-tests-")
    config.add_cleanup(lambda: shutil.rmtree(directory, ignore_errors=True))
    os.environ["JAX_COMPILATION_CACHE_DIR"] = directory
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"


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


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_dropped() -> Iterator[None]:
    """The programs that one file of tests compiled are not kept in memory while the others run."""
    yield
    if "jax" in sys.modules:
        import jax

        jax.clear_caches()


def _only_here(connect: Callable[..., None]) -> Callable[..., None]:
    """Connections to this machine only."""

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"a test tried to reach {address}")
        connect(self, address)

    return guarded


@pytest.fixture
def econml(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run a command line in this process: `econml("fit", "mlp")` -> Ran(code, stdout, stderr)."""

    def run(*args: Any) -> Ran:
        from econml_cli.cli import main

        monkeypatch.setattr(sys, "argv", ["econml", *map(str, args)])
        capfd.readouterr()
        interrupt = signal.getsignal(signal.SIGINT)
        with pytest.raises(SystemExit) as ended:
            main()
        signal.signal(signal.SIGINT, interrupt)
        out, err = capfd.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run


@pytest.fixture
def shell(isolated: Path) -> Callable[..., Ran]:
    """Run a command line in a process of its own."""

    def run(*args: Any, **options: Any) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "econml_cli", *map(str, args)],
            capture_output=True,
            text=True,
            timeout=120,
            **options,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
