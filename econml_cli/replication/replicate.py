"""The library call behind `econml replicate`: run the commands of a study, and compare its figures."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.output.tables import Grid, markdown
from econml_cli.replication.studies import OUTSIDE, WITHIN, Figure, Step, Study
from econml_cli.storage import disk

#: what is written beside the runs
TABLE, NUMBERS = "README.md", "replication.json"
#: runs a command of econml in words, and gives the summary that it prints as JSON
Runner = Callable[[Sequence[str]], Mapping[str, Any]]
HEADER = ("figure", "published", "ours", "allowed", "verdict", "where")


@dataclass(frozen=True)
class Compared:
    """A figure and our number."""

    figure: Figure
    ours: float

    @property
    def verdict(self) -> str:
        """Whether it is where it should be."""
        return WITHIN if self.figure.holds(self.ours) else OUTSIDE

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        found = {**vars(self.figure), "allowed": self.figure.allowed, "ours": self.ours, "verdict": self.verdict}
        return {**disk.finite(found)}


@dataclass(frozen=True)
class Replication:
    """A study, what was compared, where it lies, and the figures that `quick` left out."""

    study: Study
    compared: tuple[Compared, ...]
    out: Path
    quick: bool
    left_out: tuple[Figure, ...]

    @property
    def outside(self) -> tuple[Compared, ...]:
        """The figures that are not where they should be."""
        return tuple(one for one in self.compared if one.verdict == OUTSIDE)

    def grid(self) -> Grid:
        """The table."""
        rows = [
            (f"{one.figure.what}", f"{one.figure.published:.4g}", f"{one.ours:.4g}", one.figure.allowed, one.verdict,
             one.figure.where)
            for one in self.compared
        ]  # fmt: skip
        return Grid(HEADER, tuple(rows))

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "study": self.study.name, "title": self.study.title, "source": self.study.source,
            "out": str(self.out), "quick": self.quick,
            "figures": [one.to_json() for one in self.compared],
            "left_out": [figure.what for figure in self.left_out],
        }  # fmt: skip


def replicate(study: Study, out: Path, *, quick: bool = False, run: Runner | None = None) -> Replication:
    """Run the commands of a study, each into a run directory in `out`, compare its figures, and write both as a table
    (README.md) and as numbers (replication.json).

    Args:
        out: is made where it is not there; runs in it are replaced. quick: the quick commands. run: in place of a
            process of its own for each command.

    Raises:
        RunError: a command failed, or `out` cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    summaries = {step.name: _run(step, out, quick, run or in_a_process) for step in study.asked(quick)}
    told = [figure for figure in study.figures if figure.step in summaries]
    compared = tuple(Compared(figure, figure.ours(summaries[figure.step])) for figure in told)
    left_out = tuple(figure for figure in study.figures if figure.step not in summaries)
    made = Replication(study, compared, out, quick, left_out)
    disk.write_text(out / TABLE, page(made))
    disk.write_json(out / NUMBERS, made.to_json())
    return made


def _run(step: Step, out: Path, quick: bool, run: Runner) -> Mapping[str, Any]:
    return run([*step.words(quick), "--out", str(out / step.name), "--force", "--json"])


def in_a_process(words: Sequence[str]) -> Mapping[str, Any]:
    """The summary of a command of econml, which a process of its own runs; no ECONML_* variable is an option there.

    Raises:
        RunError: it failed (a verdict that failed is none: the figures say so).
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECONML_")}
    done = subprocess.run(  # noqa: S603 - our own program, words of a study
        [sys.executable, "-P", "-m", "econml_cli", *words], env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode not in (0, 5):
        said = done.stderr.strip().splitlines()
        raise RunError(f"econml {' '.join(words)} failed: {said[-1] if said else done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def page(made: Replication) -> str:
    """The table with its source and its commands, as Markdown."""
    commands = "\n".join(f"    econml {' '.join(step.words(made.quick))}" for step in made.study.asked(made.quick))
    parts = [f"# {made.study.title}", f"Source: {made.study.source}.", markdown(made.grid()).strip(), commands]
    if made.left_out:
        parts.append("Left out by `--quick`: " + "; ".join(figure.what for figure in made.left_out) + ".")
    return "\n\n".join(parts) + "\n"
