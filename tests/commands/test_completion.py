"""What TAB offers: files, columns, runs and sweeps where they belong; in real shells too."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.running import PROGRAM


@pytest.fixture
def there(isolated):
    """A table, two runs and a sweep."""
    Path("wages.csv").write_text("wage,educ,exper,$(touch x),a b\n1,2,3,4,5\n")
    Path("mine.csv").write_text("a,b\n1,2\n")
    for name in ("growth1", "wage", "$(touch y)"):
        Path("runs", name).mkdir(parents=True)
        Path("runs", name, "manifest.json").touch()
    Path("runs/lecture").mkdir()
    Path("runs/lecture/sweep.yaml").touch()
    Path("runs/lecture/sweep.json").touch()
    return isolated


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("fit --data ", ""),
        ("fit mlp --data ", ""),
        ("fit mlp --data = w", ""),
        ("fit --config ", ""),
        ("fit --no-such-option ", ""),
        ("fit --target ", ""),
        ("fit --data wages.csv --target ", "wage educ exper"),
        ("fit linear --data wages.csv --features e", "educ exper"),
        ("fit linear --data wages.csv --features wage,e", "wage,educ wage,exper"),
        ("fit linear --data nowhere.csv --target ", ""),
        ("fit re", "resnet"),
        ("fit --bias re", "resnet"),
        ("fit --resume ", "growth1 wage"),
        ("fit --folds 5 --data wages.csv --group ", "wage educ exper"),
        ("export ", "growth1 wage"),
        ("report growth1 ", "growth1 wage"),
        ("eval w", "wage"),
        ("eval ", "risk learning-curve effects partial-dependence importance calibration compare growth1 wage"),
        ("eval compare g", "growth1"),
        ("predict ", "growth1 wage"),
        ("predict wage --data ", ""),
        ("inspect checkpoint ", "growth1 wage"),
        ("sweep show ", "lecture"),
        ("sweep run ", ""),
    ],
)
def test_what_belongs_there_is_offered_and_nothing_that_a_shell_would_run(econml, there, monkeypatch, line, offered):
    monkeypatch.setenv("_ECONML_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"econml {line}")
    monkeypatch.setenv("COMP_CWORD", str(1 + line.count(" ")))
    assert econml().stdout.split() == offered.split()


@pytest.mark.parametrize("ending", ["csv", "csv.gz", "tsv", "parquet", "feather", "dta"])
def test_the_names_of_columns_are_those_of_the_table_that_is_read(isolated, ending):
    import pandas as pd

    from econml_cli.data.files import column_names
    from econml_cli.data.read import read_table

    frame, path = pd.DataFrame({"y": [1.0, 2.0], "x_1": [3.0, 4.0]}), f"t.{ending}"
    kind, separator = ending.split(".")[0], {"sep": "\t"} if ending == "tsv" else {}
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, **separator)
    else:
        options = {"write_index": False} if kind == "dta" else {}
        getattr(frame, f"to_{'stata' if kind == 'dta' else kind}")(path, **options)
    assert column_names(path) == list(read_table(path).frame.columns)


#: how each shell starts without anybody's files, and learns to complete
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], ""),
    "zsh": (["zsh", "-f", "-i"], "autoload -U compinit; compinit -u; "),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SHELLS)
def test_a_real_shell_completes_files_columns_and_runs(there, name, monkeypatch):
    line, first = SHELLS[name]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    program = there / "bin" / "econml"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m econml_cli "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    asked = {**os.environ, "_ECONML_COMPLETE": f"source_{name}"}
    script = subprocess.run([*PROGRAM], capture_output=True, text=True, env=asked, timeout=60)
    Path("script.sh").write_text(script.stdout)
    keys = [
        ("econml fit linear --data wag\t", "wages.csv"),
        ("--target ed\t", "educ"),
        ("--features exp\t", "exper"),
        ("\x15econml eval gro\t", "growth1"),
        ("\x15econml predict wa\t", "predict wage"),
        ("\x15econml inspect checkpoint gro\t", "checkpoint growth1"),
        ("\x15econml fit --resume wa\t", "resume wage"),
        ("\x15econml sweep show lec\t", "lecture"),
        # a file belongs there: mlp, the name of a model, would make it ambiguous
        ("\x15econml fit --data m\t", "mine.csv"),
    ]
    typed(line, f"{first}. ./script.sh; PS1='> '; echo re''ady\n", keys)
    assert not Path("x").exists() and not Path("y").exists()


def typed(line, first, keys):
    """Type into a shell in a terminal, and wait after each word for what it becomes."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.execvp(line[0], line)
    try:
        os.write(terminal, first.encode())
        until(terminal, "ready")
        for words, becomes in keys:
            os.write(terminal, words.encode())
            until(terminal, becomes)
    finally:
        os.kill(pid, 9)
        os.close(terminal)
        os.waitpid(pid, 0)


def until(terminal, text):
    """Read until the text has been shown."""
    shown, end = "", time.monotonic() + 60
    while text not in shown.replace("\x07", ""):
        assert time.monotonic() < end, shown
        if select.select([terminal], [], [], 0.1)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
