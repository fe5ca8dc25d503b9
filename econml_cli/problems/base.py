"""The contract between a problem and everything else: the trainer, evaluation, prediction.

A problem is data and a loss. It is constructed with its own options as keyword arguments and one `nnx.Rngs`, from which
it draws whatever it draws, in order: first what defines it (a true parameter), in the constructor, then each sample.
"""

from typing import Any, ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import jax
from flax import nnx

Split = Literal["train", "val", "test", "population"]
Task = Literal["regression", "binary", "multiclass", "reconstruction"]


class Batch(NamedTuple):
    """Observations: `x` [n, ...] what the model reads, `y` what the loss compares it with.

    `y` is [n, dout] float for regression, [n, 1] float 0/1 for binary, [n] int class numbers for multiclass, and `x`
    itself for reconstruction.
    """

    x: Any
    y: Any


class Problem(Protocol):
    """Data and a loss (empirical risk minimisation: the trainer minimises the mean of `loss` over the train split)."""

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

    def loss(self, model: nnx.Module, batch: Batch) -> jax.Array:
        """The loss of each observation, [n]. Called inside jit."""

    def predict(self, model: nnx.Module, x: Any) -> jax.Array:
        """Predictions in the target's own units: [n, dout]; probabilities [n, 1] (binary) or [n, dout] (multiclass)."""

    def observed(self, batch: Batch) -> Any:
        """What `predict` is compared with, in the target's own units; shaped as `Batch.y`."""

    def verdicts(self, model: nnx.Module, batch: Batch) -> dict[str, float]:
        """Errors against the truth, where the truth is known (else {}), e.g. {"theta_error": 4.7e-6}.

        Called outside jit, a few times a run: what is heavy in it is for the problem to compile.
        """

    def describe(self) -> dict[str, Any]:
        """What manifest.json should say of the data (names of columns, sizes, file, fingerprint); JSON values only."""


@runtime_checkable
class FileProblem(Protocol):
    """What a problem that reads a file adds: preprocessing learnt from the training split, saved, and reused."""

    #: positions of each split among the rows that `encode` keeps when it needs no target
    split_rows: dict[str, Any]
    #: the number of the group of each row of a split; {} without groups
    groups: dict[str, Any]
    #: labels of the classes, in the order of their numbers; None for regression
    classes: Any

    def preprocessing(self) -> dict[str, Any]:
        """Everything needed to encode new rows (columns, categories, means, sds, classes); JSON values only."""

    @classmethod
    def restore(cls, preprocessing: dict[str, Any]) -> "FileProblem":
        """The problem without its data: it can encode, predict and score new rows but has no samples."""

    def encode(self, path: str, *, need_target: bool) -> tuple[Any, Batch]:
        """Read a file: (the pandas rows kept, their Batch). `y` is None when the target is not needed and not there."""
