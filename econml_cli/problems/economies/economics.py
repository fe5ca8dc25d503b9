"""What the author of an economic model writes it with: the loss, expectations, feasibility; and, from `verdicts` and
`simulation`, the numbers that the verdicts rest on and paths without shocks."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from econml_cli.problems import losses
from econml_cli.problems.economies.dates import time_alone as time_alone
from econml_cli.problems.economies.dates import time_zero as time_zero
from econml_cli.problems.equation_weights import weights_of
from econml_cli.problems.lazily import jax, jnp, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Economy, Equations, Moves, Realised

#: how far beyond the floor a decision that is not feasible is counted in the residual
PENALTY = 1.0
#: keeps the gradient of `kkt` finite where both are 0, and its value there below any bar
TINY = 1e-24
#: of a recipe: a smooth policy of few states, from PyTorch's initial weights, since Flax's (zero biases) find a wrong
#: root of some economies at some seeds
SMOOTH = {"activation": "tanh", "init": "torch_uniform", "schedule": "cosine", "batch_size": 0}
#: the same by Levenberg and Marquardt's method, whose few steps a small network is enough for
BY_LM = {
    "activation": "tanh", "init": "torch_uniform", "batch_size": 0,
    "optimizer": "lm", "precision": "float64", "num_epochs": 60, "width": 24, "depth": 2,
}  # fmt: skip
#: what the residual is compared with: nothing is observed in an economic model, and y is 0
zero = losses.observed


def at(x: jax.Array) -> Batch:
    """The batch of these states."""
    from econml_cli.problems.economies import simulation

    return simulation.at(x)


def skewed(x: jax.Array, power: float) -> jax.Array:
    """Draws between -1 and 1 of which more are near -1 than of the uniform ones x (a power above 1), or fewer (below
    1), of the shape of x: between the ends it is the power of x."""
    return 2 * ((x + 1) / 2) ** power - 1


def rest(problem: Moves, model: Model, state: Any, periods: int, name: str) -> np.ndarray:
    """One series of the path without shocks from a state of one path, [periods], float64."""
    from econml_cli.problems.economies import simulation

    return simulation.rest(problem, model, state, periods, name)


def values(problem: object, method: str, model: Model, *arguments: Any) -> Any:
    """What problem.method(model, *arguments) gives, on the host in float64; compiled once for all models of a shape."""
    from econml_cli.problems.economies import simulation

    return simulation.values(problem, method, model, *arguments)


def loss(problem: Equations, model: Model, batch: Batch) -> jax.Array:
    """The mean square of the residuals of each state over the equations, [n]; weighted where they have weights."""
    squares = jnp.square(problem.residual(model, batch))
    weights = weights_of(problem)
    return jnp.mean(squares if weights is None else squares * weights, axis=1)


def drawn(x: jax.Array, key: jax.Array, shocks: int = 1) -> Batch:
    """The batch of these states [n, ...] with two independent draws of the N(0, 1) shocks of the next period at each,
    y [n, 2 shocks]: what `all_in_one` reads."""
    return dataclasses.replace(at(x), y=jax.random.normal(key, (len(x), 2 * shocks), x.dtype))


def redraw(problem: object, key: jax.Array, batch: Batch) -> Batch:
    """The same states with other draws of `drawn`: what a problem whose loss is `all_in_one` has as its `redraw`."""
    return dataclasses.replace(batch, y=jax.random.normal(key, batch.y.shape, batch.y.dtype))


def all_in_one(problem: Realised, model: Model, batch: Batch) -> jax.Array:
    """The product of what `problem.realised` leaves under two independent draws of the shocks (those of `drawn`), [n].

    Its mean is that of the square of the *expected* residual, as E[r(e) r(e')] = (E r)^2, with two evaluations however
    many shocks there are: an objective without quadrature. The square under one draw is larger by the variance of r,
    and has another minimum. A loss of one state may be negative. A finite sample can be fitted to its draws, so they
    are other ones in every epoch: a problem with this `loss` has `redraw = economics.redraw`, too.

    Source: Maliar, Maliar and Winant (2021), Deep learning for solving dynamic economic models, Journal of Monetary
    Economics 122, section 3.
    """
    draws = batch.y.reshape(len(batch.x), 2, -1)
    shocks = draws if draws.shape[2] == 1 else draws[:, :, None, :]  # [n, q] of one shock, [n, q, d] of several
    alone = jnp.ones(1, batch.x.dtype)
    first, second = (problem.realised(model, batch.x, shocks[:, i], alone) for i in (0, 1))
    product = (first * second).reshape(len(batch.x), -1)
    weights = weights_of(problem)
    return jnp.mean(product if weights is None else product * weights, axis=1)


def verdicts(problem: Economy, model: Model, batch: Batch) -> dict[str, float]:
    """The numbers behind the three verdicts, see `verdicts.verdicts`."""
    from econml_cli.problems.economies.verdicts import verdicts as found

    return found(problem, model, batch)


def doubled(batch: Batch) -> jax.Array:
    """The periods t = 0, ..., 2 T + 1 of an economy whose state is the time, [2 T + 2, 1], T the last period of the
    batch: what grows with every period shows there, and an error that a fit makes at its end does not."""
    return jnp.arange(2 * (int(batch.x.max()) + 1), dtype=batch.x.dtype)[:, None]


def slope(x: Any, y: Any, about: tuple[float, float] | None = None) -> float:
    """The slope of y on x by least squares, through their means or through the point `about`; NaN where x does not
    vary."""
    x, y = (np.asarray(values, np.float64).ravel() for values in (x, y))
    middle = (x.mean(), y.mean()) if about is None else about
    x, y = x - middle[0], y - middle[1]
    return float(x @ y / (x @ x)) if x @ x > 0 else float("nan")


def apart(*ratios: Any) -> float:
    """The largest distance of a ratio from 1."""
    return max(abs(float(ratio) - 1) for ratio in ratios)


def gauss_hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [n] with sum of weights * g(nodes) = E g(e), e ~ N(0, 1), exact for polynomials of degree
    2n - 1. Source: Judd (1998), Numerical Methods in Economics, section 7.2."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


def monomial(d: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes [2 d, d] and weights [2 d] with sum of weights * g(nodes) = E g(e), e ~ N(0, I_d), exact for polynomials of
    degree 3: as many as twice the shocks, where a product of Gauss-Hermite rules has n^d. Source: Judd (1998),
    Numerical Methods in Economics, section 7.5."""
    nodes = np.sqrt(d) * np.concatenate([np.eye(d), -np.eye(d)])
    return nodes, np.full(2 * d, 1 / (2 * d))


def kkt(a: jax.Array, b: jax.Array) -> jax.Array:
    """Fischer and Burmeister's function a + b - sqrt(a^2 + b^2), of the shape of a and b: 0 where a, b >= 0 and one
    of them is 0, and only there, as the Karush-Kuhn-Tucker conditions ask of a constraint's slack and its multiplier.

    Give both in units in which an error of .01 means as much; its gradient at a = b = 0 is finite.

    Raises:
        ValueError: a and b have different shapes, which would silently be made one ([n] and [n, 1] an n x n array).

    Source: Fischer (1992), A Special Newton-Type Optimization Method, Optimization 24, 269-284.
    """
    if jnp.shape(a) != jnp.shape(b):
        raise ValueError(
            f"kkt(a, b) needs two arrays of one shape, and got {list(jnp.shape(a))} and {list(jnp.shape(b))}"
        )
    return a + b - jnp.sqrt(a**2 + b**2 + TINY)


def by_propensity(euler: jax.Array, m: Any, free: Any, least: Any, income: float = 1.0) -> jax.Array:
    """The Euler residual [n] of households that save, as it is minimised, [n, 1]: over roughly what is eaten of one
    more unit of cash, and larger where more would be eaten than there is.

    The rich eat a few hundredths of it, so that their consumption can be wrong by 3 % where what the Euler equation
    lacks is .03 %, and what they hold decides what all hold: what is minimised is nearer to the error of consumption.

    Args:
        m: cash on hand. free: what would be eaten without the borrowing limit, each [n].
        least: the share that the rich eat of one more unit, [n] or a number. income: in the units of m, about one.
    """
    propensity = least + (1 + m / income) ** -2
    found: jax.Array = (euler / propensity * jnp.maximum(free / m, 1))[:, None]
    return found


def compounded(t: Any, start: float, flow: float, rate: float, log_growth: float) -> Any:
    """What grows from `start` by a rate and has a constant flow added, of the shape of t: e^(log_growth t) start + flow
    (e^(log_growth t) - 1) / rate, and start + flow t at the rate 0. `log_growth` is log(1 + rate) where time is
    discrete, and the rate itself where it is continuous."""
    growth = t * log_growth
    summed = jnp.expm1(growth) / rate if rate else t
    return jnp.exp(growth) * start + flow * summed


def positive(value: jax.Array, floor: float) -> tuple[jax.Array, jax.Array]:
    """(the value, kept positive; how far it was short of the floor), of the shape of `value`.

    Above the floor the value is left as it is. Below, it is floor^2 / (2 floor - value), which has the same slope at
    the floor and falls on for ever, so that a residual in it is finite and its gradient leads back. Add the shortfall
    to the residual: two infeasible decisions must not cancel out.
    """
    short = jnp.maximum(floor - value, 0.0)
    return jnp.where(value > floor, value, floor**2 / (floor + short)), PENALTY * short / floor
