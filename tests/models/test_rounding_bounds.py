"""How wrong rounding makes what is solved exactly: within the bound that is printed, against fractions."""

from decimal import Context, Decimal
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest

from econml_cli.models.kernel import KERNELS, KernelRegression
from econml_cli.models.least_squares import least_squares, weighted
from econml_cli.training.precision import precision

#: of square roots and exponentials, which are no fractions: far more digits than float64 has
DIGITS = Context(prec=40)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def hard(kind, n):
    """(design [n, k], y [n, 1]) in units far apart, or nearly collinear."""
    one, x, further = np.ones(n), normal(n), normal(n, seed=1)
    year = 1990.0 + np.random.default_rng(2).permutation(n) % 30
    designs = {
        "a trend squared": (one, year, year**2, x),
        "units": (one, 1e9 * x, 1e-9 * further),
        "nearly collinear": (one, x, x + 1e-6 * further),
        "plain": (one, x, further),
    }
    design = np.column_stack(designs[kind])
    return design, (design.sum(axis=1) / np.abs(design).max() + normal(n, seed=3))[:, None]


def solution(system):
    """The solution of equations [k, k + 1] of fractions, of which the last column is the right-hand side."""
    for i, pivot in enumerate(system):
        for j, other in enumerate(system):
            if i != j:
                times = other[i] / pivot[i]
                system[j] = [a - times * b for a, b in zip(other, pivot, strict=True)]
    return [row[-1] / row[i] for i, row in enumerate(system)]


def in_rationals(design, y, at):
    """What least squares says at rows, without rounding: the normal equations in fractions."""
    rows = [[Fraction(value) for value in row] for row in design.tolist()]
    system = [
        [sum(row[i] * row[j] for row in rows) for j in range(len(rows[0]))]
        + [sum(row[i] * Fraction(value) for row, value in zip(rows, y[:, 0].tolist(), strict=True))]
        for i in range(len(rows[0]))
    ]
    w = solution(system)
    return [sum(Fraction(a) * b for a, b in zip(row, w, strict=True)) for row in at.tolist()]


def most_wrong(found, exact):
    """The largest difference of values [n, 1] and fractions [n]."""
    return max(abs(float(Fraction(a) - b)) for a, b in zip(found[:, 0].tolist(), exact, strict=True))


@pytest.mark.parametrize("kind", ["a trend squared", "units", "nearly collinear", "plain"])
@pytest.mark.parametrize("n", [8, 40])
def test_what_rounding_does_to_least_squares_is_within_its_bound(kind, n):
    design, y = hard(kind, n)
    w, report = least_squares(design, y, at=design)
    wrong = most_wrong(design @ w, in_rationals(design, y, design))
    assert 0 < wrong <= report["fitted_error"] < 1e4 * wrong


def test_a_bound_is_told_only_where_there_is_one():
    design, y = hard("plain", 40)
    assert "fitted_error" not in least_squares(design, y, 0.1, at=design)[1]  # a ridge
    assert "fitted_error" not in least_squares(np.column_stack([design, design[:, 1]]), y, at=design)[1]
    wide, _ = hard("plain", 2)
    w, report = least_squares(wide, y[:2], at=wide)
    assert np.abs(wide @ w - y[:2]).max() <= report["fitted_error"] < 1e-13


def test_a_row_of_no_weight_is_within_its_bound_too():
    design, y = hard("nearly collinear", 40)
    weights = np.r_[np.ones(39), 0.0]
    design[-1] = 1e3, -1e3, 1e3  # far from the others
    w, report = least_squares(*weighted(design, y, weights), at=design)
    wrong = most_wrong(design @ w, in_rationals(design[:-1], y[:-1], design))
    assert 1e-10 < wrong <= report["fitted_error"]


def kernel_in_digits(kernel, squared):
    """k at a squared distance in length scales, a fraction, to forty digits."""
    times = {"rbf": 1, "matern12": 1, "matern32": 3, "matern52": 5}[kernel]
    squared = DIGITS.divide(Decimal(times * squared.numerator), Decimal(squared.denominator))
    if kernel == "rbf":
        return Fraction(DIGITS.exp(-squared / 2))
    r = DIGITS.sqrt(squared)
    smooth = {"matern12": 0, "matern32": Fraction(r), "matern52": Fraction(r) + Fraction(squared) / 3}[kernel]
    return Fraction(DIGITS.exp(-r)) * (1 + smooth)


def ridge_in_rationals(kernel, x, y, scale, ridge, b):
    """What kernel ridge regression says at its inputs, without rounding: b + y - ridge alpha, (K + ridge I) alpha = y -
    b."""
    points = [[Fraction(value) / Fraction(scale) for value in row] for row in x.tolist()]
    left = [Fraction(value) - Fraction(b) for value in y[:, 0].tolist()]
    system = [
        [kernel_in_digits(kernel, sum((p - q) ** 2 for p, q in zip(one, other, strict=True))) for other in points]
        for one in points
    ]
    for i, row in enumerate(system):
        row[i] += Fraction(ridge)
    alpha = solution([[*row, value] for row, value in zip(system, left, strict=True)])
    return [Fraction(value) - Fraction(ridge) * a for value, a in zip(y[:, 0].tolist(), alpha, strict=True)]


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("n", [3, 9])
@pytest.mark.parametrize(
    ("ridge", "level", "scale"),
    [(0.0, 0.0, 0.3), (0.0, 1e8, 3.0), (1e-9, 0.0, 3.0), (1e-9, 1e8, 30.0), (0.1, 0.0, 30.0), (0.1, 1e8, 0.3)],
)
def test_what_rounding_does_to_kernel_ridge_is_within_its_bound(kernel, n, ridge, level, scale):
    """At a level of 10^8 the mean that is added last has the most of it."""
    x, y = normal(n, 2), normal(n, 1, seed=1) + level
    with precision("float64"):
        options = {"kernel": kernel, "ridge": ridge, "length_scale": scale}
        model = KernelRegression(2, 1, n=n, param_dtype=jnp.float64, **options)
        model.adapt(jnp.asarray(x))
        report = model.solve(jnp.asarray(x), jnp.asarray(y))
        b = float(model.bias[...][0])
    wrong = most_wrong(report["fitted"], ridge_in_rationals(kernel, x, y, scale, ridge, b))
    assert wrong <= report["fitted_error"] < 1e4 * max(wrong, 1e-15 * (1 + level))
