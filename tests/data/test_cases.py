"""Small files as people have them, one fault of reading each, with the numbers that are right."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.problems.tabular import Tabular

CASES = Path(__file__).parent / "cases"
WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


def problem(name, **options):
    """A problem of a case, all of whose rows are for training."""
    return Tabular(data=str(CASES / name), rngs=nnx.Rngs(0), **(WHOLE | options))


def ols(problem):
    """Least squares in the units of the file: {"Intercept": ..., design column: ...}."""
    batch = problem.sample(None, "train")
    x = np.asarray(batch.x, np.float64)
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.linalg.lstsq(design, np.asarray(batch.y)[:, 0], rcond=None)[0]
    return problem.unstandardise(beta[1:], beta[0])


def by_hand(y, *columns):
    """Least squares of columns that were made by hand, with a constant."""
    return np.linalg.lstsq(np.column_stack([np.ones(len(y)), *columns]), np.asarray(y), rcond=None)[0]


# -- rows are dropped before anything is asked of them


def test_a_year_whose_outcome_is_missing_everywhere_goes_with_its_rows():
    found = problem("level_only_missing.csv", formula="y ~ x + C(year)", missing="drop")
    rows = pd.read_csv(CASES / "level_only_missing.csv").dropna()
    assert len(found.sample(None, "train").x) == len(rows) == 80
    assert found.describe()["levels"] == {"C(year)": ["2001", "2002"]}
    np.testing.assert_allclose([*ols(found).values()], by_hand(rows.y, rows.x, rows.year == 2002), rtol=1e-9)


def test_the_log_of_a_row_that_goes_anyway_is_not_asked_for():
    rows = pd.read_csv(CASES / "zero_wage_missing.csv")
    assert rows[rows.wage == 0].educ.isna().all() and (rows.wage == 0).any()
    kept = rows.dropna()
    for formula, y, x in (("log(wage) ~ educ", np.log(kept.wage), kept.educ), ("educ ~ log(wage)", kept.educ, None)):
        found = problem("zero_wage_missing.csv", formula=formula, missing="drop")
        np.testing.assert_allclose(
            [*ols(found).values()], by_hand(y, np.log(kept.wage) if x is None else x), rtol=1e-9
        )


def test_a_class_of_rows_that_go_anyway_is_none():
    frame = pd.DataFrame({"y": ["a", "b"] * 20 + ["c"], "x": [*np.arange(40.0), np.nan]})
    frame.to_csv("t.csv", index=False)
    found = Tabular(data="t.csv", target="y", missing="drop", rngs=nnx.Rngs(0), **WHOLE)
    assert (found.task, found.classes, len(found.sample(None, "train").x)) == ("binary", ["a", "b"], 40)
    _, batch = found.encode("t.csv", need_target=True)
    assert len(batch.x) == 40
