"""A page as PDF, printed by the Chromium or Chrome that is on this machine: no other converter reads its CSS."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.storage import disk

#: what such a browser may be called
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
SECONDS = 60
#: a comment behind the end of a PDF that we wrote: readers skip it, and we know our own
MARK = b"\n% econml report\n"
_SWITCHES = (
    "--headless --disable-gpu --no-first-run --no-default-browser-check --disable-background-networking "
    "--disable-component-update --disable-sync --disable-extensions --disable-dev-shm-usage --no-pdf-header-footer"
)


def browser() -> str:
    """The path of a browser that can print.

    Raises:
        RunError: there is none.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise RunError(
            "--pdf prints with Chromium or Chrome, and neither is on PATH; leave --pdf out, open the page in a browser "
            "and print it to a file."
        )
    return found


def write(html: str, path: Path) -> None:
    """Print a page to `path`, atomically.

    Raises:
        RunError: there is no browser, it fails, or it takes more than a minute.
    """
    program = browser()
    with tempfile.TemporaryDirectory(prefix="econml-pdf-", ignore_cleanup_errors=True) as directory:
        page, printed = Path(directory, "page.html"), Path(directory, "page.pdf")
        page.write_text(html, encoding="utf-8")
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # it refuses to start for root
        own = [f"--user-data-dir={directory}/profile", f"--print-to-pdf={printed}"]
        said = _run([program, *_SWITCHES.split(), *root, *own, page.as_uri()])
        if not printed.exists() or not printed.read_bytes().startswith(b"%PDF"):
            raise RunError(
                f"{program} made no PDF ({said}); open the page in a browser and print it to a file instead of --pdf."
            )
        with disk.replacing(path) as temporary:
            temporary.write_bytes(printed.read_bytes() + MARK)


def _run(command: list[str]) -> str:
    """Run the browser, and end all of its processes if it takes too long; returns the last line that it said."""
    with subprocess.Popen(  # noqa: S603 - a browser of the PATH, options of ours
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        errors="replace", start_new_session=True,
    ) as process:  # fmt: skip
        try:
            _, said = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            _end(process)
            raise RunError(
                f"{command[0]} did not print within {SECONDS} s; open the page in a browser and print it instead."
            ) from None
        except BaseException:
            _end(process)
            raise
    return (said.strip().splitlines() or [f"exit code {process.returncode}"])[-1][:200]


def _end(process: "subprocess.Popen[str]") -> None:
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
