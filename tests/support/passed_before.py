"""Dear tests of files that change seldom run again only when something that they depend on has changed."""

import functools
import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.support import ROOT, caches


@functools.cache
def _everything() -> bytes:
    """A hash of the package, of the scripts of the docs, of what runs them, and of every package's version."""
    found = hashlib.sha256()
    for folder in ("econml_cli", "sweeps", "docs", "tests/support"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".yaml"):
                found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    found.update("\n".join(sorted(f"{package.name} {package.version}" for package in distributions())).encode())
    return found.digest()


@functools.cache
def _as_committed() -> bool:
    """Whether package and docs are those of the commit that is checked out, which CI has run."""
    what = ["econml_cli", "sweeps", "docs", "tests/support", "tests/docs", "README.md", "pyproject.toml"]
    try:
        said = subprocess.run(
            ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=all", "--", *what],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    except (OSError, subprocess.CalledProcessError):  # no git, or not a checkout
        return False
    return not said.stdout


@contextmanager
def unless_passed_before(config: pytest.Config, *files: Path) -> Iterator[None]:
    """Skip where this passed with the same files, package and versions; remember it where it passes now.

    In a checkout that nobody has changed it is CI that ran it. `--run-all` (as in CI) skips nothing.
    """
    run_all = config.getoption("run_all")
    if not run_all and _as_committed():
        pytest.skip("package and docs are as they were committed, and CI ran this; --run-all runs it")
    text = _everything() + b"".join(str(path.relative_to(ROOT)).encode() + path.read_bytes() for path in files)
    stamp = caches.directory() / "passed" / hashlib.sha256(text).hexdigest()
    if stamp.exists() and not run_all:
        pytest.skip("nothing has changed since it last passed; --run-all runs it")
    yield
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
