"""The affine map."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.initializers import affine
from econml_cli.models.least_squares import solve_layer
from econml_cli.models.table import LinearOptions


class Linear(nnx.Module):
    """f(x) = x W + b: [n, din] -> [n, dout]; `bias=False` is the lecture's MyLinear.

    Args:
        options: those of `LinearOptions`.
    """

    def __init__(self, din: int, dout: int, *, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any):
        p = LinearOptions(**options)
        self.solver = p.solver
        self.linear = affine(din, dout, bias=p.bias, init=p.init, param_dtype=param_dtype, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x [n, ...], shaped [n, dout]; an observation that is not a vector is read as one."""
        return self.linear(x.reshape(len(x), -1))

    def solve(self, x: Any, y: Any) -> dict[str, float]:
        """Set W and b to ordinary least squares of y [n, dout] on x [n, ...]; of several, to those of smallest norm.

        Returns:
            `condition_number`, `rank` and `columns` of the design (x, and a constant where there is a bias), and the
            `rounding_error`, as in `least_squares.rounded`, which raises ValueError where it is too large.
        """
        return solve_layer(self.linear, np.asarray(x, np.float64).reshape(len(x), -1), y)
