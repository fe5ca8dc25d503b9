"""Whether the losses of several evaluations, which a table sorts, can be ranked: of one problem, on the same rows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from econml_cli.evaluation.comparing.paired import SIZES, SPLITS
from econml_cli.evaluation.evaluation import Evaluation
from econml_cli.problems import registry as problems
from econml_cli.runs.directory import Run

#: options of simulated problems that say how large a sample is, or where training alone looks
SAMPLING = (*SIZES, "nodes", "points", "points_test", "trajectories", "trajectories_test", "trajectories_val")
#: the same, of those problems that have another one, NAME_test, for testing
PAIRED = ("periods", "horizon")

#: (name, as it is shown, as it is compared)
Fact = tuple[str, Any, Any]


def notes(found: Sequence[Evaluation]) -> list[str]:
    """One sentence that names a run whose loss cannot be ranked with that of the first, and says why; none where all
    can. Other draws of one simulated problem are no reason.

    Raises:
        RunError: a run cannot be read.
    """
    if len(found) < 2:
        return []
    first, *others = [list(_facts(one)) for one in found]
    reasons = [(one.run, _why_not(own, first)) for one, own in zip(found[1:], others, strict=True)]
    why = [(name, reason) for name, reason in reasons if reason is not None]
    if not why:
        return []
    name, reason = why[0]
    more = f" (nor can {len(why) - 1:,} more)" if len(why) > 1 else ""
    return [f"{name} cannot be ranked with {found[0].run} by its loss{more}: {reason}."]


def _why_not(one: Sequence[Fact], first: Sequence[Fact]) -> str | None:
    """A clause, such as "its target is lwage, not wage"; None where nothing is in the way."""
    for (name, mine, a), (_, theirs, b) in zip(one, first, strict=False):
        if not _same(a, b):
            return f"its {name} is {mine}, not {theirs}"
    return None


def _same(a: Any, b: Any) -> bool:
    """Whether two facts are one; moments of outcomes up to what float32 makes of them."""
    if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
        return all(math.isclose(x, y, rel_tol=1e-5, abs_tol=1e-6) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def _facts(e: Evaluation) -> Iterator[Fact]:
    """What has to be the same; in one order for all of one problem."""
    run = Run(Path(e.path))
    about = run.manifest().get("data", {})
    facts = {"problem": e.problem, "target": about.get("target"), "task": e.task, "loss": about.get("loss", e.task)}
    facts["reported split"] = e.reported
    yield from ((name, value, value) for name, value in facts.items())
    options = vars(run.config().problem_options)
    if problems.load(e.problem).simulated:
        for name, value in options.items():
            only_training = name in PAIRED and f"{name}_test" in options
            if name not in SAMPLING and name not in e.changed and not only_training:
                yield f"--{name.replace('_', '-')}", value, value
        return
    if e.reported != "data":
        folds = bool(options.get("folds"))  # the folds of one cross-validation belong together
        for name in SPLITS:
            if not (folds and name == "fold"):
                yield f"--{name.replace('_', '-')}", options.get(name), options.get(name)
        shown = f"{about.get('data')} (sha256 {str(about.get('sha256'))[:8]})"
        yield "data file", shown, (not folds and _outcomes(run, about)) or about.get("sha256")
        if folds:
            return
    yield f"number of {e.reported} rows", e.n.get(e.reported), e.n.get(e.reported)


def _outcomes(run: Run, about: Mapping[str, Any]) -> tuple[float, ...] | None:
    """What tells the outcomes of the test rows apart, in whichever file, and beside whichever features, they stand."""
    target = (run.preprocessing() or {}).get("target", {})
    if not about.get("moments"):
        return None
    return tuple(float(x) for x in (*about["moments"][-1], target.get("mean", 0), target.get("scale", 1)))
