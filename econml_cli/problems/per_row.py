"""Losses of one observation beside squared error and cross-entropy: of counts, durations, quantiles, outliers.

Each is a function (output [n, dout], y [n, 1]) -> [n], called inside jit; its row is in losses.py. No jax at module
level.
"""

from collections.abc import Callable, Sequence
from typing import Any

PerRow = Callable[[Any, Any], Any]


def exponential(output: Any) -> Any:
    """The mean at log(mean), [n, 1]."""
    import jax.numpy as jnp

    return jnp.exp(output)


def poisson(output: Any, y: Any) -> Any:
    """Half the Poisson deviance of counts y at log(mean): mu - y - y log(mu / y), 0 where mu = y.

    Source: McCullagh and Nelder (1989), Generalized Linear Models, table 2.1."""
    import jax.numpy as jnp
    from jax.scipy.special import xlogy

    return (jnp.exp(output) - y * output - y + xlogy(y, y))[:, 0]


def gamma(output: Any, y: Any) -> Any:
    """Half the gamma deviance of y > 0 at log(mean): y / mu - 1 - log(y / mu). Source: as `poisson`."""
    import jax.numpy as jnp

    return (y * jnp.exp(-output) - 1 - jnp.log(y) + output)[:, 0]


def huber(delta: float) -> PerRow:
    """e^2 where |e| <= delta, else delta (2 |e| - delta): squared error of small residuals, absolute of large ones.

    Source: Huber (1964), Annals of Mathematical Statistics 35, 73-101."""

    def per_row(output: Any, y: Any) -> Any:
        import jax.numpy as jnp

        error = jnp.abs(output - y)
        inside = jnp.minimum(error, delta)  # the derivative of error^2 alone reaches the inside
        return jnp.mean(jnp.where(error <= delta, jnp.square(output - y), delta * (2 * error - inside)), axis=1)

    return per_row


def pinball(levels: Sequence[float]) -> PerRow:
    """The mean over quantiles of max(q e, (q - 1) e), e = y - output_q, minimised by the conditional quantiles.

    Source: Koenker and Bassett (1978), Econometrica 46, 33-50."""

    def per_row(output: Any, y: Any) -> Any:
        import jax.numpy as jnp

        q, error = jnp.asarray(levels, output.dtype), y - output
        return jnp.mean(jnp.maximum(q * error, (q - 1) * error), axis=1)

    return per_row


def in_order(output: Any) -> Any:
    """Quantiles [n, k] sorted, so that none crosses another; which never raises the pinball loss.

    Source: Chernozhukov, Fernandez-Val and Galichon (2010), Econometrica 78, 1093-1125."""
    import jax.numpy as jnp

    return jnp.sort(output, axis=1)


def named(level: float) -> str:
    """The name of a quantile: q10 of 0.1, q2.5 of 0.025."""
    return f"q{100 * level:.10g}"
