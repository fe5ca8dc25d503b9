"""What a message gives to be typed can be pasted, whatever a directory or a column is called."""

import re
import shlex
from pathlib import Path

import pytest

import econml_cli
from econml_cli.errors import RunError
from econml_cli.options import shell
from econml_cli.python.wording import in_python
from econml_cli.runs import resuming
from econml_cli.runs.directory import IsSweepError
from tests.support.fits import fitted

NAME = 'it\'s my "run" $(x)'
#: a command or an option in a text, and what is put into it without a helper that quotes it
_COMMAND = re.compile(
    r"econml (?:fit|eval|predict|runs|sweep|estimate|inspect|export|report|package|simulate|watch) [^`\"]*"
    r"\{(?!shell\.|resuming\.)[^}]*\}"
)
_OPTION = re.compile(r"--[a-z][a-z-]*[ =]'?\{[\w.]*(?:path|directory|there|copy|journal|name|called)\}")
#: what has no such names: registered models and kinds, files of ours, an option as it was typed
_FINE = (
    "`econml inspect {kind}s",
    "econml inspect {kind} {name}",
    "configs/{part.name}.yaml",
    "econml estimate {model}",
    "`econml fit {aim.model}`",
    "econml fit logs no metric",
    "econml sweep run: {message}",
    "--precision {name}",
    "--user-data-dir={directory}/profile",
    "--embed {one.name}",
    "--controls {name}",
)


def test_a_command_and_an_option_are_quoted_for_a_shell():
    assert shell.command("fit", "--resume", Path("runs/a")) == "econml fit --resume runs/a"
    assert shlex.split(shell.command("eval", NAME)) == ["econml", "eval", NAME]
    assert shlex.split(shell.option("--drop-columns", "per capita")) == ["--drop-columns", "per capita"]


def test_no_text_of_the_package_puts_a_path_into_a_command_unquoted():
    package = Path(econml_cli.__file__).parent
    found = []
    for path in package.rglob("*.py"):
        text = re.sub(r'"\s*\n\s*f?"', "", path.read_text())  # a text that goes on in the next line
        for line in text.split("\n"):
            wrong = _COMMAND.search(line) or (_OPTION.search(line) and 'Error(f"--' not in line)
            if wrong and not line.lstrip().startswith('f"--') and not any(fine in line for fine in _FINE):
                found.append(f"{path.relative_to(package)}: {line.strip()[:160]}")
    assert not found, "\n".join(found)


def said(message: str, *words: str) -> None:
    """That the command in a message, pasted, is these words."""
    line = re.search(r"(?:: |`)(econml [^`]*)", message)[1]
    assert shlex.split(line)[: 1 + len(words)] == ["econml", *words], message


def test_the_command_that_goes_on_can_be_pasted_where_a_directory_has_a_space_and_a_quote(isolated, econml):
    run = fitted(isolated / NAME, N=20, N_val=10, N_test=10, num_epochs=2)
    there = econml("fit", "linear", "--N", 20, "--num-epochs", 2, "--out", NAME)
    said(there.stderr, "fit", "--resume", NAME)
    (run.path / "summary.json").unlink()
    package = econml("package", NAME, "--out", "p")
    assert package.code == 1
    said(package.stderr, "fit", "--resume", NAME)
    said(str(resuming.gone(run.path)), "fit", "--resume", str(run.path))
    said(resuming.kept(run.path), "fit", "--resume", str(run.path))
    said(str(IsSweepError(Path(NAME))), "sweep", "show", NAME)


def test_python_says_the_same_path(isolated):
    message = f"Stopped; continue with: {resuming.command(Path(NAME))}"
    assert in_python(message) == f"Stopped; continue with: econml_cli.load({NAME!r}).resume()"


def test_a_column_with_a_space_is_dropped_by_what_is_said(econml):
    Path("d.csv").write_text("y,per capita,x\n" + "".join(f"{i},,{i % 7}\n" for i in range(40)))
    ran = econml("fit", "linear", "--data", "d.csv", "--target", "y", "--num-epochs", 1)
    assert ran.code == 1 and "--drop-columns 'per capita'" in ran.stderr
    words = shlex.split(re.search(r"--drop-columns '[^']*'", ran.stderr)[0])
    assert econml("fit", "linear", "--data", "d.csv", "--target", "y", "--num-epochs", 1, *words).code == 0


def test_an_estimate_and_a_cross_validation_that_are_there_say_how_to_go_on(isolated):
    from econml_cli.runs import estimates

    place = isolated / NAME
    place.mkdir()
    (place / estimates.ESTIMATE).write_text("{}")
    with pytest.raises(RunError) as refused:
        estimates.check_free(place, force=False)
    said(str(refused.value), "estimate", "resume", str(place))
