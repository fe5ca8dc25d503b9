"""The affine map."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models import absorbed_poisson
from econml_cli.models.absorbed_poisson import COLLINEAR
from econml_cli.models.fixed_effects import FixedEffects
from econml_cli.models.initializers import affine
from econml_cli.models.least_squares import assign, solve_layer, with_constant
from econml_cli.models.table import LinearOptions


class Linear(nnx.Module):
    """f(x) = x W + b: [n, din] -> [n, dout]; `bias=False` is the lecture's MyLinear.

    With fixed effects f(x) = z W + b + a_1[j_1] + ... + a_q[j_q], where x = (z, j): the last q inputs are numbers of
    levels, of which -1 has the effect 0, the mean of the effects over the training rows.

    Args:
        absorbed: how many levels each fixed effect has.
        origin: whether the problem has f(0) = 0 (a formula with `- 1`), so that there is no b whatever `bias` says.
        options: those of `LinearOptions`.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        absorbed: tuple[int, ...] = (),
        origin: bool = False,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
        **options: Any,
    ):
        p = LinearOptions(**options)
        self.solver = p.solver
        self.absorbed = tuple(absorbed)
        if self.absorbed and (p.solver == "gradient" or not p.bias or origin or dout != 1):
            raise ValueError(
                "fixed effects are solved for (--solver exact, without options of training), of one outcome, and hold "
                "the constant; leave out what says otherwise"
            )
        inputs = din - len(self.absorbed)
        self.linear = affine(inputs, dout, bias=p.bias and not origin, init=p.init, param_dtype=param_dtype, rngs=rngs)
        if self.absorbed:
            self.effects = nnx.Param(jnp.zeros(sum(self.absorbed), param_dtype))

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        rows = x.reshape(len(x), -1)
        if not self.absorbed:
            out: jax.Array = self.linear(rows)
            return out
        inputs, first = rows.shape[1] - len(self.absorbed), 0
        fitted: jax.Array = self.linear(rows[:, :inputs])
        for j, size in enumerate(self.absorbed):
            code = rows[:, inputs + j].astype(jnp.int32)
            fitted += jnp.where(code < 0, 0, self.effects[...][first + jnp.maximum(code, 0)])[:, None]
            first += size
        return fitted

    def adapt(self, x: Any) -> None:
        """Give weight 0 to inputs that are 0 in all training observations x [n, ...], of which nothing is learnt."""
        idle = ~np.any(np.asarray(x).reshape(len(x), -1)[:, : len(self.linear.kernel[...])], axis=0)
        if idle.any():
            self.linear.kernel[...] = jnp.where(idle[:, None], 0, self.linear.kernel[...])

    def design(self, x: Any) -> np.ndarray:
        """x [n, ...] as rows [n, k] in float64, and a constant at the end where there is a bias: f is linear in it."""
        rows = np.asarray(x, np.float64).reshape(len(x), -1)
        return rows if self.linear.bias is None else with_constant(rows)

    def assign(self, w: np.ndarray) -> None:
        """Set W, and b where there is one, to w [k, dout], the weights of the columns of `design`."""
        assign(self.linear, w)

    def solve(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """Set W and b to ordinary least squares of y [n, dout] on x [n, ...]; of several, to those of smallest norm.

        Returns:
            `condition_number`, `rank` and `columns` of the design (x, and a constant where there is a bias; with fixed
            effects what of x varies within their levels), and `fitted`, as `least_squares.solve_layer`.
        """
        if self.absorbed:
            return self._solve_within(np.asarray(x, np.float64), np.asarray(y, np.float64)[:, 0], w)
        return solve_layer(self.linear, np.asarray(x, np.float64).reshape(len(x), -1), y, w=w)

    def within(self, x: Any, w: Any = None) -> tuple[np.ndarray, FixedEffects]:
        """What of inputs x [n, din] varies within the levels, [n, din - q] float64, and the levels of rows with weights
        w [n]."""
        rows, q = np.asarray(x, np.float64), len(self.absorbed)
        levels = FixedEffects(rows[:, -q:], self.absorbed, w)
        return levels.within(rows[:, :-q]), levels

    def solve_poisson(self, x: Any, y: Any, w: Any = None) -> dict[str, Any]:
        """Set W, b and the fixed effects to those that maximise the Poisson likelihood of y [n, 1] with the mean exp(f)
        at x [n, din], with weights w [n].

        Returns:
            As `solve`, of columns within the levels at the last weights of the steps, and `newton_steps` and
            `gradient_norm` (over the mean of y).

        Raises:
            ValueError: it has no maximum.
        """
        rows, q = np.asarray(x, np.float64), len(self.absorbed)
        found = absorbed_poisson.fit(rows[:, :-q], rows[:, -q:], self.absorbed, np.asarray(y, np.float64)[:, 0], w)
        self._set_within(found.slopes, found.constant, found.effects)
        report = {"condition_number": found.condition, "rank": found.rank, "columns": len(found.slopes)}
        of_steps = {"gradient_norm": found.score, "newton_steps": found.steps}
        return {**report, **of_steps, "fitted": found.index[:, None]}

    def index(self, x: Any) -> np.ndarray:
        """f at x [n, din] with fixed effects, of which each row has a level, in float64: [n]."""
        rows, q = np.asarray(x, np.float64), len(self.absorbed)
        slopes, effects = (np.asarray(part[...], np.float64) for part in (self.linear.kernel, self.effects))
        assert self.linear.bias is not None  # it holds what the effects of mean 0 leave
        each = np.split(effects, np.cumsum(self.absorbed)[:-1])
        levels = sum(one[rows[:, j - q].astype(np.int64)] for j, one in enumerate(each))
        return np.asarray(rows[:, :-q] @ slopes[:, 0] + float(self.linear.bias[...][0]) + levels)

    def _set_within(self, slopes: np.ndarray, constant: float, effects: list[np.ndarray]) -> None:
        assign(self.linear, np.r_[slopes, constant][:, None])
        self.effects[...] = jnp.asarray(np.concatenate(effects), self.effects[...].dtype)

    def _solve_within(self, x: np.ndarray, y: np.ndarray, w: Any) -> dict[str, Any]:
        """Slopes by least squares within the levels, then the effects of what they leave."""
        rows = x[:, : -len(self.absorbed)]
        z, levels = self.within(x, w)
        root = np.sqrt(levels.w)[:, None]
        slopes, _, rank, s = np.linalg.lstsq(root * z, root[:, 0] * levels.within(y[:, None])[:, 0], rcond=COLLINEAR)
        effects, constant = levels.centred(levels.of(y - rows @ slopes))
        self._set_within(slopes, constant, effects)
        fitted = (rows @ slopes + constant + levels.sum_of(effects))[:, None]
        condition = float(s[0] / s[-1]) if len(s) and s[-1] > 0 else float("inf")
        return {"condition_number": condition, "rank": int(rank), "columns": len(slopes), "fitted": fitted}
