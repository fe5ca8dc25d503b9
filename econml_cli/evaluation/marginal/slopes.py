"""How the inputs of a model change with one column of the file: dx/dc, by differences of the encoding in float64."""

import ast
from collections.abc import Callable

import numpy as np

from econml_cli.data import expression
from econml_cli.data.formula import Formula

#: the step, as a share of a value: the cube root of the rounding error
STEP = float(np.cbrt(np.finfo(np.float64).eps))
#: what a value counts for at least in its step, as a share of the standard deviation
SMALL = 1e-4
#: how much shorter steps become where a step leaves the domain of a function: log(x) at a small x
SHORTER = 1e-4

Design = Callable[[np.ndarray], np.ndarray]


def slope(formula: Formula, names: list[str], name: str, values: np.ndarray, at: Design) -> np.ndarray:
    """dx_i/dc_i of the design, float64 [n, p], for a column of numbers; NaN where it is not defined.

    The slope of a column that stands in the formula by itself only is 1. Others are moved a step up and down, with an
    error of about 1e-10 of the slope: `exper` and `I(exper**2)` move together, and so give one effect of `exper`. What
    a comparison makes, I(exper > 10), is flat but for its jump, which no derivative sees.

    Args:
        names: of the p columns of the design. values: the column, [n]. at: the design [n, p] as a function of the
            column; without means taken off, which would cost digits.

    Source: Nocedal and Wright (2006), Numerical Optimization, section 8.1 (central differences and their step).
    """
    factors = {factor: node for factor, node in formula.features.items() if name in expression.columns(node)}
    terms = [term for term in formula.terms if set(term) & set(factors)]
    if all(expression.is_column(node) for node in factors.values()) and all(len(term) == 1 for term in terms):
        return np.broadcast_to(np.isin(names, list(factors)).astype(np.float64), (len(values), len(names)))
    sd = float(np.nanstd(values)) or 1.0
    lagged = any(expression.shifts(node) for node in factors.values())  # rows read each other: one step for all
    step = STEP * (np.full(len(values), sd) if lagged else np.maximum(np.abs(values), SMALL * sd))
    jumps = compared(formula, name)
    with np.errstate(all="ignore"):
        found = _difference(at, values, step, jumps)
        if not np.isfinite(found).all():
            found = np.where(np.isfinite(found), found, _difference(at, values, step * SHORTER, jumps))
    return np.where(np.isfinite(found), found, np.nan)


def compared(formula: Formula, name: str) -> bool:
    """Whether the column stands in a comparison, such as I(exper > 10)."""
    nodes = [part for node in formula.features.values() for part in ast.walk(node) if isinstance(part, ast.Compare)]
    return any(isinstance(part, ast.Name) and part.id == name for node in nodes for part in ast.walk(node))


def _difference(at: Design, values: np.ndarray, step: np.ndarray, jumps: bool) -> np.ndarray:
    """The central difference; where there may be `jumps` and it holds one, that of the side which has none."""
    above, below = at(values + step), at(values - step)
    central: np.ndarray = (above - below) / (2 * step[:, None])
    if not jumps:
        return central
    here = at(values)
    ahead, behind = above - here, here - below
    jump = np.abs(ahead - behind) > np.maximum(np.abs(ahead), np.abs(behind)) / 2
    one_sided: np.ndarray = np.where(np.abs(ahead) < np.abs(behind), ahead, behind) / step[:, None]
    return np.where(jump, one_sided, central)
