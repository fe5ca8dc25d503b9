"""A sweep's parameters as Optuna knows them. Imports Optuna: import this module inside functions only.

Where Optuna has the distribution, its parameter is the value itself. Every other one is a u in (0, 1) to Optuna, and
the value is its quantile at u: what Optuna learns about u it learns about the value, for a quantile never falls.
"""

import math
import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.space import Parameter, Space

#: the most choices that are written into every trial; a longer list is known by the places in it
MOST_CHOICES = 256
#: beyond it a float does not hold every integer
WHOLE = 2**53


@dataclass(frozen=True)
class Axis:
    """One parameter that varies.

    Attributes:
        distribution: over Optuna's parameter.
        value: that parameter -> the value of ours.
        known_as: (value, u) -> Optuna's parameter, where the value was drawn as the quantile at u.
        find: value -> Optuna's parameter; raises ValueError where the parameter cannot have the value.
    """

    name: str
    distribution: BaseDistribution
    value: Callable[[Any], Any]
    known_as: Callable[[Any, float], Any]
    find: Callable[[Any], Any]


def axes(space: Space, method: str) -> tuple[Axis, ...]:
    """The axes of a space, in the order of the file; constants are none."""
    build = _listed if method == "grid" else _axis
    return tuple(build(p) for p in space.parameters if not isinstance(p.distribution, distributions.Constant))


def _listed(parameter: Parameter) -> Axis:
    return _choice(parameter.name, parameter.grid())


def _axis(parameter: Parameter) -> Axis:
    drawn, name = parameter.distribution, parameter.name
    if isinstance(drawn, distributions.Categorical) and drawn.probabilities is None:
        return _choice(name, drawn.values)
    if isinstance(drawn, distributions.IntUniform) and max(abs(drawn.min), abs(drawn.max)) < WHOLE:
        return _number(name, IntDistribution(drawn.min, drawn.max))
    if isinstance(drawn, distributions.Uniform) and math.isfinite(drawn.max - drawn.min):
        return _number(name, FloatDistribution(drawn.min, drawn.max))
    if isinstance(drawn, distributions.LogUniform):
        return _number(name, FloatDistribution(drawn.min, drawn.max, log=True))
    unit = FloatDistribution(distributions.EDGE, 1 - distributions.EDGE)
    return Axis(
        name,
        unit,
        lambda u: parameter.quantile(_within(u, unit)),
        lambda value, u: u,
        lambda value: _share(value, drawn),
    )


def _number(name: str, distribution: IntDistribution | FloatDistribution) -> Axis:
    def find(value: Any) -> Any:
        there = isinstance(value, int | float) and distribution.low <= value <= distribution.high
        if not there or (isinstance(distribution, IntDistribution) and value != int(value)):
            raise ValueError(f"{value} is not in [{distribution.low:g}, {distribution.high:g}]")
        return int(value) if isinstance(distribution, IntDistribution) else float(value)

    return Axis(name, distribution, lambda found: _within(found, distribution), lambda value, u: value, find)


def _share(value: Any, drawn: distributions.Distribution) -> float:
    """A u at which the quantile of a distribution is a value: by bisection, since a quantile never falls.

    Raises:
        ValueError: there is none.
    """
    if isinstance(drawn, distributions.Categorical):
        place, shares = _match(value, drawn.values), drawn.probabilities or ()
        if shares[place] == 0:
            raise ValueError(f"{value!r} has probability 0")
        return min(max(sum(shares[:place]) + shares[place] / 2, distributions.EDGE), 1 - distributions.EDGE)
    low, high = distributions.EDGE, 1 - distributions.EDGE
    for _ in range(200):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        low, high = (middle, high) if drawn.quantile(middle) < value else (low, middle)
    if not math.isclose(drawn.quantile(high), value, rel_tol=1e-9, abs_tol=1e-12):
        least, most = drawn.extremes()
        raise ValueError(f"{value} is none of the values between {least:g} and {most:g}")
    return high


def _within(value: Any, distribution: IntDistribution | FloatDistribution) -> Any:
    """The end of the range where rounding (exp of a log) has passed it."""
    return min(max(value, distribution.low), distribution.high)


def _choice(name: str, values: Sequence[Any]) -> Axis:
    if len(values) > MOST_CHOICES:
        return Axis(
            name,
            IntDistribution(0, len(values) - 1),
            lambda i: values[i],
            lambda v, u: _place(v, values),
            lambda v: _match(v, values),
        )
    # Optuna keeps scalars, and takes equal ones (1, 1.0, True) for the same: others go by their places
    scalar = all(v is None or isinstance(v, str | int | float) for v in values)
    distinct = scalar and len(set(values)) == len(values) and all(v == v for v in values)
    choices = tuple(values) if distinct else tuple(range(len(values)))
    return Axis(
        name,
        CategoricalDistribution(choices),
        lambda choice: values[choices.index(choice)],
        lambda value, u: choices[_place(value, values)],
        lambda value: choices[_match(value, values)],
    )


def _match(value: Any, values: Sequence[Any]) -> int:
    """The place of a value that came from elsewhere: 64.0 and "64" are 64.

    Raises:
        ValueError: it is not among the values.
    """
    for i, known in enumerate(values):
        if (known == value and isinstance(known, bool) == isinstance(value, bool)) or str(known) == str(value):
            return i
    raise ValueError(f"{value!r} is none of {reprlib.repr(list(values))}")


def _place(value: Any, values: Sequence[Any]) -> int:
    if isinstance(values, range):
        return values.index(value)
    return next(i for i, v in enumerate(values) if v is value or (type(v) is type(value) and v == value))
