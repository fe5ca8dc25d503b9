"""What a fitted model should be, measured on the run's own data: `econml inspect checkpoint --check`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.samples import small_blocks
from econml_cli.inspection.hidden import hidden_units
from econml_cli.inspection.state import describe_state
from econml_cli.models.base import Model
from econml_cli.runs.directory import Run
from econml_cli.training.precision import to_device

#: a layer fails where more than this share of the units it reads are dead
DEAD = 0.1
#: rounding errors that a change of the order of summation may make, as multiples of the precision's epsilon
ROUNDING = 1000


@dataclass(frozen=True)
class Check:
    """One check: what was measured (`value`), what it must not exceed (`limit`), and a sentence on both."""

    name: str
    status: Literal["pass", "fail", "not applicable"]
    detail: str
    value: float | None = None
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The check as JSON values."""
        return dict(vars(self))


def check_run(run: Run, step: int | None = None) -> tuple[Check, ...]:
    """Check the model of a checkpoint (default: the newest) on the run's own training and test data.

    Raises:
        DataError: the data are gone. RunError, CheckpointError: as `describe_checkpoint`.
    """
    with open_run(run, step=step) as opened:
        loaded, dtype, parts = opened.loaded(), opened.dtype, opened.own_samples().parts
        train = to_device(parts["train"], dtype).x
        name = "test" if "test" in parts else "train"
        other = to_device(parts[name], dtype).x
        return (
            finite_weights(loaded.model),
            same_after_merge(loaded.model, other, name),
            dead_units(loaded.model, train),
            permutation_invariance(loaded.model, other, name),
            condition_number(loaded.config, loaded.model, train),
        )


def finite_weights(model: Model) -> Check:
    """No weight is NaN or infinite."""
    found = [(leaf.path, leaf.nonfinite) for leaf in describe_state(model) if leaf.nonfinite]
    where = ", ".join(f"{path} ({count:,})" for path, count in found)
    return _judge(
        "finite weights", sum(count for _, count in found), 0, f"not finite: {where}" if found else "all are finite"
    )


def same_after_merge(model: Model, x: Any, split: str) -> Check:
    """`nnx.merge(*nnx.split(model))` is the same function."""
    change = _largest(abs(a - b) for a, b in _both(model, nnx.merge(*nnx.split(model)), x, x))
    return _judge(
        "merge(split) is the model", change, 0, f"max |f - merge(split(f))| = {change:.2g} on the {split} data"
    )


def dead_units(model: Model, x: Any) -> Check:
    """Few hidden units are zero at every training observation."""
    name, rows = "dead units", hidden_units(model, x)
    if rows is None:
        return Check(name, "not applicable", "layers run inside a loop of JAX, where they cannot be seen")
    if not rows:
        return Check(name, "not applicable", "no hidden units")
    share = max(row.dead / row.units for row in rows)
    found = [f"{row.dead} of {row.units} that {row.read_by} reads" for row in rows if row.dead]
    zero = "none is zero at every training observation"
    return _judge(name, share, DEAD, f"{', '.join(found)}; at most {DEAD:.0%} may be" if found else zero)


def permutation_invariance(model: Model, x: Any, split: str) -> Check:
    """A deep set gives the same, whatever the order of the elements of a set; an equivariant one the same in that
    order."""
    name = "permutation invariance"
    if not all(hasattr(model, part) for part in ("phi", "rho", "pool")):
        return Check(name, "not applicable", "no deep set")
    size, each = getattr(model, "element_size", 1), getattr(model, "equivariant", False)
    order = np.random.default_rng(0).permutation(x.shape[1] // size)
    pairs = list(_both(model, model, x, x[:, _places(order, size)]))
    if each:
        pairs = [(a[:, _places(order, a.shape[1] // len(order))], b) for a, b in pairs]
    change, size = _largest(abs(a - b) for a, b in pairs), _largest(abs(a) for a, _ in pairs)
    limit = ROUNDING * float(jnp.finfo(x.dtype).eps) * max(1.0, size)
    told = f"max |f(x) - f(permuted x)| = {change:.2g} on the {split} data, rounding allows {limit:.2g}"
    return _judge(name, change, limit, told)


def _places(order: np.ndarray, size: int) -> np.ndarray:
    """Where the numbers of elements in this order are in a vector that has the first of all, then the second, ..."""
    places: np.ndarray = (np.arange(size)[:, None] * len(order) + order).ravel()
    return places


def condition_number(config: FitConfig, model: Model, x: Any) -> Check:
    """The design of a model that is linear in its parameters is not singular in the arithmetic it was fitted in."""
    name, columns = "condition number", design(config, model, x)
    if columns is None:
        return Check(name, "not applicable", "neither linear nor polynomial")
    n, k = columns.shape
    singular = np.linalg.svd(columns, compute_uv=False)
    value = float(singular[0] / singular[-1]) if n >= k and singular[-1] > 0 else float("inf")
    solved = getattr(model, "solver", "gradient") != "gradient"
    dtype = "float64" if solved else config.trainer.dtype
    limit = 1 / float(np.finfo(dtype).eps)
    told = f"{value:.4g} of the design [{n}, {k}]; singular in {dtype} from {limit:.2g}"
    return _judge(name, value, limit, told)


def design(config: FitConfig, model: Model, x: Any) -> np.ndarray | None:
    """The design matrix [n, k] of a linear or polynomial model, also after a representation, in float64."""
    if config.model not in ("linear", "polynomial"):
        return None
    graphdef, state = nnx.split(model)
    with jax.enable_x64(True):
        wide = nnx.merge(graphdef, jax.tree.map(_widen, state))
        z = jnp.asarray(np.asarray(x, np.float64))
        if config.representation.phi is not None:
            wide, z = wide.h, wide.phi(z)
        if config.model == "polynomial":
            return np.asarray(wide.phi(z), np.float64)
        flat = np.asarray(z, np.float64).reshape(len(z), -1)
        return flat if wide.linear.bias is None else np.column_stack([np.ones(len(flat)), flat])


def _widen(leaf: Any) -> Any:
    is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
    return jnp.asarray(np.asarray(leaf, np.float64)) if is_float else leaf


def _judge(name: str, value: float, limit: float, detail: str) -> Check:
    return Check(name, "pass" if value <= limit else "fail", detail, float(value), limit)


def _both(first: Any, second: Any, x: Any, other: Any) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    """Two models at two samples, in blocks of rows."""
    (graphdef, one), (_, two) = nnx.split(first), nnx.split(second)
    f = jax.jit(lambda state, x: nnx.merge(graphdef, state)(x))
    for a, b in small_blocks((x, other)):
        yield jax.device_get((f(one, a), f(two, b)))


def _largest(arrays: Iterable[np.ndarray]) -> float:
    """The largest element; infinite where one is NaN."""
    largest = max(float(np.max(array)) for array in arrays)
    return largest if largest == largest else float("inf")
