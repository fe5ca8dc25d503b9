"""What all economic models share: the loss, expectations, feasibility, and the numbers that the verdicts rest on."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.problems import simulation
from econml_cli.problems.base import Batch

#: a residual that is smaller is reported as this large: log10(0) is no number
SMALLEST = 1e-16
PASSED, FAILED = "passed", "FAILED"
#: how far beyond the floor a decision that is not feasible is counted in the residual
PENALTY = 1.0


def loss(problem: Any, model: Any, batch: Batch) -> jax.Array:
    """The mean square of the residuals of each state over the equations, [n]."""
    return jnp.mean(jnp.square(problem.residual(model, batch)), axis=1)


def zero(problem: Any, batch: Batch) -> Any:
    """What the residual is compared with, [n, 1]: nothing is observed in an economic model."""
    return batch.y


def at(x: jax.Array) -> Batch:
    """The batch of these states."""
    return Batch(x, jnp.zeros((len(x), 1), x.dtype))


def gauss_hermite(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights [n] with sum of weights * g(nodes) = E g(e), e ~ N(0, 1), exact for polynomials of degree
    2n - 1. Source: Judd (1998), Numerical Methods in Economics, section 7.2."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    return nodes, weights / weights.sum()


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


def verdicts(problem: Any, model: Any, batch: Batch) -> dict[str, float]:
    """The numbers behind the three verdicts, on the states of the batch and on simulated paths.

    `log10_euler_mean`, `log10_euler_max`: of the Euler residual free of units; `..._path_...` on the path.
    `policy_error_mean`, `policy_error_max`: |policy / truth - 1|, where the truth is known; `path_error_...` on the
    path.
    Then what `problem.stability` says. A problem of one's own may have no `step`, `truth`, `stability` (their numbers
    are left out) or `euler` (the largest residual of a state is taken).
    """
    sample, path = jax.device_get(_measure(_Same(problem), *nnx.split(model), batch.x, jax.random.key(0)))
    found = {**_summary("euler", "", sample), **_summary("euler", "path_", path)}
    found |= {**_summary("policy", "", sample), **_summary("path", "", path)}
    return {**found, **(problem.stability(model, batch) if hasattr(problem, "stability") else {})}


@dataclass(frozen=True, eq=False)
class _Same:
    """A problem that is equal to itself alone, and can be hashed, whatever its class says."""

    problem: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.problem is other.problem

    def __hash__(self) -> int:
        return id(self.problem)


# compiled once for all models of one shape on one problem: the trials of a sweep share it
@functools.partial(jax.jit, static_argnums=(0, 1))
def _measure(of: _Same, graphdef: Any, state: Any, x: jax.Array, key: jax.Array) -> Any:
    """What `_look` finds on the states x [n, ...], in blocks, and on simulated paths, period after period, so that
    memory does not grow with them; {} for paths where the problem has none."""
    problem, model = of.problem, nnx.merge(graphdef, state)
    sample = jax.lax.map(lambda one: _look(problem, model, one[None]), x, batch_size=min(len(x), 256))
    if not hasattr(problem, "step"):
        return sample, {}

    def look(model: Any, state: Any, _: Any) -> dict[str, jax.Array]:
        return _look(problem, model, problem.observe(state))

    periods, paths = problem.path
    return sample, simulation.walk(problem, model, key, periods, paths, look)


def _look(problem: Any, model: Any, x: jax.Array) -> dict[str, jax.Array]:
    """The Euler residual [n] and, where there is a truth, the relative errors of the policy [n, dout]."""
    if hasattr(problem, "euler"):
        found = {"euler": jnp.abs(problem.euler(model, x))}
    else:
        found = {"euler": jnp.max(jnp.abs(problem.residual(model, at(x))), axis=1)}
    truth = problem.truth(x) if hasattr(problem, "truth") else None
    if truth is not None:
        error = jnp.abs(problem.predict(model, x) / truth - 1)
        found |= {"policy": error, "path": error}
    return found


def _summary(name: str, where: str, looked: Mapping[str, Any]) -> dict[str, float]:
    """Mean and largest of one measure, as log10 where it is a residual; {} where it is not there."""
    if name not in looked:
        return {}
    values = np.asarray(looked[name], np.float64)
    if name == "euler":
        values = np.log10(np.maximum(values, SMALLEST))
        return {f"log10_euler_{where}mean": float(values.mean()), f"log10_euler_{where}max": float(values.max())}
    return {f"{name}_error_mean": float(values.mean()), f"{name}_error_max": float(values.max())}


def judge(problem: Any, found: Mapping[str, Any]) -> dict[str, str]:
    """`verdict_loss`, `verdict_truth`, `verdict_stability`: "passed" where every number of `found` that the verdict
    rests on lies below its bar; a verdict of which no number is there (no closed form, say) is left out. `failed` says
    in words what has not passed, if anything has not."""
    bars: Mapping[str, Mapping[str, float]] = getattr(problem, "bars", {})
    told, reasons = dict[str, str](), []
    for verdict, limits in bars.items():
        there = {name: bar for name, bar in limits.items() if name in found}
        if not there:
            continue
        above = [
            f"{name} {found[name]:.4g} is not below {bar:g}" for name, bar in there.items() if not found[name] < bar
        ]
        told[f"verdict_{verdict}"] = FAILED if above else PASSED
        if above:
            reasons.append(f"{verdict} ({', '.join(above)})")
    reasons.sort(key=lambda reason: not reason.startswith("stability"))  # the worst first
    return {**told, "failed": "; ".join(reasons)} if reasons else told


def rest(problem: Any, model: Any, state: Any, periods: int, name: str) -> np.ndarray:
    """One series of the path without shocks from a state of one path, [periods], float64."""
    return np.asarray(_rest(_Same(problem), periods, name, *nnx.split(model), state), np.float64)[:, 0]


@functools.partial(jax.jit, static_argnums=(0, 1, 2, 3))
def _rest(of: _Same, periods: int, name: str, graphdef: Any, weights: Any, state: Any) -> Any:
    problem, model = of.problem, nnx.merge(graphdef, weights)
    none = jnp.zeros((1, problem.shock_size))
    return jax.lax.scan(lambda at, _: problem.step(model, at, none), state, None, periods)[1][name]
