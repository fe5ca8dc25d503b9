"""Which values a distribution of a sweep can give."""

from decimal import Decimal
from typing import Any

from econml_cli.sweeps.spec.distributions import Categorical, Constant, Distribution, IntUniform, Quantized


def in_support(distribution: Distribution, value: Any) -> bool:
    """Whether the value lies in the support, and has its type."""
    if isinstance(distribution, Constant | Categorical):
        return value in distribution.extremes()
    low, high = distribution.extremes()
    if isinstance(distribution, IntUniform):
        return isinstance(value, int) and low <= value <= high
    if isinstance(distribution, Quantized):
        multiple = Decimal(str(distribution.q)) * round(value / distribution.q)
        return low <= value <= high and value == type(value)(multiple)
    return isinstance(value, float) and low <= value <= high
