"""What a file says reaches a terminal as letters: no cursor, no clipboard, no title, no text that runs backwards."""

import io
import json
import sys
from pathlib import Path

from rich.text import Text

from econml_cli.errors import ConfigError, RunError, printable
from econml_cli.output import streams, terminal
from econml_cli.runs.directory import Run
from tests.support.fits import fitted

CLIPBOARD, CLEAR, BACKWARDS = "\x1b]52;c;cm0gLXJm\x07", "\x1b[2J\x1b[H", "\u202e\u061cgnp.exe"
NASTY = f"a{CLIPBOARD}{CLEAR}{BACKWARDS}\x9b2Jb"


def harmless(text):
    return not {"\x1b", "\x07", "\x9b", "\u202e", "\u061c"} & set(text)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_text_of_files_keeps_its_letters_and_line_ends_alone():
    assert printable("wage\tin €\nérable 漢字 👩\u200d🔬") == "wage\tin €\nérable 漢字 👩\u200d🔬"
    assert harmless(printable(NASTY)) and printable("\ud800x") == "x"
    assert harmless(str(ConfigError(NASTY))) and harmless(str(RunError(NASTY)))


def test_a_terminal_gets_letters_and_colours(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    streams.guard()
    streams.guard()
    print(f"\x1b[1;31mred\x1b[0m {NASTY}")
    sys.stdout.writelines([NASTY, "\n"])
    written = sys.stdout.styled.getvalue()
    assert written.startswith("\x1b[1;31mred\x1b[0m a") and harmless(
        written.replace("\x1b[1;31m", "").replace("\x1b[0m", "")
    )
    assert isinstance(sys.stdout.styled, Terminal) and isinstance(sys.stderr, io.StringIO)  # a pipe gets the data


def test_no_text_of_a_file_hides_blinks_or_colours_what_comes_after_it(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    streams.guard()
    for text, written in (
        ("\x1b[8mhidden", "[8mhidden"),
        ("\x1b[5m\x1b[7mx", "[5m[7mx"),
        ("\x1b[1;38;5;16mx", "[1;38;5;16mx"),
        ("\x1b[31mred", "\x1b[31mred\x1b[0m"),
        ("\x1b[1;33mboth\x1b[0m", "\x1b[1;33mboth\x1b[0m"),
        ("\x1b[1mhead\x1b[m", "\x1b[1mhead\x1b[m"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "]8;;http://x\\link]8;;\\"),
    ):
        sys.stdout.styled.seek(0), sys.stdout.styled.truncate()
        sys.stdout.write(text)
        assert sys.stdout.styled.getvalue() == written


def test_what_is_shown_has_our_styles_and_none_of_a_file(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    streams.guard()
    terminal.show(Text(f"x{NASTY}\x1b[8m", style="bold"))
    written = sys.stdout.styled.getvalue()
    assert "\x1b[1m" in written and "\x1b[8m" not in written and "\x1b[2J" not in written and "\x1b]" not in written


def test_a_run_of_a_stranger_is_listed_and_inspected_without_its_escapes(econml, isolated):
    run = fitted(isolated / "runs" / "r", N=20, N_val=10, N_test=10, num_epochs=1)
    run.update_manifest(command=NASTY, device=NASTY, created=NASTY, econml=NASTY, status=NASTY)
    for words in (["inspect", "runs"], ["inspect", "checkpoint", "r"], ["eval", "r"], ["inspect", "checkpoint", NASTY]):
        ran = econml(*words)
        assert harmless(ran.stdout + ran.stderr) and "Traceback" not in ran.stderr, words


def test_one_bad_manifest_is_a_damaged_run_and_the_others_are_listed(econml, isolated):
    for name in ("good", "bad"):
        fitted(isolated / "runs" / name, N=20, N_val=10, N_test=10, num_epochs=1)
    path = isolated / "runs" / "bad" / "manifest.json"
    for change in ({"schema": None}, {"created": 5}, {"shapes": {"din": -1, "dout": 1}}, {"process": [1]}):
        path.write_text(json.dumps({**Run(isolated / "runs" / "good").manifest(), **change}))
        listed = {row["name"]: row for row in json.loads(econml("inspect", "runs", "--json").stdout)}
        assert listed["good"]["status"] == "max_epochs" and listed["bad"]["status"] == "damaged"
        (key,) = change
        assert f"'{key}" in listed["bad"]["error"] and "expected" in listed["bad"]["error"], listed["bad"]
        assert econml("eval", "good").code == 0 and econml("eval", "bad").code == 1


def test_pages_replace_our_own_and_nothing_else(econml, isolated):
    page = Path("m.html")
    line = ["inspect", "model", "mlp", "--view", "summary", "--html", page]
    assert econml(*line).code == 0 and econml(*line).code == 0  # our own
    page.write_text("precious")
    ran = econml(*line)
    assert ran.code == 1 and "no page of econml" in ran.stderr and page.read_text() == "precious"
    assert econml(*line, "--force").code == 0 and page.read_text() != "precious"
    page.unlink()
    Path("target").write_text("precious")
    page.symlink_to("target")
    assert econml(*line, "--force").code == 2 and Path("target").read_text() == "precious"
    assert econml(*line[:-1], "/dev/null", "--force").code == 2 and not Path("/dev/null").is_file()
