"""The spinner: there within half a second, gone before anything else is written, and never in a pipe."""

import io
import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from econml_cli.output import streams, working


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def ended():
    yield
    working.stop()


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    return Terminal()


def drawn(terminal, text, within=5.0):
    """Whether the text is drawn before so many seconds are over, and when."""
    started = time.monotonic()
    while text not in terminal.getvalue():
        if time.monotonic() - started > within:
            return None
        time.sleep(0.01)
    return time.monotonic() - started


def test_it_appears_soon_and_says_what_is_done(terminal):
    working.start(terminal, "econml eval")
    assert drawn(terminal, "econml eval: starting") is not None
    working.phase("bootstrapping")
    assert drawn(terminal, "econml eval: bootstrapping") is not None


def test_what_is_written_stands_on_a_line_without_it(terminal):
    working.start(terminal, "econml eval")
    assert drawn(terminal, "starting") is not None
    streams.Plain(terminal).write("the result\n")
    shown = terminal.getvalue()
    assert re.search(re.escape(working.CLEAR) + "the result\n", shown)
    working.stop()
    assert terminal.getvalue().rpartition("\n")[2] in ("", working.CLEAR) or terminal.getvalue().endswith(working.CLEAR)


def test_nothing_is_drawn_after_it_was_stopped(terminal):
    working.start(terminal, "econml eval")
    assert drawn(terminal, "starting") is not None
    working.stop()
    shown = terminal.getvalue()
    time.sleep(3 * working.TICK)
    assert terminal.getvalue() == shown and shown.endswith(working.CLEAR)


@pytest.mark.parametrize("term", ["dumb", ""])
def test_there_is_none_where_a_line_cannot_be_cleared(terminal, monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    assert working.start(terminal, "econml eval") is None


def test_there_is_none_in_a_pipe(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert working.start(io.StringIO(), "econml eval") is None
    working.phase("bootstrapping")  # nobody looks, and nothing happens


@pytest.mark.slow
def test_a_command_shows_life_before_its_result_and_leaves_nothing_behind(isolated, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    mine, theirs = pty.openpty()
    line = [sys.executable, "-m", "econml_cli", "fit", "linear", "--num-epochs", "2", "--dry-run"]
    running = subprocess.Popen(line, stdout=theirs, stderr=theirs, stdin=subprocess.DEVNULL)
    os.close(theirs)
    shown, end = b"", time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([mine], [], [], 0.1)[0]:
            try:
                shown += os.read(mine, 4096)
            except OSError:  # the other end is closed
                break
    assert running.wait(10) == 0
    text = shown.decode()
    assert 0 <= text.index("econml fit: starting") < text.index("parameters")
    assert "econml fit:" not in text[text.index("parameters") :]
