"""Risks taken apart, and learning curves: against the closed forms of least squares, and what is refused."""

import json
import math
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError, DivergedError
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal import columns
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.risk import refits
from econml_cli.evaluation.risk.bayes import bayes_risk, excess_loss, loss
from econml_cli.evaluation.risk.decompose import decompose
from econml_cli.evaluation.risk.learning_curve import learning_curve
from econml_cli.evaluation.risk.measure import Fresh, HeldOut, Meter
from econml_cli.evaluation.risk.population import population_risk
from econml_cli.evaluation.risk.risk_curve import LearningCurve, Point
from econml_cli.evaluation.samples import own_samples
from econml_cli.evaluation.standard_errors import around, estimate, freedom_of, groups_of, standard_error
from econml_cli.output import figure_files, tables
from econml_cli.problems.base import Batch
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import assemble
from tests.support.fits import fitted, load_model

SIGMA, M, N = 0.5, 10, 60
SIZES = {"N": 40, "N_test": 20, "N_val": 20}
#: investment of four firms, whose states are those of trajectories of 16
FIRMS = {"N": 4, "periods": 15, "trajectories": 1, "trajectories_val": 1, "trajectories_test": 20}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def ols(runs: Path) -> Run:
    """Least squares without a constant on a Gaussian design: every expectation below is exact."""
    return fitted(runs / "ols", bias=False, solver="lstsq", sigma=SIGMA, M=M, N=N, N_test=50, N_val=0)


@pytest.fixture(scope="module")
def curve(ols):
    return learning_curve(ols, (20, 40, 160), 60, draws=4000)


@pytest.fixture(scope="module")
def firms(runs: Path) -> Run:
    """A policy of four firms."""
    return fitted(runs / "firms", problem="investment", num_epochs=1, **FIRMS)


@pytest.fixture(scope="module")
def wild(runs: Path) -> Run:
    """A fit that diverged; with one epoch in minibatches of 5, refits to 5 observations do not."""
    options = {"lr": 1e6, "optimizer": "sgd", "batch_size": 5, "num_epochs": 1}
    return fitted(runs / "wild", M=3, N=200, sigma=0.1, **options)


@pytest.fixture(scope="module")
def wages(runs: Path) -> Path:
    """Fifty workers of four years each: log wages that share a worker's effect."""
    rng = np.random.default_rng(0)
    worker = np.repeat(np.arange(50), 4)
    x = rng.normal(size=(200, 2))
    y = 3 * x[:, 0] - x[:, 1] + rng.normal(size=50)[worker] + 0.5 * rng.normal(size=200)
    path = runs / "wages.csv"
    pd.DataFrame({"worker": worker, "a": x[:, 0], "b": x[:, 1], "wage": 100 + 10 * y}).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def of_wages(wages: Path, runs: Path) -> Run:
    """Least squares on them."""
    return fitted(runs / "wages", problem="tabular", data=str(wages), formula="wage ~ a + b", solver="lstsq")


@pytest.fixture(scope="module")
def found(ols):
    """What the run is decomposed into."""
    return decompose(ols)


# --- a decomposition


@pytest.mark.slow
def test_the_parts_of_a_risk_add_up(found):
    assert found.generalisation.value == pytest.approx(found.empirical.value - found.population.value)
    assert found.excess.value == pytest.approx(found.approximation.value + found.estimation.value)
    assert found.population.value == pytest.approx(found.bayes_risk + found.excess.value, abs=3 * 0.005)
    assert (found.n, found.draws, found.proxy_n, found.bayes_risk) == (N, 10_000, 10 * N, SIGMA**2)


def test_the_empirical_and_the_population_risk_are_those_of_eval(ols):
    found, known = decompose(ols, draws=3000, draw_seed=5, larger=0), evaluate(ols, draws=3000, draw_seed=5)
    assert found.empirical.value == pytest.approx(known.estimates["train_loss"].value)
    population = known.estimates["population_risk"]
    assert (found.population.value, found.population.standard_error) == pytest.approx(
        (population.value, population.standard_error), rel=1e-5
    )


def test_the_excess_risk_is_the_squared_distance_to_theta_with_less_error_than_a_difference(ols, found):
    theta = np.asarray(ols.manifest()["data"]["theta"])
    hat = np.asarray(load_model(ols)[0].linear.kernel[...])[:, 0]
    exact = float(np.sum(np.square(hat - theta)))
    assert abs(found.excess.value - exact) < 4 * found.excess.standard_error
    assert found.excess.standard_error < 0.3 * found.population.standard_error


def test_two_samples_add_their_variances_and_one_given_sample_does_not(ols):
    found = decompose(ols, larger=0)
    both = math.hypot(found.empirical.standard_error, found.population.standard_error)
    assert found.generalisation.standard_error == pytest.approx(both)
    assert found.generalisation_here.standard_error == found.population.standard_error
    assert found.best_in_class is None and found.proxy_n is None


def test_95_percent_of_the_intervals_of_a_population_risk_cover_it(ols):
    with precision("float32"):
        problem = own_samples(ols).problem
        model = refits.refit(ols.config(), problem, None, refits.new_samples(ols.config(), problem, N, 1, 3), 3).models[
            0
        ]
        measures = {"loss": loss(problem), "excess": excess_loss(problem)}
        values = Meter(measures).whole([model], Fresh(problem, "linear", 120_000, 1))
        exact = float(jnp.sum(jnp.square(model.linear.kernel[...][:, 0] - problem.theta)))
    for name, truth in (("loss", SIGMA**2 + exact), ("excess", exact)):
        several = [estimate(part) for part in values[name][0].reshape(300, 400)]
        covered = np.mean([e.low < truth < e.high for e in several])
        assert 0.91 <= covered <= 0.985, name


@pytest.mark.slow
def test_95_percent_of_the_intervals_of_a_generalisation_error_cover_its_mean_over_data_sets(ols):
    n, config = 400, ols.config()
    with precision("float32"):
        problem = own_samples(ols).problem
        samples = refits.new_samples(config, problem, n, 150, 7)
        found, meter = refits.refit(config, problem, None, samples, 7), Meter({"loss": loss(problem)})
        gaps = []
        for model, sample in zip(found.models, samples, strict=True):
            empirical = estimate(meter.whole([model], HeldOut(sample, "float32"))["loss"][0])
            exact = SIGMA**2 + float(jnp.sum(jnp.square(model.linear.kernel[...][:, 0] - problem.theta)))
            gaps.append(around(empirical.value - exact, empirical.standard_error))
    mean = -(SIGMA**2) * M * (1 / n + 1 / (n - M - 1))
    assert 0.90 <= np.mean([gap.low < mean < gap.high for gap in gaps]) <= 0.99


@pytest.mark.slow
def test_the_proxy_of_a_linear_autoencoder_is_near_the_principal_components(runs):
    run = fitted(
        runs / "pca", "autoencoder", "factor", dim=6, factors=2, latent=2, sigma=0.5, N=200, N_test=50, N_val=0,
        num_epochs=400, optimizer="lbfgs",
    )  # fmt: skip
    found = decompose(run)
    # in the population the four smallest eigenvalues of Lambda Lambda' + sigma^2 I are sigma^2
    bound = 4 * 0.25 / 6
    assert found.bayes_risk == 0
    assert found.approximation.value == pytest.approx(bound, rel=0.03)
    assert found.approximation.value == pytest.approx(found.best_in_class.value)
    assert 0 < found.estimation.value < 0.1 * bound


def test_the_proxy_is_called_one_and_says_how_it_was_fitted(ols):
    found = decompose(ols, larger=3)
    told = found.to_dict()
    # the lecture's identity: R_hat = R(f*) + eps_app + eps_gen, where eps_gen is negative as a rule
    parts = [told[name]["value"] for name in ("eps_app", "eps_gen", "eps_total")]
    assert parts[0] + parts[1] == pytest.approx(parts[2], rel=1e-6) and parts[1] < 0
    assert told["empirical_risk"]["value"] == pytest.approx(told["bayes_risk"] + parts[2], rel=1e-6)
    assert told["generalisation_error"] == told["eps_gen"]
    # the class holds the truth: what the proxy still lacks is in the interval
    assert found.approximation.low < 0 < found.approximation.high
    text = "\n".join(map(tables.text, found.grids()))
    assert "eps_app (population - Bayes)" in text and "of the class (proxy)" in text
    assert "proxy: the same recipe fitted to 180 observations" in text
    assert max(map(len, text.splitlines())) <= 80


@pytest.mark.slow
def test_states_of_one_trajectory_count_as_one_draw(isolated):
    config = build("linear", "investment", [("test", FIRMS)])
    with precision("float32"):
        made = assemble(config)
        values = Meter({"loss": loss(made.problem)}).whole([made.model], Fresh(made.problem, "investment", 320, 0))[
            "loss"
        ]
        risk = population_risk(made.problem, "investment", made.model, 320, 0)
    assert groups_of(made.problem, "population", 33).tolist() == [0] * 16 + [1] * 16 + [2]
    means = values[0].reshape(20, 16).mean(axis=1)
    expected = pytest.approx(means.std(ddof=1) / math.sqrt(20), rel=1e-6)
    assert standard_error(values[0], groups_of(made.problem, "population", 320)) == expected
    assert risk.standard_error == expected
    assert risk.value == pytest.approx(values.mean(), rel=1e-6)


@pytest.mark.slow
def test_states_of_one_trajectory_are_drawn_together_in_a_bootstrap(firms):
    found = evaluate(firms, draws=320)
    risk, test = found.estimates["population_risk"], found.estimates["test_loss"]
    assert found.n["test"] == 320
    assert (test.high - test.low) / (2 * 1.96 * risk.standard_error) == pytest.approx(1, abs=0.4)
    with open_run(firms) as opened:
        moved = columns.sample(opened, opened.loaded().model, split="test")  # of effects, and of --pdp
    assert np.bincount(moved.groups).tolist() == [16] * 20


@pytest.mark.slow
def test_draws_of_less_than_two_trajectories_are_refused_before_anything_is_fitted(firms):
    for what in (lambda: decompose(firms, draws=31), lambda: learning_curve(firms, (16,), 2, draws=31),
                 lambda: evaluate(firms, draws=31)):  # fmt: skip
        with pytest.raises(ConfigError, match="--draws must be at least 32, two trajectories: the 16 states"):
            what()


@pytest.mark.slow
def test_a_sample_of_one_trajectory_or_group_is_said_to_have_no_standard_error(firms, runs, wages, isolated):
    found = decompose(firms, draws=320, larger=0)
    assert math.isnan(found.empirical.standard_error) and found.population.standard_error > 0
    assert any("the train split is one trajectory" in note for note in found.notes)
    table = pd.read_csv(wages)
    table.assign(worker=np.where(table.worker < 40, 0, table.worker)).to_csv("wages.csv", index=False)
    options = {"formula": "wage ~ a + b", "solver": "lstsq", "data": "wages.csv", "group": "worker"}
    run = fitted(runs / "one-group", problem="tabular", test_fraction=0.02, val_fraction=0, **options)
    assert len(set(own_samples(run).problem.groups["test"])) == 1
    known = evaluate(run)
    assert math.isnan(known.estimates["test_loss"].low)
    for notes in (known.notes, decompose(run).notes, learning_curve(run, (3,), 2).notes):
        assert any("the test split is one group" in note for note in notes)


def test_fixed_points_have_no_population(isolated):
    config = build("linear", "growth", [("test", {"optimizer": "adam"})])
    with precision("float32"):
        made = assemble(config)
        problem, model = made.problem, made.model
        with pytest.raises(ConfigError, match="growth is fitted at fixed points"):
            list(Fresh(problem, "growth", 10, 0))
        with pytest.raises(ConfigError, match="no other data sets"):
            refits.new_samples(config, problem, 10, 1, 0)
        with pytest.raises(ConfigError, match="growth is fitted at fixed points"):
            population_risk(problem, "growth", model, 100, 0)


def test_one_draw_is_refused(ols):
    with pytest.raises(ConfigError, match="at least 2"):
        decompose(ols, draws=1)
    with pytest.raises(ConfigError, match="--draws"):
        learning_curve(ols, (10,), 2, draws=1)


# --- a file


def test_a_file_is_decomposed_on_its_test_split_and_invents_no_proxy(of_wages):
    found, known = decompose(of_wages), evaluate(of_wages).estimates
    assert found.over == "test split" and found.draws == 40 and found.n == 120
    assert found.empirical.value == pytest.approx(known["train_loss"].value, rel=1e-5)
    assert found.population.value == pytest.approx(known["test_loss"].value, rel=1e-5)
    assert found.bayes_risk is found.excess is found.approximation is found.estimation is None
    assert "not available" in tables.text(found.grids()[0])
    assert "more data than the file has" in found.notes[0]


def test_rows_of_one_group_count_as_one_observation(wages, runs):
    formula = {"formula": "wage ~ a + b", "solver": "lstsq", "data": str(wages), "problem": "tabular"}
    found = decompose(fitted(runs / "grouped", **formula, group="worker"))
    with precision("float32"):
        run = Run(runs / "grouped")
        own = own_samples(run)
        model = load_model(run)[0]
        values = Meter({"loss": loss(own.problem)}).whole([model], HeldOut(own.parts["test"], "float32"))["loss"][0]
    by_worker = pd.Series(values).groupby(own.problem.groups["test"]).mean()  # all have four rows
    expected = by_worker.std(ddof=1) / math.sqrt(len(by_worker))
    assert found.population.standard_error == pytest.approx(expected, rel=1e-6)


def test_a_file_without_a_test_split_is_told_to_have_one(wages, runs):
    run = fitted(
        runs / "no-test", problem="tabular", data=str(wages), formula="wage ~ a", test_fraction=0, num_epochs=1
    )
    for what in (lambda: decompose(run), lambda: learning_curve(run, (10,), 2)):
        with pytest.raises(ConfigError, match="--test-fraction"):
            what()


@pytest.mark.slow
def test_the_learning_curve_of_a_file_takes_rows_of_its_training_split(of_wages):
    run = of_wages
    with pytest.raises(ConfigError, match="120 is the largest n"):
        learning_curve(run, (50, 121), 2)
    found = learning_curve(run, (10, 120), 8)
    assert (found.over, found.draws, found.bayes_risk) == ("test split", 40, None)
    few, all_of_them = found.points
    assert few.population.value > all_of_them.population.value
    # of all rows there is one set: the risks are those of the run itself, whatever the draw
    assert all_of_them.empirical.value == pytest.approx(evaluate(run).estimates["train_loss"].value, rel=1e-5)
    assert standard_error(np.full(8, all_of_them.empirical.value)) == 0
    assert all_of_them.empirical_quantiles[0] == pytest.approx(all_of_them.empirical_quantiles[1], rel=1e-5)
    assert any("overlap" in note for note in found.notes)
    assert "excess risk" not in tables.text(found.grids()[1])


# --- a learning curve


@pytest.mark.slow
def test_the_learning_curve_of_least_squares_is_the_exact_one(curve):
    for point in curve.points:
        n, s2 = point.n, SIGMA**2
        excess, empirical = s2 * M / (n - M - 1), s2 * (1 - M / n)
        for found, exact in (
            (point.excess, excess),
            (point.population, s2 + excess),
            (point.empirical, empirical),
            (point.generalisation, empirical - s2 - excess),
        ):
            assert abs(found.value - exact) < 3 * found.standard_error, (n, exact)
        assert point.excess.standard_error < 0.15 * excess
        # R_hat is sigma^2 / n times a chi-square with n - M degrees of freedom
        assert point.empirical.standard_error == pytest.approx(s2 / n * math.sqrt(2 * (n - M) / 60), rel=0.25)


def test_few_data_sets_do_not_widen_the_band_of_an_error_that_they_share():
    assert freedom_of(1.0, 3, 0.0, 10_000) == 2
    assert freedom_of(1e-6, 3, 1.0, 10_000) == pytest.approx(9999)
    # Welch's own formula, of two samples of 5 and 20
    assert freedom_of(0.3, 5, 0.2, 20) == pytest.approx(0.13**2 / (0.0081 / 4 + 0.0016 / 19))
    assert around(0.0, 1.0, 9999).high == pytest.approx(1.96, abs=1e-3) and around(0.0, 1.0, 2).high > 4


@pytest.mark.slow
def test_the_bands_of_two_data_sets_know_how_many_draws_they_share(ols):
    population = learning_curve(ols, (2000,), 2, draws=100).points[0].population
    # the 100 draws are nearly all of the error, and Student's quantile at 1 is 12.7
    assert population.high - population.low < 2 * 4 * population.standard_error


@pytest.mark.slow
def test_the_spread_over_data_sets_is_wider_than_the_error_of_the_mean(curve):
    for point in curve.points:
        low, high = point.population_quantiles
        assert low < point.population.value < high
        assert high - low > 2 * (point.population.high - point.population.low)


def test_a_learning_curve_repeats_with_its_seed_and_not_with_another(ols):
    first, again, other = (learning_curve(ols, (20,), 3, draws=4000, seed=s).points[0] for s in (1, 1, 2))
    assert first == again
    assert first.empirical != other.empirical


def test_the_truth_is_that_of_the_run_and_the_data_are_new(ols):
    config = ols.config()
    with precision("float32"):
        own = own_samples(ols)
        first, second = refits.new_samples(config, own.problem, N, 2, 0)
    for sample in (first, second):
        theta = np.linalg.lstsq(np.asarray(sample.x), np.asarray(sample.y)[:, 0], rcond=None)[0]
        assert np.linalg.norm(theta - np.asarray(own.problem.theta)) < 1
    assert not np.allclose(first.x, second.x)
    assert not np.allclose(first.x, own.parts["train"].x)


@pytest.mark.slow
def test_refits_side_by_side_are_those_of_one_after_another(isolated):
    config = build("linear", "linear", [("test", {**SIZES, "sigma": 0.1, "num_epochs": 20, "lr": 0.1})])
    with precision("float32"):
        problem = assemble(config).problem
        samples = refits.new_samples(config, problem, 40, 2, 0)
        together = refits.refit(config, problem, None, samples, 0)
        first = refits.refit(config, problem, None, samples[:1], 0)
    assert together.empirical[0] == pytest.approx(first.empirical[0], rel=1e-4)
    kernels = [np.asarray(model.linear.kernel[...]) for model in together.models]
    np.testing.assert_allclose(kernels[0], first.models[0].linear.kernel[...], rtol=1e-4)
    assert not np.allclose(kernels[0], kernels[1])


@pytest.mark.slow
def test_refits_that_stop_early_need_the_validation_sample_of_the_run(isolated):
    config = build("linear", "linear", [("test", {**SIZES, "num_epochs": 50, "patience": 1, "lr": 0.1, "sigma": 1})])
    with precision("float32"):
        made = assemble(config)
        samples = refits.new_samples(config, made.problem, 40, 2, 0)
        with pytest.raises(ConfigError, match="--patience needs a validation split"):
            refits.refit(config, made.problem, None, samples, 0)
        stopped = refits.refit(config, made.problem, made.val, samples, 0)
    exact = [np.linalg.lstsq(s.x, s.y[:, 0], rcond=None)[1][0] / 40 for s in samples]
    assert np.all(stopped.empirical > np.asarray(exact))


@pytest.mark.slow
def test_refits_that_diverge_are_counted_and_left_out(wild):
    found = learning_curve(wild, (5, 200), 2, draws=100)
    assert [(point.refits, point.diverged) for point in found.points] == [(2, 0), (0, 2)]
    assert "2 at n = 200" in found.notes[-1]
    assert any("wild diverged: here its recipe is fitted anew" in note for note in found.notes)
    assert disk.finite(found.to_dict())["points"][1]["population_risk"] is None
    assert "-" in tables.text(found.grids()[0])
    found.plot()


@pytest.mark.slow
def test_a_curve_without_a_single_refit_is_an_error(wild):
    with pytest.raises(DivergedError, match="All 4 refits of wild diverged") as error:
        learning_curve(wild, (100, 200), 2, draws=100)
    assert error.value.exit_code == 3


@pytest.mark.slow
def test_the_risk_of_a_run_that_diverged_is_said_to_be_that_of_its_last_weights(wild):
    assert any("wild diverged: these are its weights of epoch" in note for note in decompose(wild, larger=0).notes)


@pytest.mark.parametrize(
    ("samples", "replications", "says"),
    [((), 5, "--samples"), ((0, 10), 5, "--samples"), ((10, 10), 5, "--samples"), ((10,), 1, "--replications")],
)
def test_sizes_and_numbers_that_make_no_sense_are_refused(ols, samples, replications, says):
    with pytest.raises(ConfigError, match=says):
        learning_curve(ols, samples, replications)


def test_tables_of_a_curve_fit_into_80_columns_whatever_the_size_of_its_losses():
    wide = Estimate(-3.2e-05, -9.866e-06, -5.413e-05, 1.234e-06)
    point = Point(100_000, 20, 0, wide, wide, wide, wide, (9.866e-06, 5.413e-05), (9.866e-06, 5.413e-05))
    found = LearningCurve("bm", "mlp", "brock_mirman", "fresh draws", 10_000, 0, 20, 0.0, (point,))
    assert max(len(line) for grid in found.grids() for line in tables.text(grid).splitlines()) <= 80


@pytest.mark.slow
def test_a_curve_as_tables_json_csv_and_figure(curve, tmp_path):
    text = "\n".join(map(tables.text, curve.grids()))
    assert max(map(len, text.splitlines())) <= 80
    assert "Bayes risk 0.2500" in text
    found = json.loads(json.dumps(disk.finite(curve.to_dict()), allow_nan=False))
    assert [point["n"] for point in found["points"]] == [20, 40, 160]
    assert set(found["points"][0]["excess_risk"]) == {"value", "low", "high", "standard_error"}
    rows = curve.rows()
    assert rows[1]["n"] == 40 and rows[1]["population_risk_low"] < rows[1]["population_risk"]
    assert rows[0]["population_quantiles_q10"] < rows[0]["population_quantiles_q90"]
    figure = curve.plot()
    axis = figure.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    assert {text.get_text() for text in axis.get_legend().get_texts()} == {
        "train risk, 95 % band",
        "population risk, 95 % band",
        "Bayes risk",
    }
    figure_files.save(figure, tmp_path / "curve.svg")
    assert (tmp_path / "curve.svg").stat().st_size > 1000


# --- Bayes risks


def test_the_bayes_risk_is_what_the_problem_says_or_unknown():
    class Mine:
        simulated, task = True, "regression"

    class Classes(Mine):
        """y = 1 with probability 0.9 everywhere."""

        task, loss_scale = "binary", 1.0
        bayes_risk = -0.9 * math.log(0.9) - 0.1 * math.log(0.1)

        def best(self, x):
            return jnp.full((len(x), 1), math.log(9))

        def loss(self, model, batch):
            return jnp.logaddexp(0, -(2 * batch.y - 1) * model(batch.x))[:, 0]

    assert bayes_risk(Mine()) is None and excess_loss(Mine()) is None
    x, y = jnp.zeros((10, 1)), jnp.array([[1.0]] * 9 + [[0.0]])
    even = excess_loss(Classes())(lambda x: jnp.zeros((len(x), 1)), Batch(x, y))
    assert float(even.mean()) == pytest.approx(math.log(2) - Classes.bayes_risk, rel=1e-5)


def test_the_excess_under_another_loss_than_the_squared_error_is_the_difference_of_the_two():
    class Median:
        """The median of y = x + e; its loss is half the absolute error."""

        simulated, task, loss_scale = True, "regression", 1.0
        bayes_risk = math.sqrt(0.5 / math.pi)

        def best(self, x):
            return x

        def loss(self, model, batch):
            return jnp.abs(batch.y - model(batch.x))[:, 0] / 2

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 1))
    batch, excess = Batch(jnp.asarray(x), jnp.asarray(x + rng.normal(size=(4000, 1)))), excess_loss(Median())
    assert float(jnp.abs(excess(lambda x: x, batch)).max()) == 0
    # (E|e - 1| - E|e|) / 2 of a standard normal e
    assert float(excess(lambda x: x + 1, batch).mean()) == pytest.approx(0.1844, abs=0.02)


#: the sizes of the draws below, so that all samples of a problem are drawn by one program
SAME = {"N": 5000, "N_test": 5000, "N_val": 5000}


@pytest.mark.parametrize(
    ("problem", "options", "least"),
    [
        ("function", {"expr": "sin(x)", "noise": 0.3, **SAME}, 0.09),
        ("friedman", {"noise": 2.0, **SAME}, 4.0),
        ("runge", {}, 0.0),
        ("xor", {}, 0.0),
        ("symmetric", SAME, 0.0),
        ("factor", SAME, 0.0),
        ("brock_mirman", {}, 0.0),
    ],
)
def test_problems_with_a_known_truth_know_their_bayes_risk(problem, options, least):
    with precision("float32"):
        made = assemble(build("linear", problem, [("test", options)])).problem
        assert bayes_risk(made) == pytest.approx(least)
        if hasattr(made, "known"):
            batch = made.sample(nnx.Rngs(0), "population", 5000)
            excess = excess_loss(made)(made.known.best, batch)
            assert float(jnp.max(excess)) < 1e-9
            assert float(jnp.mean(made.loss(made.known.best, batch))) == pytest.approx(least, rel=0.1, abs=1e-9)
