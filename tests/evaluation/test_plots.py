"""`econml eval --plot`, `--with` and `--den-haan-marcet`: what they say, what they draw, what they refuse."""

import functools
import json
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx
from PIL import Image
from scipy import special

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.evaluation import counterfactual
from econml_cli.evaluation.den_haan_marcet import Paths, _statistics, den_haan_marcet
from econml_cli.evaluation.drawing import figures, panels
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.effects import effects as run_effects
from econml_cli.evaluation.marginal.partial_dependence import partial_dependences
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.problems.economies.investment import Investment
from econml_cli.problems.economies.irbc import IRBC
from econml_cli.runs.directory import Run
from econml_cli.training.precision import precision
from tests.support.fits import fitted, load_model
from tests.support.models import Apply

SMALL = {"N": 32, "N_test": 32, "N_val": 8, "num_epochs": 3, "width": 4}
FIRMS = {"N": 8, "trajectories": 2, "trajectories_val": 1, "trajectories_test": 1, "periods": 9, "num_epochs": 2}
TINY = {"phi_width": 4, "rho_width": 4, "rho_depth": 1}


#: a tiny run for each kind of figure
KINDS = {
    "savings": ("mlp", "brock_mirman", SMALL),
    "firms": ("deep_set", "investment", {**FIRMS, **TINY}),
    "sine": ("mlp", "function", {"expr": "sin(2*pi*x)", **SMALL}),
    "line": ("linear", "linear", {"N": 40, "N_test": 20, "N_val": 0, "num_epochs": 2}),
    "interpolated": ("kernel", "function", {"expr": "x^2", "N": 20, "N_test": 8, "N_val": 0}),
    "classes": ("mlp", "xor", {"num_epochs": 2, "width": 4}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a name, fitted when it is first asked for."""
    directory = tmp_path_factory.mktemp("runs")

    @functools.cache
    def one(name):
        model, problem, options = KINDS[name]
        return fitted(directory / name, model, problem, **options).path

    return one


def drawn(run: Path, **options):
    """The first three axes of a figure."""
    policy, residuals, convergence = figures.figure(Run(run), **options).axes[:3]
    return policy, residuals, convergence


@pytest.mark.slow
def test_a_policy_is_lines_over_the_first_state_at_round_values_of_the_second(made):
    run = Run(made("savings"))
    policy, residuals, response, convergence = figures.figure(run).axes
    assert (policy.get_xlabel(), policy.get_ylabel()) == ("capital k", "savings rate")
    fitted, exact = policy.get_lines()[::2], policy.get_lines()[1::2]
    assert len(fitted) == 3 and all(np.allclose(line.get_ydata(), 0.36 * 0.96) for line in exact)
    model, problem = load_model(run)[0], BrockMirman()
    z = [float(line.get_label().removeprefix("z = ")) for line in fitted]
    assert z[0] < -0.05 < abs(z[1]) < 0.05 < z[2] and all(round(value, 2) == value for value in z)
    for value, line in zip(z, fitted, strict=True):
        k = np.asarray(line.get_xdata())
        x = problem.observe({"k": jnp.asarray(k), "z": jnp.full(len(k), value)})
        np.testing.assert_allclose(line.get_ydata(), problem.predict(model, x)[:, 0], atol=1e-4)
    assert sum(bar.get_height() for bar in residuals.patches) == 32
    assert response.get_ylabel() == "% from steady state"
    rows = run.metrics()
    losses = {line.get_label(): line.get_ydata() for line in convergence.get_lines()}
    assert np.allclose(losses["train loss"], [row["train_loss"] for row in rows])
    assert np.allclose(losses["val loss"], [row["val_loss"] for row in rows])
    assert len(figures.figure(Run(made("firms"))).axes) == 5  # 8 firms are a few states


@pytest.mark.slow
def test_a_figure_is_as_wide_as_a_column_or_a_page_and_the_same_to_the_byte(econml, made):
    for end in ("png", "pdf", "svg"):
        line = ("eval", made("line"), "--bootstrap", 0, "--figure-width", "single", "--plot")
        for name in ("a", "b"):
            done = econml(*line, f"{name}.{end}")
            assert f"drawn in {name}.{end}" in done.stderr
        written = Path(f"a.{end}").read_bytes()
        assert written == Path(f"b.{end}").read_bytes() and b"line: linear on linear" in written
    assert b"/FontFile2" in Path("a.pdf").read_bytes() and b"/CreationDate" not in Path("a.pdf").read_bytes()
    assert b"<text" not in Path("a.svg").read_bytes() and b"<dc:date>" not in Path("a.svg").read_bytes()
    with Image.open("a.png") as image:
        assert abs(image.width / image.info["dpi"][0] * 25.4 - 89) < 0.2 and round(image.info["dpi"][0]) == 300
    page = figures.figure(Run(made("line")), width="double")
    assert page.get_figwidth() * 25.4 == pytest.approx(183) and not page.texts
    assert "add --plot FILE" in econml("eval", made("line"), "--figure-width", "single").stderr


@pytest.mark.slow
def test_a_policy_of_many_states_is_drawn_against_its_truth(made):
    policy, *_ = drawn(made("firms"))
    points, diagonal = policy.get_lines()
    assert len(points.get_xdata()) == 10 and np.array_equal(*diagonal.get_data())
    assert policy.get_xlabel() == "investment u, exact"


@pytest.mark.slow
def test_a_function_of_one_input_is_a_curve_beside_the_truth_and_the_observations(made):
    curve, residuals, _ = drawn(made("sine"))
    observed, fitted, truth = curve.get_lines()
    assert len(observed.get_xdata()) == 32 and len(fitted.get_xdata()) == 400
    assert np.allclose(truth.get_ydata(), np.sin(2 * np.pi * truth.get_xdata()), atol=1e-5)
    assert sum(bar.get_height() for bar in residuals.patches) == 32
    assert not curve.collections  # 8 validation rows are too few for 95 %


@pytest.mark.slow
def test_other_problems_are_drawn_too(made):
    against, *_ = drawn(made("line"))
    assert against.get_xlabel() == "y, truth" and len(against.get_lines()[0].get_xdata()) == 20
    curve, _, convergence = drawn(made("interpolated"))
    assert len(curve.get_lines()) == 3 and convergence.get_lines()[0].get_marker() == "o"
    reliability, probabilities, _ = drawn(made("classes"))
    assert "Calibration error" in reliability.get_title("left") and reliability.get_ylabel() == "observed share"
    assert len(reliability.containers) == 1 and "predicted P(" in probabilities.get_xlabel()


def test_the_plot_is_of_one_run_and_of_a_known_format(econml, made):
    assert "draws one run, but 2 are named" in econml("eval", made("line"), made("savings"), "--plot", "s.png").stderr
    assert "must end in .png" in econml("eval", made("line"), "--plot", "s.jpg").stderr


@pytest.mark.slow
def test_with_evaluates_the_same_model_on_another_size(econml, made):
    def said(*options):
        done = econml("eval", made("firms"), "--bootstrap", 0, "--json", *options)
        return json.loads(done.stdout), done.stderr

    own, _ = said()
    assert "with" not in own
    other, notes = said("--with", "N=32", "--with", "trajectories-test=3,periods=4")
    assert other["with"] == {"N": 32, "trajectories_test": 3, "periods": 4}
    assert "was fitted with N=8" in notes and "with N=32, trajectories_test=3, periods=4" in other["notes"][0]
    assert (own["n_test"], other["n_test"]) == (10, 15) and other["test_loss"] != own["test_loss"]
    policy, *_ = drawn(made("firms"), changes={"N": "32", "trajectories_test": "3", "periods": "4"})
    assert policy.get_lines()[0].get_xdata().shape == (15,)


@pytest.mark.slow
def test_with_other_parameters_the_truth_is_theirs(econml, made):
    done = econml("eval", made("savings"), "--with", "alpha=.5", "--bootstrap", 0, "--plot", "s.png", "--json")
    assert json.loads(done.stdout)["with"] == {"alpha": 0.5}
    lines = drawn(made("savings"), changes={"alpha": ".5"})[0].get_lines()
    exact = [line for line in lines if np.allclose(line.get_ydata(), 0.5 * 0.96)]
    assert exact and len(exact) < len(lines)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("line", "--with", "M=3"), 1, "was fitted to x[n, 2] -> [n, 1], the changed problem has x[n, 3] -> [n, 1]"),
        (("savings", "--with", "sigmma=1"), 2, "has no option 'sigmma'. Did you mean 'sigma'?"),
        (("savings", "--with", "N=none"), 2, "--N must be an integer"),
        (("savings", "--with", "beta=1.2"), 2, "--beta must be > 0 and < 1"),
        (("savings", "--with", "N"), 2, "must be NAME=VALUE"),
        (("savings", "--with", "N=4,N=8"), 2, "names N twice"),
        (("savings", "--with", "N=16", "--predictions", "p.csv"), 2, "leave one of them out"),
        (("line", "--with", "N=16", "--data", "f.csv"), 2, "leave one of them out"),
        pytest.param(
            ("interpolated", "--with", "expr=x1*x2"),
            1,
            "keeps what it learnt from inputs of the one shape",
            marks=pytest.mark.slow,
        ),
        (("line", "--den-haan-marcet"), 2, "problem linear has no Euler error that a shock realises"),
        (("savings", "--den-haan-marcet", "--periods", 5), 2, "at least 90 periods"),
        (("savings", "--periods", 500), 2, "are those of --den-haan-marcet"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_a_sentence(econml, made, options, code, said):
    done = econml("eval", made(options[0]), *options[1:])
    assert done.code == code and said in done.stderr and done.stderr.count("\n") == 1 and done.stdout == ""


def test_a_comma_separates_changes_only_before_a_name():
    assert counterfactual.parse(["a=1,b-c=x,y", "d=f(1,2)"]) == {"a": "1", "b_c": "x,y", "d": "f(1,2)"}


def test_changes_are_for_problems_that_are_simulated():
    config = build("linear", "tabular", [("test", {"data": "f.csv", "target": "y"})])
    with pytest.raises(ConfigError, match="tabular reads a file"):
        counterfactual.changed_config(config, {"target": "z"})


def test_the_statistic_of_errors_that_nothing_predicts_is_chi_square():
    rng = np.random.default_rng(0)
    h, u = rng.normal(5, 2, (400, 2000, 2)), rng.standard_t(8, (400, 2000))
    found, degrees = _statistics(u * (1 + 0.2 * np.abs(h[..., 0])), h, 0.0)
    assert degrees == 3
    ranks = np.sort(special.chdtr(3, found))
    assert np.abs(ranks - np.linspace(0, 1, 2000)).max() < 1.63 / np.sqrt(2000)  # Kolmogorov-Smirnov at 1 %
    found, _ = _statistics(u + 0.2 * (h[..., 1] - 5), h, 0.0)
    assert np.mean(special.chdtr(3, found) > 0.95) > 0.9
    assert _statistics(u, h[..., [0, 0]], 0.0)[1] == 2  # an instrument twice is one


def test_the_statistic_of_the_errors_of_two_equations_is_chi_square_of_both():
    rng = np.random.default_rng(0)
    h, u = rng.normal(5, 2, (400, 2000, 1)), rng.standard_t(8, (400, 2000, 2))
    u[..., 1] += 0.5 * u[..., 0]  # errors of one period may move together
    found, degrees = _statistics(u, h, 0.0)
    assert degrees == 4
    ranks = np.sort(special.chdtr(4, found))
    assert np.abs(ranks - np.linspace(0, 1, 2000)).max() < 1.63 / np.sqrt(2000)  # Kolmogorov-Smirnov at 1 %
    u[..., 1] += 0.2 * (h[..., 0] - 5)
    assert np.mean(special.chdtr(4, _statistics(u, h, 0.0)[0]) > 0.95) > 0.9


def countries(level: float = 0.0):
    """(two countries whose shocks are so small that their log-linear policy is exact, it, with log k' more by this)."""
    problem = IRBC(sigma=1e-3)
    return problem, Apply(lambda x: jnp.full((len(x), 2), level / problem.units.remainder, x.dtype))


@pytest.mark.slow
def test_of_several_shocks_and_equations_den_haan_and_marcet_accept_the_exact_policy_and_reject_another():
    paths = Paths(periods=400, paths=200, burn_in=50)
    with precision("float64"):
        exact = den_haan_marcet(*countries(), "irbc", paths)
        wrong = den_haan_marcet(*countries(1e-3), "irbc", paths).numbers()
    assert exact.degrees == 10  # two equations, a constant and four states
    found = exact.numbers()
    assert found["dhm_above_95"] < 0.12 and 0.2 < found["dhm_p_value"] < 0.8
    assert wrong["dhm_above_95"] > 0.9


def firms(slope: float = 1.0):
    """(investment of few firms, its exact policy, with u times `slope`)."""
    problem = Investment(N=16, rngs=nnx.Rngs(0))
    return problem, Apply(lambda x: slope * (problem.H0 + problem.H1 * x.mean(axis=1, keepdims=True)))


@pytest.mark.slow
def test_den_haan_and_marcet_accept_the_exact_policy_and_reject_another():
    paths = Paths(periods=800, paths=200, burn_in=50)
    exact = den_haan_marcet(*firms(), "investment", paths)
    assert exact.degrees == 3
    found = exact.numbers()
    # 200 draws of a share of .05 have a standard deviation of .015
    assert abs(found["dhm_below_5"] - 0.05) < 0.05 and abs(found["dhm_above_95"] - 0.05) < 0.05
    assert 0.2 < found["dhm_p_value"] < 0.8
    wrong = den_haan_marcet(*firms(1.1), "investment", paths).numbers()
    assert wrong["dhm_above_95"] == 1 and wrong["dhm_p_value"] < 1e-6


@pytest.mark.parametrize("share", [0.36 * 0.96, 0.3])
def test_where_the_exact_policy_makes_no_error_whatever_the_shock_the_test_is_refused(share):
    """Its statistic would be that of rounding for the exact policy, and reject all others: no chi-square."""
    model = Apply(lambda x: jnp.full((len(x), 1), float(np.log(share / (1 - share))), x.dtype))
    with pytest.raises(ConfigError, match="holds whatever shock arrives"):
        den_haan_marcet(BrockMirman(), model, "brock_mirman", Paths(periods=200, paths=20, burn_in=20))


def test_a_path_that_explodes_is_rejected():
    class Explosive(BrockMirman):
        def step(self, model, state, shock):
            return {"k": state["k"] * 1e9, "z": state["z"]}, {}

    model = Apply(lambda x: jnp.zeros((len(x), 1), x.dtype))
    found = den_haan_marcet(Explosive(), model, "brock_mirman", Paths(periods=100, paths=3, burn_in=0)).numbers()
    assert found["dhm_above_95"] == 1


@pytest.mark.slow
def test_the_test_stands_in_the_result_with_what_it_is_to_be_compared_with(econml, made):
    options = ("--den-haan-marcet", "--periods", 120, "--paths", 8, "--bootstrap", 0)
    done = econml("eval", made("firms"), *options, "--json")
    found = json.loads(done.stdout)
    assert found["dhm_above_95"] == 1 and "chi-square(" in found["notes"][0] and "8 paths of 120 periods" in done.stderr
    assert "dhm statistic" in econml("eval", made("firms"), *options).stdout
    again = json.loads(econml("eval", made("firms"), *options, "--json", "--draw-seed", 1).stdout)
    assert again["dhm_statistic"] != found["dhm_statistic"]


@pytest.mark.slow
def test_a_column_whose_name_is_no_formula_is_drawn_as_it_is_written(econml, isolated):
    rows = "\n".join(f"{i % 7},{i % 5},{i % 7 - i % 5}" for i in range(60))
    (isolated / "money.csv").write_text("cost $a_{,price $b,$profit_$\n" + rows + "\n")
    done = econml("fit", "linear", "--data", "money.csv", "--target", "$profit_$", "--solver", "lstsq", "--out", "run")
    assert done.code == 0, done.stderr
    drawn = econml("eval", "run", "--plot", "fit.png")
    assert drawn.code == 0, drawn.stderr
    assert (isolated / "fit.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("unit", ["s", "min", "h", "D", "ME", "YE"])
def test_an_axis_of_dates_has_few_marks_and_warns_of_nothing(unit, recwarn):
    from matplotlib.figure import Figure

    for count in (2, 20, 40, 59, 61, 200):
        dates = pd.date_range("2001-01-31", periods=count, freq=unit)
        figure = Figure()
        axis = figure.add_subplot()
        axis.plot(dates.to_numpy(), np.arange(count))
        panels.date_axis(axis)
        figure.draw_without_rendering()
        assert 1 <= len(axis.get_xticks()) <= 8, (count, unit)
    assert not recwarn.list


def test_labels_of_a_stata_file_stand_on_the_axes_and_the_conformal_band_holds_what_it_says(isolated, tmp_path):
    rng = np.random.default_rng(0)
    educ = rng.integers(8, 18, 200)
    frame = pd.DataFrame({"wage": np.exp(0.1 * educ + rng.normal(0, 0.3, 200)), "educ": educ, "exper": educ % 5})
    frame.to_stata(
        "w.dta", write_index=False, variable_labels={"wage": "hourly wage, USD", "educ": "<b>years</b> $of$"}
    )
    run = fitted(tmp_path / "w", "linear", "tabular", data="w.dta", formula="log(wage) ~ educ + exper", solver="lstsq")
    assert run.preprocessing()["schema"]["columns"][0]["label"] == "hourly wage, USD"
    against, residuals, *_ = figures.figure(run).axes
    assert (
        against.get_xlabel() == "log(hourly wage, USD), observed" and residuals.get_xlabel() == "observed - predicted"
    )
    (band,), (points, _) = against.collections, against.get_lines()
    corners = band.get_paths()[0].vertices
    radius = np.abs(corners[:, 1] - corners[:, 0]).max()
    found = evaluate(run, bootstrap=0)
    held = np.mean(np.abs(points.get_ydata() - points.get_xdata()) <= radius + 1e-9)
    assert (
        0.85 < held <= 1
        and f"holding {held:.0%} of {found.n['test']}" in against.get_legend().get_texts()[1].get_text()
    )
    effect = run_effects(run, bootstrap=0).plot().axes[0]
    assert [text.get_text() for text in effect.get_yticklabels()] == ["<b>years</b> $of$", "exper"]
    assert not effect.get_yticklabels()[0].get_parse_math()
    assert "hourly wage, USD" in effect.get_xlabel().replace("\n", " ")
    assert partial_dependences(run, ["educ"], bootstrap=0)[0].plot().axes[0].get_xlabel() == "<b>years</b> $of$"
