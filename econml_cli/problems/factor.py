"""A factor model: many series driven by few, to be compressed and reconstructed. The truth is PCA."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.errors import ConfigError
from econml_cli.options.fields import option
from econml_cli.problems import losses
from econml_cli.problems.lazily import base, jax, jnp, known, nnx, np
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


@dataclass(frozen=True)
class FactorOptions:
    """A factor model to be reconstructed: X = F Lambda' + sigma eps."""

    dim: int = option(20, "number of series D", ge=2)
    factors: int = option(3, "number of factors q", ge=1)
    sigma: float = option(0.1, "standard deviation of the noise", ge=0, traced=True)
    N: int = option(1000, "observations in the training sample", ge=1)
    N_test: int = option(1000, "observations in the test sample", ge=0)
    N_val: int = option(500, "observations in the validation sample", ge=0)

    def __post_init__(self) -> None:
        if self.factors >= self.dim:
            raise ConfigError(f"--factors {self.factors} must be below --dim {self.dim}: nothing else is compressed.")


class Factor:
    """X = F Lambda' + sigma eps with F [n, q], Lambda [D, q] and eps [n, D] of standard normals; Y = X.

    The loss is the squared error of the reconstruction, the mean over the D outputs. Each sample is demeaned by its own
    means; fresh draws of the population, whose mean is 0, are not. Draws: Lambda here; then F, eps of each sample.

    The best linear reconstruction of rank q keeps the first q principal components: its mean squared error on a sample
    is the sum of the D - q smallest eigenvalues of the sample's covariance over D.

    Source: Eckart and Young (1936), Psychometrika 1; Baldi and Hornik (1989), Neural Networks 2 (linear autoencoders).

    Raises:
        ConfigError: as many factors as series, or more.
    """

    model = "autoencoder"
    recipe: ClassVar = {
        "latent": 3,
        "linear": True,
        "init": "torch_uniform",
        "lr": 1e-2,
        "schedule": "cosine",
        "num_epochs": 3000,
        "batch_size": 0,
    }
    simulated: ClassVar[bool] = True
    made_in_jit: ClassVar[bool] = True
    task: Task | None = "reconstruction"
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        p = FactorOptions(**options)
        self.din = self.dout = p.dim
        self.factors, self.sigma = p.factors, p.sigma
        self.sizes = sizes_of(p)
        self.loadings = jax.random.normal(rngs(), (p.dim, p.factors))

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, D], twice; None where n is 0."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        F = jax.random.normal(rngs(), (n, self.factors))
        eps = jax.random.normal(rngs(), (n, self.din))
        x = F @ self.loadings.T + self.sigma * eps
        if split != "population":
            x = x - jnp.mean(x, axis=0)
        return base.Batch(x, x)

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """The reconstruction against that of PCA with q components on the same batch, in float64.

        `pca_mse` is the bound, `mse_over_pca` the model's own error in multiples of it: 1 is PCA, and below 1 is beyond
        any linear model of rank q. The ratio is left out where the bound is 0 (no noise, or hardly an observation).
        """
        f, x = (np.asarray(values, np.float64) for values in (known.outputs(model, batch.x), batch.x))
        mse, bound = float(np.mean(np.square(f - x))), pca_mse(batch.x, self.factors)
        return {"pca_mse": bound} | ({"mse_over_pca": mse / bound} if bound > 0 else {})

    def describe(self) -> dict[str, Any]:
        """Features, target, the truth, and the drawn loadings [D, q]."""
        names = [f"x{i + 1}" for i in range(self.din)]
        truth = f"the first {self.factors} principal components"
        return {"features": names, "target": names, "truth": truth, "loadings": self.loadings.tolist()}


def pca_mse(x: Any, rank: int) -> float:
    """The mean squared error of the best affine reconstruction of x [n, D] of this rank, in float64; 0 where it is
    within the rounding of x."""
    rounding = np.finfo(x.dtype).eps
    x = np.asarray(x, np.float64)
    singular = np.linalg.svd(x - x.mean(axis=0), compute_uv=False)
    lost = singular[rank:]
    return float(np.square(lost[lost > rounding * singular[0]]).sum() / x.size)
