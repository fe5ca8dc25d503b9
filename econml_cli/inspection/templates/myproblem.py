"""A problem of my own: an economic model solved by making its Euler residual small. Solve it, then look at the errors:

    econml fit --problem ./myproblem.py:MyEuler --name growth
    econml eval growth
    econml simulate growth --periods 50

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
from econml_cli.problems.economies import economics


class MyEuler:
    """Savings in a deterministic growth model: the Euler residual is the loss."""

    # Defaults of model and training that suit this problem; what is typed beats them.
    model = "mlp"
    recipe: ClassVar = {"width": 32, "activation": "tanh", "init": "torch_uniform", "lr": 1e-2, "num_epochs": 500}

    # What every problem says of itself.
    simulated = True  # its samples are drawn, not read from a file, so there can always be more of them
    task = None  # nothing is observed that f could be compared with; "regression" if y were
    din = 1  # numbers that the model reads: x = log(k / units)
    dout = 1  # numbers that it gives: f, and so s
    loss_scale = 1.0  # losses are reported as they are

    # What follows from the residual below: the loss (its mean square), and the numbers that the verdicts rest on.
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero

    # When each verdict passes: every number that it rests on lies below its bar. A small residual alone can be the
    # wrong economics, so there are three; a fit that fails one of them ends with exit code 5.
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -3.0},
        "truth": {"policy_error_mean": 2e-3},
        "stability": {"steady_state_error": 0.01},
    }
    unstable = "capital does not settle in the steady state"  # what the last one means, for the error message

    # Arguments with an annotation become options, as in a model. An argument `rngs` would be what to draw from.
    def __init__(
        self,
        *,
        alpha: Annotated[float, "share of capital"] = 0.36,
        beta: Annotated[float, "discount factor"] = 0.96,
        k_range: Annotated[float, "states are drawn with |log(k / kbar)| up to this"] = 0.7,
        N: Annotated[int, "states to train on"] = 256,
        N_val: Annotated[int, "states to validate on; 0: none"] = 256,
        N_test: Annotated[int, "states to test on; 0: none"] = 1000,
    ):
        self.alpha, self.beta, self.k_range = alpha, beta, k_range
        self.sizes = {"train": N, "val": N_val, "test": N_test, "population": N_test}
        self.kbar = (alpha * beta) ** (1 / (1 - alpha))  # the steady state: k' = k
        self.units = self.kbar  # what the model reads k in; `eval --with beta=.9` keeps those of the fit

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """States of a split ("train", "val", "test", "population"), or None where it is empty; n is another size."""
        n = self.sizes[split] if n is None else n
        if n == 0:
            return None
        log_k = jax.random.uniform(rngs(), (n, 1), minval=-self.k_range, maxval=self.k_range)  # about kbar
        return economics.at(log_k + jnp.log(self.kbar / self.units))

    def predict(self, model: Any, x: jax.Array) -> jax.Array:
        """The policy, s(k) at x = log(k / units), [n, 1]: what `econml predict` writes."""
        return jax.nn.sigmoid(model(x))

    def residual(self, model: Any, batch: Batch) -> jax.Array:
        """1 - beta alpha (y' / k') (c / c'), [n, 1], a column an equation: 0.01 is one per cent of consumption."""
        k = self.units * jnp.exp(batch.x)
        s = self.predict(model, batch.x)
        y = k**self.alpha
        k_next = s * y
        s_next = self.predict(model, jnp.log(k_next / self.units))
        y_next = k_next**self.alpha
        return 1 - self.beta * self.alpha * y_next / k_next * (1 - s) * y / ((1 - s_next) * y_next)

    # All below may be left out: then there is less to say of a solution.

    def truth(self, x: jax.Array) -> jax.Array:
        """The policy in closed form, [n, 1], as `predict`."""
        return jnp.full((len(x), 1), self.alpha * self.beta)

    shock_size = 0  # N(0, 1) shocks a period
    impulses: ClassVar[dict[str, int]] = {}  # names of those to draw an impulse response of
    path = (50, 1)  # periods and paths that the verdicts look at

    def start(self, paths: int) -> jax.Array:
        """The first state of each path: the poorest of the states, [paths]."""
        return jnp.full(paths, self.kbar * jnp.exp(-self.k_range))

    def observe(self, k: jax.Array) -> jax.Array:
        """What the model reads in that state, x [paths, 1]."""
        return jnp.log(k / self.units)[:, None]

    def step(self, model: Any, k: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """(the next state, the series of this period): what `econml simulate` writes; `shock` is [paths, 0] here."""
        s, y = self.predict(model, self.observe(k))[:, 0], k**self.alpha
        return s * y, {"k": k, "y": y, "c": (1 - s) * y}

    def stability(self, model: Any, batch: Batch) -> dict[str, float]:
        """Numbers that tell a solution from a path that only has a small residual: here, where capital ends."""
        k = economics.rest(self, model, self.start(1), 50, "k")
        return {"steady_state_error": abs(float(k[-1] / self.kbar - 1))}

    def describe(self) -> dict[str, Any]:
        """What manifest.json says of the data; names of the inputs, one for each."""
        return {"features": ["log_k"], "target": "savings_rate", "truth": self.alpha * self.beta, "kbar": self.kbar}
