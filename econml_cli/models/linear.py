"""The affine map."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.initializers import initializers
from econml_cli.models.least_squares import solve_layer


class Linear(nnx.Module):
    """f(x) = x W + b: [n, din] -> [n, dout]; `bias=False` is the lecture's MyLinear.

    Args:
        solver: "gradient" (trained from random weights) or "lstsq" (ordinary least squares).
    """

    def __init__(
        self,
        din: int,
        dout: int,
        *,
        bias: bool = True,
        solver: str = "gradient",
        init: str = "lecun_normal",
        param_dtype: Any = jnp.float32,
        rngs: nnx.Rngs,
    ):
        self.solver = solver
        kernel_init, bias_init = initializers(init, din)
        self.linear = nnx.Linear(
            din, dout, use_bias=bias, kernel_init=kernel_init, bias_init=bias_init, param_dtype=param_dtype, rngs=rngs
        )

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
