"""A problem of my own: an economic model solved by making its Euler residual small. Solve it, then look at the errors:

    econml fit --problem ./myproblem.py:MyEuler --name growth
    econml eval growth

Deterministic growth with log utility and full depreciation (Brock and Mirman 1972), because its solution is known:

    output y = k^alpha, consumption c = (1 - s) y, capital of the next period k' = s y
    Euler equation  1/c = beta alpha y'/(k' c'),  solved by the savings rate s(k) = alpha beta for every k

Unknown is the function s(k). The model (a network) gives a number f(x) of any sign; s = 1/(1 + exp(-f)) is in (0, 1).
"""

from typing import Annotated, Any, ClassVar

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.problems.base import Batch, Split


class MyEuler:
    """Savings in a deterministic growth model: the Euler residual is the loss."""

    # Defaults of model and training that suit this problem; what is typed beats them.
    model = "mlp"
    recipe: ClassVar = {"width": 32, "activation": "tanh", "init": "torch_uniform", "lr": 1e-2, "num_epochs": 500}

    # What every problem says of itself.
    simulated = True  # its samples are drawn, not read from a file, so there can always be more of them
    task = None  # nothing is observed that f could be compared with; "regression" if y were
    din = 1  # numbers that the model reads: x = log(k / kbar)
    dout = 1  # numbers that it gives: f, and so s
    loss_scale = 1.0  # losses are reported as they are

    # Arguments with an annotation become options, as in a model. rngs draws what is random.
    def __init__(
        self,
        *,
        alpha: Annotated[float, "share of capital"] = 0.36,
        beta: Annotated[float, "discount factor"] = 0.96,
        k_range: Annotated[float, "states are drawn with |log(k / kbar)| up to this"] = 0.7,
        N: Annotated[int, "states to train on"] = 256,
        N_val: Annotated[int, "states to validate on; 0: none"] = 256,
        N_test: Annotated[int, "states to test on; 0: none"] = 1000,
        rngs: nnx.Rngs,
    ):
        self.alpha, self.beta, self.k_range = alpha, beta, k_range
        self.sizes = {"train": N, "val": N_val, "test": N_test, "population": N_test}
        self.truth = alpha * beta  # the savings rate
        self.kbar = self.truth ** (1 / (1 - alpha))  # the steady state: k' = k

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x and y of a split ("train", "val", "test", "population"), or None where it is empty; n is another size."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        x = jax.random.uniform(rngs(), (n, 1), minval=-self.k_range, maxval=self.k_range)
        return Batch(x, jnp.zeros((n, 1)))  # y: what the residual should be

    def savings(self, model: Any, x: jax.Array) -> jax.Array:
        """s(k) at x = log(k / kbar), [n, 1]."""
        return jax.nn.sigmoid(model(x))

    def residual(self, model: Any, x: jax.Array) -> jax.Array:
        """1 - beta alpha (y' / k') (c / c'), [n, 1]: 0.01 is an error of one per cent of consumption."""
        k = self.kbar * jnp.exp(x)
        s = self.savings(model, x)
        y = k**self.alpha
        k_next = s * y
        s_next = self.savings(model, jnp.log(k_next / self.kbar))
        y_next = k_next**self.alpha
        return 1 - self.beta * self.alpha * y_next / k_next * (1 - s) * y / ((1 - s_next) * y_next)

    def loss(self, model: Any, batch: Batch) -> jax.Array:
        """The squared residual of each observation, [n], not [n, 1]; training makes its mean small."""
        return jnp.square(self.residual(model, batch.x) - batch.y)[:, 0]

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """What `econml predict` writes: s(k), [n, 1]."""
        return self.savings(model, x)

    def observed(self, batch: Batch) -> jax.Array:
        """What a prediction is compared with if `task` says so, in the units of `predict`."""
        return batch.y

    def verdicts(self, model: Any, batch: Batch) -> dict[str, float]:
        """Errors against the truth; {} where it is not known.

        A small residual alone can be the wrong economics, so look at where the economy goes, too."""
        x = jnp.linspace(-self.k_range, self.k_range, 201)[:, None]
        error = jnp.abs(self.savings(model, x) / self.truth - 1)
        k = jnp.array([[-self.k_range]])  # log(k / kbar) of the poorest, 50 periods on: 0 in the steady state
        for _ in range(50):
            k = jnp.log(self.savings(model, k)) + self.alpha * (k + jnp.log(self.kbar)) - jnp.log(self.kbar)
        return {
            "policy_error": float(jnp.mean(error)),
            "max_policy_error": float(jnp.max(error)),
            "log10_euler": float(jnp.mean(jnp.log10(jnp.abs(self.residual(model, x)) + 1e-12))),
            "steady_state_error": float(jnp.abs(jnp.exp(k) - 1)[0, 0]),
        }

    def describe(self) -> dict[str, Any]:
        """What manifest.json says of the data; names of the inputs, one for each."""
        return {"features": ["log_k"], "target": "residual", "savings_rate": self.truth, "kbar": self.kbar}
