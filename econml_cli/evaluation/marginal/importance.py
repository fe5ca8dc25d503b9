"""Permutation importance: by how much the loss rises where the values of a column are shuffled and say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError, suggest
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluation import REPORTED, interval_of
from econml_cli.evaluation.marginal import averages
from econml_cli.evaluation.marginal.columns import Sample, sample
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.samples import scorer, size
from econml_cli.output.tables import Grid, cell, flat
from econml_cli.problems import losses
from econml_cli.problems.base import Batch
from econml_cli.problems.means import mean
from econml_cli.runs import caveats
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Importance:
    """The rise of the loss where these columns are shuffled, all in the same order."""

    columns: tuple[str, ...]
    rise: Estimate

    @property
    def label(self) -> str:
        return " + ".join(self.columns)


@dataclass(frozen=True)
class Importances(Answer):
    """The importance of columns, or groups of them, the largest first, over the `n` rows of a `split`, where the loss
    is `loss`; the mean over so many `permutations`, and over `members`."""

    run: str
    model: str
    split: str
    n: int
    loss: float
    members: int
    permutations: int
    seed: int
    found: tuple[Importance, ...]
    notes: tuple[str, ...] = ()

    def grids(self) -> list[Grid]:
        """One table."""
        errors = any(one.rise.standard_error is not None for one in self.found)
        headers = ("", "rise of the loss", *(("s.e.", "95 % interval") if errors else ()), "over the loss")
        rows = [
            (
                one.label, cell(one.rise.value),
                *((cell(one.rise.standard_error), interval_of(one.rise)) if errors else ()),
                cell(one.rise.value / self.loss if self.loss > 0 else None),
            )
            for one in self.found
        ]  # fmt: skip
        where = f"{self.n:,} rows of {self.split}, loss {cell(self.loss)}"
        given = "" if not errors else "; s.e. given the fit" if self.members == 1 else "; s.e. over rows and members"
        return [Grid(headers, tuple(rows), f"Permutation importance ({where}{given})")]

    def to_dict(self) -> dict[str, Any]:
        """JSON values, in the order of the table."""
        head = ("run", "model", "split", "n", "loss", "members", "permutations", "seed")
        found: dict[str, Any] = {name: getattr(self, name) for name in head}
        found["importance"] = [{"columns": list(one.columns), "rise": one.rise.to_json()} for one in self.found]
        return found | {"notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """A flat dict a column: run, columns, rise, rise_standard_error, ..."""
        head = {"run": self.run, "split": self.split, "n": self.n, "loss": self.loss}
        return [head | {"columns": one.label} | flat({"rise": one.rise.to_json()}) for one in self.found]


def importance(
    run: Run,
    *,
    columns: Sequence[str] = (),
    permutations: int = 20,
    seed: int = 0,
    bootstrap: int = 1000,
    bootstrap_seed: int = 0,
    step: int | None = None,
    data: str | None = None,
    missing: str | None = None,
) -> Importances:
    """By how much the loss rises, on average over rows, where the values of a column are shuffled among the rows.

    The rows are those that `evaluate` reports (the test split; new data; the training split where there is no other).
    The standard error is that of the mean over rows (whole groups of them) given the fitted model and the permutations;
    of an ensemble as in `averages.averages`. Columns that are correlated stand in for each other, so that each alone
    matters little: shuffle them together.

    Args:
        columns: of the file; "educ+exper" are shuffled together (default: each column of the model alone).
        permutations: how many are averaged. seed: theirs.
        bootstrap, bootstrap_seed, step, data, missing: as in `evaluate`.

    Raises:
        ConfigError: there is no such column, or the run has no outcome. As `evaluate` otherwise.

    Source: Breiman (2001), Machine Learning 45, 5-32; Fisher, Rudin and Dominici (2019), Journal of Machine Learning
    Research 20(177).
    """
    if permutations < 1:
        raise ConfigError(f"--permutations {permutations} must be at least 1.")
    with open_run(run, step=step, data=data, missing=missing) as opened:
        members, samples = opened.members().models, opened.samples()
        split = next(name for name in REPORTED if name in samples.parts)
        here, batch = sample(opened, members[0], split=split), samples.parts[split]
        if not losses.of(here.problem).observed or size(batch) != here.n:
            raise ConfigError(f"{run.name}: an importance needs the outcome of every row; leave the others out.")
        chosen = _chosen(here, columns)
        score = scorer(samples.problem, members[0], opened.dtype)
        before = np.stack([np.asarray(score(batch, model).loss, np.float64) for model in members])
        rises = np.zeros((len(chosen), *before.shape))  # [columns, members, n]
        for i, names in enumerate(chosen):
            rng = np.random.default_rng([seed, i])
            for _ in range(permutations):
                x = here.rows.shuffled(names, rng.permutation(here.n))
                moved = Batch(x, batch.y, batch.w)
                rises[i] += np.stack([np.asarray(score(moved, model).loss, np.float64) for model in members]) - before
        rises /= permutations
        by_member = np.stack([mean(each.T, here.w) for each in rises.transpose(1, 0, 2)])
        rows, groups, w = here.observations(rises.mean(axis=1).T)
        found = averages.averages(rows, by_member, replications=bootstrap, seed=bootstrap_seed, groups=groups, w=w)
        loss = float(mean(before.mean(axis=0), here.w))
        notes = (*here.notes, *caveats.sentences(opened.summary()))
    order = sorted(range(len(chosen)), key=lambda i: -found[i].value)
    return Importances(
        run.name, run.config().model, here.split, here.n, loss, len(members), permutations, seed,
        tuple(Importance(chosen[i], found[i]) for i in order), notes,
    )  # fmt: skip


def _chosen(here: Sample, asked: Sequence[str]) -> list[tuple[str, ...]]:
    """The columns that are shuffled, those together that are."""
    there = list(here.rows.shuffles)
    if not asked:
        return [(name,) for name in there]
    found = [(text,) if text in there else tuple(part.strip() for part in text.split("+")) for text in asked]
    for name in (name for names in found for name in names):
        if name not in there:
            raise ConfigError(
                f"--columns: the model reads no column '{name}'.{suggest(name, there)} It reads {', '.join(there[:20])}"
                f"{', ...' if len(there) > 20 else ''}; a + b are shuffled together."
            )
    if twice := next((names for i, names in enumerate(found) if set(names) in map(set, found[:i])), None):
        raise ConfigError(f"--columns names {' + '.join(twice)} twice.")
    return found
