"""Where a model meets a problem: draw or read the data, make the model, and check that the shapes fit."""

import copy
import dataclasses
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.data.stored import Stored, is_stored
from econml_cli.errors import ConfigError, DataError
from econml_cli.models.base import Adapting, Model
from econml_cli.models.building import Recipe, Shapes, build
from econml_cli.models.linear import Linear
from econml_cli.options import own_modules
from econml_cli.problems import building as problems
from econml_cli.problems.base import Batch, Problem, Split
from econml_cli.problems.tabular import Tabular
from econml_cli.training.precision import to_device
from econml_cli.training.setup.equation_weights import weighed
from econml_cli.training.setup.shapes import check_shapes

Drawn = TypeVar("Drawn")
#: the train, val and test samples
Splits = tuple[Batch, Batch | None, Batch | None]

#: how many drawn things a workshop keeps: problem and three samples of a few seeds
KEPT = 16


@dataclass(frozen=True)
class Sampled:
    """A problem with its three samples on the device, and no model."""

    config: FitConfig
    problem: Problem
    train: Batch
    val: Batch | None
    test: Batch | None

    @property
    def n_train(self) -> int:
        return int(self.train.x.shape[0])

    @property
    def shapes(self) -> Shapes:
        """What a model knows of the data."""
        return shapes_of(self.problem, self.train)

    @property
    def streamed(self) -> bool:
        """Whether the samples lie in files, and are read a part at a time."""
        return is_stored(self.train.x)


@dataclass(frozen=True)
class Setup(Sampled):
    """A model at its initial weights, and the problem it is fitted to with its samples."""

    model: Model

    @property
    def solved(self) -> bool:
        """Whether the model is solved exactly, not trained."""
        return getattr(self.model, "solver", "gradient") != "gradient"


def shapes_of(problem: Problem, train: Batch) -> Shapes:
    """What a model of a problem must know of its training sample."""
    shape = tuple(map(int, train.x.shape[1:]))
    origin = not getattr(problem, "constant", True)
    levels = (problem.absorbed, problem.embedded) if isinstance(problem, Tabular) else ((), ())
    return Shapes(problem.din, problem.dout, int(train.x.shape[0]), shape, origin, *levels)


def recipe_of(config: FitConfig) -> Recipe:
    """What the model of a config is made from."""
    return Recipe(config.model, config.model_options, config.representation.phi, config.trainer.dtype)


def abstract_model(config: FitConfig, shapes: Shapes) -> Model:
    """The same model as shapes only: nothing is allocated.

    Raises:
        ConfigError: its constructor refuses the options or the shapes.
    """
    model: Model = nnx.eval_shape(lambda: build(recipe_of(config), shapes, nnx.Rngs(0)))
    return model


def assemble(config: FitConfig, *, units: Any = None) -> Setup:
    """The setup of one fit; see `Workshop`."""
    return Workshop(units=units).assemble(config)


def sampled(config: FitConfig, *, units: Any = None) -> Sampled:
    """The data of one fit alone; see `Workshop.sampled`."""
    return Workshop(units=units).sampled(config)


def units_of(config: FitConfig) -> Any:
    """What the problem of a config measures states in (`problems.base.Economy.units`); None where it does not say."""
    return getattr(problems.build(config.problem, config.problem_options, nnx.Rngs(config.trainer.seed)), "units", None)


class Workshop:
    """Makes setups. One that makes many compiles each drawing and each initialisation once, reads a data file once, and
    hands fits of one seed the same samples. Several threads may use it."""

    def __init__(self, *, units: Any = None) -> None:
        """Nothing is made yet.

        Args:
            units: what the problems measure states in, in place of their own `units`.
        """
        self._units = units
        self._compiled: dict[Hashable, Any] = {}
        self._checked: set[Hashable] = set()
        # another seed has other samples, which may be large: those of the last few seeds and problems are kept
        self._drawn: OrderedDict[Hashable, Any] = OrderedDict()
        self._drawing = threading.Lock()

    def assemble(self, config: FitConfig) -> Setup:
        """Everything that training needs, drawn from one `nnx.Rngs(seed)` in the lecture's order: what defines the
        problem, the train sample, the model's weights, the test sample, the validation sample.

        Call it inside `precision(config.trainer.dtype)`.

        Raises:
            DataError: the data cannot be used.
            ShapeError: model and problem do not fit.
        """
        problem, train, rngs = self._before_the_model(config)
        problems.check_sample(config.problem, problem, train)
        shapes = shapes_of(problem, train)
        of = (recipe_of(config), config.problem, config.problem_options, shapes)
        if of not in self._checked:
            check_memory(config, shapes)
        model = self._model(config, shapes, rngs, train)
        test, val = self._after_the_model(config, problem, rngs)
        if of not in self._checked:
            check_shapes(config, problem, model, train)
            self._checked.add(of)
        return Setup(config, weighed(config, problem, model, train), train, val, test, model)

    def sampled(self, config: FitConfig) -> Sampled:
        """The data that `assemble` draws, without the model's weights, which the samples after it are drawn behind:
        they are drawn past, not made, and no checks are made that ask whether it can be trained.

        Call it inside `precision(config.trainer.dtype)`.

        Raises:
            DataError: the data cannot be used. ConfigError: the model's constructor refuses the options or the shapes.
        """
        if problems.made_in_jit(config.problem):
            return self._all_drawn_together(config)
        rngs = nnx.Rngs(config.trainer.seed)
        problem = self._once("problem", config, rngs, lambda: self._problem(config, rngs))
        if problem.simulated:
            return self._drawn_together(config, problem, rngs)
        train = self._train(config, problem, rngs)
        problems.check_sample(config.problem, problem, train)
        if not isinstance(problem, Tabular):  # the splits of a table are not drawn from `rngs`
            recipe, shapes = recipe_of(config), shapes_of(problem, train)

            def draw_past(rngs: nnx.Rngs) -> None:  # compiled, it counts its draws and makes none
                build(recipe, shapes, rngs)

            nnx.jit(draw_past)(rngs)
        test, val = self._after_the_model(config, problem, rngs)
        return Sampled(config, problem, train, val, test)

    def ensemble(self, config: FitConfig) -> list[Setup]:
        """The setups of the members of an ensemble: one problem and one set of samples, those of `--seed` S; member k
        has the weights and the shuffling of seed S + k. So member 0 is what a fit without `--members` would be.

        Raises:
            As `assemble`.
        """
        first = self.assemble(config)
        problem, train, rngs = self._before_the_model(config)
        drawn, setups = rngs.default.count[...], [first]
        for k in range(1, config.trainer.members):
            seed = (config.trainer.seed + k) % 2**32
            own = nnx.Rngs(seed)
            own.default.count[...] = drawn
            model = self._model(config, first.shapes, own, first.train)
            mine = weighed(config, problem, model, train)
            of = config.replace_trainer(seed=seed)
            setups.append(dataclasses.replace(first, config=of, problem=mine, model=model))
        return setups

    def _before_the_model(self, config: FitConfig) -> tuple[Problem, Batch, nnx.Rngs]:
        """(the problem, the train sample, what the model's weights are drawn from)."""
        rngs = nnx.Rngs(config.trainer.seed)
        problem = self._once("problem", config, rngs, lambda: self._problem(config, rngs))
        return problem, self._train(config, problem, rngs), rngs

    def _train(self, config: FitConfig, problem: Problem, rngs: nnx.Rngs) -> Batch:
        train = self._once("train", config, rngs, lambda: self._sample(config, problem, rngs, "train"))
        return _not_empty(train)

    def _after_the_model(
        self, config: FitConfig, problem: Problem, rngs: nnx.Rngs
    ) -> tuple[Batch | None, Batch | None]:
        """(the test sample, the validation sample)."""
        test = self._once("test", config, rngs, lambda: self._sample(config, problem, rngs, "test"))
        val = self._once("val", config, rngs, lambda: self._sample(config, problem, rngs, "val"))
        return test, val

    def _once(self, what: str, config: FitConfig, rngs: nnx.Rngs, make: Callable[[], Drawn]) -> Drawn:
        """What `make` draws from rngs, made once for all fits that come here with equal options and equal rngs."""
        drawn = int(rngs.default.count[...])
        trainer = config.trainer
        key = (what, config.problem, config.problem_options, trainer.seed, trainer.dtype, drawn)
        with self._drawing:
            if key not in self._drawn:
                self._drawn[key] = make(), int(rngs.default.count[...])
            self._drawn.move_to_end(key)
            value: Drawn
            value, after = self._drawn[key]
            rngs.default.count[...] = jnp.uint32(after)
            while len(self._drawn) > KEPT:
                self._drawn.popitem(last=False)
        return value

    def _problem(self, config: FitConfig, rngs: nnx.Rngs) -> Problem:
        problem = problems.build(config.problem, config.problem_options, rngs)
        if self._units is not None:
            economy: Any = problem  # one that may have `units`
            economy.units = self._units
        return problem

    def _sample(self, config: FitConfig, problem: Problem, rngs: nnx.Rngs, split: Split) -> Batch | None:
        dtype = config.trainer.dtype
        if not problem.simulated:
            with own_modules.telling(f"Problem {config.problem} gives no {split} sample"):
                sample = problem.sample(rngs, split)
                return sample if is_stored(getattr(sample, "x", None)) else to_device(sample, dtype)

        def draw(arrays: Mapping[str, jax.Array], rngs: nnx.Rngs) -> Batch | None:
            return with_arrays(problem, arrays).sample(rngs, split)

        compiled = self._compiled.setdefault((split, config.problem, config.problem_options, dtype), nnx.jit(draw))
        with own_modules.telling(f"Problem {config.problem} gives no {split} sample"):
            drawn: Batch | None = compiled(arrays_of(problem), rngs)
            return to_device(drawn, dtype)

    def _all_drawn_together(self, config: FitConfig) -> Sampled:
        """`_drawn_together` of a problem that is made in the same program, from the seed on."""
        made: list[Problem] = []

        def draw(seed: jax.Array) -> tuple[Mapping[str, jax.Array], Splits]:
            rngs = nnx.Rngs(jax.random.key(seed))
            made[:] = [self._problem(config, rngs)]
            return arrays_of(made[0]), _samples(config, made[0], rngs)

        arrays, drawn = jax.jit(draw)(np.uint32(config.trainer.seed))
        return Sampled(config, with_arrays(made[0], arrays), *to_device(drawn, config.trainer.dtype))

    def _drawn_together(self, config: FitConfig, problem: Problem, rngs: nnx.Rngs) -> Sampled:
        """The samples of a simulated problem, as `_before_the_model` and `_after_the_model` draw them, by one program:
        what JAX's generator lowers to is lowered once, which is most of what such small programs cost."""

        def draw(arrays: Mapping[str, jax.Array], rngs: nnx.Rngs) -> Splits:
            return _samples(config, with_arrays(problem, arrays), rngs)

        drawn: Splits = nnx.jit(draw)(arrays_of(problem), rngs)
        return Sampled(config, problem, *to_device(drawn, config.trainer.dtype))

    def _model(self, config: FitConfig, shapes: Shapes, rngs: nnx.Rngs, train: Batch) -> Model:
        """The model at its initial weights, made in one compiled program, and adapted to the training inputs."""
        recipe = recipe_of(config)

        def init(rngs: nnx.Rngs) -> Model:
            return build(recipe, shapes, rngs)

        model: Model = self._compiled.setdefault((recipe, shapes), nnx.jit(init))(rngs)
        if isinstance(model, Adapting):
            if isinstance(train.x, Stored) and isinstance(model, Linear):
                # all that it asks is which inputs are 0 in every row
                model.adapt(np.any([np.any(block, axis=0) for block in train.x.blocks()], axis=0)[None].astype(float))
                return model
            if is_stored(train.x):
                raise ConfigError(
                    f"Model {config.model} looks at all training inputs before it is trained; take another one, such "
                    "as mlp, or leave out --stream."
                )
            model.adapt(train.x)
        return model


def _samples(config: FitConfig, problem: Problem, rngs: nnx.Rngs) -> Splits:
    """(train, val, test) of a simulated problem, drawn in the lecture's order; called inside jit."""

    def sample(split: Split) -> Batch | None:
        with own_modules.telling(f"Problem {config.problem} gives no {split} sample"):
            return problem.sample(rngs, split)

    train = _not_empty(sample("train"))
    problems.check_sample(config.problem, problem, train)
    build(recipe_of(config), shapes_of(problem, train), rngs)  # draws are counted; what nobody reads is not made
    test = sample("test")
    return train, sample("val"), test


def _not_empty(train: Batch | None) -> Batch:
    """Raise DataError where there is nothing to train on."""
    if train is None:
        raise DataError("The training split is empty; lower --val-fraction and --test-fraction.")
    return train


def arrays_of(problem: Problem) -> dict[str, jax.Array]:
    """The arrays that a problem holds, by attribute: what two problems with equal options may differ in."""
    return {name: value for name, value in vars(problem).items() if isinstance(value, jax.Array)}


def with_arrays(problem: Problem, arrays: Mapping[str, Any]) -> Problem:
    """The same problem with these arrays."""
    bound = copy.copy(problem)
    vars(bound).update(arrays)
    return bound


def check_memory(config: FitConfig, shapes: Shapes) -> None:
    """Refuse a model that cannot be trained in this machine's memory: XLA would abort the process, not raise.

    Raises:
        ConfigError: weights, gradients and Adam's two moments need more than there is.
    """
    model = abstract_model(config, shapes)
    count, each = num_params(model), jnp.dtype(config.trainer.dtype).itemsize
    members = config.trainer.members
    needed, there = 4 * count * each * members, available_memory()
    if there is not None and needed > there:
        raise ConfigError(
            f"Model {config.model} would have {count:,} parameters{_times(members)} and need {needed / 1e9:,.0f} GB to "
            f"train, more than the {there / 1e9:,.0f} GB that are free here; make it smaller."
        )


def _times(members: int) -> str:
    return f" in each of {members} members" if members > 1 else ""


def available_memory() -> int | None:
    """Bytes that are free on the default device, or in the machine; None where nothing tells."""
    stats = jax.local_devices()[0].memory_stats()
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"] - stats.get("bytes_in_use", 0))
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return None


def num_params(model: Model) -> int:
    """How many trainable numbers a model (or its shapes) holds."""
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(nnx.state(model, nnx.Param)))
