"""What the present econml makes of one small table: a run with a schema, folds, an estimate, a sweep, a repository."""

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tests.support import ROOT, running

BY_0_1 = ROOT / "tests" / "data" / "made_by_0.1"
FORMULA = "y ~ wage + firm + x + year(when)"
#: a sweep with what is newer than 0.1: several metrics, a nested parameter, replications
SWEEP = """\
program: econml
command: [econml, fit, linear, "${args}"]
method: random
name: newer
metrics:
- {name: val_loss, goal: minimize}
- {name: train_loss, goal: minimize, target: 0.001}
early_terminate: {type: hyperband, min_iter: 2, eta: 2}
run_cap: 3
parameters:
  lr: {distribution: log_uniform_values, min: 0.001, max: 0.1}
  width_of:
    parameters:
      N: {values: [20, 30]}
  num_epochs: {value: 4}
  seed: {values: [1, 2, 3], probabilities: [0.5, 0.25, 0.25]}
"""
#: the moment of every commit
_THEN = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-11-27T12:00:00Z")
#: the same table in every format that is read
FORMATS = (".csv", ".tsv", ".csv.gz", ".parquet", ".feather", ".dta", ".xlsx", ".sav", ".xpt")


@functools.cache
def directory() -> Path:
    """A directory with all of it, made once in a process: copy what a case needs."""
    place = Path(tempfile.mkdtemp(prefix="econml-fuzz-made-"))
    shutil.copytree(BY_0_1, place, dirs_exist_ok=True)
    before = Path.cwd()
    os.chdir(place)
    try:
        _write_tables()
        table = ("--data", "data.csv", "--formula", FORMULA, "--quiet")
        _done("inspect", "data", "data.csv", "--out", "schema.yaml")
        _done("fit", "linear", *table, "--missing", "indicate", "--out", "now")
        _done("fit", "linear", *table, "--missing", "drop", "--folds", "2", "--out", "cv")
        words = ("--target", "y", "--treatment", "d", "--controls", "x", "--missing", "drop", "--nuisance", "linear")
        _done("estimate", "plr", "--data", "data.csv", *words, "--folds", "2", "--repeats", "1", "--runs-dir", ".",
              "--name", "est", "--json")  # fmt: skip
        _done("runs", "tag", "now", "good", "--runs-dir", ".")
        _done("runs", "note", "now", "worth a second look", "--runs-dir", ".")
        Path("newer.yaml").write_text(SWEEP)
        Path("eval.yaml").write_text("bootstrap: 0\njson: true\nvcov: HC1\n")
        _repository()
    finally:
        os.chdir(before)
    return place


def _done(*words: str) -> None:
    with running.one_stream() as stream:
        code = running.here(*words)
        stream.seek(0)
        assert code == 0, (words, stream.read())


def _write_tables() -> None:
    import pandas as pd
    import pyreadstat

    random_, n = np.random.default_rng(0), 40
    columns: dict[str, Any] = {
        "y": random_.normal(size=n).round(3),
        "d": random_.integers(0, 2, n),
        "wage": [f"${wage:,.2f}" for wage in random_.uniform(500, 3000, n)],
        "when": pd.date_range("2001-01-31", periods=n, freq="ME").strftime("%Y-%m-%d"),
        "firm": random_.choice(["a", "b", "c é"], n),
        "x": random_.normal(size=n).round(3),
    }
    frame = pd.DataFrame(columns)
    frame.loc[3, "x"] = np.nan
    frame.to_csv("data.csv", index=False)
    frame.to_csv("data.tsv", index=False, sep="\t")
    frame.to_csv("data.csv.gz", index=False)
    frame.to_parquet("data.parquet", index=False)
    frame.to_feather("data.feather")
    frame.to_excel("data.xlsx", index=False)
    plain = frame.assign(firm=frame["firm"].str.replace(" é", ""))
    plain.to_stata("data.dta", write_index=False)
    pyreadstat.write_sav(plain, "data.sav")
    pyreadstat.write_xport(plain, "data.xpt", table_name="DATA")


def _repository() -> None:
    """A repository of two commits, one of them packed, in which a tracked file differs."""
    if shutil.which("git") is None:
        return
    line = ["git", "-C", "repository", "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]

    def git(*words: str) -> None:
        subprocess.run([*line, *words], check=True, capture_output=True, env={**os.environ, **_THEN})

    Path("repository").mkdir()
    git("init", "-q", "-b", "main")
    for number in range(2):
        Path("repository/a.py").write_text(f"x = {number}\n" * 30)
        git("add", "a.py")
        git("commit", "-q", "-m", f"the same words {number}")
        if not number:
            git("gc", "-q")
    Path("repository/a.py").write_text("x = 2\n")
