"""Several models measured on the same observations: fresh draws of a simulated problem, or a split of a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.evaluation.risk.bayes import Measure
from econml_cli.evaluation.samples import size
from econml_cli.models.base import Model
from econml_cli.problems.base import Batch, Problem
from econml_cli.training.precision import to_device

#: draws held at once; a last block that is not full is drawn in full and cut, so that one program is compiled
BLOCK = 2**14
#: what the seed of fresh draws is folded with: with the fit's own seed, nnx.Rngs(seed) would draw its samples again
FRESH = 2**31 + 1

#: a block of observations, and how many of them count
Block = tuple[Batch, int]


class Fresh:
    """Fresh draws of a problem, in blocks: with the same seed the same in every iteration, and for every question.

    Use it inside `precision(...)`.
    """

    def __init__(self, problem: Problem, name: str, draws: int, seed: int):
        """`name`: of the problem, for an error.

        Raises:
            ConfigError: so many draws are fewer than two trajectories, which have no standard error.
        """
        length = int(getattr(problem, "dependent", 1))
        if length > 1 and draws < 2 * length:
            raise ConfigError(
                f"--draws must be at least {2 * length:,}, two trajectories: the {length:,} states of one of problem "
                f"{name} count as one draw, and a standard error needs two; got {draws:,}."
            )
        n = min(draws, max(BLOCK - BLOCK % length, length))  # no trajectory is cut in two, but the last
        self._name, self._draws, self._seed, self._n = name, draws, seed, n
        self._draw = nnx.jit(lambda rngs: problem.sample(rngs, "population", n))

    def __iter__(self) -> Iterator[Block]:
        """The blocks.

        Raises:
            ConfigError: nothing of the problem is drawn, so that it has no population.
        """
        rngs = nnx.Rngs(jax.random.fold_in(jax.random.key(self._seed), FRESH))
        for start in range(0, self._draws, self._n):
            batch = self._draw(rngs)
            if int(rngs.default.count[...]) == 0:
                raise ConfigError(
                    f"Problem {self._name} is fitted at fixed points and nothing of it is drawn, so that there is no "
                    "population to take a risk over; plain `econml eval` shows its losses."
                )
            if getattr(batch, "w", None) is not None:  # a problem of a user's may draw arrays of its own
                raise ConfigError(
                    f"The draws of problem {self._name} have weights, and a risk over fresh draws is a mean of equal "
                    "ones; plain `econml eval` shows its losses."
                )
            yield batch, min(self._n, self._draws - start)


class HeldOut:
    """A split in blocks, on the device. Use it inside `precision(...)`."""

    def __init__(self, batch: Batch, dtype: str):
        self._batch, self._dtype = batch, dtype

    def __iter__(self) -> Iterator[Block]:
        """The blocks."""
        for start in range(0, size(self._batch), BLOCK):
            rows = slice(start, start + BLOCK)
            block = to_device(jax.tree.map(lambda leaf: leaf[rows], self._batch), self._dtype)  # noqa: B023
            yield block, size(block)


def population_of(run: OpenedRun, draws: int, seed: int) -> Iterable[Block]:
    """What the population risk of a run is taken over: fresh draws, or the test split of a file.

    Use it inside `precision(...)`.

    Raises:
        ConfigError: there is no test split, or there are too few draws.
    """
    own = run.own_samples()
    if own.problem.simulated:
        return Fresh(own.problem, run.config().problem, draws, seed)
    if "test" not in own.parts:
        raise ConfigError(
            f"{run.name} has no test split, which takes the place of the population; fit again with --test-fraction .2."
        )
    return HeldOut(own.parts["test"], run.dtype)


class Meter:
    """Measures models on observations; those of one kind, and blocks of one size, share a compiled program."""

    def __init__(self, measures: Mapping[str, Measure]):
        def look(graphdef: Any, state: Any, batch: Batch) -> dict[str, jax.Array]:
            model = nnx.merge(graphdef, state)
            return {name: measure(model, batch) for name, measure in measures.items()}

        self._look = jax.jit(look, static_argnums=0)

    def blocks(self, models: Sequence[Model], observations: Iterable[Block]) -> Iterator[dict[str, np.ndarray]]:
        """For each block {name: [models, observations]} in float64; the models are in evaluation mode.

        Call it inside `precision(...)`.
        """
        split = [nnx.split(model) for model in models]
        for batch, count in observations:
            found = [jax.device_get(self._look(*each, batch)) for each in split]
            yield {name: np.stack([np.asarray(one[name], np.float64)[:count] for one in found]) for name in found[0]}

    def whole(self, models: Sequence[Model], observations: Iterable[Block]) -> dict[str, np.ndarray]:
        """The same of all blocks together."""
        found = list(self.blocks(models, observations))
        return {name: np.concatenate([block[name] for block in found], axis=1) for name in found[0]}
