"""Standard errors of effects by fitting again: to bootstrap samples of the training rows, or of groups of them."""

import dataclasses
from dataclasses import dataclass

import numpy as np

from econml_cli.errors import ConfigError, plural
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.marginal import derivatives
from econml_cli.evaluation.marginal.columns import Sample
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.risk.refits import refit
from econml_cli.evaluation.samples import counts_of, size
from econml_cli.evaluation.standard_errors import around, groups_of
from econml_cli.problems.tabular import Tabular
from econml_cli.training.precision import to_device

#: fits below which a standard deviation says too little
LEAST = 20


@dataclass(frozen=True)
class Refitted:
    """Standard deviations [k] of effects over so many `fits`; notes, a sentence each."""

    errors: np.ndarray
    fits: int
    notes: tuple[str, ...] = ()

    def estimates(self, values: np.ndarray) -> list[Estimate]:
        """The effects [k] of the run with these standard errors and normal 95 % intervals."""
        return [around(float(value), float(error)) for value, error in zip(values, self.errors, strict=True)]


def refitted(run: OpenedRun, here: Sample, fits: int, seed: int) -> Refitted:
    """Fit the recipe of a run to `fits` bootstrap samples of its training rows, side by side, and take the spread of
    the effects: averages over each sample, or over the rows `here` where these are others.

    A sample is drawn as weights, how often each row (with groups each group) occurs, beside those that rows have; each
    fit has initial weights and shuffling of its own, so that the error of another sample and of another seed is in it.
    How features are standardised stays as it is, and so does the validation sample. Call it inside `precision(...)`.

    Raises:
        ConfigError: the run reads no table, there are too few fits, or its model takes no weights.

    Source: Efron and Tibshirani (1993), An Introduction to the Bootstrap, chapters 6 and 9; Cameron, Gelbach and Miller
    (2008), Review of Economics and Statistics 90, for groups.
    """
    if fits < LEAST:
        raise ConfigError(f"--refit {fits}: a standard error needs {LEAST} fits or more; take more, such as 200.")
    samples = run.own_samples()
    problem, train = samples.problem, samples.parts["train"]
    if not isinstance(problem, Tabular):
        raise ConfigError("--refit resamples the rows of a table; `econml fit --members K` fits a simulated one again.")
    n, rng = size(train), np.random.default_rng(seed)
    own = None if train.w is None else np.asarray(train.w, np.float64)
    counts, groups = counts_of(problem, own), groups_of(problem, "train", n)
    weights = [_drawn(rng, n, own, counts, groups) for _ in range(fits)]
    batches = [to_device(dataclasses.replace(train, w=w), run.dtype) for w in weights]
    found = refit(run.config(), problem, samples.parts.get("val"), batches, seed)
    if len(found.models) < LEAST:
        raise ConfigError(
            f"--refit: {found.diverged} of {fits} fits diverged; fit with a smaller --lr, or --grad-clip 1."
        )
    kept = [weights[place] for place in found.places]
    same = here.split == "train" and here.n == n
    rows = derivatives.per_row(here, found.models, run.dtype, kept if same else None)
    each = np.concatenate([one.by_member for one in rows], axis=1)
    notes = (f"{plural(found.diverged, 'refit')} diverged, and {'is' if found.diverged == 1 else 'are'} left out.",)
    return Refitted(each.std(axis=0, ddof=1), len(each), notes if found.diverged else ())


def _drawn(
    rng: np.random.Generator, n: int, own: np.ndarray | None, counts: np.ndarray | None, groups: np.ndarray | None
) -> np.ndarray:
    """The weights [n] of a bootstrap sample: of rows, of observations where a row stands for several, or of groups."""
    if groups is not None:
        _, place = np.unique(groups, return_inverse=True)
        often = np.bincount(rng.integers(0, place.max() + 1, place.max() + 1), minlength=place.max() + 1)[place]
        return np.asarray(often if own is None else often * own, np.float64)
    if counts is not None:
        return rng.multinomial(int(counts.sum()), counts / counts.sum()).astype(np.float64)
    often = rng.multinomial(n, np.full(n, 1 / n))
    return np.asarray(often if own is None else often * own, np.float64)
