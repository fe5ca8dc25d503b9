"""A function of one's own, by its expression: y = f(x) + noise eps on a box."""

from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.errors import ConfigError, DataError
from econml_cli.problems import expression, losses
from econml_cli.problems.base import Batch, Split, Task
from econml_cli.problems.expression import Expression
from econml_cli.problems.known import GRID, Known, Nodes, nodes


class Function:
    """Y = f(X) + noise eps with f given by `expr`, X in the box [low, high]^d and eps ~ N(0, 1).

    The training sample of one input may have its X at `nodes`; every other sample is drawn uniformly from the box.
    The best predictor is f and the Bayes risk noise^2.

    Raises:
        ConfigError: no expression, one that is not admitted, or options that contradict it.
        DataError: f is not finite somewhere in the box.
    """

    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(
        self,
        expr: str | None,
        dim: int | None,
        low: float,
        high: float,
        noise: float,
        nodes: Nodes,
        N: int,
        N_test: int,
        N_val: int,
        *,
        rngs: nnx.Rngs,
    ):
        if expr is None:
            raise ConfigError("Problem function needs --expr, such as --expr 'sin(2*pi*x)' or --expr 'x1*x2 + x3^2'.")
        self.f = expression.parse(expr)
        self.din = _inputs(self.f, dim)
        if low >= high:
            raise ConfigError(f"--low {low:g} must be below --high {high:g}.")
        if nodes != "uniform" and self.din > 1:
            raise ConfigError(f"--nodes {nodes} is for one input, and --expr has {self.din}; leave it at uniform.")
        sizes = {"train": N, "test": N_test, "val": N_val, "population": N_test}
        self.known = Known(self.f, self.din, low, high, noise, sizes, {"train": nodes})
        _check_finite(self.f, self.din, low, high)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, din] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Any, batch: Batch) -> dict[str, float]:
        """`max_error`, `rms_error`, `bayes_risk` and `excess_risk` of f_hat against f.

        Of one input on a dense grid of the interval, of several on the batch.
        """
        return self.known.largest_error(model, batch) | self.known.risk(model, batch)

    def describe(self) -> dict[str, Any]:
        """Features, target, the truth, the box, and the nodes of the training sample."""
        return {
            "features": ["x"] if self.din == 1 else [f"x{i + 1}" for i in range(self.din)],
            "target": "y",
            "truth": self.f.text,
            "box": [self.known.low, self.known.high],
            "nodes": self.known.designs["train"],
        }


def _inputs(f: Expression, dim: int | None) -> int:
    """The number of inputs: as many as the expression reads, or `dim`."""
    if dim is not None and f.bare and dim > 1:
        raise ConfigError(f"--dim {dim}: --expr '{f.text}' is of one input x; write x1, x2, ... for several.")
    if dim is not None and dim < f.inputs:
        raise ConfigError(f"--dim {dim}: --expr '{f.text}' reads x{f.inputs}; leave --dim out, or make it {f.inputs}.")
    return dim or f.inputs


def _check_finite(f: Expression, dim: int, low: float, high: float) -> None:
    """Refuse a function that is not finite at a point of a grid (one input), or of many draws, corners among them."""
    if dim == 1:
        x = nodes("equispaced", GRID, low, high)[:, None]
    else:
        rng = np.random.default_rng(0)
        corners = np.stack([np.full(dim, low), np.full(dim, high), *rng.choice([low, high], (GRID, dim))])
        x = np.vstack([np.full((1, dim), (low + high) / 2), corners, rng.uniform(low, high, (GRID, dim))])
    with np.errstate(all="ignore"):
        y = f(x.astype(jnp.zeros(()).dtype))
    if not np.isfinite(y).all():
        first = int(np.argmin(np.isfinite(y)))
        where = ", ".join(f"{value:.4g}" for value in x[first, :8]) + (", ..." if dim > 8 else "")
        raise DataError(
            f"--expr '{f.text}' is {y[first]} at x = {where if dim == 1 else f'({where})'}; choose --low and --high "
            f"(now {low:g} and {high:g}) where it is finite."
        )
