"""Which products of the polynomials of several inputs a multivariate basis has."""

import functools
import itertools
import math
from collections.abc import Iterator

import numpy as np

#: features of a basis, at most
LARGEST = 100_000


@functools.lru_cache(maxsize=32)
def terms(din: int, degree: int, interaction: str, constant: bool = True) -> np.ndarray:
    """The terms of a basis as the factors they are products of, [terms, factors] of int; in order of total degree.

    Factor 0 is the constant 1, factor 1 + j degree + (d - 1) the polynomial of degree d >= 1 of input j; a term with
    fewer factors than others has zeros.

    Args:
        interaction: "none", "total" or "tensor", as in `PolynomialFeatures`.
        constant: whether the constant is a term.

    Raises:
        ValueError: there would be more than `LARGEST` terms, or none.
    """
    count = number(din, degree, interaction) - (not constant)
    if count > LARGEST:
        size = f"{count:,}" if count < 10**9 else f"more than 10^{int(math.log10(count))}"
        fewer = {"tensor": ", or take --interaction total", "total": ", or take --interaction none"}
        raise ValueError(
            f"--degree {degree} with --interaction {interaction} makes {size} features of {din} inputs, and at most "
            f"{LARGEST:,} can be had; lower the degree{fewer.get(interaction, '')}"
        )
    if count == 0:
        raise ValueError("degree 0 without a constant leaves no features; take a degree of 1 or more")
    found = sorted(_exponents(din, degree, interaction), key=lambda term: sum(d for _, d in term))
    width = max(1, max(map(len, found)))
    table = np.zeros((len(found), width), np.int64)
    for row, term in zip(table, found, strict=True):
        row[: len(term)] = [1 + j * degree + d - 1 for j, d in term]
    table.setflags(write=False)
    return table if constant else table[1:]


def number(din: int, degree: int, interaction: str) -> int:
    """How many terms a basis has, with the constant."""
    if interaction == "total":
        return math.comb(din + degree, degree)
    return (degree + 1) ** din if interaction == "tensor" else 1 + din * degree


def _exponents(din: int, degree: int, interaction: str) -> Iterator[tuple[tuple[int, int], ...]]:
    """Each term as pairs (input, degree >= 1), the constant as ()."""
    if interaction == "none":
        yield ()
        yield from (((j, d),) for d in range(1, degree + 1) for j in range(din))
    elif interaction == "tensor":
        for powers in itertools.product(range(degree + 1), repeat=din):
            yield tuple((j, d) for j, d in enumerate(powers) if d > 0)
    else:
        for total in range(degree + 1):
            for chosen in itertools.combinations_with_replacement(range(din), total):
                yield tuple((j, len(list(same))) for j, same in itertools.groupby(chosen))
