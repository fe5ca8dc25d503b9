"""The affine map."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.initializers import affine
from econml_cli.models.least_squares import assign, solve_layer, with_constant
from econml_cli.models.table import LinearOptions


class Linear(nnx.Module):
    """f(x) = x W + b: [n, din] -> [n, dout]; `bias=False` is the lecture's MyLinear.

    Args:
        origin: whether the problem has f(0) = 0 (a formula with `- 1`), so that there is no b whatever `bias` says.
        options: those of `LinearOptions`.
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        origin: bool = False,
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
        **options: Any,
    ):
        p = LinearOptions(**options)
        self.solver = p.solver
        self.linear = affine(din, dout, bias=p.bias and not origin, init=p.init, param_dtype=param_dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        out: jax.Array = self.linear(x.reshape(len(x), -1))
        return out

    def adapt(self, x: Any) -> None:
        """Give weight 0 to inputs that are 0 in all training observations x [n, ...], of which nothing is learnt."""
        idle = ~np.any(np.asarray(x).reshape(len(x), -1), axis=0)
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
            `condition_number`, `rank` and `columns` of the design (x, and a constant where there is a bias), and
            `fitted`, as `least_squares.solve_layer`.
        """
        return solve_layer(self.linear, np.asarray(x, np.float64).reshape(len(x), -1), y, w=w)
