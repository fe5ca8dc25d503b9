"""The commands of the pages print what the pages show."""

import re
import subprocess
import sys

import pytest

from tests.support import ROOT
from tests.support.docs import ECONOMY_PAGES, GUIDES, MODEL_PAGES, run_here, script
from tests.support.passed_before import unless_passed_before


def shape(text):
    """The text with every number, hash and run of blanks made alike: what is left does not vary between machines."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    text = re.sub(r".*[│┤└].*", "a line of a plot", text)
    text = re.sub(r"-?\d[\d,.:]*(e[+-]\d+)?", "0", text)
    text = re.sub(r"0 +\]", "0]", text)  # NumPy pads a number that happens to have fewer digits than its neighbours
    return [" ".join(line.split()) for line in text.splitlines()]


def in_sentences(text):
    """The commands of a page that stand in its sentences and tables, in backquotes."""
    return re.findall(r"(?<!`)`(econml [^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", *GUIDES, *MODEL_PAGES, *ECONOMY_PAGES])
def test_the_commands_of_a_page_print_what_it_shows(page, isolated, pytestconfig):
    text = (ROOT / page).read_text()
    with unless_passed_before(pytestconfig, ROOT / page):
        assert shape(script("run_console_blocks").run_page(text, isolated, run_here)) == shape(text)
        if page == "README.md":  # what stands in its sentences and tables goes on from what its blocks have made
            for command in in_sentences(text):
                code, printed = run_here(command, isolated)
                assert code == 0, f"{command}\n{printed}"


@pytest.mark.slow
def test_the_calls_of_the_page_on_python_print_what_it_shows(isolated, pytestconfig):
    page = ROOT / "docs/python.md"
    blocks = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", page.read_text(), re.DOTALL)
    calls = isolated / "page.py"
    calls.write_text("print('END')\n".join(code for code, _ in blocks))
    with unless_passed_before(pytestconfig, page):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", calls], capture_output=True, text=True, timeout=300, cwd=isolated
        )
        assert done.returncode == 0, done.stderr
        assert [masked(text) for text in done.stdout.split("END\n")] == [masked(text) for _, text in blocks]


def masked(text):
    """The lines with all numbers made alike."""
    return [" ".join(re.sub(r"-?\d[\d,.:]*(e[+-]\d+)?", "0", line).split()) for line in text.strip().splitlines()]
