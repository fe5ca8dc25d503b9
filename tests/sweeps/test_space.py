"""The space of a sweep: every W&B distribution, its draws, its grid."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec import distributions, yaml_lines
from econml_cli.sweeps.spec.parameters import TAKES, read
from econml_cli.sweeps.spec.space import Parameter, Space, shuffled
from tests.support.distributions import in_support


def parameter(name="x", **settings):
    findings = yaml_lines.Findings(lambda keys: (0, ""))
    found = read(settings, findings, (), (name,))
    findings.refuse("x")
    return found


def draws(n=2000, **settings):
    space = Space((parameter(**settings),))
    return [space.point(7, i)["x"] for i in range(n)]


#: W&B's settings -> what scipy calls it
CONTINUOUS = [
    ({"min": 0.0, "max": 2.5}, stats.uniform(0, 2.5)),
    ({"distribution": "uniform", "min": -1, "max": 3}, stats.uniform(-1, 4)),
    ({"distribution": "log_uniform", "min": -9, "max": -2}, stats.loguniform(math.exp(-9), math.exp(-2))),
    ({"distribution": "log_uniform_values", "min": 1e-4, "max": 0.1}, stats.loguniform(1e-4, 0.1)),
    ({"distribution": "inv_log_uniform", "min": 2, "max": 9}, stats.loguniform(math.exp(-9), math.exp(-2))),
    ({"distribution": "inv_log_uniform_values", "min": 1e-4, "max": 0.1}, stats.loguniform(1e-4, 0.1)),
    ({"distribution": "normal"}, stats.norm(0, 1)),
    ({"distribution": "normal", "mu": 3, "sigma": 0.5}, stats.norm(3, 0.5)),
    ({"distribution": "log_normal", "mu": -3, "sigma": 0.5}, stats.lognorm(s=0.5, scale=math.exp(-3))),
    ({"distribution": "beta", "a": 2, "b": 5}, stats.beta(2, 5)),
]
QUANTISED = [
    ({"distribution": "q_uniform", "min": 0, "max": 10, "q": 2}, stats.uniform(0, 10)),
    ({"distribution": "q_uniform", "min": 0.1, "max": 0.9, "q": 0.1}, stats.uniform(0.1, 0.8)),
    ({"distribution": "q_log_uniform", "min": 0, "max": 5}, stats.loguniform(1, math.exp(5))),
    ({"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 8}, stats.loguniform(16, 512)),
    ({"distribution": "q_normal", "mu": 1, "sigma": 4, "q": 0.25}, stats.norm(1, 4)),
    ({"distribution": "q_log_normal", "mu": 2, "sigma": 1}, stats.lognorm(s=1, scale=math.exp(2))),
    ({"distribution": "q_beta", "a": 2, "b": 2, "q": 0.05}, stats.beta(2, 2)),
]


@pytest.mark.parametrize(("settings", "exact"), CONTINUOUS)
def test_draws_follow_the_distribution_that_scipy_has(settings, exact):
    assert stats.kstest(draws(**settings), exact.cdf).pvalue > 0.01


@pytest.mark.parametrize(("settings", "exact"), CONTINUOUS)
@pytest.mark.parametrize("u", [1e-9, 0.013, 0.5, 0.77, 1 - 1e-9])
def test_quantiles_are_those_of_scipy(settings, exact, u):
    assert parameter(**settings).quantile(u) == pytest.approx(exact.ppf(u), rel=1e-8, abs=1e-12)


@pytest.mark.parametrize(("settings", "exact"), QUANTISED)
@pytest.mark.parametrize("u", [1e-6, 0.0131, 0.4999, 0.7713, 1 - 1e-6])
def test_quantised_values_are_the_nearest_multiple_of_q(settings, exact, u):
    q = settings.get("q", 1)
    value = parameter(**settings).quantile(u)
    assert value == pytest.approx(round(exact.ppf(u) / q) * q, rel=1e-9, abs=1e-12)
    assert isinstance(value, type(q))


def test_multiples_of_a_tenth_are_written_with_one_digit():
    values = draws(distribution="q_uniform", min=0, max=1, q=0.1, n=300)
    assert {repr(v) for v in values} == {f"0.{d}" for d in range(10)} | {"1.0"}


def test_integers_and_values_are_drawn_with_equal_probabilities():
    for settings in ({"min": 3, "max": 6}, {"values": [3, 4, 5, 6]}):
        values = draws(**settings)
        assert all(type(v) is int for v in values)
        assert stats.chisquare([values.count(v) for v in (3, 4, 5, 6)]).pvalue > 0.01


def test_values_are_drawn_with_their_probabilities():
    values = draws(values=["a", "b", "c"], probabilities=[0.5, 0.0, 0.5])
    assert values.count("b") == 0 and stats.binomtest(values.count("a"), len(values), 0.5).pvalue > 0.01


def test_the_last_value_that_can_occur_takes_what_rounding_leaves():
    made = distributions.Categorical(("a", "b", "never"), (0.1 + 0.2, 0.7 - 1e-9, 0.0))
    assert made.quantile(1 - distributions.EDGE) == "b"


finite = st.floats(-1e6, 1e6, allow_subnormal=False)
positive = st.floats(1e-6, 1e6)
UNIT = st.floats(distributions.EDGE, 1 - distributions.EDGE)


@st.composite
def settings_of(draw):
    """Any admissible settings of any distribution."""
    name = draw(st.sampled_from(sorted(TAKES)))
    out = {"distribution": name}
    if "min" in TAKES[name]:
        bounds = positive if name.endswith("_values") else finite
        if name == "int_uniform":
            bounds = st.integers(-(10**9), 10**9)
        elif name.endswith("log_uniform"):
            bounds = st.floats(-40, 40)
        out["min"], out["max"] = sorted((draw(bounds), draw(bounds)))
        assume(out["min"] < out["max"])
    if "mu" in TAKES[name]:
        out |= {"mu": draw(st.floats(-20, 20)), "sigma": draw(st.floats(1e-3, 10))}
    if "a" in TAKES[name]:
        out |= {"a": draw(st.floats(0.1, 20)), "b": draw(st.floats(0.1, 20))}
    if "q" in TAKES[name]:
        out["q"] = draw(st.integers(1, 50) | st.sampled_from([0.1, 0.25, 0.5, 0.001]))
    if "value" in TAKES[name]:
        out["value"] = draw(st.integers() | st.text() | st.none())
    if "values" in TAKES[name]:
        out["values"] = draw(st.lists(st.integers() | st.text(), min_size=1, max_size=5))
    if "probabilities" in TAKES[name]:
        out["probabilities"] = [1 / len(out["values"])] * len(out["values"])
    return out


@pytest.mark.slow
@given(settings_of(), UNIT)
def test_every_draw_lies_in_its_support(settings, u):
    found = parameter(**settings)
    assert in_support(found.distribution, found.quantile(u))


@given(settings_of(), UNIT, UNIT)
def test_quantiles_rise_with_u(settings, u, v):
    assume("values" not in settings and "value" not in settings)
    found = parameter(**settings)
    low, high = sorted((u, v))
    assert found.quantile(low) <= found.quantile(high)


@pytest.mark.parametrize("u", [0, 1, -0.1, float("nan")])
def test_a_quantile_outside_the_unit_interval_is_refused(u):
    with pytest.raises(ValueError, match="0 < u < 1"):
        parameter(min=0.0, max=1.0).quantile(u)


def test_the_distribution_that_is_not_named_is_the_one_that_wandb_takes():
    assert parameter(value=3).called == "constant"
    assert parameter(values=[3]).called == "categorical"
    assert parameter(values=[3], probabilities=[1]).called == "categorical_w_probabilities"
    assert parameter(min=1, max=3).called == "int_uniform"
    assert parameter(min=1, max=3.0).called == "uniform"


def test_the_same_seed_gives_the_same_points_whatever_else_is_in_the_space():
    lr, width = parameter("lr", min=0.0, max=1.0), parameter("width", values=[1, 2, 3])
    points = [Space((lr, width)).point(1, i) for i in range(5)]
    assert points == [Space((lr, width)).point(1, i) for i in range(5)]
    assert [p["lr"] for p in points] == [Space((lr,)).point(1, i)["lr"] for i in range(5)]
    assert [p["lr"] for p in points] != [Space((lr,)).point(2, i)["lr"] for i in range(5)]
    # pinned: a published table of points must not change with a version of Python
    assert Space((lr,)).point(0, 0)["lr"] == 0.22418300011728343


def test_draws_of_different_parameters_are_uncorrelated():
    space = Space((parameter("a", min=0.0, max=1.0), parameter("b", min=0.0, max=1.0)))
    points = [space.point(0, i) for i in range(2000)]
    assert stats.spearmanr([p["a"] for p in points], [p["b"] for p in points]).pvalue > 0.01


def test_a_grid_has_every_combination_once_in_an_order_of_the_seed():
    space = Space((parameter("a", values=[1, 2, 3]), parameter("b", min=1, max=4), parameter("c", value="x")))
    points = list(space.grid(0))
    assert len(points) == space.grid_size() == 12
    assert {(p["a"], p["b"], p["c"]) for p in points} == {(a, b, "x") for a in (1, 2, 3) for b in (1, 2, 3, 4)}
    assert points == list(space.grid(0)) != list(space.grid(1))


def test_a_grid_of_more_points_than_memory_holds_can_be_begun():
    space = Space(tuple(parameter(name, min=1, max=10**6) for name in "abcde"))
    first = next(space.grid(0))
    assert space.grid_size() == 10**30 and set(first) == set("abcde")


@given(st.integers(0, 60), st.integers(0, 1000))
def test_shuffling_is_a_permutation(size, seed):
    assert sorted(shuffled(size, seed)) == list(range(size))


def test_grids_are_those_of_wandb():
    assert list(parameter(min=2, max=4).grid()) == [2, 3, 4]
    assert parameter(distribution="q_uniform", min=0, max=6, q=2).grid() == [0, 2, 4]  # as numpy.arange: without max
    assert parameter(distribution="q_uniform", min=0.1, max=0.45, q=0.1).grid() == [0.1, 0.2, 0.3, 0.4]
    assert parameter(values=[1, 1.0, True, "1", [1]]).grid() == (1, True, "1", [1])


@pytest.mark.parametrize("settings", [settings for settings, _ in CONTINUOUS])
def test_a_continuous_distribution_has_no_grid(settings):
    with pytest.raises(ValueError, match="method grid"):
        parameter(**settings).grid()


def test_a_grid_of_billions_of_values_is_refused():
    for settings in ({"min": 0, "max": 10**12}, {"distribution": "q_uniform", "min": 0, "max": 1, "q": 1e-12}):
        with pytest.raises(ValueError, match="enumerate 1e\\+12"):
            parameter(**settings).grid()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"min": 2, "max": 1}, "min 2 is not less than max 1"),
        ({"min": 1, "max": 1}, "not less than"),
        ({"min": 1}, "needs `value`, `values`, `min` and `max`, or a `distribution`; it has min"),
        ({"min": "a", "max": 1}, "`min` must be a number in the range of floats, got 'a'"),
        ({"min": float("inf"), "max": 1}, "`min` must be a number"),
        ({"min": -(10**400), "max": 1}, "`min` must be an integer in the range of floats, got -1000"),
        (
            {"distribution": "int_uniform", "min": 1.0, "max": 2},
            "`min` must be an integer in the range of floats, got 1.0",
        ),
        ({"distribution": "log_uniform_values", "min": 0, "max": 1}, "needs min > 0"),
        ({"distribution": "log_uniform", "min": 0, "max": 1000}, "leaves the range"),
        ({"distribution": "inv_log_uniform", "min": 0, "max": 1000}, "leaves the range"),
        ({"distribution": "log_normal", "mu": 1000}, "leaves the range"),
        ({"distribution": "normal", "sigma": 0}, "`sigma` must be > 0"),
        ({"distribution": "beta", "a": 0}, "`a` must be > 0"),
        ({"distribution": "q_uniform", "min": 0, "max": 1, "q": 0}, "`q` must be > 0"),
        ({"distribution": "unifrom", "min": 0, "max": 1}, "no distribution 'unifrom'. Did you mean 'uniform'?"),
        ({"distribution": "uniform", "min": 0, "max": 1, "q": 1}, "uniform takes min, max, not 'q'"),
        ({"distribution": "categorical", "values": [1], "probabilities": [1]}, "takes values, not 'probabilities'"),
        ({"values": []}, "at least one entry"),
        ({"values": [1, 2], "probabilities": [1]}, "2 values but 1 probabilities"),
        ({"values": [1, 2], "probabilities": [0.5, 0.6]}, "sum to 1.1"),
        ({"values": [1, 2], "probabilities": [-1, 2]}, "must be numbers >= 0"),
        ({"vaules": [1]}, "unknown key 'vaules'. Did you mean 'values'?"),
    ],
)
def test_settings_that_make_no_distribution_are_refused_by_name(settings, says):
    with pytest.raises(ConfigError) as refused:
        parameter(**settings)
    assert says in str(refused.value) and "x: " in str(refused.value)


def test_nested_parameters_are_nested_again_for_a_program():
    inner = Parameter(("optimizer", "lr"), "constant", distributions.Constant(0.1))
    dotted = Parameter(("a.b",), "constant", distributions.Constant(1))
    space = Space((inner, dotted))
    assert space.point(0, 0) == {"optimizer.lr": 0.1, "a.b": 1}
    assert space.nest(space.point(0, 0)) == {"optimizer": {"lr": 0.1}, "a.b": 1}


def test_every_distribution_of_the_schema_is_tested_here():
    settings = [s for s, _ in CONTINUOUS + QUANTISED]
    named = {s.get("distribution", "uniform") for s in settings}
    assert named | {"constant", "categorical", "categorical_w_probabilities", "int_uniform"} == set(TAKES)
