"""International business cycles: the equations written once more, the linearised policy, closed forms, the recipe, what
is refused."""

from itertools import product
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from scipy.optimize import brentq

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.models.deep_set import DeepSet
from econml_cli.problems.economies import economics, linearised
from econml_cli.problems.economies.irbc import IRBC
from econml_cli.problems.economies.irreversible import limited
from econml_cli.problems.economies.stochastic_growth import StochasticGrowth
from econml_cli.training.precision import precision
from tests.support.economies import told, verdicts
from tests.support.fits import losses_of
from tests.support.models import Apply
from tests.support.planted import PLANTED


def growing(problem: IRBC, growth: Any) -> Apply:
    """The model under which log capital grows by growth(log k, log a), [n, countries]."""
    n, (units, P, Q, size, _) = problem.p.countries, problem.units

    def remainder(x: Any) -> Any:
        k, a = (x * units)[:, :n], (x * units)[:, n:]
        return (k + growth(k, a) - k @ P.T - a @ Q.T) / size

    return Apply(remainder)


def at(problem: IRBC, log_k: Any, log_a: Any) -> Any:
    """What the network reads in these states [n, countries]."""
    return jnp.asarray(np.concatenate([log_k, log_a], axis=1) / problem.units.sizes)


def by_cases(free: Any, k: Any, D: Any) -> tuple[Any, Any]:
    """(growth, multipliers) of countries whose growth is at least -.01, where D (growth - free) are the multipliers:
    of all sets of countries that are bound the one with which nothing is negative."""
    for bound in map(np.array, product([False, True], repeat=len(k))):
        moved = np.where(bound, -0.01 - free, 0.0)
        if not bound.all():
            moved[~bound] = -np.linalg.solve(D[~bound][:, ~bound], D[~bound] @ moved)
        mu = np.where(bound, D @ moved, 0.0)
        if mu.min() >= 0 and (free + moved).min() >= -0.01 - 1e-12:
            return free + moved, mu
    raise AssertionError("no set of countries")


def by_hand(k: list[float], a: list[float], grows: Any, stiffness: tuple[float, float] | None = None) -> list[float]:
    """The residuals of two countries, by loops over countries and nodes and a root finder; `stiffness`: investment is
    not negative."""
    alpha, beta, delta, phi, rho, sigma, gamma = 0.36, 0.99, 0.01, 0.5, 0.95, 0.01, (0.25, 1.0)
    A = (1 - beta * (1 - delta)) / (alpha * beta)
    weights = [(A - delta) ** (1 / each) for each in gamma]  # Pareto's

    def price(k: Any, a: Any, after: Any) -> float:
        left = 0.0
        for j in (0, 1):
            g = after[j] / k[j] - 1
            left += np.exp(a[j]) * A * k[j] ** alpha + (1 - delta) * k[j] - phi / 2 * k[j] * g**2 - after[j]
        return brentq(lambda m: sum((m / weights[j]) ** -gamma[j] for j in (0, 1)) - left, 1e-3, 1e3, xtol=1e-15)

    def moved(k: Any, a: Any) -> tuple[list[float], list[float]]:
        free = np.exp(grows(np.log([k]), np.array([a]))[0]) - 1
        mu = np.zeros(2)
        if stiffness is not None:
            free, mu = by_cases(free, k, stiffness[0] * np.eye(2) + stiffness[1] * np.array(k))
        return list(np.array(k) * (1 + free)), list(mu)

    after, mu = moved(k, a)
    now, expected = price(k, a, after), [0.0, 0.0]
    for i in range(3):
        for sign in (1, -1):
            e = np.zeros(3)
            e[i] = sign * np.sqrt(3)
            a_next = [rho * a[j] + sigma * (e[j] + e[2]) for j in (0, 1)]
            later, mu_next = moved(after, a_next)
            tomorrow = price(after, a_next, later)
            for j in (0, 1):
                g = later[j] / after[j] - 1
                makes = np.exp(a_next[j]) * A * alpha * after[j] ** (alpha - 1) + 1 - delta + phi / 2 * g * (g + 2)
                expected[j] += tomorrow * (makes - (1 - delta) * mu_next[j]) / 6
    return [1 + phi * (after[j] / k[j] - 1) - mu[j] - beta * expected[j] / now for j in (0, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("irreversible", [False, True])
def test_the_residual_is_that_of_the_equations_written_down_once_more(irreversible):
    def grows(log_k: Any, log_a: Any) -> Any:
        return -0.05 * log_k + 0.1 * log_a - 0.03 * log_a[:, ::-1]

    log_k, log_a = np.array([[0.4, -0.05], [-0.2, 0.1]]), np.array([[0.05, -0.02], [0.0, 0.08]])
    with precision("float64"):
        problem = IRBC(irreversible=irreversible)
        model, x = growing(problem, grows), at(problem, log_k, log_a)
        found = np.asarray(problem.residual(model, economics.at(x)))
        pairs = problem.constraints(model, x)
    stiffness = problem.units.stiffness if irreversible else None
    for row, k, a in zip(found, np.exp(log_k), log_a, strict=True):
        np.testing.assert_allclose(row, by_hand(list(k), list(a), grows, stiffness), atol=1e-11)
    assert set(pairs) == ({"irreversible"} if irreversible else set())
    if irreversible:  # of the first state the first country, of the second state none, would invest less than nothing
        free = np.exp(grows(log_k, log_a)) - 1
        assert free[0, 0] < -0.01 < min(free[0, 1], free[1].min())
        slack, multiplier = map(np.asarray, pairs["irreversible"])
        j = int(free[1].argmin())
        np.testing.assert_allclose(slack, [0, (free[1, j] + 0.01) / 0.01], atol=1e-9)
        _, mu = by_cases(free[0], np.exp(log_k[0]), stiffness[0] * np.eye(2) + stiffness[1] * np.exp(log_k[0]))
        np.testing.assert_allclose(multiplier, [found[0, 0] + mu[0], found[1, j]])


@pytest.mark.parametrize("common", [0.0, 3.0])
def test_of_all_sets_of_countries_that_are_bound_the_right_one_is_found(common):
    draws = np.random.default_rng(0)
    free, k = 0.02 * draws.normal(size=(40, 3)), np.exp(0.2 * draws.normal(size=(40, 3)))
    free[:2] = [[0.01, 0.02, 0.03], [-0.02, -0.03, -0.02]]
    with precision("float64"):
        growth, mu = map(np.asarray, limited(jnp.asarray(free), jnp.asarray(k), -0.01, 0.5, common))
    for row in range(len(k)):
        right = by_cases(free[row], k[row], 0.5 * np.eye(3) + common * k[row])
        np.testing.assert_allclose([growth[row], mu[row]], right, atol=1e-12)
    assert set((mu > 0).sum(axis=1)) == {0, 1, 2, 3}


def test_the_euler_equation_of_a_country_moves_with_its_capital_as_derived_by_hand():
    """By adjustment costs of today, the return that falls, and the costs that there will be; and all with the price of
    what is eaten, which the next period's takes back in part."""
    problem = IRBC()
    own, common = problem.units.stiffness
    apart = problem.linear[0][0, 0] - problem.linear[0][0, 1]
    np.testing.assert_allclose(own, 0.5 + (1 - 0.99 * 0.99) * 0.64 + 0.99 * 0.5 * (1 - apart), rtol=1e-6)
    eaten = 2 * problem.c_ss * 0.625
    assert 1 / eaten < common < 1.05 / eaten
    assert IRBC(countries=1).units.stiffness[1] == 0


@pytest.mark.slow
def test_countries_that_change_places_have_each_other_s_policies_and_residuals():
    """Whatever their utilities, which matter through the price of consumption alone."""
    order = np.array([2, 0, 1])
    with precision("float64"):
        problem = IRBC(countries=3)
        options = {"phi_width": 4, "rho_width": 4, "equivariant": True, "element_size": 2}
        model = DeepSet(6, 3, **options, param_dtype=float, rngs=nnx.Rngs(0))
        x = problem.sample(nnx.Rngs(0), "test", 4).x
        moved = x[:, np.concatenate([order, 3 + order])]
        for found in (problem.predict, lambda model, x: problem.residual(model, economics.at(x))):
            np.testing.assert_allclose(found(model, moved), found(model, x)[:, order], rtol=1e-9, atol=1e-14)
        assert np.std(np.asarray(problem.predict(model, x)), axis=1).min() > 1e-3


@pytest.mark.parametrize("irreversible", [False, True])
def test_in_the_steady_state_without_risk_nothing_is_wrong(irreversible):
    with precision("float64"):
        problem = IRBC(sigma=1e-9, irreversible=irreversible)
        rest, model = np.zeros((1, 2)), growing(problem, lambda k, a: 0 * k)
        found = problem.residual(model, economics.at(at(problem, rest, rest)))
        np.testing.assert_allclose(found, 0, atol=1e-12)
        np.testing.assert_allclose(problem.predict(model, at(problem, rest, rest)), 1)


@pytest.mark.parametrize(
    ("model", "given", "states", "steps"),
    [
        ("mlp", {}, 512, 25),
        ("deep_set", {"countries": 10}, 100, 25),
        ("deep_set", {"countries": 50}, 128, 12),
        ("mlp", {"countries": 50}, 128, 12),
        ("mlp", {"irreversible": True}, 2048, 40),
        ("mlp", {"irreversible": True, "countries": 50}, 128, 12),
    ],
)
def test_the_recipe_has_fewer_states_of_many_countries_and_more_with_limits(model, given, states, steps):
    config = build(model, "irbc", [("a test", given)])
    assert (states, steps) == (config.problem_options.N, config.trainer.num_epochs)
    assert build(model, "irbc", [("a test", {**given, "N": 99})]).problem_options.N == 99
    assert getattr(config.model_options, "equivariant", model == "deep_set") == (model == "deep_set")


@pytest.mark.slow
@pytest.mark.parametrize("countries", [1, 3])
def test_the_linearised_policy_solves_the_equations_but_for_squares(countries):
    with precision("float64"):
        problem = IRBC(countries=countries, sigma=1e-7)
        P, Q = problem.linear
        model = growing(problem, lambda k, a: k @ (P - np.eye(countries)).T + a @ Q.T)
        apart = np.linspace(-1, 2, 2 * countries)[None]
        states = [at(problem, size * apart[:, ::2], size * apart[:, 1::2]) for size in (1e-2, 1e-3)]
        sizes = [np.abs(np.asarray(problem.residual(model, economics.at(x)))) for x in states]
    assert sizes[0].max() < 1e-3 and sizes[1].max() < 0.012 * sizes[0].max()
    assert np.abs(np.linalg.eigvals(P)).max() < 1


def test_a_linear_equation_has_its_one_stable_root():
    """k'' - 2.5 k' + k = -a, whose roots are .5 and 2, with E[a'] = .5 a: k' = .5 k + a / 1.5."""
    one = np.eye(1)
    P, Q = linearised.policy(one, -2.5 * one, one, one, 0 * one, 0.5)
    np.testing.assert_allclose([P[0, 0], Q[0, 0]], [0.5, 1 / 1.5])
    with pytest.raises(ConfigError, match="0 stable roots"):
        linearised.policy(one, -5 * one, 6 * one, one, 0 * one, 0.5)
    with pytest.raises(ConfigError, match="more than one policy"):
        linearised.policy(one, -0.5 * one, 0.06 * one, one, 0 * one, 0.5)


@pytest.mark.slow
def test_equal_countries_whose_capital_does_not_last_save_the_share_of_the_closed_form():
    """With log utility and without adjustment costs k' = alpha beta Y of all; half of it each where both are alike."""
    with precision("float64"):
        problem = IRBC(delta=1.0, adjustment=0.0, gamma_low=1.0, sigma=0.05)
        saved = problem.p.alpha * problem.p.beta

        def grows(log_k: Any, log_a: Any) -> Any:
            makes = (problem.A * jnp.exp(log_a + problem.p.alpha * log_k)).sum(axis=1, keepdims=True)
            return jnp.log(0.5 * saved * makes) - log_k

        same = np.array([[0.1, 0.1], [-0.2, -0.2]])
        found = problem.residual(growing(problem, grows), economics.at(at(problem, same, 0.5 * same)))
    np.testing.assert_allclose(found, 0, atol=1e-12)


@pytest.mark.slow
def test_one_country_without_adjustment_costs_is_stochastic_growth():
    """Whose exact policy is found by collocation: with log utility and the two shocks as one."""
    with precision("float64"):
        problem = IRBC(countries=1, adjustment=0.0, gamma_low=1.0, rho=0.9)
        other = StochasticGrowth(alpha=0.36, delta=0.01, sigma=0.01 * np.sqrt(2))
        e = other.economy

        def grows(log_k: Any, log_a: Any) -> Any:
            k = e.k_ss * jnp.exp(log_k[:, 0])
            c = e.c_ss * jnp.exp(other.exact(jnp.stack([log_k[:, 0], log_a[:, 0]], axis=1), jnp))
            left = jnp.exp(log_a[:, 0]) * k**e.alpha + (1 - e.delta) * k - c
            return jnp.log(left / k)[:, None]

        states = np.linspace(-0.2, 0.2, 9)[:, None]
        found = problem.residual(growing(problem, grows), economics.at(at(problem, states, 0.3 * states[::-1])))
    assert np.abs(np.asarray(found)).max() < 1e-6


def test_states_are_drawn_as_the_linearised_economy_visits_them():
    problem = IRBC(N_test=4000)
    x = np.asarray(problem.sample(nnx.Rngs(0), "test").x) * problem.units.sizes / problem.p.spread
    assert x.shape == (4000, 4) and problem.sample(nnx.Rngs(0), "test", 0) is None
    P, Q = problem.linear
    state, shocks = np.zeros((500, 4)), np.random.default_rng(0)
    for _ in range(600):
        e = shocks.normal(size=(500, 3))
        state = np.concatenate(
            [state[:, :2] @ P.T + state[:, 2:] @ Q.T, 0.95 * state[:, 2:] + 0.01 * (e[:, :2] + e[:, 2:])], axis=1
        )
    np.testing.assert_allclose(np.cov(x.T), np.cov(state.T), rtol=0.25, atol=2e-4)


@pytest.mark.slow
def test_no_wrong_policy_of_irreversible_investment_passes():
    with precision("float64"):
        problem = IRBC(irreversible=True)
        found = {what: verdicts(problem, model) for what, model in PLANTED["irbc"](problem).items()}
    assert told(found.pop("exact")) == {"verdict_loss": "passed", "verdict_stability": "passed"}
    assert not [what for what, numbers in found.items() if "failed" not in numbers]
    assert found["nothing invested"]["irreversible_slack"] > 1e-3  # capital is wanted, says the Euler equation


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0])  # the page of the docs fits it at seed 42
def test_its_recipe_reaches_its_bars(seed):
    found = losses_of("irbc", seed=seed)
    assert "failed" not in found and found["verdict_states"] == "passed"
    assert found["euler_error_mean"] < 1e-4 and found["log10_euler_path_max"] < -3


@pytest.mark.slow
def test_its_recipe_reaches_its_bars_where_investment_may_not_be_undone_and_the_limit_binds():
    found = losses_of("irbc", irreversible=True, sigma=0.02, seed=43)
    assert "failed" not in found and found["verdict_loss"] == "passed" and found["irreversible_binds"] > 0.01
    assert found["irreversible_slack"] < 1e-3


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"beta": 1.0}, "--beta must be > 0 and < 1"),
        ({"rho": 1.0}, "--rho must be > -1 and < 1"),
        ({"rho": 0.999}, "try a smaller --sigma"),
        ({"gamma_low": 2.0}, "--gamma-low must be <= --gamma-high"),
    ],
)
def test_parameters_without_a_solution_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        IRBC(**options)
