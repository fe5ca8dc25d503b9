"""The contract between a problem and everything else: the trainer, evaluation, prediction.

A problem is data and a loss. It is constructed with its own options as keyword arguments and one `nnx.Rngs`, from which
it draws whatever it draws, in order: first what defines it (a true parameter), in the constructor, then each sample.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import jax
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.problems.targets import Task

__all__ = [
    "Batch", "Constrained", "Economy", "Equations", "FileProblem", "HasEquilibrium", "HasEuler", "HasStability",
    "HasTruth", "Moves", "NamesEquations", "Preprocesses", "Problem", "ReadsStates", "Realised", "RealisedBySeveral",
    "Redraws", "Shocked", "Solves", "Split", "Task",
]  # fmt: skip

Split = Literal["train", "val", "test", "population"]


@jax.tree_util.register_dataclass
@dataclass(frozen=True, eq=False)
class Batch:
    """Observations: `x` [n, ...] what the model reads, `y` what the loss compares it with, `w` [n] their weights.

    `y` is [n, dout] float for regression, [n, 1] float 0/1 for binary, [n] int class numbers for multiclass, and `x`
    itself for reconstruction. `w` is None where all weights are 1. `x, y = batch` leaves the weights out.
    """

    x: Any
    y: Any
    w: Any = None

    def __iter__(self) -> Iterator[Any]:
        """x and y: a batch was a pair of them before it had weights."""
        return iter((self.x, self.y))


class Problem(Protocol):
    """Data and a loss (empirical risk minimisation: the trainer minimises the mean of `loss` over the train split).

    It may have a `loss_row`, the row of its loss (`losses.Loss`), in place of that of its task; `loss = losses.loss`
    then follows from it. A simulated one whose best predictor f* is known may have what `econml eval risk` asks for:
    its risk `bayes_risk` in reported units, `best(x)` [n, dout], what a model would have to give, and in `dependent`
    how many successive observations of a sample depend on each other (a trajectory). The first two may be in `known`.

    A class whose constructor may run inside jit, because all that it draws are arrays and attributes, may say so in
    `made_in_jit`: an evaluation then draws the problem and its samples by one program.
    """

    #: inputs and outputs that a model of this problem has
    din: int
    dout: int
    #: multiply a mean loss by this to report it in the target's own units (1 unless the target was standardised)
    loss_scale: float
    #: what `predict` and `observed` mean, for RMSE, accuracy, ...; None where there is nothing observed to compare with
    task: Task | None
    #: True where `sample` draws from a known distribution (fresh draws can be had), False where it reads a file
    simulated: ClassVar[bool]

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """The observations of one split; None where it is empty. `n` overrides the size (simulated problems only)."""

    def loss(self, model: Model, batch: Batch) -> jax.Array:
        """The loss of each observation, [n]. Called inside jit."""

    def predict(self, model: Model, x: Any) -> jax.Array:
        """Predictions in the target's own units: [n, dout]; probabilities [n, 1] (binary) or [n, dout] (multiclass)."""

    def observed(self, batch: Batch) -> Any:
        """What `predict` is compared with, in the target's own units; shaped as `Batch.y`."""

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """Errors against the truth, where the truth is known (else {}), e.g. {"theta_error": 4.7e-6}.

        Called outside jit, a few times a run: what is heavy in it is for the problem to compile.
        """

    def describe(self) -> dict[str, Any]:
        """What manifest.json should say of the data (names of columns, sizes, file, fingerprint); JSON values only.

        `features` is a list of texts, `path` and `sha256` are texts, where they are there."""


@runtime_checkable
class Equations(Protocol):
    """What a problem adds whose loss is the mean square of residuals that are to be zero."""

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The residual of each equation at each state, [n, equations]. The loss is its mean square over equations."""


@runtime_checkable
class Moves(Protocol):
    """What an economic model adds that says how its state moves under a policy."""

    #: how many N(0, 1) shocks `step` reads a period
    shock_size: int

    def start(self, paths: int) -> Any:
        """The first state of each path: arrays [paths, ...], or a dict of them."""

    def observe(self, state: Any) -> jax.Array:
        """What the model reads in that state, x [paths, ...]."""

    def step(self, model: Model, state: Any, shock: jax.Array) -> tuple[Any, dict[str, jax.Array]]:
        """(the next state, the series of this period, each [paths]); `shock` [paths, shock_size] arrives in between."""


@runtime_checkable
class Shocked(Moves, Protocol):
    """What an economic model adds that has shocks with names."""

    @property
    def impulses(self) -> Mapping[str, int]:
        """Which of the shocks that `step` reads have a name, that an impulse response can be of."""


@runtime_checkable
class Realised(Shocked, Protocol):
    """What an economic model adds whose Euler equation holds on average over a shock."""

    def realised(self, model: Model, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """The residual where the shock of the next period takes the values [n or 1, q] with these weights [q], [n] (or
        [n, equations]); of d > 1 shocks the values are [n or 1, q, d]."""


@runtime_checkable
class RealisedBySeveral(Realised, Protocol):
    """What an economic model adds whose Euler equations hold on average over several shocks."""

    #: which of the shocks that `step` reads `realised` reads, in its order; of a problem that does not say, the first
    #: that has a name
    realises: Sequence[int]


@runtime_checkable
class Redraws(Protocol):
    """What a problem adds whose sample holds random draws that are to be other ones in every epoch."""

    def redraw(self, key: jax.Array, batch: Batch) -> Batch:
        """The observations of a batch with draws of this key. Called inside jit, before each epoch of training."""


@runtime_checkable
class HasEuler(Protocol):
    """What an economic model adds whose Euler residual is measured in a unit of its own."""

    def euler(self, model: Model, x: Any) -> jax.Array:
        """The Euler residual free of units, [n], as is usual for the model: what log10 is taken of."""


@runtime_checkable
class HasTruth(Protocol):
    """What an economic model adds whose exact solution may be known."""

    def truth(self, x: Any) -> Any:
        """What `predict` would give at the exact solution, [n, dout]; None where no closed form is known."""


@runtime_checkable
class HasStability(Protocol):
    """What an economic model adds that tells where it goes."""

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """Numbers that tell a solution from an explosive or a bubble path. Called outside jit."""


@runtime_checkable
class HasEquilibrium(Protocol):
    """What an economic model adds whose parameters may have no equilibrium, which only looking for it tells."""

    def check_equilibrium(self) -> None:
        """Look for it, outside jit and before anything is trained.

        Raises:
            ConfigError: there is none, or none that the states of the sample contain; says what to try.
        """


@runtime_checkable
class NamesEquations(Equations, Protocol):
    """What an economic model of several equations may add, so that the verdicts speak of each."""

    #: the names of the columns of `residual`
    equations: Sequence[str]


@runtime_checkable
class ReadsStates(Protocol):
    """What an economic model adds whose network reads its states in other units than its own."""

    def in_units(self, x: Any) -> Mapping[str, Any]:
        """The numbers of the states x [n, din] in the economy's own units, each [n], by name: one for each column of x,
        which depends on that column alone."""


@runtime_checkable
class Constrained(Protocol):
    """What an economic model adds that has constraints which may bind."""

    def constraints(self, model: Model, x: Any) -> Mapping[str, tuple[jax.Array, jax.Array]]:
        """(slack, multiplier) of each by name, each [n] and in units in which .01 means as much."""


@runtime_checkable
class Solves(Protocol):
    """What a problem adds that solves a model itself: a differential equation, say."""

    def solve(self, model: Model, batch: Batch) -> Mapping[str, float]:
        """Set the parameters of the model to the solution; what summary.json is to say of it."""


class Economy(Problem, Equations, Shocked, HasEuler, HasTruth, HasStability, Protocol):
    """What an economic model adds: equations whose residual is to be zero, in place of observations.

    A small residual alone can be the wrong economics, so it says how to look further: the truth where it is known, how
    the economy moves under a policy, and whether that goes where it should. `economies.economics` has the `loss` and
    the `verdicts` that follow from it, `economies.simulation` the paths.

    It may have `units`: what `sample` and `observe` measure the states in, where that follows from the parameters; the
    same policy in another economy (`--with`) goes on reading states in these units. It may have `words`, what its
    states, outputs and series are called (`problems.words`).
    """

    #: what a failed stability verdict means: a clause that ends the sentence "..., so "
    unstable: str
    #: periods and paths of the simulation that the verdicts are computed on
    path: tuple[int, int]

    @property
    def bars(self) -> Mapping[str, Mapping[str, float]]:
        """What each number of `verdicts` (or a loss) must lie below, by verdict: {"stability": {"eigenvalue": 1.0}}."""


@runtime_checkable
class Preprocesses(Protocol):
    """What a problem adds that learns from the training split how to read new rows."""

    def preprocessing(self) -> dict[str, Any]:
        """Everything needed to encode new rows (columns, categories, means, sds, classes); JSON values only."""


@runtime_checkable
class FileProblem(Preprocesses, Protocol):
    """What a problem that reads a file adds: preprocessing learnt from the training split, saved, and reused."""

    #: positions of each split among the rows of the file; {} of a problem without its data
    file_rows: Mapping[str, Any]
    #: positions of each split among the rows that `encode` keeps when it needs no target
    split_rows: Mapping[str, Any]
    #: the number of the group of each row of a split; {} without groups
    groups: dict[str, Any]
    #: labels of the classes, in the order of their numbers; None for regression
    classes: Any

    @classmethod
    def restore(cls, preprocessing: dict[str, Any]) -> "FileProblem":
        """The problem without its data: it can encode, predict and score new rows but has no samples."""

    def encode(self, path: str, *, need_target: bool) -> tuple[Any, Batch]:
        """Read a file: (the pandas rows kept, their Batch). `y` is None when the target is not needed and not there."""
