"""The power mean of a set of numbers whose distribution varies: how many numbers of a set does a model have to keep?"""

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
class PowerMeanOptions:
    """The power mean of a set of numbers, whose location, scale and skewness differ from set to set."""

    set_size: int = option(128, "numbers in a set", ge=2)
    power: float = option(1.5, "p of the mean (mean |x|^p)^(1/p)", gt=0)
    location_low: float = option(1.0, "least location of a set")
    location_high: float = option(3.0, "largest location of a set")
    scale_low: float = option(0.1, "least scale of a set", gt=0)
    scale_high: float = option(0.5, "largest scale of a set", gt=0)
    skew_low: float = option(0.0, "least skewness parameter of a set", ge=-3, le=3)
    skew_high: float = option(0.0, "largest skewness parameter of a set", ge=-3, le=3)
    N: int = option(1000, "sets in the training sample", ge=1)
    N_test: int = option(3000, "sets in the test sample", ge=0)
    N_val: int = option(0, "sets in the validation sample", ge=0)

    def __post_init__(self) -> None:
        for name in ("location", "scale", "skew"):
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            if low > high:
                raise ConfigError(f"--{name}-low {low:g} must not be above --{name}-high {high:g}.")


class PowerMean:
    """Y = (mean_i |X_i|^p)^(1/p), X_i = m + s sinh(asinh(e_i) + k), e_i ~ N(0, 1): location m, scale s and skewness k
    of each set are uniform between their bounds, and do not vary where these are the same.

    There is no noise: the Bayes risk is 0. A deep set can do no better than the statistics of a set that it keeps
    (`--latent`) allow, however many sets it has seen: with fewer than Y depends on, its error stays where it is.

    Source: Jones and Pewsey (2009), Sinh-arcsinh Distributions, Biometrika 96; the experiment is that of
    HighDimensionalEconLab/symmetry_dynamic_programming, latent_dimension.
    """

    model = "deep_set"
    recipe: ClassVar = {
        "latent": 2, "phi_width": 16, "phi_depth": 2, "rho_width": 16, "rho_depth": 2, "activation": "tanh",
        "init": "torch_uniform", "optimizer": "lm", "precision": "float64", "num_epochs": 60, "batch_size": 0,
    }  # fmt: skip
    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    dout = 1
    loss_scale = 1.0
    bayes_risk = 0.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        self.p = p = PowerMeanOptions(**options)
        self.din = p.set_size
        self.sizes = sizes_of(p)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, set_size] and Y [n, 1]; None where n is 0. Draws m, s, k, e, in this order."""
        p, n = self.p, self.sizes[split] if n is None else n
        if n == 0:
            return None
        bounds = ((p.location_low, p.location_high), (p.scale_low, p.scale_high), (p.skew_low, p.skew_high))
        m, s, k = (jax.random.uniform(rngs(), (n, 1), minval=low, maxval=high) for low, high in bounds)
        e = jax.random.normal(rngs(), (n, p.set_size))
        x = m + s * jnp.sinh(jnp.arcsinh(e) + k)
        return base.Batch(x, jnp.mean(jnp.abs(x) ** p.power, axis=1, keepdims=True) ** (1 / p.power))

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
        """`relative_error`: the mean of |f(x) / y - 1| over the batch, in float64."""
        f, y = (np.asarray(each, np.float64)[:, 0] for each in (known.outputs(model, batch.x), batch.y))
        return {"relative_error": float(np.mean(np.abs(f / y - 1)))}

    def describe(self) -> dict[str, Any]:
        """Features, target and the truth, and how many numbers vary from set to set."""
        varying = [
            name
            for name in ("location", "scale", "skew")
            if getattr(self.p, f"{name}_low") < getattr(self.p, f"{name}_high")
        ]
        return {
            "features": [f"x{i + 1}" for i in range(self.din)],
            "target": "y",
            "truth": f"mean(|x|^{self.p.power:g})^(1/{self.p.power:g}) over the set",
            "varying": varying,
        }
