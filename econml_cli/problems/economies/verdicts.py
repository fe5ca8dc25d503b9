"""Whether the solution of an economic model can be right: the numbers that say so, and what each must lie below."""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Model
from econml_cli.options import own_modules
from econml_cli.problems.base import Batch, Economy, HasEuler, HasStability, HasTruth, Moves
from econml_cli.problems.economies import constraints, simulation, visited
from econml_cli.problems.economies.simulation import Same, at

#: a residual that is smaller is reported as this large: log10(0) is no number
SMALLEST = 1e-16
PASSED, FAILED = "passed", "FAILED"


def verdicts(problem: Economy, model: Model, batch: Batch) -> dict[str, float]:
    """The numbers behind the three verdicts, on the states of the batch and on simulated paths.

    `log10_euler_mean`, `log10_euler_max`: of the Euler residual free of units; `..._path_...` on the path.
    `policy_error_mean`, `policy_error_max`: |policy / truth - 1|, where the truth is known; `path_error_...` on the
    path. Of each equation and each constraint that has a name what `constraints` says.
    Then what `problem.stability` says. A problem of one's own may have no `step`, `truth`, `stability` (their numbers
    are left out) or `euler` (the largest residual of a state is taken).
    """
    found = errors(problem, model, batch)
    if not isinstance(problem, HasStability):
        return found
    with own_modules.telling("`stability` fails"):
        return {**found, **problem.stability(model, batch)}


def errors(problem: Economy, model: Model, batch: Batch) -> dict[str, float]:
    """Of `verdicts` the numbers that `stability` does not say: residuals and distances from the truth."""
    sample, path = jax.device_get(_measure(Same(problem), *nnx.split(model), batch.x, jax.random.key(0)))
    found = {**_summary("euler", "", sample), **_summary("euler", "path_", path)}
    found |= {**_summary("policy", "", sample), **_summary("path", "", path)}
    return found | constraints.numbers(path or sample)


# compiled once for all models of one shape on one problem: the trials of a sweep share it
@functools.partial(jax.jit, static_argnums=(0, 1))
def _measure(of: Same, graphdef: Any, state: Any, x: jax.Array, key: jax.Array) -> Any:
    """What `_look` finds on the states x [n, ...], in blocks, and on simulated paths, period after period, so that
    memory does not grow with them; {} for paths where the problem has none."""
    problem: Economy = of.problem
    model: Model = nnx.merge(graphdef, state)
    sample = jax.lax.map(lambda one: _look(problem, model, one[None]), x, batch_size=min(len(x), 256))
    if not isinstance(problem, Moves):
        return sample, {}

    def look(model: Model, state: Any, _: Any) -> dict[str, jax.Array]:
        return _look(problem, model, problem.observe(state))

    periods, paths = problem.path
    return sample, simulation.walk(problem, model, key, periods, paths, look)


def _look(problem: Economy, model: Model, x: jax.Array) -> dict[str, jax.Array]:
    """The Euler residual [n] and, where there is a truth, the relative errors of the policy [n, dout]."""
    if isinstance(problem, HasEuler):
        found = {"euler": jnp.abs(problem.euler(model, x))}
    else:
        found = {"euler": jnp.max(jnp.abs(problem.residual(model, at(x))), axis=1)}
    found |= constraints.look(problem, model, x)
    truth = problem.truth(x) if isinstance(problem, HasTruth) else None
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


def bars_of(problem: object) -> Mapping[str, Mapping[str, float]]:
    """What each number must lie below, by verdict: the problem's bars, and that of the states visited."""
    own: Mapping[str, Mapping[str, float]] = getattr(problem, "bars", {})
    return {**own, visited.STATES: own.get(visited.STATES, visited.BARS[visited.STATES])}


def beside_bars(problem: object, found: Mapping[str, Any]) -> list[tuple[str, str, float, float]]:
    """(verdict, number, its value, its bar) of every number of `found` that a verdict rests on."""
    return [
        (verdict, name, float(found[name]), bar)
        for verdict, limits in bars_of(problem).items()
        for name, bar in limits.items()
        if name in found
    ]


def judge(problem: object, found: Mapping[str, Any]) -> dict[str, str]:
    """`verdict_loss`, `verdict_truth`, `verdict_stability`, `verdict_states`: "passed" where every number of `found`
    that the verdict rests on lies below its bar; a verdict of which no number is there (no closed form, say) is left
    out. The last one has a bar where the problem says none. `failed` says in words what has not passed, if anything has
    not."""
    told, reasons = dict[str, str](), []
    for verdict, limits in bars_of(problem).items():
        there = {name: bar for name, bar in limits.items() if name in found}
        if not there:
            continue
        above = [_missed(problem, found, name, bar) for name, bar in there.items() if not found[name] < bar]
        told[f"verdict_{verdict}"] = FAILED if above else PASSED
        if above:
            reasons.append(f"{verdict} ({', '.join(above)})")
    reasons.sort(key=lambda reason: not reason.startswith("stability"))  # the worst first
    return {**told, "failed": "; ".join(reasons)} if reasons else told


def _missed(problem: object, found: Mapping[str, Any], name: str, bar: float) -> str:
    """That a number is not below its bar, in words."""
    if name == visited.OUTSIDE:
        return visited.said(problem, found, bar)
    return f"{name} {found[name]:.4g} is not below {bar:g}"
