"""Scores given predictions: those of the package DoubleML, and the formulas of the paper."""

import numpy as np
import pytest

from econml_cli.causal import scores
from econml_cli.causal.folds import folds_of
from econml_cli.causal.scores import Estimated, Score

N, REPEATS, FOLDS = 400, 3, 4


@pytest.fixture(scope="module")
def rows():
    """Outcome, treatments, instrument, clusters, and predictions that nobody fitted."""
    r = np.random.default_rng(7)
    x = r.normal(size=N)
    z, e = (r.uniform(size=N) < 0.5).astype(float), (r.uniform(size=N) < 0.4).astype(float)
    p = np.where(r.uniform(size=N) < 0.7, z, e)
    shares = {name: r.uniform(0.05, 0.95, size=(REPEATS, N)) for name in ("m", "r0", "r1")}
    means = {name: x + r.normal(size=(REPEATS, N)) for name in ("l", "g0", "g1")}
    clusters = np.concatenate([np.arange(60), r.integers(0, 60, N - 60)])
    return {"y": x + e + r.normal(size=N), "d": x + r.normal(size=N), "z": z, "e": e, "p": p, "clusters": clusters}, {
        **shares,
        **means,
    }


def theirs(model, data, predicted, folds, clusters=None):
    """(estimate and standard error of each repeat, and the median) by DoubleML."""
    import doubleml
    import pandas as pd
    from doubleml.utils import DMLDummyClassifier, DMLDummyRegressor

    columns = {"x": np.zeros(N), **data} | ({} if clusters is None else {"clusters": clusters})
    roles = {"y_col": "y", "d_cols": "d", "x_cols": ["x"]} | ({"z_cols": "z"} if "z" in data else {})
    roles |= {} if clusters is None else {"cluster_cols": "clusters"}
    table = doubleml.DoubleMLData(pd.DataFrame(columns), **roles)
    number, share = DMLDummyRegressor(), DMLDummyClassifier()
    made = {
        "plr": lambda **k: doubleml.DoubleMLPLR(table, number, number, **k),
        "irm": lambda **k: doubleml.DoubleMLIRM(table, number, share, **k),
        "iivm": lambda **k: doubleml.DoubleMLIIVM(table, number, share, share, **k),
    }[model](n_folds=FOLDS, n_rep=REPEATS)
    splits = [[(np.flatnonzero(own != k), np.flatnonzero(own == k)) for k in range(FOLDS)] for own in folds]
    of_clusters = None
    if clusters is not None:
        whole = [[np.unique(clusters[rows]) for rows in part] for own in splits for part in own]
        pairs = [([train], [test]) for train, test in whole]
        of_clusters = [pairs[k : k + FOLDS] for k in range(0, len(pairs), FOLDS)]
    made.set_sample_splitting(splits, of_clusters)
    made.fit(external_predictions={"d": {f"ml_{name}": values.T for name, values in predicted.items()}})
    return made.all_coef[0], made.all_se[0], made.coef[0]


@pytest.mark.slow  # importing it
@pytest.mark.parametrize(
    ("model", "treatment", "names", "clustered"),
    [
        ("plr", "d", ("l", "m"), False),
        ("irm", "e", ("g0", "g1", "m"), False),
        ("iivm", "p", ("g0", "g1", "m", "r0", "r1"), False),
        ("plr", "d", ("l", "m"), True),
        ("irm", "e", ("g0", "g1", "m"), True),
    ],
)
def test_estimates_are_those_of_doubleml_given_the_same_predictions(rows, model, treatment, names, clustered):
    values, predictions = rows
    y, d, z = values["y"], values[treatment], values["z"] if model == "iivm" else None
    clusters = values["clusters"] if clustered else None
    folds = [folds_of(N, FOLDS, (1, repeat), clusters) for repeat in range(REPEATS)]
    predicted = {name: predictions[name] for name in names}
    ours = [
        scores.solve(
            scores.SCORES[model](y, d, z, {name: each[repeat] for name, each in predicted.items()}), own, clusters
        )
        for repeat, own in enumerate(folds)
    ]
    data = {"y": y, "d": d} | ({} if z is None else {"z": z})
    coef, error, median = theirs(model, data, predicted, folds, clusters)
    assert np.allclose([each.value for each in ours], coef, rtol=0, atol=1e-8)
    assert np.allclose([each.standard_error for each in ours], error, rtol=0, atol=1e-8)
    assert scores.median_of(ours).value == pytest.approx(median, abs=1e-8)


def test_the_median_has_the_variance_of_the_paper():
    repeats = [Estimated(1.0, 0.5), Estimated(2.0, 0.1), Estimated(4.0, 0.3)]
    found = scores.median_of(repeats)
    assert found.value == 2.0
    # 0.25 + 1, 0.01 + 0, 0.09 + 4: the median is 1.25
    assert found.standard_error == pytest.approx(1.25**0.5)


def test_an_average_has_the_standard_error_of_a_mean_and_clusters_of_one_row_change_nothing():
    b = np.random.default_rng(0).normal(size=50)
    score, folds = Score(-np.ones(50), b), np.arange(50) % 5
    found = scores.solve(score, folds)
    assert found.value == pytest.approx(b.mean())
    assert found.standard_error == pytest.approx(b.std() / 50**0.5)
    clustered = scores.solve(score, folds, np.arange(50))
    assert (clustered.value, clustered.standard_error) == pytest.approx((found.value, found.standard_error))


def test_rows_that_are_repeated_in_clusters_do_not_shrink_the_standard_error():
    b = np.random.default_rng(0).normal(size=50)
    once = scores.solve(Score(-np.ones(50), b), np.arange(50) % 5)
    of = np.repeat(np.arange(50), 4)
    found = scores.solve(Score(-np.ones(200), np.repeat(b, 4)), of % 5, of)
    assert found.value == pytest.approx(once.value)
    assert found.standard_error == pytest.approx(once.standard_error)
