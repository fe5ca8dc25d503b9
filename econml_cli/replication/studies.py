"""Published figures, and the commands that are to give them: what `econml replicate` knows. Standard library and YAML.

A study is a file of `published/`: commands of econml, and figures with the number published, where, and how far ours
may be from it. A command with `seeds: 30` is run at 30 seeds, and ours are the medians. The files are the package's
own: one of a stranger's could name code to run.
"""

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from typing import Any

from econml_cli.errors import ConfigError, suggest
from econml_cli.storage import limited_yaml

#: how far a figure may be from the published one: relatively, absolutely, by a factor either way, as a multiple of it
#: (of an error, where less is better), as a share of it (of a success rate)
TOLERANCES = ("within", "apart", "factor", "at_most", "at_least")
#: what a step says that --quick leaves out
SKIP = "skip"
WITHIN, OUTSIDE = "within", "OUTSIDE"
#: seeds of a step, at most
MOST = 1000


@dataclass(frozen=True)
class Step:
    """A command of econml, in words, and the one that `--quick` runs: () where it runs none; at how many seeds, 0 where
    it is run once, as it stands."""

    name: str
    command: tuple[str, ...]
    quick: tuple[str, ...]
    seeds: int = 0

    def words(self, quick: bool) -> tuple[str, ...]:
        """The command that is run."""
        return self.quick if quick else self.command


@dataclass(frozen=True)
class Figure:
    """A published number: `key` of the summary of a step is ours (`a / b`: a ratio of two of them; `a.b`: b of the part
    a), `rule` one of `TOLERANCES`, and `size` how far it allows."""

    what: str
    step: str
    key: str
    published: float
    rule: str
    size: float
    where: str

    def ours(self, summary: Mapping[str, Any]) -> float:
        """Our number in a summary; NaN where it is not there."""
        numbers = [_number(summary, name.strip()) for name in self.key.split("/")]
        if len(numbers) == 1:
            return numbers[0]
        return numbers[0] / numbers[1] if numbers[1] else math.nan

    def holds(self, ours: float) -> bool:
        """Whether our number is as near to the published one as it should be."""
        if self.rule == "within":
            return abs(ours - self.published) <= self.size * abs(self.published)
        if self.rule == "apart":
            return abs(ours - self.published) <= self.size
        if self.rule == "factor":
            return self.published / self.size <= ours <= self.published * self.size
        return ours <= self.size * self.published if self.rule == "at_most" else ours >= self.size * self.published

    @property
    def allowed(self) -> str:
        """What the rule allows, in words."""
        if self.rule == "within":
            return f"within {self.size * 100:g} %"
        if self.rule == "apart":
            return f"within {self.size:g}"
        if self.rule == "factor":
            return f"{self.published / self.size:.3g} to {self.published * self.size:.3g}"
        than = "at most" if self.rule == "at_most" else "at least"
        return f"{than} {self.size * self.published:.3g}"


def _number(summary: Mapping[str, Any], key: str) -> float:
    found: Any = summary
    for name in key.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return float(found) if isinstance(found, int | float) else math.nan


@dataclass(frozen=True)
class Study:
    """What was published, where, the commands, and the figures."""

    name: str
    title: str
    source: str
    steps: tuple[Step, ...]
    figures: tuple[Figure, ...]

    def asked(self, quick: bool) -> tuple[Step, ...]:
        """The steps that are run."""
        return tuple(step for step in self.steps if step.words(quick))


def names() -> tuple[str, ...]:
    """All studies, in the order of the alphabet."""
    folder = resources("econml_cli.replication") / "published"
    return tuple(sorted(file.name.removesuffix(".yaml") for file in folder.iterdir() if file.name.endswith(".yaml")))


def study(name: str) -> Study:
    """The study of this name.

    Raises:
        ConfigError: there is none.
    """
    known = names()
    if name not in known:
        raise ConfigError(f"no study is called '{name}'; there are {', '.join(known)}.{suggest(name, known)}")
    file = resources("econml_cli.replication") / "published" / f"{name}.yaml"
    return read(name, file.read_text(encoding="utf-8"))


def read(name: str, text: str) -> Study:
    """The study that a YAML text describes.

    Raises:
        ConfigError: what is missing, or not understood.
    """
    found = limited_yaml.load(text)
    given: dict[str, Any] = found if isinstance(found, dict) else {}
    if missing := [key for key in ("title", "source", "steps", "figures") if not given.get(key)]:
        raise ConfigError(f"study {name} does not say its {missing[0]}.")
    steps = tuple(_step(name, str(key), value) for key, value in dict(given["steps"]).items())
    figures = tuple(_figure(name, value, {step.name for step in steps}) for value in given["figures"])
    return Study(name, str(given["title"]), str(given["source"]), steps, figures)


def _step(study: str, name: str, value: Any) -> Step:
    if not isinstance(value, dict) or not str(value.get("command", "")).startswith(("fit ", "estimate ")):
        raise ConfigError(f"study {study}, step {name}: its command is one of econml, `fit ...` or `estimate ...`.")
    if not name.isidentifier():
        raise ConfigError(f"study {study}, step {name}: a name of letters, digits and _ names its run, too.")
    command = shlex.split(str(value["command"]))
    quick = str(value.get("quick", value["command"]))
    seeds = value.get("seeds", 0)
    alone = command[0] == "estimate" or "--seed" in f"{command} {quick}"
    if not isinstance(seeds, int) or not 0 <= seeds <= MOST or (seeds and alone):
        raise ConfigError(f"study {study}, step {name}: seeds is a number up to {MOST}, of a fit without --seed.")
    return Step(name, tuple(command), () if quick == SKIP else tuple(shlex.split(quick)), seeds)


def _figure(study: str, value: Any, steps: set[str]) -> Figure:
    given = value if isinstance(value, dict) else {}
    where = f"study {study}, figure '{given.get('what', '')}'"
    rules = [rule for rule in TOLERANCES if rule in given]
    if len(rules) != 1:
        raise ConfigError(f"{where}: says one of {', '.join(TOLERANCES)}, how far ours may be.")
    if given.get("step") not in steps:
        raise ConfigError(f"{where}: its step is one of {', '.join(sorted(steps))}.")
    numbers = [given.get("published"), given[rules[0]]]
    if not all(isinstance(number, int | float) and math.isfinite(number) for number in numbers) or not given.get("key"):
        raise ConfigError(f"{where}: needs a key, and numbers as `published` and `{rules[0]}`.")
    of = (str(given["what"]), str(given["step"]), str(given["key"]), float(numbers[0]), rules[0], float(numbers[1]))
    return Figure(*of, str(given.get("where", "")))
