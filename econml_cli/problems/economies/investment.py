"""Investment under uncertainty with many firms: the flagship of "Exploiting Symmetry in High-Dimensional Dynamic
Programming"."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.conditions import demand, depreciation, patience
from econml_cli.problems.economies.curve import Curve, Policy, solved
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: training stops at a val_loss below this, at the defaults
STOP_LOSS = 1e-6
#: halvings of the interval in which the steady state is looked for: more than float64 has bits
BISECTIONS = 100
#: a mean of capital below this counts as this in a price that is not linear in it
SMALLEST = 1e-3
#: mean and standard deviation of X_0
X0_MEAN, X0_SD = 0.9, 0.05


@dataclass(frozen=True)
class InvestmentOptions:
    """Investment under uncertainty with N firms: the flagship of "Exploiting Symmetry"."""

    N: int = option(128, "number of firms", ge=2)
    alpha0: float = option(1.0, "intercept of inverse demand p = alpha0 - alpha1 mean(X)^nu", gt=0)
    alpha1: float = option(1.0, "slope of inverse demand")
    nu: float = option(1.0, "curvature of inverse demand; the closed form is that of 1", gt=0)
    beta: float = option(0.95, "discount factor")
    gamma: float = option(90.0, "cost of adjustment, gamma/2 u^2")
    delta: float = option(0.05, "depreciation")
    sigma: float = option(0.005, "standard deviation of a firm's own shock", ge=0)
    eta: float = option(0.001, "standard deviation of the aggregate shock", ge=0)
    quadrature: int = option(7, "Gauss-Hermite nodes of the expectation over the aggregate shock", ge=1, le=100)
    periods: int = option(63, "periods T of each simulated trajectory, from X_0 on", ge=1)
    trajectories: int = option(16, "trajectories in the training sample", ge=1)
    trajectories_val: int = option(8, "trajectories in the validation sample", ge=0)
    trajectories_test: int = option(32, "trajectories in the test sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            patience(self.beta),
            depreciation(self.delta),
            (
                self.gamma > 0,
                f"--gamma must be > 0, got {self.gamma:g}: without a cost of adjustment firms would invest without "
                "bound in one period; try 90",
            ),
            (
                self.alpha1 > 0,
                f"--alpha1 must be > 0, got {self.alpha1:g}: demand would not slope down, and nothing would bound the "
                "industry; try 1",
            ),
        )


class Investment:
    """N firms with capital X_i each choose investment u at the cost gamma/2 u^2, and sell at the price
    p(X) = alpha0 - alpha1 mean(X)^nu, which none of them moves alone:
    X_i' = u(X) + (1-delta) X_i + sigma w_i + eta omega.

    Unknown is u(X), the same for every firm and invariant to their order. The Euler equation is
    gamma u(X) = beta E[p(X') + gamma (1-delta) u(X')]. The expectation over omega is by Gauss-Hermite; that over w_i by
    one fixed draw of N numbers, normalised to mean 0 and sd 1: with many firms one draw is as good as the mean of many.

    With nu = 1 the truth is u = H_0 + H_1 mean(X), whatever N, sigma and eta (`linear_policy`). A second root of the
    same quadratic gives a zero residual, too, on a path that explodes: that is what the stability verdict is for. With
    another nu these H_0 and H_1 are of the economy linearised at its steady state without shocks, and the truth is
    computed: since price and law of motion depend on the mean alone, so does u, and a Chebyshev polynomial of one
    variable solves the same Euler equation to rounding (`Curve`).

    Training states are trajectories simulated with the linear policy, all from one X_0 = |N(.9, .05)|.

    Source: Kahou, Fernandez-Villaverde, Perla and Sood (2021), sections 2 to 4.
    """

    model = "deep_set"
    recipe: ClassVar = {
        "init": "torch_uniform",
        "batch_size": 32,
        "num_epochs": 100,
        "schedule": "step",
        "decay_epochs": 100,
        "patience": 50,
        "stop_loss": STOP_LOSS,
    }
    simulated: ClassVar[bool] = True
    task: Task | None = None
    dout, loss_scale = 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    path = (100, 8)
    impulses: ClassVar = {"omega": 0}
    words: ClassVar = {
        "u": "investment u", "X_mean": "mean capital", "X_sd": "sd of capital across firms", "price": "price p"
    }  # fmt: skip
    unstable = "the fit has found a root on which capital explodes, not the solution (its residual is zero as well)"

    def __init__(self, *, rngs: nnx.Rngs, **parameters: Any):
        self.p = p = InvestmentOptions(**parameters)
        self.din, self.shock_size = p.N, p.N + 1
        self.trajectories = {"train": p.trajectories, "val": p.trajectories_val, "test": p.trajectories_test}
        self.H0, self.H1 = linear_policy(p)
        self.steady_state = self.H0 / (p.delta - self.H1)
        self.settled = settling(1 - p.delta + self.H1)
        self.bars: dict[str, dict[str, float]] = {
            "loss": {
                "log10_euler_mean": -2.8,
                "log10_euler_path_mean": -2.8,
                "log10_euler_max": -2.0,
                "log10_euler_path_max": -2.0,
            },
            "truth": {
                "policy_error_mean": 8e-3,
                "path_error_mean": 8e-3,
                "policy_error_max": 0.025,
                "path_error_max": 0.025,
                "slope_error": slope_bar(p),
            },
            "stability": {"eigenvalue": 1.0, "drift": 1e-3},
        }
        self._nodes, self._weights = economics.gauss_hermite(p.quadrature)
        self.dependent = p.periods + 1  # the states of one trajectory
        self.X0 = jnp.abs(X0_MEAN + X0_SD * jax.random.normal(rngs(), (p.N,)))
        w = jax.random.normal(rngs(), (p.N,))
        self.w = (w - w.mean()) / w.std()
        self.curve = None if p.nu == 1 else self._curve()

    def _curve(self) -> Curve:
        """The policy with nu != 1 as a function of the mean: between half of the smaller and one and a half times the
        larger of where it begins and where it goes, and where shocks lead from there."""
        p, start, ends = self.p, float(self.X0.mean()), self.steady_state
        weights, shocks = np.asarray(self._weights), p.eta * np.asarray(self._nodes)
        # shocks do not lead out of what is `wide` about the steady state
        wide = shocks.max() / (p.delta - self.H1)
        low = max(0.1 * min(start, ends), min(0.5 * min(start, ends), ends - wide))
        high = max(1.5 * max(start, ends), ends + wide)

        def residual(u: Policy, mean: np.ndarray) -> np.ndarray:
            after = (u(mean) + (1 - p.delta) * mean)[:, None] + shocks
            price = p.alpha0 - p.alpha1 * np.maximum(after, SMALLEST) ** p.nu
            gap: np.ndarray = p.gamma * u(mean) - p.beta * ((price + p.gamma * (1 - p.delta) * u(after)) @ weights)
            return gap

        return solved(residual, lambda mean: self.H0 + self.H1 * mean, low, high)

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """States X of simulated trajectories, [trajectories * (T + 1), N]; None where there are none. `n`: as many
        states, of the first trajectories."""
        states = self.p.periods + 1
        trajectories = self.trajectories.get(split, 0) if n is None else -(-n // states)
        if trajectories == 0:
            return None
        w = jax.random.normal(rngs(), (self.p.periods, trajectories, self.p.N))
        omega = jax.random.normal(rngs(), (self.p.periods, trajectories, 1))
        first = jnp.broadcast_to(self.X0, (trajectories, self.p.N))

        def move(X: jax.Array, shocks: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            u = self.H0 + self.H1 * X.mean(axis=1, keepdims=True)
            X = self._next(u, X, *shocks)
            return X, X

        X = jnp.concatenate([first[None], jax.lax.scan(move, first, (w, omega))[1]])
        return economics.at(X.swapaxes(0, 1).reshape(-1, self.p.N)[:n])

    def _next(self, u: jax.Array, X: jax.Array, w: Any, omega: Any) -> jax.Array:
        """X' = u + (1-delta) X + sigma w + eta omega."""
        after: jax.Array = u + (1 - self.p.delta) * X + self.p.sigma * w + self.p.eta * omega
        return after

    def price(self, X: jax.Array) -> jax.Array:
        """p(X) = alpha0 - alpha1 mean(X)^nu, [n, 1]; a mean that is not positive counts as a tiny one."""
        mean = X.mean(axis=1, keepdims=True)
        if self.p.nu != 1:
            mean, _ = economics.positive(mean, SMALLEST)
        return self.p.alpha0 - self.p.alpha1 * mean**self.p.nu

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Investment u(X), [n, 1]."""
        return model(x)

    def realised(self, model: Model, x: jax.Array, shocks: jax.Array, weights: jax.Array) -> jax.Array:
        """gamma u(X) - beta E[p(X') + gamma (1-delta) u(X')], [n], where omega takes the values [n or 1, q] with these
        weights [q]."""
        n, q, u = len(x), shocks.shape[1], self.predict(model, x)
        omega = jnp.broadcast_to(shocks, (n, q)).T[..., None]  # [q, n, 1]
        X = self._next(u, x, self.w.astype(x.dtype), omega).reshape(q * n, self.p.N)
        value = (self.price(X) + self.p.gamma * (1 - self.p.delta) * self.predict(model, X)).reshape(q, n)
        return self.p.gamma * u[:, 0] - self.p.beta * (weights @ value)

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """The residual in units of the price, [n, 1]."""
        x = batch.x
        nodes, weights = jnp.asarray(self._nodes, x.dtype)[None], jnp.asarray(self._weights, x.dtype)
        return self.realised(model, x, nodes, weights)[:, None]

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The residual as a share of the marginal cost of investment in the steady state, gamma delta X_ss, [n]."""
        return self.residual(model, economics.at(x))[:, 0] / (self.p.gamma * self.p.delta * self.steady_state)

    def truth(self, x: jax.Array) -> jax.Array:
        """H_0 + H_1 mean(X), [n, 1]; with nu != 1 the curve that solves the Euler equation in the mean."""
        mean = x.mean(axis=1, keepdims=True)
        return self.H0 + self.H1 * mean if self.curve is None else self.curve(mean, jnp)

    def start(self, paths: int) -> jax.Array:
        """X_0 on every path."""
        return jnp.broadcast_to(self.X0, (paths, self.p.N))

    def observe(self, state: jax.Array) -> jax.Array:
        """X itself."""
        return state

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """X' under the fitted policy; the series are those of the industry."""
        u = self.predict(model, state)
        series = {
            "X_mean": state.mean(axis=1),
            "X_sd": state.std(axis=1),
            "u": u[:, 0],
            "price": self.price(state)[:, 0],
        }
        return self._next(u, state, shock[:, 1:], shock[:, :1]), series

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`slope` of u on mean(X) over the batch (least squares), `eigenvalue` = 1 - delta + slope of the law of motion
        of the mean, `slope_error` relative to that of the truth over the batch (nu = 1: H_1), where there is one
        (delta < 1), `steady_state`, the mean capital after 300 periods without shocks, or more where the linear policy
        takes longer to settle, and its `drift`, how much it still changes in a period, as a share."""
        from econml_cli.problems.known import outputs

        mean = np.asarray(batch.x, np.float64).mean(axis=1)
        u = np.asarray(outputs(model, batch.x), np.float64)[:, 0]
        slope = economics.slope(mean, u)
        X = economics.rest(self, model, self.start(1), self.settled, "X_mean")
        found = {"slope": slope, "eigenvalue": 1 - self.p.delta + slope}
        if self.H1:
            exact = self.H1 if self.curve is None else economics.slope(mean, self.curve(mean, np))
            found["slope_error"] = economics.apart(slope / exact)
        return {**found, "steady_state": float(X[-1]), "drift": float(abs(X[-1] / X[-2] - 1))}

    def describe(self) -> dict[str, Any]:
        """The state and, with nu = 1, the truth."""
        known = {"H0": self.H0, "H1": self.H1, "eigenvalue": 1 - self.p.delta + self.H1, "X_ss": self.steady_state}
        return {"features": [f"X{i + 1}" for i in range(self.p.N)], "target": "u", **(known if self.p.nu == 1 else {})}

    @staticmethod
    def adapted(p: InvestmentOptions) -> dict[str, Any]:
        """Training stops where the same error of the policy is left as at the defaults."""
        if not horizons.away(p, "alpha0", "alpha1", "nu", "beta", "gamma", "delta"):
            return {}
        scale = (_residual_of_policy(p) / _residual_of_policy(InvestmentOptions())) ** 2
        return {"stop_loss": STOP_LOSS * min(scale, 1.0)}


def slope_bar(p: InvestmentOptions) -> float:
    """How far the slope may be off, as a share: by .05 at the defaults, and by as much more as investment varies less
    between where capital begins and where it goes, so that it is about the same error of investment."""
    return min(0.05 * max(1.0, _varies(InvestmentOptions()) / max(_varies(p), SMALLEST)), 0.4)


def _varies(p: InvestmentOptions) -> float:
    """How much investment changes from X_0 to the steady state, as a share of what it is there."""
    H0, H1 = linear_policy(p)
    ends = H0 / (p.delta - H1)
    return abs(H1 * (X0_MEAN - ends)) / (p.delta * ends)


def _residual_of_policy(p: InvestmentOptions) -> float:
    """The residual that an error of 100 % of steady-state investment makes, the same in all states."""
    H0, H1 = linear_policy(p)
    return p.gamma * p.delta * H0 / (p.delta - H1) * (1 - p.beta * (1 - p.delta))


def linear_policy(p: InvestmentOptions, *, explosive: bool = False) -> tuple[float, float]:
    """(H_0, H_1) of u = H_0 + H_1 mean(X), which solves the Euler equation exactly where nu = 1; with another nu, that
    of the tangent to inverse demand at the steady state without shocks.

    H_1 is a root of a H^2 + b H + c with a = beta gamma (1-delta), b = beta gamma (1-delta)^2 - beta alpha1 - gamma and
    c = -beta alpha1 (1-delta). The smaller one is the solution; the larger (`explosive`) makes 1 - delta + H_1 > 1, and
    there is none where delta = 1.
    """
    alpha0, alpha1 = _demand(p)
    a = p.beta * p.gamma * (1 - p.delta)
    b = a * (1 - p.delta) - p.beta * alpha1 - p.gamma
    c = -p.beta * alpha1 * (1 - p.delta)
    between = -b + (b * b - 4 * a * c) ** 0.5  # b < 0: nothing cancels
    H1 = between / (2 * a) if explosive else 2 * c / between
    H0 = p.beta * alpha0 / (p.gamma - p.beta * (p.gamma * (1 - p.delta) * H1 - alpha1) - a)
    return H0, H1


def _demand(p: InvestmentOptions) -> tuple[float, float]:
    """Intercept and slope of inverse demand in the steady state X, where
    gamma delta X (1 - beta (1-delta)) = beta (alpha0 - alpha1 X^nu)."""
    if p.nu == 1:
        return p.alpha0, p.alpha1
    cost = p.gamma * p.delta * (1 - p.beta * (1 - p.delta))
    low, high = 0.0, p.beta * p.alpha0 / cost
    for _ in range(BISECTIONS):  # no SciPy: `econml fit` waits for this before it trains
        X = 0.5 * (low + high)
        low, high = (X, high) if cost * X < p.beta * (p.alpha0 - p.alpha1 * X**p.nu) else (low, X)
    slope = p.alpha1 * p.nu * X ** (p.nu - 1)
    return p.alpha0 - p.alpha1 * X**p.nu + slope * X, slope


def settling(eigenvalue: float) -> int:
    """How many periods to look at until capital has come to rest under this root: 300, or more, up to 5,000."""
    return int(np.clip(np.log(1e-5) / np.log(abs(eigenvalue)), 300, 5000)) if eigenvalue else 300
