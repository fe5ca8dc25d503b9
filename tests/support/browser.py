"""A page as a browser has it when its scripts have run."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --window-size=1200,2000 --dump-dom"
)


def dumped(address: str, home: Path, milliseconds: int = 3000) -> str:
    """The document of an address after so much of the browser's own time; skips the test where there is no Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip("no Chromium is installed (Debian's package: chromium)")
    done = subprocess.run(
        [browser, *SWITCHES.split(), f"--virtual-time-budget={milliseconds}",
         f"--user-data-dir={home / 'profile'}", address],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": str(home)},
    )  # fmt: skip
    assert "<body" in done.stdout, done.stderr[-2000:]
    return done.stdout
