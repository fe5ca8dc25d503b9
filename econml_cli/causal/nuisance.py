"""Nuisances: conditional means of a column given the controls, trained on some rows and predicted on others."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax
import numpy as np
from flax import nnx

from econml_cli.config import fit_config as configs
from econml_cli.config.exact import EXACT
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, DivergedError, suggest
from econml_cli.models.base import Adapting, Model
from econml_cli.models.building import Shapes, build
from econml_cli.options.fields import options_of
from econml_cli.problems import losses
from econml_cli.problems.base import Batch, Split
from econml_cli.problems.loss_row import Loss
from econml_cli.problems.tabular_options import TabularOptions
from econml_cli.training.fit import check
from econml_cli.training.loop.stack import Stack
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision, to_device
from econml_cli.training.setup.setup import Setup, abstract_model, check_memory, recipe_of, shapes_of
from econml_cli.training.step.carry import DIVERGED, Carry
from econml_cli.training.step.programs import Programs

#: the losses of a number, and of a share of 0 and 1
SQUARED, BINARY = "mse", "binary"
#: fits that are trained side by side
MOST = 64
#: how nuisances are trained where nobody says: small networks that stop early, as there are folds times repeats of them
RECIPE: Mapping[str, Any] = {"num_epochs": 500, "patience": 20}
OF_MODEL: Mapping[str, Mapping[str, Any]] = {"mlp": {"width": "32", "depth": 2, "lr": 3e-3}}


@dataclass(frozen=True)
class Job:
    """One fit: of y [n] on x [n, p] in the rows `train` (and, for early stopping, `val`), predicted in the rows `test`;
    `seed` is that of initial weights and shuffling."""

    x: np.ndarray
    y: np.ndarray
    train: np.ndarray
    val: np.ndarray
    test: np.ndarray
    seed: int


class Conditional:
    """E[y|x] by a row of the losses: the problem that a nuisance is to the trainer. The data are handed to it."""

    simulated: ClassVar[bool] = False
    loss = losses.loss
    predict = losses.predict
    observed = losses.observed

    def __init__(self, din: int, row: Loss):
        self.din, self.dout, self.loss_scale, self.constant = din, 1, 1.0, True
        self.loss_row, self.task = row, row.task

    def sample(self, rngs: Any, split: Split, n: int | None = None) -> Batch | None:
        """None: it holds no data."""
        return None

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """None: the truth is not known."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Nothing: it holds no data."""
        return {}


def config_of(model: str, changes: Mapping[str, Any], seed: int, data: str, name: str, binary: bool) -> FitConfig:
    """The config of the fits of one nuisance.

    Args:
        changes: options of `econml fit` that beat the recipe. data, name: what is read, and the nuisance.

    Raises:
        ConfigError: an option is unknown, wrong, or says which rows and columns are used.
    """
    columns = {opt.name for opt in options_of(TabularOptions)} - {"val_fraction"} | {"members", "seed"}
    known = configs.offered(model, "tabular")
    for option in changes:
        if option not in known or option in columns:
            near = suggest(option, sorted(set(known) - columns))
            raise ConfigError(f"--with {option}: the nuisances have no such option with model {model}.{near}")
    suited = {**RECIPE, **OF_MODEL.get(model, {})} if not _solved_by_default(model, changes) else {}
    about = {"data": data, "target": name, "loss": BINARY if binary else SQUARED, "seed": seed, "members": 1}
    return configs.build(
        model, "tabular", [("--with", {**changes, **about}), ("the recipe of econml estimate", suited)]
    )


def _solved_by_default(model: str, changes: Mapping[str, Any]) -> bool:
    """Whether a model is solved exactly, so that options of training would mean another."""
    options = configs.build(model, "tabular", [("", {**changes, "data": "-", "target": "-"})]).model_options
    return getattr(options, "solver", "gradient") != "gradient"


def is_solved(config: FitConfig) -> bool:
    """Whether the model of a config is solved exactly, not trained."""
    return getattr(config.model_options, "solver", "gradient") != "gradient" or config.model == "kernel"


def needs_validation(config: FitConfig) -> bool:
    """Whether its training looks at rows that are held out of it."""
    return not is_solved(config) and bool(config.trainer.patience or config.trainer.stop_loss is not None)


class Trainable:
    """One nuisance, ready to be fitted any number of times; programs are compiled once for all of them.

    Attributes:
        by_squares: whether a share of 0 and 1 is fitted by least squares, as its model can only be solved so.
    """

    def __init__(self, config: FitConfig, binary: bool, sizes: tuple[int, int, int]):
        """Nothing is compiled yet.

        Args:
            sizes: the most rows for training, validation and prediction that a job has; those of smaller ones are
                filled up with rows that weigh nothing, so that all are trained in one program.
        """
        self._solved = is_solved(config)
        solvable = not self._solved or getattr(config.model_options, "solver", "") == EXACT
        self.by_squares = binary and not solvable
        self._row = losses.get(BINARY if binary and solvable else SQUARED)
        self._name = "float64" if self._solved else config.trainer.dtype
        self._config = config.replace_trainer(precision=self._name)
        self._sizes = sizes
        self._programs = Programs()
        self._initial: Any = None
        self._answer: Any = None

    def predictions(self, jobs: Sequence[Job], stop: Callable[[], bool] = lambda: False) -> list[np.ndarray] | None:
        """The predictions of each job in its rows `test`, [k] float64, in the units of y; None once `stop` is true.

        Raises:
            DivergedError: a fit did. ConfigError: the model cannot be made for, or fitted to, these rows.
        """
        found: dict[int, np.ndarray] = {}
        with precision(self._name):
            fitted = [i for i, job in enumerate(jobs) if np.ptp(job.y[job.train]) > 0]
            for i in set(range(len(jobs))) - set(fitted):  # nothing to learn: everybody has the same y
                found[i] = np.full(len(jobs[i].test), jobs[i].y[jobs[i].train][0])
            most = 1 if self._solved else MOST
            for group in (fitted[k : k + most] for k in range(0, len(fitted), most)):
                if stop():
                    return None
                given = [_Given(jobs[i], self._row, self._sizes, self._solved) for i in group]
                answers = self._alone(given[0], stop) if len(given) == 1 else self._together(given, stop)
                if answers is None:
                    return None
                for i, each, answer in zip(group, given, answers, strict=True):
                    found[i] = each.in_units(answer)
        return [found[i] for i in range(len(jobs))]

    def _alone(self, given: "_Given", stop: Callable[[], bool]) -> list[np.ndarray] | None:
        """The predictions of one fit; None where `stop` became true."""
        setup = self._setup(given)
        check(setup)
        trainer = Trainer(setup, self._programs)
        for _ in trainer.run():
            if stop():
                return None
        self._refuse_diverged(trainer.carry)
        x = to_device(Batch(given.test, None), self._name).x
        return [np.asarray(self._row.inverse_link(trainer.program.epoch.fitted(trainer.carry)(x)))]

    def _together(self, given: Sequence["_Given"], stop: Callable[[], bool]) -> Sequence[np.ndarray] | None:
        """The predictions of fits that are trained in one `vmap`; None where `stop` became true."""
        setups = [self._setup(each) for each in given]
        check(setups[0])
        stack = Stack(setups, self._programs, shared=False, fixed=True)
        for _ in stack.run():
            if stop():
                return None
        whole = stack.whole()
        self._refuse_diverged(whole)
        if self._answer is None:
            self._answer = jax.jit(jax.vmap(partial(_answer, nnx.graphdef(setups[0].model), self._row)))
        x = to_device(Batch(np.stack([each.test for each in given]), None), self._name).x
        found: np.ndarray = np.asarray(self._answer(whole.kept, x))
        return list(found)

    def _refuse_diverged(self, carry: Carry) -> None:
        if (np.asarray(carry.status) == DIVERGED).any():
            raise DivergedError(
                f"A fit of nuisance {self._config.problem_options.target} diverged; try a smaller --with lr, --with "
                "grad_clip=1, or another --nuisance."
            )

    def _setup(self, given: "_Given") -> Setup:
        problem = Conditional(given.train.x.shape[1], self._row)
        train = to_device(given.train, self._name)
        model = self._model(shapes_of(problem, train), given.job.seed)
        if isinstance(model, Adapting):
            model.adapt(train.x)
        val = to_device(given.val, self._name)
        return Setup(self._config.replace_trainer(seed=given.job.seed), problem, train, val, None, model)

    def _model(self, shapes: Shapes, seed: int) -> Model:
        """The model at initial weights of its own."""
        recipe = recipe_of(self._config)
        if self._solved:  # the number of rows, which differs, is one of its shapes
            return build(recipe, shapes, nnx.Rngs(seed))
        if self._initial is None:
            check_memory(self._config, shapes)
            graphdef = nnx.graphdef(abstract_model(self._config, shapes))
            weights = jax.jit(lambda seed: nnx.state(build(recipe, shapes, nnx.Rngs(jax.random.key(seed)))))
            self._initial = graphdef, weights
        graphdef, weights = self._initial
        model: Model = nnx.merge(graphdef, weights(np.uint32(seed)))
        return model


def _answer(graphdef: Any, row: Loss, kept: Any, x: jax.Array) -> jax.Array:
    """What a fitted model predicts, [k, 1]; `kept` as of `Carry`."""
    model = nnx.merge(graphdef, *kept)
    model.eval()
    answer: jax.Array = row.inverse_link(model(x))
    return answer


class _Given:
    """The rows of a job as they are trained on: standardised by those for training, filled up to equal sizes."""

    def __init__(self, job: Job, row: Loss, sizes: tuple[int, int, int], solved: bool):
        self.job = job
        own = job.x[job.train]
        mean, scale = own.mean(axis=0), own.std(axis=0)
        x = (job.x - mean) / np.where(scale > 0, scale, 1.0)
        self.mean, self.scale = 0.0, 1.0
        if not row.classifies:
            self.mean, self.scale = float(job.y[job.train].mean()), float(job.y[job.train].std())
        y = ((job.y - self.mean) / self.scale)[:, None]
        train, val, test = (0, 0, 0) if solved else sizes
        self.train = _filled(x, y, job.train, train)
        self.val = _filled(x, y, job.val, val) if len(job.val) else None
        rows = job.test
        self.test = x[np.concatenate([rows, np.repeat(rows[:1], max(0, test - len(rows)))])]

    def in_units(self, answer: np.ndarray) -> np.ndarray:
        """The predictions of the rows `test`, [k] float64, in the units of y."""
        values = np.asarray(answer, np.float64).reshape(-1)[: len(self.job.test)]
        return values * self.scale + self.mean


def _filled(x: np.ndarray, y: np.ndarray, rows: np.ndarray, size: int) -> Batch:
    """These rows, and so many more of weight zero that there are `size`; without weights where `size` is 0."""
    if size == 0:
        return Batch(x[rows], y[rows])
    spare = size - len(rows)
    filled = np.concatenate([rows, np.repeat(rows[:1], spare)])
    return Batch(x[filled], y[filled], np.repeat([1.0, 0.0], [len(rows), spare]))


def quality(y: np.ndarray, predicted: np.ndarray, binary: bool) -> tuple[float, float]:
    """How good out-of-fold predictions are: (R2, NaN), or of a share of 0 and 1 (R2, log loss in nats)."""
    spread = float(np.sum((y - y.mean()) ** 2))
    r2 = 1 - float(np.sum((y - predicted) ** 2)) / spread if spread > 0 else math.nan
    if not binary:
        return r2, math.nan
    p = np.clip(predicted, 1e-12, 1 - 1e-12)
    return r2, -float(np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))
