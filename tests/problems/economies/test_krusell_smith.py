"""Many households and shocks to all: the exact policy and law against published ones, planted wrong policies, the
recipe, what is refused."""

import copy
import functools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.problems.economies import economics, endogenous_grid, krusell_smith, perceived
from econml_cli.problems.economies.krusell_smith import KrusellSmith
from econml_cli.problems.economies.simulation import simulate
from econml_cli.training.precision import precision
from tests.support.economies import fails, passed, verdicts
from tests.support.fits import losses_of
from tests.support.planted_households import krusell_smith as planted

#: the chances of den Haan, Judd and Juillard (2010): (bad, jobless), (bad, working), (good, jobless), (good, working)
PUBLISHED_MOVES = [
    [0.525, 0.35, 0.03125, 0.09375],
    [0.038889, 0.836111, 0.002083, 0.122917],
    [0.09375, 0.03125, 0.291667, 0.583333],
    [0.009115, 0.115885, 0.024306, 0.850694],
]
#: the law of Maliar, Maliar and Valli (2010), (intercept, slope) in bad and in good times
PUBLISHED_LAW = ((0.123815, 0.965565), (0.137800, 0.963238))


@functools.cache
def economy() -> KrusellSmith:
    """The published one, whose exact solution takes seconds."""
    with precision("float64"):
        return KrusellSmith(N_test=200)


def test_the_chances_of_work_are_the_published_ones():
    np.testing.assert_allclose(economy().p.moves, PUBLISHED_MOVES, atol=6e-7)
    jobless = np.array([0.1, 0.04])
    for z in (0, 1):
        for after in (0, 1):
            given = economy().households.workers.given(z, after)
            assert jobless[z] * given[0, 0] + (1 - jobless[z]) * given[1, 0] == pytest.approx(jobless[after])


def test_firms_pay_all_they_make_and_taxes_pay_the_jobless():
    problem = economy()
    for z, jobless, productivity in ((0, 0.1, 0.99), (1, 0.04, 1.01)):
        gross, income = problem.prices(np.array(0.1), z)
        K, L = math.exp(problem.middle + 0.1), (1 - jobless) / 0.9
        made = productivity * K**0.36 * L**0.64
        paid = jobless * income[0] + (1 - jobless) * income[1]
        assert paid == pytest.approx(0.64 * made) and (gross - 0.975) * K == pytest.approx(0.36 * made)
        assert income[0] == pytest.approx(0.15 * 0.64 * made / L)


def test_between_nodes_policies_are_polynomials_and_beyond_them_those_of_the_last():
    nodes = perceived.Nodes.within(0.2, 5)
    x = np.linspace(-0.19, 0.19, 7)
    np.testing.assert_allclose(nodes.weights(x) @ nodes.at**4, x**4, atol=1e-14)
    np.testing.assert_allclose(nodes.weights(np.array([9.0])) @ nodes.at, [nodes.at.max()])


def test_consumption_between_the_points_of_many_policies_is_that_of_each():
    saved, c = np.array([0.0, 1.0, 3.0]), np.array([[1.0, 2.0, 3.0], [0.5, 1.0, 2.0]])
    cash = np.array([[0.5, 1.0, 2.0, 7.0], [0.25, 2.0, 3.5, 6.5]])
    found = endogenous_grid.consumed(cash, saved, c)
    for row in (0, 1):
        m, eaten = np.append(0.0, saved + c[row]), np.append(0.0, c[row])
        np.testing.assert_allclose(found[row, :-1], np.interp(cash[row, :-1], m, eaten))
    # beyond the last point on the last line, whose slope is a third
    np.testing.assert_allclose(found[:, -1], [3 + 1 / 3, 2.5])


def test_the_law_is_estimated_and_foretold_as_it_is():
    law = np.array([-0.002, 0.96, 0.003, 0.95])
    z = perceived.states(4000, 8, 1)
    assert np.mean(z[1:] != z[:-1]) == pytest.approx(1 / 8, abs=0.02)
    x = perceived.foretold(law, z, 0.1)
    for t in (0, 7, 500):
        assert x[t + 1] == pytest.approx(law[2 * z[t]] + law[2 * z[t] + 1] * x[t], abs=1e-15)
    np.testing.assert_allclose(perceived.estimated(x, z), law, atol=1e-10)
    assert np.isnan(perceived.estimated(np.full(4000, 0.1), z)).all()


def test_the_law_that_is_borne_out_is_a_fixed_point_and_none_outside_the_beliefs():
    middle, half = np.array([0.0, 0.9, 0.0, 0.9]), np.array([0.01, 0.05, 0.01, 0.05])
    target = middle + 0.5 * half
    law = perceived.borne_out(lambda law: target - 3 * (law - target), middle, half)
    np.testing.assert_allclose(law, target, atol=1e-5)
    assert np.isnan(perceived.borne_out(lambda law: middle + 5 * half, middle, half)).all()


def test_a_step_of_the_distribution_keeps_everybody_and_their_mean():
    workers, assets = economy().households.workers, np.linspace(0, 10, 21)
    mass = np.outer([0.1, 0.9], np.full(21, 1 / 21))
    kept = np.stack([0.7 * assets, 0.2 + 0.9 * assets])
    after = perceived.step(workers, assets, mass, kept, 0, 1)
    assert after.sum() == pytest.approx(1) and after[0].sum() == pytest.approx(0.04)
    assert (after @ assets).sum() == pytest.approx((mass * kept).sum())


@pytest.mark.slow
def test_the_exact_law_is_near_the_published_one_and_the_exact_policy_solves_the_euler_equation():
    problem = economy()
    law, c, mass = problem.exact
    told = problem._as_published(law)
    for times, (intercept, slope) in zip(("bad", "good"), PUBLISHED_LAW, strict=True):
        assert told[f"slope_{times}"] == pytest.approx(slope, abs=1e-3)
        # capital comes to rest where it does there, to two thousandths
        rest = told[f"intercept_{times}"] / (1 - told[f"slope_{times}"])
        assert rest == pytest.approx(intercept / (1 - slope), abs=0.02)
    assert mass.sum() == pytest.approx(1) and mass[:, -10:].sum() < 1e-3
    # the Euler equation of one household, written once more: with work in good times, at the middle node of capital
    node, saved = 2, problem.saved[60]
    ahead = law[2] + law[3] * problem.households.nodes.at[node]
    expected = 0.0
    for after in (0, 1):
        K, L = math.exp(problem.middle + ahead), (0.9, 0.96)[after] / 0.9
        marginal, wage = (0.99, 1.01)[after] * (K / L) ** -0.64, 0.64 * (0.99, 1.01)[after] * (K / L) ** 0.36
        R = 0.975 + 0.36 * marginal
        for e in (0, 1):
            income = wage * (0.15 if e == 0 else (1 / 0.9) * (1 - 0.15 * (0.1, 0.04)[after] / L))
            weights = problem.households.nodes.weights(np.array([ahead]))[0]
            eaten = weights @ c[after, e]
            then = np.interp(R * saved + income, problem.saved + eaten, eaten)
            expected += PUBLISHED_MOVES[3][2 * after + e] * R / then
    assert 1 / c[1, 1, node, 60] == pytest.approx(0.99 * expected, rel=1e-5)


@pytest.mark.slow
def test_the_truth_at_other_beliefs_is_that_of_a_solution_there():
    with precision("float64"):
        problem = economy()
        u = np.array([0.8, -0.7, 0.6, 0.9])
        law = problem.law[0] + problem.law[1] * u
        c = problem.households.policy(law, problem.exact[1])
        m, n = np.exp(np.linspace(np.log(1.0), np.log(150), 40)), 40
        node = jnp.full(n, problem.households.nodes.at[1])
        for e, z in ((0, 0), (1, 1)):
            x = problem._read(jnp.asarray(m), jnp.full(n, e), jnp.full(n, z), node, jnp.asarray(law)[None])
            exact = np.minimum(m, np.interp(m, problem.saved + c[z, e, 1], c[z, e, 1]))
            np.testing.assert_allclose(np.asarray(problem.truth(x))[:, 0], exact, rtol=5e-4)


@pytest.mark.slow
def test_the_exact_policy_passes_and_no_wrong_one_does(monkeypatch):
    with precision("float64"):
        problem = copy.copy(economy())
        # in place of 300 periods of 8 paths: in each, planted policies are asked for at every point of the distribution
        problem.path = (50, 2)
        plants = dict(planted(problem))
        exact = verdicts(problem, plants.pop("exact"))
        # a policy that is wrong shows in fewer periods
        monkeypatch.setattr(krusell_smith, "TESTED", 1000)
        monkeypatch.setattr(perceived, "PERIODS", 300)
        fooled = [what for what, model in plants.items() if not fails(problem, model)]
    assert passed(exact), exact
    assert exact["capital_error_max"] < 2e-4 and exact["intercept_good"] == pytest.approx(0.1379, abs=2e-4)
    assert not fooled, fooled


@pytest.mark.slow
def test_along_a_path_capital_is_what_is_saved_and_all_is_eaten_or_saved():
    with precision("float64"):
        problem = economy()
        series = simulate(problem, planted(problem)["exact"], periods=60, paths=4, seed=1)
    K, Y, C, z, m, c, a = (series[name] for name in ("K", "Y", "C", "z", "m", "c", "a"))
    np.testing.assert_allclose(K[1:], (Y + 0.975 * K - C)[:-1], rtol=1e-4)  # the last point of the histogram holds back
    L = np.where(z == 1, 0.96, 0.9) / 0.9
    np.testing.assert_allclose(Y, np.where(z == 1, 1.01, 0.99) * K**0.36 * L**0.64, rtol=1e-12)
    gross = 0.975 + 0.36 * Y / K
    income = m[1:] - gross[1:] * a[:-1]
    wage = 0.64 * Y / L
    without = np.isclose(income, 0.15 * wage[1:], rtol=1e-9)
    jobless = np.where(z == 1, 0.04, 0.1)
    with_work = (wage * (1 - 0.15 * jobless / (1 - jobless) * 0.9) / 0.9)[1:]
    assert np.all(without | np.isclose(income, with_work, rtol=1e-9)) and 0 < without.mean() < 0.3
    np.testing.assert_allclose(a, m - c, rtol=1e-12)


@pytest.mark.slow
def test_a_household_that_expects_explicitly_eats_what_an_exact_policy_says():
    with precision("float64"):
        problem = economy()
        law, c, mass = problem.exact
        z = perceived.states(400, 8, 3)
        x, _ = problem.households.capital(problem.households.kept(c), z, mass)
        given = [jnp.asarray(each) for each in (x, z, problem.households.workers.one(z, 2), law)]
        plants = planted(problem)
        eaten, implied = economics.values(problem, "_followed", plants["exact"], *given)
        np.testing.assert_allclose(implied, eaten, rtol=1e-4)
        for what, least in (("half slope", 5e-4), ("other root", 1e-2)):
            wrong, implied = economics.values(problem, "_followed", plants[what], *given)
            assert np.abs(implied / wrong - 1).max() > least


@pytest.mark.slow
def test_its_recipe_bears_out_the_law_of_the_exact_policy_and_passes():
    found = losses_of("krusell_smith", seed=42)
    assert "failed" not in found and found["verdict_states"] == "passed"


@pytest.mark.slow
def test_samples_are_uniform_over_beliefs_and_fewer_where_cash_is_little():
    problem = KrusellSmith()
    x = problem.sample(nnx.Rngs(0), "test").x
    assert x.shape == (1000, 8) and problem.sample(nnx.Rngs(0), "test", 0) is None
    m, e, z, log_K, law = (np.asarray(each) for each in problem._state(x))
    assert np.mean(np.asarray(x)[:, 0] < 0) == pytest.approx(0.5**1.5, abs=0.04)
    assert e.mean() == pytest.approx(0.5, abs=0.05) and z.mean() == pytest.approx(0.5, abs=0.05)
    assert np.abs(log_K).max() == pytest.approx(0.15, abs=1e-3)
    again = np.asarray(problem._read(*(jnp.asarray(each) for each in (m, e, z, log_K, law))))
    np.testing.assert_allclose(again, x, atol=2e-3)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beta": 1.0}, "--beta must be > 0 and < 1"),
        ({"delta": 0.0}, "--delta must be > 0"),
        ({"jobless_bad": 0.9}, "no chances of finding and losing work give the jobless shares 0.04 and 0.9"),
        ({"spell_bad": 50.0}, "spells of 1.5 and 50 periods; try shares and spells nearer to the defaults"),
    ],
)
def test_parameters_without_a_solution_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        KrusellSmith(**options)
