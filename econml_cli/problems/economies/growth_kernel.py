"""Growth in continuous time, with no condition at infinity: the smallest norm chooses the path that ends well."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics, horizons
from econml_cli.problems.economies.collocation import Collocation, condition_number, smallest_norm_of, space_of
from econml_cli.problems.economies.conditions import demand, share
from econml_cli.problems.economies.saddle import SaddlePath
from econml_cli.problems.lazily import jax, jnp, nnx, np

if TYPE_CHECKING:
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task

#: horizon and length scale at the defaults; the longest horizon, and the most points, that are known to work
HORIZON, LENGTH_SCALE, LONGEST, POINTS = 40.0, 10.0, 400.0, 500
#: capital, consumption and its price below this share of their steady state count as infeasible in the residual
FLOOR = 1e-3
#: cells of the table of the exact path, to twice the horizon of the test
CELLS = 4000


@dataclass(frozen=True)
class GrowthKernelOptions:
    """Growth in continuous time, by the derivatives of capital and of its price, of smallest norm in a kernel's
    space."""

    alpha: float = option(1 / 3, "share of capital in income")
    delta: float = option(0.1, "rate of depreciation")
    rho: float = option(0.11, "rate at which utility is discounted")
    k0: float = option(1.0, "capital at t = 0")
    horizon: float = option(
        None, "the equations are to hold at points of [0, this] (default: 40, and more where capital settles slowly)",
        gt=0,
    )  # fmt: skip
    points: int = option(
        None,
        "how many, equally spaced from 0 to the horizon (default: 41, and more where it is longer or things move fast)",
        ge=2,
        le=POINTS,
    )
    horizon_test: float = option(None, "the test sample is on [0, this] (default: 1.25 horizons)", gt=0)
    points_test: int = option(100, "points in the test sample", ge=0)

    def __post_init__(self) -> None:
        demand(
            share(self.alpha),
            (
                self.delta > 0,
                f"--delta must be > 0, got {self.delta:g}: capital that does not wear out could be piled up without "
                "end; try .1",
            ),
            (
                self.rho > 0,
                f"--rho must be > 0, got {self.rho:g}: the integral of utility would be infinite, so that no path is "
                "best; try .11",
            ),
            (self.k0 > 0, f"--k0 must be > 0, got {self.k0:g}: without capital nothing is ever produced; try 1"),
        )
        saddle = self.saddle
        most = saddle.technology.k_max
        demand(
            (
                self.k0 < most,
                f"--k0 must be < {most:g}, got {self.k0:g}: so much capital wears out faster than it produces, and the "
                "path that the solver begins with, on which it stays as it is, has nothing to eat; try 1",
            )
        )
        if self.horizon is None:
            horizon = HORIZON * max(1.0, USUAL.root / saddle.root)
            demand(
                (
                    horizon <= LONGEST,
                    f"--alpha {self.alpha:g}, --delta {self.delta:g} and --rho {self.rho:g}: capital settles so slowly "
                    f"that the equations would have to hold up to t = {horizon:,.0f}, and no more than {LONGEST:g} is "
                    "known to work: this is out of reach of a fit without thought. To try nevertheless, say --horizon "
                    "H",
                )
            )
            horizons.settle(self, horizon=horizon)
        distance = min(1.0, fastest(USUAL) / max(fastest(saddle), fastest(USUAL)))
        count = 1 + math.ceil(round(self.horizon / distance, 6))
        horizons.settle(self, horizon_test=1.25 * self.horizon, points=min(max(count, 2), POINTS))

    @property
    def saddle(self) -> SaddlePath:
        """The exact path."""
        return SaddlePath(self.alpha, self.delta, self.rho, self.k0)


def fastest(saddle: SaddlePath) -> float:
    """The rate at which consumption grows, or falls, at t = 0: how fast things move."""
    return abs(float(saddle.technology.gross_return(saddle.k0) - 1 - saddle.rho))


#: the source's baseline, which the defaults are
USUAL = SaddlePath(1 / 3, 0.1, 0.11, 1.0)


class GrowthKernel:
    """k' = f(k) - delta k - 1/mu, mu' = -mu (f'(k) - delta - rho), f(k) = k^alpha, k(0) = k_0: the conditions of first
    order of max of the integral of e^(-rho t) log c over c = f(k) - delta k - k', with mu = 1/c the price of capital.

    Unknown, and what the model is, are (k', mu'). Capital is k_0 and the integral of k' from 0 to t, its price mu(0)
    and that of mu', and mu(0) = 1/c(0) is what the first equation at t = 0 makes it.

    The truth is the saddle path (`SaddlePath`). On every other path that begins at k_0 the equations hold as well, and
    capital is eaten up, or piled up to where nothing is eaten; nothing says what becomes of it at infinity. A kernel
    model is solved for the (k', mu') of smallest norm that satisfy both equations at the points. The other paths
    explode, which takes a large norm, so that no transversality condition is imposed. A model that is trained
    minimises the mean square of the residual.

    Source: Kahou, Perla and Pleiss, Solving Models of Economic Dynamics with Ridgeless Kernel Regressions
    (arXiv:2406.01898); HighDimensionalEconLab/kernel_econ_alignment, whose baseline the defaults are.
    """

    model = "kernel"
    recipe: ClassVar = {
        "kernel": "matern12", "length_scale": LENGTH_SCALE, "ridge": 0.0, "bias": False, "precision": "float64",
    }  # fmt: skip
    simulated: ClassVar[bool] = True
    task: Task | None = None
    din, dout, loss_scale = 1, 2, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    start, observe = economics.time_zero, economics.time_alone  # the state is t
    shock_size = 0
    impulses: ClassVar[dict[str, int]] = {}
    words: ClassVar = {"t": "time t", "k": "capital k", "y": "output y", "c": "consumption c", "truth": "exact capital"}
    bars: ClassVar = {
        "loss": {"log10_euler_mean": -2.0, "log10_euler_path_mean": -2.0},
        "truth": {
            "policy_error_mean": 1e-3,
            "policy_error_max": 4e-3,
            "path_error_mean": 1e-3,
            "path_error_max": 4e-3,
            "consumption_error_max": 5e-3,
        },
        "stability": {"saddle_error": 0.05},
    }
    unstable = (
        "the path does not end at the steady state: capital is piled up and not eaten, or eaten up (the equations hold "
        "on such paths as well)"
    )

    def __init__(self, **parameters: Any):
        self.p = p = GrowthKernelOptions(**parameters)
        self.saddle, self.economy = p.saddle, p.saddle.technology
        self.collocation = Collocation(np.linspace(0.0, p.horizon, p.points))
        self.path = (max(1, int(p.horizon_test)), 1)
        self._cells, self._cubics = self._table()

    def sample(self, rngs: nnx.Rngs, split: Split, n: int | None = None) -> Batch | None:
        """x = t, [n, 1]: the points (train), those halfway between them (val), equally spaced ones on the horizon of
        the test; None where there are none. Nothing is drawn."""
        return self.collocation.sample(split, n, self.p.horizon_test, self.p.points_test)

    def _table(self) -> tuple[np.ndarray, np.ndarray]:
        """Times [cells + 1] and, of (k, c) of the exact path in each cell, the cubic that has their values and slopes
        at its ends, [4, cells, 2]."""
        from scipy.interpolate import CubicHermiteSpline

        t = np.linspace(0.0, 2 * self.p.horizon_test + 2, CELLS + 1)
        k, c = self.saddle.at(t)
        slopes = np.stack([self._net(k) - c, c * self._gap(k)], axis=1)
        return t, CubicHermiteSpline(t, np.stack([k, c], axis=1), slopes).c

    def exact(self, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(k, c) of the exact path at t [n, 1], each [n, 1]; until twice the horizon of the test."""
        cells = self._cells
        at = jnp.clip(t[:, 0], 0, cells[-1])
        cell = jnp.clip(jnp.floor(at / cells[1]).astype(int), 0, CELLS - 1)
        cubics = jnp.asarray(self._cubics, t.dtype)[:, cell]
        into = (at - jnp.asarray(cells, t.dtype)[cell])[:, None]
        found = ((cubics[0] * into + cubics[1]) * into + cubics[2]) * into + cubics[3]
        return found[:, :1], found[:, 1:]

    def truth(self, x: jax.Array) -> jax.Array:
        """k(t) on the saddle path, [n, 1]."""
        return self.exact(x)[0]

    def _net(self, k: Any) -> Any:
        """f(k) - delta k."""
        return self.economy.resources(k) - k

    def _gap(self, k: Any) -> Any:
        """f'(k) - delta - rho, the growth rate of consumption."""
        return self.economy.gross_return(k) - 1 - self.p.rho

    def predict(self, model: Model, x: jax.Array) -> jax.Array:
        """Capital k(t), [n, 1]."""
        return self._levels(model, x)[0]

    def _levels(self, model: Model, t: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(k, mu, how far they or c(0) are short of what is feasible), each [n, 1]."""
        e, zero = self.economy, jnp.zeros((1, 1), t.dtype)
        grown = self.collocation.integral(model, t)
        k, short = economics.positive(self.p.k0 + grown[:, :1], FLOOR * e.k_ss)
        c0, at_once = economics.positive(self._net(self.p.k0) - model(zero)[:, :1], FLOOR * e.c_ss)
        mu, worth_less = economics.positive(1 / c0 + grown[:, 1:], FLOOR / e.c_ss)
        return k, mu, short + at_once + worth_less

    def _decided(self, model: Model, t: jax.Array) -> tuple[jax.Array, jax.Array]:
        """(k, c), each [n]."""
        k, mu, _ = self._levels(model, t)
        return k[:, 0], 1 / mu[:, 0]

    def residual(self, model: Model, batch: Batch) -> jax.Array:
        """((k' - f(k) + delta k + 1/mu) / c_ss, (mu'/mu + f'(k) - delta - rho) / (delta + rho)), [n, 2]."""
        slope = model(batch.x)
        k, mu, short = self._levels(model, batch.x)
        resources = (slope[:, :1] - self._net(k) + 1 / mu) / self.economy.c_ss
        growth = (slope[:, 1:] / mu + self._gap(k)) / (self.p.delta + self.p.rho)
        gap = jnp.concatenate([resources, growth], axis=1)
        return gap + jnp.where(gap < 0, -1, 1) * short

    def euler(self, model: Model, x: jax.Array) -> jax.Array:
        """The larger of the two residuals: as a share of consumption, and of what capital yields, in the steady state,
        [n]."""
        return jnp.abs(self.residual(model, economics.at(x))).max(axis=1)

    def solve(self, model: Model, batch: Batch) -> dict[str, float]:
        """Set a kernel model to the (k', mu') of smallest norm that satisfy both equations at the points it keeps.

        With k' = sum_j a_j k(., t_j) and mu' = sum_j b_j k(., t_j), minimise a' K a + b' K b: Gauss and Newton's
        method (`smallest_norm_of`) from constant capital, in NumPy float64. The first equation at t = 0 is left out,
        where it says what mu(0) is. With a ridge the squares of both equations over it are added to the norm.

        Returns:
            `condition_number` of the last system, `rounding_error` of a and b in float32 (as it moves the equations),
            `length_scale`, and `norm`, that of k' and mu' together.

        Raises:
            ValueError: the model is no kernel, or cannot be kept in its precision; or the method does not converge.
        """
        from econml_cli.models.least_squares import rounded

        space = space_of(model)
        kernel = space.model
        K, S = space.collocation.of(space.at)
        n = len(K)
        gram = np.kron(np.eye(2), K)

        def levels(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            c0 = self._net(self.p.k0) - K[:1] @ z[:n]
            return self.p.k0 + S @ z[:n], 1 / c0 + S @ z[n:]

        def equations(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            return self._equations(K, S, z, *levels(z))

        found, J = smallest_norm_of(gram, equations, lambda z: np.concatenate(levels(z)), space.ridge)
        kept, moved = rounded(J, found, J @ found, kernel.alpha[...].dtype)
        kernel.alpha[...] = jnp.asarray(kept.reshape(2, n).T)
        return {
            "condition_number": condition_number(gram, J, space.ridge),
            **({"rounding_error": moved} if kept.dtype != found.dtype else {}),
            "length_scale": space.scale,
            "norm": float(np.sqrt((found.T @ gram @ found).item())),
        }

    def _equations(
        self, K: np.ndarray, S: np.ndarray, z: np.ndarray, k: np.ndarray, mu: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(r [2 n - 1, 1], its derivatives [2 n - 1, 2 n]) of `solve`: k' - f(k) + delta k + 1/mu at all points but
        the first, mu' + mu (f'(k) - delta - rho) at all; K and S are the kernels' values and integrals [n, n]."""
        n, p = len(K), self.p
        gap, bend = self._gap(k), p.alpha * (p.alpha - 1) * k ** (p.alpha - 2)
        first = mu[0] ** 2 * K[:1]  # of mu(0) = 1/c(0), in the coefficients of k'
        resources = K @ z[:n] - self._net(k) + 1 / mu
        prices = K @ z[n:] + mu * gap
        of_resources = np.hstack([K - (gap + p.rho) * S - first / mu**2, -S / mu**2])
        of_prices = np.hstack([mu * bend * S + gap * first, K + gap * S])
        return np.vstack([resources[1:], prices]), np.vstack([of_resources[1:], of_prices])

    def step(self, model: Model, state: jax.Array, shock: jax.Array) -> tuple[jax.Array, dict[str, jax.Array]]:
        """t + 1; capital, output and consumption, and the truth of the first."""
        t = self.observe(state)
        k, c = self._decided(model, t)
        y = self._net(k) + self.p.delta * k
        return state + 1, {"t": t[:, 0], "k": k, "y": y, "c": c, "truth": self.truth(t)[:, 0]}

    def stability(self, model: Model, batch: Batch) -> dict[str, float]:
        """`c_0`, what is eaten at t = 0, and `consumption_error_max`, of c on [0, T], relative to the exact path, T the
        horizon of the test. How far k and c are at T from the steady state, `steady_state_error`, and at 2 T from the
        exact path, `saddle_error`, the larger of the two relative distances: a path that only the end tells from the
        exact one leaves it ever faster, which the error of a fit that flattens does not. `transversality`: e^(-rho T)
        mu(T) k(T) over mu(0) k(0), which is to go to 0."""
        half = 200
        t = np.linspace(0.0, 2 * self.p.horizon_test, 2 * half + 1)
        k, c = economics.values(self, "_decided", model, jnp.asarray(t[:, None], batch.x.dtype))
        exact_k, exact_c = self.saddle.at(t)
        fading = np.exp(-self.p.rho * t[half]) * (k[half] / c[half]) / (k[0] / c[0])
        return {
            "c_0": float(c[0]),
            "consumption_error_max": float(np.abs(c / exact_c - 1)[: half + 1].max()),
            "steady_state_error": economics.apart(k[half] / self.economy.k_ss, c[half] / self.economy.c_ss),
            "saddle_error": economics.apart(k[-1] / exact_k[-1], c[-1] / exact_c[-1]),
            "transversality": float(fading),
        }

    @staticmethod
    def adapted(p: GrowthKernelOptions) -> dict[str, Any]:
        """The length scale in proportion to the horizon."""
        away = horizons.away(p, "alpha", "delta", "rho", "k0")
        return {"length_scale": LENGTH_SCALE * p.horizon / HORIZON} if away else {}

    def describe(self) -> dict[str, Any]:
        """What is read, the steady state, and the exact path at t = 0."""
        e = self.economy
        return {
            "features": ["t"],
            "target": "k",
            "steady_state": {"k": e.k_ss, "c": e.c_ss},
            "c_0": float(self.saddle.at(np.zeros(1))[1, 0]),
            "stable_root": self.saddle.root,
        }
