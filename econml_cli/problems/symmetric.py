"""A permutation-invariant function: the variance within a set of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.lazily import base, jax, jnp, known, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


@dataclass(frozen=True)
class SymmetricOptions:
    """The variance within a set of numbers: Y = Var(X_1, ..., X_k)."""

    set_size: int = option(16, "numbers in a set", ge=2)
    set_size_test: int = option(64, "numbers in the sets that a verdict evaluates the model on too", ge=2)
    N: int = option(2000, "sets in the training sample", ge=1)
    N_test: int = option(1000, "sets in the test sample", ge=0)
    N_val: int = option(500, "sets in the validation sample", ge=0)


class Symmetric:
    """Y = Var(X_1, ..., X_k): the mean square of the deviations from the mean of the set (divided by k, not by k - 1).

    X_i = m + s e_i with m ~ N(0, 1), log s ~ N(0, 1/4) (a variance) and e_i ~ N(0, 1), so that the law of Y given s is
    s^2 / k times a chi-square with k - 1 degrees of freedom. There is no noise: the Bayes risk is 0.

    A model that pools over the set can be evaluated at `set_size_test`, a size that it never saw: that Y is a mean of
    the same function of (X_i, mean X), whatever k, is why it is divided by k.

    Source: Zaheer et al. (2017), Deep Sets; Kahou, Fernandez-Villaverde, Perla and Sood (2021), Exploiting Symmetry in
    High-Dimensional Dynamic Programming.
    """

    model = "deep_set"
    recipe: ClassVar = {
        "latent": 8,
        "phi_width": 64,
        "phi_depth": 2,
        "rho_width": 64,
        "rho_depth": 2,
        "activation": "silu",
        "lr": 3e-3,
        "schedule": "cosine",
        "num_epochs": 100,
        "batch_size": 128,
    }
    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    dout = 1
    loss_scale = 1.0
    bayes_risk = 0.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        p = SymmetricOptions(**options)
        self.din = p.set_size
        self.set_size_test = p.set_size_test
        self.sizes = sizes_of(p)
        # of the sets at the other size and of the permutations, which the verdicts draw; the samples do not use it
        self._seed = int(jax.random.bits(rngs(), dtype=jnp.uint32))

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, set_size] and Y [n, 1]; None where n is 0. Draws m, s, e, in this order."""
        n = self.sizes[split] if n is None else n
        return None if n == 0 else _draw(rngs, n, self.din)

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """R2 at the training size and at another, and the largest change under a permutation, in float64.

        `r2` on the batch; `r2_other_size` on as many sets of `set_size_test` numbers, left out where the model cannot
        be evaluated there; `permutation_change`, the largest |f(x) - f(x permuted)|, one random permutation a set.
        """
        f = _at(model, batch.x)
        found = {"r2": _r2(f, batch.y)}
        n, dtype = len(f), batch.x.dtype
        if _accepts(model, jax.ShapeDtypeStruct((n, self.set_size_test), dtype)):
            other = _draw(nnx.Rngs(self._seed), n, self.set_size_test)
            found["r2_other_size"] = _r2(_at(model, other.x.astype(dtype)), other.y)
        permuted = np.random.default_rng(self._seed).permuted(np.asarray(batch.x), axis=1)
        found["permutation_change"] = float(np.abs(_at(model, jnp.asarray(permuted, dtype)) - f).max())
        return found

    def describe(self) -> dict[str, Any]:
        """Features, target and the truth, and both sizes of the sets."""
        return {
            "features": [f"x{i + 1}" for i in range(self.din)],
            "target": "y",
            "truth": "mean((x - mean(x))^2) over the set",
            "set_size": self.din,
            "set_size_test": self.set_size_test,
        }


def _draw(rngs: nnx.Rngs, n: int, size: int) -> Batch:
    """n sets, X [n, size] and Y [n, 1]."""
    m = jax.random.normal(rngs(), (n, 1))
    s = jnp.exp(0.5 * jax.random.normal(rngs(), (n, 1)))
    e = jax.random.normal(rngs(), (n, size))
    x = m + s * e
    return base.Batch(x, jnp.var(x, axis=1, keepdims=True))


def _accepts(model: Model, x: Any) -> bool:
    """Whether a model made for another size of set maps x to [n, 1]."""
    try:
        return tuple(nnx.eval_shape(lambda m, x: m(x), model, x).shape) == (x.shape[0], 1)
    except (TypeError, ValueError, IndexError):  # how jax and flax say that shapes do not fit
        return False


def _at(model: Model, x: jax.Array) -> np.ndarray:
    return np.asarray(known.outputs(model, x), np.float64)[:, 0]


def _r2(f: np.ndarray, y: Any) -> float:
    """1 - SSE / SST about the mean; NaN where y is constant."""
    y = np.asarray(y, np.float64)[:, 0]
    sst = float(np.square(y - y.mean()).sum())
    return 1 - float(np.square(y - f).sum()) / sst if sst > 0 else float("nan")
