"""The price of a dividend in continuous time, with no condition at infinity: the smallest norm chooses the solution."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.collocation import Collocation, Space, condition_number, smallest_norm, space_of
from econml_cli.problems.economies.conditions import demand
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: horizon and length scale for each unit of time; the longest horizon; the largest rate times the distance of points
HORIZON, LENGTH_SCALE, LONGEST, STEP = 40.0, 10.0, 1000.0, 0.2
#: the slope of the price on the dividend is told where that moves the price by more than this share
MOVES = 0.05


@dataclass(frozen=True)
class AssetPricingKernelOptions:
    """The price of a dividend in continuous time, of smallest norm: its derivative is in the space of a kernel."""

    r: float = option(0.1, "interest rate, at which dividends are discounted")
    c: float = option(0.02, "constant part of the growth of dividends, x' = c + g x")
    g: float = option(-0.2, "proportional part of it")
    x0: float = option(0.01, "dividend at t = 0")
    horizon: float = option(
        None,
        "the equation is to hold at points of [0, this] (default: 40, and more where the price settles slowly)",
        gt=0,
    )
    points: int = option(
        None,
        "how many, equally spaced from 0 to the horizon (default: 41, and more where it is longer or things move fast)",
        ge=2,
        le=2000,
    )
    horizon_test: float = option(None, "the test sample is on [0, this] (default: 1.25 horizons)", gt=0)
    points_test: int = option(100, "points in the test sample", ge=0)
    trend: float = option(
        None, "the model is mu' relative to e^(trend t) (default: g where dividends grow for ever, or vanish; else 0)"
    )

    def __post_init__(self) -> None:
        demand(
            (
                self.r > 0,
                f"--r must be > 0, got {self.r:g}: dividends that are not discounted have an infinite price; try .1",
            ),
            (
                self.g < self.r,
                f"--g must be < --r, got {self.g:g} and {self.r:g}: the dividend grows as fast as it is discounted, so "
                "that its price is infinite; try -.2",
            ),
            (
                self.x0 >= 0 and self.c >= 0 and self.x0 + self.c > 0,
                f"--x0 and --c must be >= 0 and not both 0, got {self.x0:g} and {self.c:g}: the dividend, and with it "
                "the price, would not be positive; try .01 and .02",
            ),
        )
        horizons.settle(self, trend=0.0 if self.g < 0 and self.c > 0 else self.g)
        if self.horizon is None:
            horizon = HORIZON * time_unit(self)
            demand(
                (
                    horizon <= LONGEST,
                    f"--r {self.r:g} and --g {self.g:g}: the price settles so slowly that the equation would have to "
                    f"hold up to t = {horizon:,.0f}, and no more than {LONGEST:,.0f} is known to work: this is out of "
                    "reach of a fit without thought. To try nevertheless, say --horizon H",
                )
            )
            horizons.settle(self, horizon=horizon)
        # half of the distance where it is not known to be enough
        distance = (0.5 if horizons.away(self, "r", "c", "g", "x0") else 1.0) * STEP / max(self.r, abs(self.g))
        count = 1 + math.ceil(round(self.horizon / distance, 6))
        horizons.settle(self, horizon_test=1.25 * self.horizon, points=min(max(count, 2), 2000))


def time_unit(p: AssetPricingKernelOptions) -> float:
    """What lasts longest, as a multiple of what it is at the defaults: 1 over the rate at which payments are discounted
    (relative to the trend), or at which the dividend settles."""
    rates = [p.r - p.trend, *([-p.g] if p.g < 0 and p.c > 0 else [])]
    unit = AssetPricingKernelOptions.r / min(rates)
    return unit if p.trend < 0 else max(1.0, unit)  # a price that vanishes is lost in rounding later on


class AssetPricingKernel:
    """mu'(t) = r mu(t) - x(t): the price mu of a dividend x' = c + g x, x(t) = (x_0 + c/g) e^(g t) - c/g.

    Unknown, and what the model is, is mu'. The price is mu(t) = mu(0) + integral of mu' from 0 to t, and mu(0) is what
    the equation at t = 0 makes it, (mu'(0) + x(0)) / r.

    The truth is mu(t) = (x(t) + c/r) / (r - g), the dividends discounted. Added to it, any bubble zeta e^(r t) solves
    the equation at all points as well, and nothing says what becomes of mu at infinity. A kernel model is solved
    exactly for the mu' of smallest norm in the kernel's space that satisfies the equation at the points. A bubble has a
    large norm, so the smallest norm excludes it, and no transversality condition is imposed. A model that is trained
    minimises the mean square of the residual.

    Source: Kahou, Perla and Pleiss, Solving Models of Economic Dynamics with Ridgeless Kernel Regressions
    (arXiv:2406.01898); HighDimensionalEconLab/kernel_econ_alignment, whose baseline the defaults are.
    """

    model = "kernel"
    recipe: ClassVar = {"kernel": "matern12", "length_scale": LENGTH_SCALE, "ridge": 0.0}
    former: ClassVar = {"trend": 0.0}
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    start, observe = economics.time_zero, economics.time_alone  # the state is t
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {"t": "time t", "mu": "price of the asset", "truth": "exact price"}
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -2.5, "log10_euler_path_mean": -2.5},
        "truth": {
            "policy_error_mean": 1e-3,
            "policy_error_max": 3e-3,
            "path_error_mean": 1e-3,
            "path_error_max": 3e-3,
            "slope_error": 0.05,
        },
        "stability": {"bubble": 0.05},
    }
    unstable = "the price has a bubble in it, which grows at the interest rate and solves the equation as well"

    def __init__(self, **parameters: Any):
        self.p = p = AssetPricingKernelOptions(**parameters)
        self.collocation = Collocation(np.linspace(0.0, p.horizon, p.points))
        self.settles = p.g < 0 and p.c > 0
        self.path = (max(1, int(p.horizon_test)), 1)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = t, [n, 1]: the points (train), those halfway between them (val), equally spaced ones on the horizon of
        the test; None where there are none. Nothing is drawn."""
        return self.collocation.sample(split, n, self.p.horizon_test, self.p.points_test)

    def dividend(self, t: Any) -> Any:
        """x(t), the solution of x' = c + g x from x_0."""
        p = self.p
        return economics.compounded(t, p.x0, p.c, p.g, p.g)

    def slope(self, model: Model, t: jax.Array) -> jax.Array:
        """mu'(t), [n, 1]."""
        return jnp.exp(self.p.trend * t) * model(t) if self.p.trend else model(t)

    def truth(self, x: jax.Array) -> jax.Array:
        """mu(t) = (x(t) + c/r) / (r - g), [n, 1]."""
        mu: jax.Array = (self.dividend(x) + self.p.c / self.p.r) / (self.p.r - self.p.g)
        return mu

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """The price mu(t), [n, 1]."""
        zero = jnp.zeros((1, 1), x.dtype)
        from_0 = self.collocation.integral(lambda t: self.slope(model, t), x)
        mu: jax.Array = (self.slope(model, zero) + self.dividend(zero)) / self.p.r + from_0
        return mu

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """mu' - r mu + x, [n, 1], in units of the dividend."""
        t = batch.x
        gap: jax.Array = self.slope(model, t) - self.p.r * self.predict(model, t) + self.dividend(t)
        return gap

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The residual as a share of what the price yields, r mu of the truth, [n]."""
        return (self.residual(model, economics.at(x)) / (self.p.r * self.truth(x)))[:, 0]

    def solve(self, model: Model, batch: Batch) -> dict[str, float]:
        """Set a kernel model to the mu' of smallest norm that satisfies the equation at the points it keeps.

        With mu' = e^(trend t) (sum_j alpha_j k(., t_j) + b), minimise alpha' K alpha + |C alpha + d b - y|^2 / ridge.
        Row i > 0 of C alpha + d b = y is the equation at t_i less that at t_0 = 0, from which mu(0) is gone, over
        e^(trend t_i): with h_j = e^(trend t) k(., t_j), C_ij = (h_j(t_i) - h_j(0) - r * (integral of h_j from 0 to
        t_i)) / e^(trend t_i), d_i the same with 1 for k, y_i = (x(0) - x(t_i)) / e^(trend t_i). The conditions of first
        order are one linear system, in which ridge may be 0: then the equation holds exactly. Solved in NumPy float64.

        The constant b has no norm. It is 0 where dividends settle; where they grow for ever or vanish, so does the
        price, and what is left relative to the trend need not go to 0.

        Returns:
            `condition_number` of the system, `rounding_error` of alpha in float32 (as it moves the residual),
            `length_scale`, and `norm`, that of mu'.

        Raises:
            ValueError: the model is no kernel, or cannot be kept in its precision.
        """
        from econml_cli.models.least_squares import rounded

        space = space_of(model)
        kernel = space.model
        t, n = space.collocation.points[:, None], len(space.collocation.points)
        gram, C, d = self._system(space)
        x = np.asarray(self.dividend(t), np.float64)
        y = (x[0] - x[1:]) / np.exp(self.p.trend * t[1:])
        b = d[:, : int(kernel.has_bias and not self.settles)]  # no column where the constant stays 0
        norm = np.zeros((n + b.shape[1],) * 2)
        norm[:n, :n] = gram
        rows = np.concatenate([C, b], axis=1)
        solution = smallest_norm(norm, rows, y, space.ridge)
        found, constant = solution[:n], solution[n:]
        alpha, moved = rounded(C, found, y - b @ constant, kernel.alpha[...].dtype)
        kernel.alpha[...] = jnp.asarray(alpha)
        if kernel.has_bias:
            kernel.bias[...] = jnp.full_like(kernel.bias[...], constant.sum())
        return {
            "condition_number": condition_number(norm, rows, space.ridge),
            **({"rounding_error": moved} if alpha.dtype != found.dtype else {}),
            "length_scale": space.scale,
            "norm": float(np.sqrt(found[:, 0] @ gram @ found[:, 0])),
        }

    def _system(self, space: Space) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(K [n, n], C [n-1, n], d [n-1, 1]) of `solve` at the points that the model keeps, float64."""

        def trend(t: np.ndarray) -> np.ndarray:
            return np.exp(self.p.trend * t)[..., None]

        grown = trend(space.collocation.points)

        def rows(function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
            whole, integrals = space.collocation.of(function)
            found: np.ndarray = ((whole - whole[:1] - self.p.r * integrals) / grown)[1:]
            return found

        return space.at(space.collocation.points), rows(lambda t: trend(t) * space.at(t)), rows(trend)

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """t + 1; price, dividend and the truth."""
        t = self.observe(state)
        series = {"t": t, "price": self.predict(model, t), "dividend": self.dividend(t), "truth": self.truth(t)}
        return state + 1, {name: values[:, 0] for name, values in series.items()}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`mu_0`, the price at t = 0. On [0, 2 T], T the horizon of the test: `bubble`, |zeta| e^(2 r T), zeta by least
        squares of mu - truth = zeta e^(r t), as a share of the truth there. A bubble grows as e^(r t), so
        that 1 % at T is much at 2 T, which the error of a fit that flattens there is not. `transversality`, e^(-r T)
        mu(T) as a share of mu_0, which is to go to 0. And `slope`, of mu on the dividend (least squares on [0, T]),
        with `slope_error`, relative to 1/(r - g), where the dividend moves enough for it to be told."""
        half = 200
        t = np.linspace(0.0, 2 * self.p.horizon_test, 2 * half + 1)
        x = jnp.asarray(t[:, None], batch.x.dtype)
        mu = economics.values(self, "predict", model, x)[:, 0]
        truth = np.asarray(self.truth(x), np.float64)[:, 0]
        # e^(r t) over its largest value, which does not overflow
        bubble = np.exp(self.p.r * (t - t[-1]))
        zeta = float((mu - truth) @ bubble / (bubble @ bubble))
        fading = float(np.exp(-self.p.r * t[half]) * abs(mu[half]))
        found = {
            "mu_0": float(mu[0]),
            "bubble": abs(zeta) / float(truth[-1]),
            "transversality": fading / max(abs(mu[0]), 1e-300),
        }
        dividend = np.asarray(self.dividend(t[: half + 1]), np.float64)
        exact = 1 / (self.p.r - self.p.g)
        if exact * np.ptp(dividend) > MOVES * truth[: half + 1].max():
            slope = economics.slope(dividend, mu[: half + 1])
            found |= {"slope": slope, "slope_error": economics.apart(slope / exact)}
        return found

    @staticmethod
    def adapted(p: AssetPricingKernelOptions) -> dict[str, Any]:
        """The length scale in proportion to the horizon; with a constant where the price does not settle."""
        if not horizons.away(p, "r", "c", "g", "x0"):
            return {}
        return {"length_scale": LENGTH_SCALE * p.horizon / HORIZON, "bias": not (p.g < 0 and p.c > 0)}

    def describe(self) -> dict[str, Any]:
        """What is read, the truth at t = 0, and in the limit where there is one."""
        zero = float(self.truth(jnp.zeros((1, 1)))[0, 0])
        limit = {"mu_limit": -self.p.c / (self.p.g * self.p.r)} if self.p.g < 0 else {}
        return {"features": ["t"], "target": "mu", "mu_0": zero, **limit}
