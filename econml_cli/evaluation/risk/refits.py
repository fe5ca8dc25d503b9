"""The model and the recipe of a run fitted again: to new samples, with new weights, and with the truth as it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.evaluation.samples import size
from econml_cli.models.base import Adapting, Model
from econml_cli.models.building import build
from econml_cli.problems.base import Batch, Problem
from econml_cli.training.fit import check
from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import to_device
from econml_cli.training.setup.setup import Setup, arrays_of, check_memory, recipe_of, shapes_of, with_arrays
from econml_cli.training.step.carry import DIVERGED, Carry
from econml_cli.training.step.epoch import inputs_of
from econml_cli.training.step.programs import Programs

#: what the seed of refits is folded with: their data are neither those of a fit nor the fresh draws of a risk
REFIT = 2**31 + 101
#: refits that are trained side by side
MOST = 32


@dataclass(frozen=True)
class Refits:
    """Fits of one recipe to several samples, less those that diverged.

    Attributes:
        models: in evaluation mode. empirical: the mean loss of each on its own sample, [models], in reported units.
        diverged: how many did. places: of which samples these are.
    """

    models: list[Model]
    empirical: np.ndarray
    diverged: int
    places: tuple[int, ...] = ()


def keys(seed: int, n: int, count: int) -> list[tuple[jax.Array, jax.Array, jax.Array]]:
    """For each of so many samples of n: the keys of its data, of the weights, and of the shuffling."""
    root = jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), REFIT), n)
    return [tuple(jax.random.split(jax.random.fold_in(root, k), 3)) for k in range(count)]


def new_samples(config: FitConfig, problem: Problem, n: int, count: int, seed: int) -> list[Batch]:
    """So many new training samples of n observations of one problem. Call it inside `precision(...)`.

    Raises:
        ConfigError: a sample of the problem is not made of n draws.
    """

    def draw(arrays: Any, rngs: nnx.Rngs) -> Any:
        return with_arrays(problem, arrays).sample(rngs, "train", n)

    compiled, samples = nnx.jit(draw), []
    for data, _, _ in keys(seed, n, count):
        rngs = nnx.Rngs(data)
        sample = compiled(arrays_of(problem), rngs)
        if int(rngs.default.count[...]) == 0:
            raise ConfigError(
                f"Problem {config.problem} is fitted at fixed points and nothing of it is drawn, so that there are no "
                "other data sets to fit again; `econml fit --members K` fits other initial weights."
            )
        if sample is None or size(sample) != n:
            got = 0 if sample is None else size(sample)
            raise ConfigError(
                f"Problem {config.problem} gives {got:,} observations where {n:,} are asked for, so that it cannot be "
                "fitted to samples of other sizes; its `sample(rngs, split, n)` has to give n."
            )
        samples.append(to_device(sample, config.trainer.dtype))
    return samples


def subsamples(config: FitConfig, train: Batch, n: int, count: int, seed: int) -> list[Batch]:
    """So many sets of n of the training rows, each drawn without replacement. Call it inside `precision(...)`."""
    samples = []
    for data, _, _ in keys(seed, n, count):
        rows = np.sort(np.asarray(jax.random.permutation(data, size(train))[:n]))  # in the order of the file
        samples.append(to_device(jax.tree.map(lambda leaf: leaf[rows], train), config.trainer.dtype))  # noqa: B023
    return samples


def refit(config: FitConfig, problem: Problem, val: Batch | None, samples: Sequence[Batch], seed: int) -> Refits:
    """Fit the model of a config with its recipe to each sample (all of one size), from weights of its own.

    Side by side, as one `vmap`; a model that is solved exactly is solved on one after another. Call it inside
    `precision(...)`.

    Args:
        val: the validation sample, which all fits share, where the recipe stops by it. seed: of weights and shuffling.

    Raises:
        ConfigError: the model cannot be made for, or fitted to, a sample of this size.
    """
    setups, programs = _setups(config, problem, val, samples, seed), Programs()
    check(setups[0])
    models, empirical, places, diverged = list[Model](), list[float](), list[int](), 0
    for place, (setup, carry) in enumerate(_fitted(setups, programs)):
        if int(carry.status) == DIVERGED:
            diverged += 1
            continue
        program = programs.get(setup)
        model = program.epoch.fitted(carry)
        losses = program.measure(nnx.state(model), inputs_of(setup), {"train": setup.train})
        models.append(model)
        places.append(place)
        empirical.append(float(losses["train"]))
    return Refits(models, np.asarray(empirical, np.float64), diverged, tuple(places))


def _setups(config: FitConfig, problem: Problem, val: Batch | None, samples: Sequence[Batch], seed: int) -> list[Setup]:
    """The samples, each with the model at weights of its own."""
    options = config.trainer
    needed = val if options.patience or options.stop_loss is not None else None
    shapes, recipe = shapes_of(problem, samples[0]), recipe_of(config)
    check_memory(config.replace_trainer(members=1), shapes)
    init, setups = nnx.jit(lambda rngs: build(recipe, shapes, rngs)), []
    for sample, (_, weights, shuffling) in zip(samples, keys(seed, shapes.n, len(samples)), strict=True):
        model = init(nnx.Rngs(weights))
        if isinstance(model, Adapting):
            model.adapt(sample.x)
        own = config.replace_trainer(members=1, seed=int(jax.random.bits(shuffling, dtype=np.uint32)))
        setups.append(Setup(own, problem, sample, needed, None, model))
    return setups


def _fitted(setups: Sequence[Setup], programs: Programs) -> Iterator[tuple[Setup, Carry]]:
    """Each setup with the position that its training ends at."""
    if setups[0].solved or len(setups) == 1:
        for setup in setups:
            trainer = Trainer(setup, programs)
            for _ in trainer.run():
                pass
            yield setup, trainer.carry
        return
    for start in range(0, len(setups), MOST):
        together = setups[start : start + MOST]
        stack = Stack(together, programs, shared=False)
        for _ in stack.run():
            pass
        yield from ((setup, stack.carry(place)) for place, setup in enumerate(together))
