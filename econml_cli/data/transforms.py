"""Compute a checked expression over the rows of a table, node by node; learn on the way what poly, bs and scale need.

What is learnt is plain JSON, {text of the call: {name: numbers}}, so that new rows get the transformation of the old.
"""

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import dates, expression, panel
from econml_cli.data.arithmetic import compute
from econml_cli.data.columns import as_numbers
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

Learnt = dict[str, dict[str, Any]]


def of_several_rows(node: expression.Node) -> bool:
    """Whether its value in a row depends on other rows."""
    return any(expression.uses(node, name) for name in (*expression.SHIFTING, *_LEARNING))


def evaluate(node: expression.Node, frame: "pd.DataFrame", learnt: Learnt, rows: np.ndarray | None) -> np.ndarray:
    """The value of an expression in every row: float64 [n], or [n, k] for poly and bs; NaN where a column is missing.

    `rows` [n] bool are those to learn from, and `learnt` is then filled; None: `learnt` says all.

    Raises:
        DataError: a column holds text, or there are too few different values to learn from.
    """

    def call(name: str, node: ast.Call, of: Callable[[ast.expr], Any]) -> Any:
        return _call(name, node, of(node.args[0]), learnt, rows)

    def call_by_name(name: str, node: ast.Call, of: Callable[[ast.expr], Any]) -> Any:
        if name in expression.OF_DATES:
            column = expression.columns(node)[0]
            return dates.part(name, frame[column], column)
        if name in expression.SHIFTING:
            k = int(expression.arguments(node)["k"] or 0)
            return panel.shifted(name, of(node.args[0]), k, frame, learnt.get(panel.KEY))
        return call(name, node, of)

    with np.errstate(all="ignore"):  # log(0) and the like are reported by row, by whoever asked
        value = compute(node, np.float64, lambda name: as_numbers(frame[name], name), call_by_name)
    return np.broadcast_to(value, (len(frame),)).copy() if np.ndim(value) == 0 else value


def _call(name: str, node: ast.Call, x: Any, learnt: Learnt, rows: np.ndarray | None) -> Any:
    if name == "I":
        return x
    if name in expression.ELEMENTWISE:
        return getattr(np, name)(x)
    options = expression.arguments(node)
    key = expression.show(node)
    learn, apply = _LEARNING[name]
    if rows is not None:
        usable = x[rows & np.isfinite(x)]
        if len(np.unique(usable)) <= (options.get("degree") or 1):
            raise DataError(f"{key} has too few different values in the training split to learn from.")
        try:
            learnt[key] = learn(usable, options)
        except ValueError as error:
            raise DataError(f"{key} cannot be learnt: {str(error).rstrip('.')}.") from None
    return apply(x, learnt[key], options)


def _learn_scale(x: np.ndarray, options: Any) -> dict[str, float]:
    return {"mean": float(x.mean()), "sd": float(x.std())}


def _learn_poly(x: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
    from formulaic.transforms.poly import poly

    state: dict[str, Any] = {}
    poly(x, options["degree"], _state=state)
    return {name: [float(values[i]) for i in sorted(values)] for name, values in state.items()}


def _apply_poly(x: np.ndarray, learnt: dict[str, Any], options: dict[str, Any]) -> np.ndarray:
    from formulaic.transforms.poly import poly

    state = {name: dict(enumerate(values)) for name, values in learnt.items()}
    return np.array(poly(x, options["degree"], _state=state), dtype=np.float64)


def _learn_bs(x: np.ndarray, options: dict[str, Any]) -> dict[str, Any]:
    from formulaic.transforms.basis_spline import basis_spline

    state: dict[str, Any] = {}
    basis_spline(x, df=options["df"], degree=options["degree"], extrapolation="extend", _state=state)
    return {name: np.asarray(value, dtype=np.float64).tolist() for name, value in state.items()}


def _apply_bs(x: np.ndarray, learnt: dict[str, Any], options: dict[str, Any]) -> np.ndarray:
    """Beyond the range of the training rows the outer polynomials go on, as in R."""
    from formulaic.transforms.basis_spline import basis_spline

    basis = basis_spline(x, degree=options["degree"], extrapolation="extend", _state=dict(learnt))
    return np.column_stack([np.where(np.isnan(x), np.nan, basis[i]) for i in sorted(basis)])


#: name -> (learn from [n], apply to [n])
_LEARNING: dict[str, tuple[Callable[..., dict[str, Any]], Callable[..., np.ndarray]]] = {
    "center": (_learn_scale, lambda x, learnt, options: x - learnt["mean"]),
    "scale": (_learn_scale, lambda x, learnt, options: (x - learnt["mean"]) / learnt["sd"]),
    "standardize": (_learn_scale, lambda x, learnt, options: (x - learnt["mean"]) / learnt["sd"]),
    "poly": (_learn_poly, _apply_poly),
    "bs": (_learn_bs, _apply_bs),
}
