"""Losses of one observation: of numbers, classes, counts, durations, quantiles, outliers, spread.

Each is a function (output [n, dout], y [n, 1], or classes [n]) -> [n], called inside jit; its row is in losses.py. No
jax at module level.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

PerRow = Callable[[Any, Any], Any]


def squared_error(output: Any, y: Any) -> Any:
    """The mean over outputs [n, dout] of (output - y)^2, [n]."""
    import jax.numpy as jnp

    return jnp.mean(jnp.square(output - y), axis=1)


def binary_cross_entropy(output: Any, y: Any) -> Any:
    """Cross-entropy in nats of log odds [n, 1] and y [n, 1] of 0 and 1, [n]."""
    import optax

    return optax.sigmoid_binary_cross_entropy(output, y)[:, 0]


def cross_entropy(output: Any, y: Any) -> Any:
    """Cross-entropy in nats of logits [n, classes] and class numbers y [n], [n]."""
    import optax

    return optax.softmax_cross_entropy_with_integer_labels(output, y)


def sigmoid(output: Any) -> Any:
    """The probability [n, 1] at log odds [n, 1]."""
    import jax

    return jax.nn.sigmoid(output)


def softmax(output: Any) -> Any:
    """The probability of each class [n, classes] at logits [n, classes]."""
    import jax

    return jax.nn.softmax(output)


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


#: the least variance of a normal distribution, in squared standard deviations of the target: a likelihood has no bound
#: where a row is fitted exactly
LEAST_VARIANCE = 1e-10


def _log_variance(output: Any) -> Any:
    """log(v + LEAST_VARIANCE) at log(v), which neither overflows nor stops to have a slope."""
    import jax.numpy as jnp

    return jnp.logaddexp(output, float(math.log(LEAST_VARIANCE)))


def gaussian(output: Any, y: Any) -> Any:
    """Minus the log density of y [n, 1] under N(m, v) at output [n, 2], m and log(v).

    Source: Nix and Weigend (1994), Proceedings of the IEEE International Conference on Neural Networks 1, 55-60."""
    import jax.numpy as jnp

    log_v = _log_variance(output[:, 1])
    return 0.5 * (math.log(2 * math.pi) + log_v + jnp.square(y[:, 0] - output[:, 0]) * jnp.exp(-log_v))


def mean_and_sd(output: Any) -> Any:
    """The mean and the standard deviation [n, 2] at output [n, 2] of `gaussian`."""
    import jax.numpy as jnp

    return jnp.concatenate([output[:, :1], jnp.exp(0.5 * _log_variance(output[:, 1:]))], axis=1)


def of_mixture(predictions: Any) -> Any:
    """Mean and standard deviation [n, 2] of the equal mixture of K normal distributions, given theirs [K, n, 2].

    Source: Lakshminarayanan, Pritzel and Blundell (2017), Advances in Neural Information Processing Systems 30."""
    import numpy as np

    means, sds = predictions[..., 0], predictions[..., 1]
    variance = np.square(sds).mean(axis=0) + means.var(axis=0)
    return np.stack([means.mean(axis=0), np.sqrt(variance)], axis=-1)


def in_order(output: Any) -> Any:
    """Quantiles [n, k] sorted, so that none crosses another; which never raises the pinball loss.

    Source: Chernozhukov, Fernandez-Val and Galichon (2010), Econometrica 78, 1093-1125."""
    import jax.numpy as jnp

    return jnp.sort(output, axis=1)


def named(level: float) -> str:
    """The name of a quantile: q10 of 0.1, q2.5 of 0.025."""
    return f"q{100 * level:.10g}"
