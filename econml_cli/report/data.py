"""What a run was fitted to: sizes of the splits, the truth where it is known, moments of the training split."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from econml_cli.errors import RunError
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.samples import size
from econml_cli.output.tables import Grid, cell, leaves
from econml_cli.output.terminal import number
from econml_cli.problems import losses
from econml_cli.problems.base import Problem
from econml_cli.runs.directory import Run

#: rows of the table of features
MOST = 60
#: what a zero may have become on its way through a standardised float32, as a share of mean and sd
ROUNDING = 1e-6
#: what the manifest says of the data that is shown otherwise, or is of the machine that fitted
_ELSEWHERE = {"features", "target", "fingerprint", "moments", "path", "split_sizes", "levels", "classes", "sha256"}


def known(run: Run) -> list[tuple[str, str]]:
    """What the manifest says of the data: the file, or the truth that was drawn; without reading or drawing any."""
    about = run.manifest().get("data", {})
    found = leaves({name: value for name, value in about.items() if name not in _ELSEWHERE})
    return [(", ".join(path).replace("_", " "), _shown(value)) for path, value in found if value is not None]


def _shown(value: Any) -> str:
    """A number or a text; long lists are cut."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return number(value)
    some = ", ".join(number(v) for v in value[:10])
    return some + (f", ... ({len(value):,} numbers)" if len(value) > 10 else "")


def described(run: OpenedRun) -> list[Grid]:
    """Observations by split; mean, standard deviation (over n - 1), smallest and largest value of each feature, and of
    the target, in the training split, in the units of the data; of classes their shares.

    Raises:
        DataError, RunError: as `OpenedRun.own_samples`.
    """
    samples = run.own_samples()
    parts, problem = samples.parts, samples.problem
    sizes = tuple((name, f"{size(batch):,}") for name, batch in parts.items())
    found = [Grid(("split", "observations"), sizes, "Observations")]
    rows = list(_features(run, problem.describe(), parts["train"].x))
    row = losses.of(problem)
    if row.has_residuals:
        y = np.asarray(problem.observed(parts["train"]), np.float64)
        names = [str(problem.describe().get("target") or "y")] * y.reshape(len(y), -1).shape[1]
        rows += _moments(names if len(names) == 1 else _numbered(names), y.reshape(len(y), -1))
    headers = ("", "mean", "sd", "min", "max")
    found.append(Grid(headers, tuple(rows), "Training split"))
    if row.classifies:
        found.append(_classes(problem, np.asarray(parts["train"].y)))
    return found


def _features(run: Run, about: Mapping[str, Any], x: Any) -> Iterator[tuple[str, ...]]:
    """A row for each column of x [n, din]; one row for all numbers of observations of another shape."""
    x = np.asarray(x, np.float64)
    if x.ndim != 2:
        yield from _moments([f"x[{', '.join(map(str, x.shape[1:]))}]"], x.reshape(-1, 1))
        return
    saved = run.preprocessing() or {}
    encoding, levels = saved.get("features") or {}, saved.get("entities") or ()
    x = x[:, : x.shape[1] - len(levels)]  # numbers of levels have no mean
    if "mean" in encoding:  # standardised: back to the units of the file
        mean, scale = np.asarray(encoding["mean"]), np.asarray(encoding["scale"])
        if len(mean) != x.shape[1]:
            raise RunError(
                f"{run.path / 'preprocessing.json'} is damaged (it has {len(mean):,} columns, the data "
                f"{x.shape[1]:,}); fit again, or restore it from a copy."
            )
        x = x * scale + mean
        x = np.where(np.abs(x) < ROUNDING * (scale + np.abs(mean)), 0.0, x)
    names = [str(name) for name in about.get("features") or []]
    names = names if len(names) == x.shape[1] else _numbered(["x"] * x.shape[1])
    yield from _moments(names[:MOST], x[:, :MOST])
    if len(names) > MOST:
        yield f"... and {len(names) - MOST:,} others", "", "", "", ""


def _numbered(names: Sequence[str]) -> list[str]:
    return [f"{name}{i + 1}" for i, name in enumerate(names)]


def _moments(names: Sequence[str], values: np.ndarray) -> Iterator[tuple[str, ...]]:
    for name, column in zip(names, values.T, strict=True):
        sd = float(column.std(ddof=1)) if len(column) > 1 else None
        yield name, *map(cell, (float(column.mean()), sd, float(column.min()), float(column.max())))


def _classes(problem: Problem, y: np.ndarray) -> Grid:
    numbers = y.reshape(-1).astype(int)
    classes = getattr(problem, "classes", None)
    names = list(classes) if classes else list(range(int(numbers.max()) + 1))
    counts = np.bincount(numbers, minlength=len(names))
    rows = tuple((str(name), f"{n:,}", f"{n / len(numbers):.1%}") for name, n in zip(names, counts, strict=True))
    return Grid(("class", "observations", "share"), rows, "Classes of the target, training split")
