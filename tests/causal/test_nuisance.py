"""Nuisances: trained side by side, filled up to one size, predicted on rows that they have not seen."""

import numpy as np
import pytest

from econml_cli.causal.nuisance import Job, Trainable, config_of, quality
from econml_cli.errors import ConfigError

N = 120
SMALL = {"width": "4", "num_epochs": "20", "patience": "0", "batch_size": "0"}


@pytest.fixture(scope="module")
def table():
    r = np.random.default_rng(3)
    x = r.normal(size=(N, 2))
    return x, x[:, 0] - 2 * x[:, 1] + 0.1 * r.normal(size=N), (r.uniform(size=N) < 0.5).astype(float)


def jobs(x, y, folds, rows=None):
    rows = np.ones(N, dtype=bool) if rows is None else rows
    none = np.empty(0, dtype=int)
    return [
        Job(x, y, np.flatnonzero(rows & (folds != k)), none, np.flatnonzero(folds == k), seed=k)
        for k in range(int(folds.max()) + 1)
    ]


def trainable(model, binary, made, **changes):
    config = config_of(model, changes, 1, "rows.csv", "m", binary)
    return Trainable(config, binary, (max(len(j.train) for j in made), 0, max(len(j.test) for j in made)))


def test_a_linear_nuisance_is_least_squares_of_the_other_folds(table):
    x, y, _ = table
    folds = np.arange(N) % 3
    made = jobs(x, y, folds)
    found = trainable("linear", False, made).predictions(made)
    design = np.column_stack([np.ones(N), x])
    for job, each in zip(made, found, strict=True):
        beta = np.linalg.lstsq(design[job.train], y[job.train], rcond=None)[0]
        assert np.allclose(each, design[job.test] @ beta, atol=1e-9)


@pytest.mark.slow  # importing statsmodels
def test_a_linear_propensity_is_the_logit_of_statsmodels(table):
    import statsmodels.api as sm

    x, _, d = table
    folds = np.arange(N) % 2
    made = jobs(x, d, folds)
    found = trainable("linear", True, made).predictions(made)
    design = sm.add_constant(x)
    for job, each in zip(made, found, strict=True):
        fitted = sm.Logit(d[job.train], design[job.train]).fit(disp=0, tol=1e-12)
        assert np.allclose(each, fitted.predict(design[job.test]), atol=1e-6)


@pytest.mark.slow
def test_folds_trained_side_by_side_and_filled_up_are_those_trained_alone(table):
    x, y, _ = table
    folds = np.repeat([0, 1, 2], [30, 40, 50])  # training rows 90, 80, 70
    made = jobs(x, y, folds)
    together = trainable("mlp", False, made, **SMALL).predictions(made)
    for job, each in zip(made, together, strict=True):
        alone = trainable("mlp", False, [job], **SMALL).predictions([job])[0]
        assert np.allclose(each, alone, atol=2e-5)
    assert quality(y, np.concatenate(together), False)[0] > 0.1


@pytest.mark.slow
def test_the_outcome_of_a_row_does_not_move_its_own_prediction(table):
    x, y, _ = table
    folds = np.arange(N) % 3
    before = jobs(x, y, folds)
    fitter = trainable("mlp", False, before, **SMALL)
    changed = np.where(folds == 0, y + 100, y)
    found, after = fitter.predictions(before), fitter.predictions(jobs(x, changed, folds))
    assert np.array_equal(found[0], after[0])
    assert not np.allclose(found[1], after[1])


def test_a_nuisance_that_is_the_same_everywhere_is_not_fitted(table):
    x, _, _ = table
    made = jobs(x, np.zeros(N), np.arange(N) % 3)
    assert all((each == 0).all() for each in trainable("mlp", True, made, **SMALL).predictions(made))


def test_a_share_by_a_model_that_is_only_solved_is_a_linear_probability(table):
    x, _, d = table
    made = jobs(x, d, np.arange(N) % 2)
    fitter = trainable("polynomial", True, made, degree="1")
    assert fitter.by_squares
    design = np.column_stack([np.ones(N), x])
    beta = np.linalg.lstsq(design[made[0].train], d[made[0].train], rcond=None)[0]
    assert np.allclose(fitter.predictions(made)[0], design[made[0].test] @ beta, atol=1e-8)


def test_what_stops_gives_nothing(table):
    x, y, _ = table
    made = jobs(x, y, np.arange(N) % 3)
    assert trainable("mlp", False, made, **SMALL).predictions(made, lambda: True) is None


def test_quality_is_r2_and_log_loss():
    y, p = np.array([0.0, 1.0, 1.0, 0.0]), np.array([0.2, 0.6, 0.9, 0.4])
    r2, log_loss = quality(y, p, True)
    assert r2 == pytest.approx(1 - np.sum((y - p) ** 2) / 1.0)
    assert log_loss == pytest.approx(-np.mean(np.log([0.8, 0.6, 0.9, 0.6])))
    assert np.isnan(quality(y, p, False)[1])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "says"),
    [({"widht": "3"}, "Did you mean 'width'"), ({"target": "y"}, "--with target"), ({"width": "x"}, "--width")],
)
def test_an_option_that_the_nuisances_do_not_have_is_refused(changes, says):
    with pytest.raises(ConfigError, match=says):
        config_of("mlp", changes, 1, "rows.csv", "m", False)
