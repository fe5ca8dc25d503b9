"""A function of one's own, by its expression: y = f(x) + noise eps on a box."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.errors import ConfigError, DataError
from econml_cli.options.fields import option
from econml_cli.problems import expression, losses
from econml_cli.problems.expression import Expression
from econml_cli.problems.lazily import jnp, known, nnx, np
from econml_cli.problems.nodes import Nodes, nodes
from econml_cli.problems.sizes import sizes_of

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


@dataclass(frozen=True)
class FunctionOptions:
    """A function of one's own: Y = f(X) + noise eps, X in a box."""

    expr: str | None = option(None, "f, of x or of x1, x2, ...: 'sin(2*pi*x)', 'x1*x2 + max(x3, 0)^2'", metavar="EXPR")
    dim: int | None = option(None, "number of inputs (default: the largest index in --expr)", ge=1, le=1000)
    low: float = option(0.0, "lower bound of every input", traced=True)
    high: float = option(1.0, "upper bound of every input", traced=True)
    noise: float = option(0.1, "standard deviation of the noise", ge=0, traced=True)
    nodes: Nodes = option("uniform", "x of the training sample: uniform draws, or fixed nodes (one input)")
    N: int = option(500, "observations in the training sample", ge=1)
    N_test: int = option(1000, "observations in the test sample", ge=0)
    N_val: int = option(200, "observations in the validation sample", ge=0)


class Function:
    """Y = f(X) + noise eps with f given by `expr`, X in the box [low, high]^d and eps ~ N(0, 1).

    The training sample of one input may have its X at `nodes`; every other sample is drawn uniformly from the box.
    The best predictor is f and the Bayes risk noise^2.

    Raises:
        ConfigError: no expression, one that is not admitted, or options that contradict it.
        DataError: f is not finite somewhere in the box.
    """

    # a smooth f of one input: Flax's zero biases would put all kinks of the first layer at 0
    recipe: ClassVar = {
        "width": 64,
        "activation": "tanh",
        "init": "torch_uniform",
        "lr": 1e-2,
        "schedule": "cosine",
        "num_epochs": 500,
        "batch_size": 128,
    }
    simulated: ClassVar[bool] = True
    task: Task | None = "regression"
    dout = 1
    loss_scale = 1.0
    loss, predict, observed = losses.loss, losses.predict, losses.observed

    def __init__(self, *, rngs: nnx.Rngs, **options: Any):
        p = FunctionOptions(**options)
        if p.expr is None:
            raise ConfigError("Problem function needs --expr, such as --expr 'sin(2*pi*x)' or --expr 'x1*x2 + x3^2'.")
        self.f = expression.parse(p.expr)
        self.din = _inputs(self.f, p.dim)
        if p.low >= p.high:
            raise ConfigError(f"--low {p.low:g} must be below --high {p.high:g}.")
        if p.nodes != "uniform" and self.din > 1:
            raise ConfigError(f"--nodes {p.nodes} is for one input, and --expr has {self.din}; leave it at uniform.")
        sizes = sizes_of(p)
        self.known = known.Known(self.f, self.din, p.low, p.high, p.noise, sizes, {"train": p.nodes})
        _check_finite(self.f, self.din, p.low, p.high)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """X [n, din] and Y [n, 1]; None where n is 0."""
        return self.known.sample(rngs, split, n)

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
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
        x = nodes("equispaced", known.GRID, low, high)[:, None]
    else:
        rng = np.random.default_rng(0)
        corners = np.stack([np.full(dim, low), np.full(dim, high), *rng.choice([low, high], (known.GRID, dim))])
        x = np.vstack([np.full((1, dim), (low + high) / 2), corners, rng.uniform(low, high, (known.GRID, dim))])
    with np.errstate(all="ignore"):
        y = f(x.astype(jnp.zeros(()).dtype))
    if not np.isfinite(y).all():
        first = int(np.argmin(np.isfinite(y)))
        where = ", ".join(f"{value:.4g}" for value in x[first, :8]) + (", ..." if dim > 8 else "")
        raise DataError(
            f"--expr '{f.text}' is {y[first]} at x = {where if dim == 1 else f'({where})'}; choose --low and --high "
            f"(now {low:g} and {high:g}) where it is finite."
        )
