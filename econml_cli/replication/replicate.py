"""The library call behind `econml replicate`: run the commands of a study, and compare its figures."""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import RunError
from econml_cli.output.tables import Grid, markdown
from econml_cli.replication.studies import OUTSIDE, WITHIN, Figure, Step, Study
from econml_cli.runs.directory import Run
from econml_cli.storage import disk

#: what is written beside the runs
TABLE, NUMBERS = "README.md", "replication.json"
#: runs a command of econml in words, and gives the summary that it prints as JSON
Runner = Callable[[Sequence[str]], Mapping[str, Any]]
#: exit codes of a command that has run: done, some fits of several seeds failed, a verdict failed
RAN = (0, 4, 5)
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
    if not step.seeds:
        return run([*step.words(quick), *_directory(step, out), "--force", "--json"])
    if (out / step.name / "sweep.json").exists():
        shutil.rmtree(out / step.name)  # a sweep of before would be gone on with
    file = out / f"{step.name}.yaml"
    command = ["${env}", "econml", *step.words(quick), "${args}"]
    found = {"method": "grid", "parameters": {"seed": {"values": list(range(step.seeds))}}, "command": command}
    disk.write_text(file, json.dumps(found, indent=2))  # JSON is YAML
    done = run(["sweep", "run", str(file), "--out", str(out / step.name), "--json"])
    return over_seeds([Run(Path(trial["run"])).summary() if trial.get("run") else {} for trial in done["trials"]])


def _directory(step: Step, out: Path) -> tuple[str, ...]:
    """The options that let the command of a step write into its directory in `out`."""
    if step.command[0] == "estimate":
        return "--runs-dir", str(out), "--name", step.name
    return "--out", str(out / step.name)


def over_seeds(summaries: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The median of each number over the summaries that have it, how many `seeds` there were and `seeds_passed`, how
    many passed all verdicts; {} is the summary of a fit that failed."""
    found: dict[str, list[float]] = {}
    for one in summaries:
        for name, value in one.items():
            if isinstance(value, int | float) and not math.isnan(value):
                found.setdefault(name, []).append(value)
    told = {name: statistics.median(values) for name, values in found.items()}
    passed = sum(1 for one in summaries if one and "failed" not in one)
    return {**told, "seeds": len(summaries), "seeds_passed": passed}


def in_a_process(words: Sequence[str]) -> Mapping[str, Any]:
    """The summary of a command of econml, which a process of its own runs; no ECONML_* variable is an option there.

    Raises:
        RunError: it failed (a verdict that failed is none: the figures say so).
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ECONML_")}
    done = subprocess.run(  # noqa: S603 - our own program, words of a study
        [sys.executable, "-P", "-m", "econml_cli", *words], env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode not in RAN:
        said = done.stderr.strip().splitlines()
        raise RunError(f"econml {' '.join(words)} failed: {said[-1] if said else done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _typed(step: Step, quick: bool) -> str:
    at = f"    # at the seeds 0 to {step.seeds - 1}, of which ours is the median" if step.seeds else ""
    return f"econml {' '.join(step.words(quick))}{at}"


def page(made: Replication) -> str:
    """The table with its source and its commands, as Markdown."""
    commands = "\n".join(f"    {_typed(step, made.quick)}" for step in made.study.asked(made.quick))
    parts = [f"# {made.study.title}", f"Source: {made.study.source}.", markdown(made.grid()).strip(), commands]
    if made.left_out:
        parts.append("Left out by `--quick`: " + "; ".join(figure.what for figure in made.left_out) + ".")
    return "\n\n".join(parts) + "\n"
