"""--equation-weights: what weighs how much, that what is reported counts equations alike, and what is refused."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from econml_cli.errors import ConfigError
from econml_cli.problems.equation_weights import weights_of
from econml_cli.problems.known import residual
from econml_cli.training.precision import precision
from econml_cli.training.setup.equation_weights import read
from econml_cli.training.setup.setup import Workshop, assemble
from tests.support.fits import config

FILE = Path(__file__).parents[1] / "support" / "two_equations.py"
NAME = f"{FILE}:TwoEquations"


@pytest.fixture(autouse=True)
def named(monkeypatch):
    """The file of the problem is one that the user has named."""
    monkeypatch.setenv("ECONML_SOURCES", str(FILE))


def weighted(problem: str = NAME, **options: Any) -> Any:
    """The setup of a fit to it."""
    with precision("float64"):
        return assemble(config("mlp", problem, **options))


def squares(setup: Any) -> np.ndarray:
    """The mean square of each equation at the initial weights."""
    with precision("float64"):
        return np.mean(np.square(np.asarray(setup.problem.residual(setup.model, setup.train))), axis=0)


def test_auto_gives_each_equation_the_same_part_in_the_loss_at_the_start():
    setup = weighted(equation_weights="auto")
    weights, parts = np.asarray(weights_of(setup.problem)), squares(setup)
    assert weights.mean() == pytest.approx(1) and parts[0] / parts[1] > 1e4
    np.testing.assert_allclose(weights[0] * parts[0], weights[1] * parts[1], rtol=1e-6)
    with precision("float64"):
        loss = setup.problem.loss(setup.model, setup.train).mean()
        of_lm = np.mean(np.square(np.asarray(residual(setup.problem, setup.model, setup.train))))
    assert float(loss) == pytest.approx((weights @ parts) / 2) == pytest.approx(of_lm)


def test_weights_that_are_given_are_those_of_their_equations():
    assert weights_of(weighted().problem) is None
    given = weighted(equation_weights="bond=3, euler=1")
    np.testing.assert_allclose(weights_of(given.problem), [0.5, 1.5])
    np.testing.assert_allclose(weights_of(weighted(f"{FILE}:Unnamed", equation_weights="1,3").problem), [0.5, 1.5])


@pytest.mark.slow
def test_each_member_is_weighed_by_its_own_initial_weights():
    with precision("float64"):
        setups = Workshop().ensemble(config("mlp", NAME, equation_weights="auto", members=2))
    one, other = (np.asarray(weights_of(setup.problem)) for setup in setups)
    assert abs(one[0] / other[0] - 1) > 1e-3
    for setup in setups:
        parts = squares(setup) * np.asarray(weights_of(setup.problem))
        assert parts[0] == pytest.approx(parts[1])


def fit_with(econml: Any, out: str, *flags: str) -> dict[str, Any]:
    """summary.json of a fit."""
    done = econml("fit", "mlp", "--problem", NAME, "--quiet", "--out", out, *flags)
    assert done.code == 0, done.stderr
    summary: dict[str, Any] = json.loads(Path(out, "summary.json").read_text())
    return summary


@pytest.mark.slow
def test_a_fit_tells_errors_and_weights_resumes_bit_for_bit_and_reports_equations_alike(econml):
    auto = fit_with(econml, "auto", "--equation-weights", "auto")
    plain = fit_with(econml, "plain")
    assert auto["log10_bond_mean"] < plain["log10_bond_mean"] - 0.3  # the small one is learnt, too
    assert auto["weight_bond"] > 1.9 and auto["weight_euler"] < 1e-2 and "weight_bond" not in plain
    last = json.loads(Path("auto/metrics.jsonl").read_text().splitlines()[-1])["train_loss"]
    done = econml("eval", "auto", "--json", "--bootstrap", "0")
    told = json.loads(done.stdout)
    assert told["weight_bond"] == pytest.approx(auto["weight_bond"])
    assert told["test_loss"] == pytest.approx(auto["test_loss"])
    assert last < 1e-2 * auto["train_loss"]  # as it is minimised; and all weights 1
    fit_with(econml, "half", "--equation-weights", "auto", "--num-epochs", "100")
    assert econml("fit", "--resume", "half", "--num-epochs", "200", "--quiet").code == 0
    half = json.loads(Path("half/summary.json").read_text())
    assert half["state_sha256"] == auto["state_sha256"] and half["weight_bond"] == auto["weight_bond"]


def test_weights_that_cannot_be_are_refused():
    for text in ("euler=1", "euler=1,bnd=2", "1,2,3", "1,bond=2", "x"):
        with pytest.raises(ConfigError, match=r"is not a weight of each equation; try auto, or euler=1,bond=1"):
            read(text, ("euler", "bond"))
    for text in ("1,0", "1,-2", "1,nan", "euler=1,bond=x"):
        with pytest.raises(ConfigError, match="a weight is a number > 0"):
            read(text, ("euler", "bond"))
    np.testing.assert_allclose(read("2,.5", ("euler", "bond")), [2, 0.5])


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        ("linear", "weighs the equations of an economic model, and problem linear has none"),
        ("cake_eating", "problem cake_eating has one equation, which needs no weight"),
        (f"{FILE}:OwnLoss", "has one of its own: write `loss = economics.loss` there"),
    ],
)
def test_problems_without_several_equations_are_refused(problem, said):
    with pytest.raises(ConfigError, match=said):
        weighted(problem, equation_weights="auto")


def test_an_equation_that_is_not_finite_at_the_start_is_named(monkeypatch):
    from econml_cli.training.setup import equation_weights

    monkeypatch.setattr(equation_weights, "_mean_squares", lambda *_: np.array([1.0, np.inf]))
    with pytest.raises(ConfigError, match="residual of equation bond is not finite"):
        weighted(equation_weights="auto")
    monkeypatch.setattr(equation_weights, "_mean_squares", lambda *_: np.array([1.0, 0.0]))
    assert np.all(np.isfinite(jax.device_get(weights_of(weighted(equation_weights="auto").problem))))
