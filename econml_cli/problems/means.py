"""Sums and means over observations, of NumPy and of JAX arrays alike: the only ones that know of weights."""

from typing import Any


def total(values: Any, w: Any = None) -> Any:
    """The sum over observations of values [n, ...] times weights w [n] (None: all are 1), [...]."""
    return values.__array_namespace__().sum(_weighted(values, w), axis=0)


def mean(values: Any, w: Any = None) -> Any:
    """The mean over observations of values [n, ...] with weights w [n] (None: all are 1), [...]."""
    xp = values.__array_namespace__()
    return xp.mean(values, axis=0) if w is None else xp.sum(_weighted(values, w), axis=0) / xp.sum(w)


def product(w: Any, v: Any) -> Any:
    """The product of two weights [n], either of which may be None."""
    return v if w is None else w if v is None else w * v


def _weighted(values: Any, w: Any) -> Any:
    return values if w is None else values * w.reshape(-1, *[1] * (values.ndim - 1))
