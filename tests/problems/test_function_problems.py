"""Known functions on a box: the grammar of --expr and that nothing else is ever run, the truths, and Runge's bar."""

import json
import time

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from numpy.polynomial import chebyshev
from scipy.interpolate import BarycentricInterpolator

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError, DataError
from econml_cli.problems import expression, known
from econml_cli.problems.function import Function
from econml_cli.problems.runge import Runge, runge
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import assemble

DEFAULTS = {"dim": None, "low": 0.0, "high": 1.0, "noise": 0.1, "nodes": "uniform", "N": 50, "N_test": 20, "N_val": 10}


def function(expr, **options):
    return Function(**{"expr": expr, **DEFAULTS, **options}, rngs=nnx.Rngs(0))


class Plus(nnx.Module):
    """A model that is off by a known amount: f(x) + shift."""

    def __init__(self, f, shift):
        self.f = f
        self.shift = nnx.Param(jnp.asarray(shift))

    def __call__(self, x):
        return self.f(x)[:, None] + self.shift[...]


# --- the grammar ------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).uniform(0.1, 0.9, (50, 3))
x1, x2, x3 = X.T


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sin(2*pi*x)", np.sin(2 * np.pi * x1)),
        ("x1*x2 + max(x3, 0.5)^2", x1 * x2 + np.maximum(x3, 0.5) ** 2),
        ("-x^2", -(x1**2)),
        ("x^-2", x1**-2.0),
        ("2^3^2 * x", 2.0**9 * x1),
        ("2**3**2 * x", 2.0**9 * x1),
        ("(-x)^3", -(x1**3)),
        ("x^x", x1**x1),
        ("x^.5 - x**(1/2)", 0 * x1),
        ("e^x - exp(x)", np.e**x1 - np.exp(x1)),
        ("ln(x) + log(x)", 2 * np.log(x1)),
        ("min(x1, x2, x3)", X.min(axis=1)),
        ("1/(1 + 25*x^2)", 1 / (1 + 25 * x1**2)),
        (" x  -\n1e-1 ", x1 - 0.1),
        ("abs(x - .5) + sign(x - .5)", np.abs(x1 - 0.5) + np.sign(x1 - 0.5)),
        ("sqrt(x) * tanh(+x) / cosh(x)", np.sqrt(x1) * np.tanh(x1) / np.cosh(x1)),
        ("sin(1) + 0*x", np.full(50, np.sin(1))),
        ("floor(10*x) + ceil(10*x) + log10(x)", np.floor(10 * x1) + np.ceil(10 * x1) + np.log10(x1)),
    ],
)
def test_expressions_mean_what_mathematics_says(text, expected):
    f = expression.parse(text)
    np.testing.assert_allclose(f(X), expected, rtol=1e-12, atol=1e-12)
    found = f(jnp.asarray(X))  # float32
    assert found.dtype == jnp.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_every_listed_function_is_one_of_numpy_and_of_jax():
    for name, own in {**expression.FUNCTIONS, **expression.FOLDED}.items():
        assert callable(getattr(np, own)) and callable(getattr(jnp, own))
        text = f"{name}(x, 0.3)" if name in expression.FOLDED else f"{name}(x)"
        x = np.linspace(0.1, 0.9, 9)[:, None]
        expected = getattr(np, own)(x[:, 0], *([0.3] if name in expression.FOLDED else []))
        np.testing.assert_array_equal(expression.parse(text)(x), expected)


def test_the_number_of_inputs_is_the_largest_index():
    assert expression.parse("x").inputs == 1 and expression.parse("x").bare
    assert expression.parse("x3 + x1").inputs == 3
    assert function("x3").din == 3 and function("x3", dim=5).din == 5


ATTACKS = [
    "__import__('os').system('touch pwned')",
    "__import__(os)",
    "open('pwned', 'w')",
    "exec(x)",
    "eval(x)",
    "x.__class__",
    "x.real",
    "(1).real + x",
    "sin.__globals__",
    "().__class__",
    "lambda: x",
    "(lambda y: y)(x)",
    "[x for x in x]",
    "(x for x in x)",
    "{x}",
    "x[0]",
    "x if x else x",
    "x and x",
    "not x",
    "~x",
    "x < 1",
    "x == x",
    "x := 3",
    "(x := 3)",
    "f'{x}'",
    "'x'",
    '"x"',
    "x; x",
    "x, x",
    "(x, x)",
    "max(*x)",
    "sin(x=1)",
    "sin(**x)",
    "sin(sin)(x)",
    "sin()(x)",
    "max(x)(x)",
    "await x",
    "yield x",
    "True",
    "None",
    "True + x",
    "...",
    "1j*x",
    "x // 2",
    "x % 2",
    "x @ x",
    "x << 3",
    "x | x",
    "x # comment",
    "x \\\n+ 1",
    "x\x00",
    "π*x",
    "ｘ",
    "x⁠",
]
WRONG = [
    "",
    "   ",
    "x +",
    "(x",
    "x)",
    "2x",
    "2 x",
    "sin x",
    "sin",
    "sin()",
    "sin(x, x)",
    "max(x)",
    "pi(x)",
    "x(2)",
    "x1(2)",
    "y",
    "foo(x)",
    "x0",
    "x01",
    "x1001",
    "x99999999999999",
    "x + x1",
    "3.5",
    "pi",
    "x ^^ 2",
    "1e400*x",
    "1e31*x",
    "x^101",
    "9**9**9 * x",
    "9**9**9**9**9 * x",
    "x^(1e9)",
    "x^(0/0)",
    "(1/0)^(1/0)*x",
    "x + " + "1" * 2000,
    "x" + "+x" * 5000,
    "x" + "+x" * 400,
    "(" * 300 + "x" + ")" * 300,
    "-" * 900 + "x",
    "sin(" * 100 + "x" + ")" * 100,
    "x^" * 400 + "x",
]


@pytest.mark.parametrize("text", ATTACKS + WRONG)
def test_whatever_is_not_arithmetic_is_refused_at_once(text, isolated):
    started = time.process_time()
    with pytest.raises(ConfigError) as refused:
        expression.parse(text)
    assert time.process_time() - started < 2
    assert "--expr" in str(refused.value) and len(str(refused.value)) < 500
    assert not (isolated / "pwned").exists()


@pytest.mark.parametrize(
    "text", ["2^" * 50 + "x", ".9^" * 50 + "1 + x", "x" + "*x" * 50, "min(x, 1, " + "x, " * 200 + "2)"]
)
def test_long_towers_are_computed_at_once(text):
    started = time.process_time()
    with np.errstate(all="ignore"):
        expression.parse(text)(X)
    assert time.process_time() - started < 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("x^2 + sinn(x)", "character 7: 'sinn' is not known; .*Did you mean 'sin'"),
        ("2*pie*x", "character 3: 'pie' is not known; .*Did you mean 'pi'"),
        ("x^2 + x^3 + x.y", "character 13: this is not arithmetic"),
        ("2*x + 3y", "character 7: this is not arithmetic .is a . or a parenthesis missing"),
        ("x % 2", "character 3: '%' has no meaning here; write numbers, x"),
        ("x + x2", "x is the one input, x1, x2, ... are several"),
        ("x + sin(x, x)", "character 5: sin takes one argument, got 2"),
        ("x*(1 + sqrt)", "character 8: sqrt is a function; write sqrt.x."),
        ("x(1 + x)", "x is not a function; write x.*for a product"),
        ("x^2^9", "character 3: this exponent is beyond 100"),
        ("3 + 4", "there is no x in it"),
    ],
)
def test_an_error_says_where_what_and_what_to_write(text, says):
    with pytest.raises(ConfigError, match=says):
        expression.parse(text)


def test_an_attack_typed_at_the_shell_ends_with_exit_code_2(econml, isolated):
    for text in ("__import__('os').system('touch pwned')", "(lambda: x)()", "9**9**9*x", "x" + "+x" * 5000):
        ran = econml("fit", "mlp", "--problem", "function", "--expr", text)
        assert ran.code == 2 and "--expr" in ran.stderr
    assert not (isolated / "pwned").exists() and not (isolated / "runs").exists()


# --- function ---------------------------------------------------------------------------------------------------------


def test_the_sample_is_f_plus_noise_on_the_box():
    problem = function("exp(x1) - x2", low=-1, high=2, noise=0.5, N=20_000)
    batch = problem.sample(nnx.Rngs(1), "train")
    x, y = np.asarray(batch.x, np.float64), np.asarray(batch.y)[:, 0]
    assert batch.x.shape == (20_000, 2) and batch.y.shape == (20_000, 1)
    assert -1 <= x.min() < -0.999 and 1.999 < x.max() <= 2
    eps = y - (np.exp(x[:, 0]) - x[:, 1])
    # the mean within four standard errors of 0, the sd within four of .5
    assert abs(eps.mean()) < 4 * 0.5 / 20_000**0.5
    assert abs(eps.std() - 0.5) < 4 * 0.5 / 40_000**0.5
    assert not np.array_equal(batch.x, problem.sample(nnx.Rngs(2), "train").x)


def test_the_verdicts_of_a_model_that_is_off_by_a_known_amount():
    problem = function("sin(2*pi*x)", noise=0.1)
    found = problem.verdicts(Plus(problem.f, 0.25), problem.sample(nnx.Rngs(1), "test"))
    assert found["max_error"] == pytest.approx(0.25, rel=1e-5)
    assert found["rms_error"] == pytest.approx(0.25, rel=1e-5)
    assert found["excess_risk"] == pytest.approx(0.0625, rel=1e-5)
    assert found["bayes_risk"] == pytest.approx(0.01)


def test_the_excess_risk_of_a_constant_is_the_variance_of_f():
    # of sin(2 pi x), x ~ U[0, 1]: 1/2; of x1 + x2 on [0, 1]^2: 1/6
    one, two = function("sin(2*pi*x)"), function("x1 + x2", N_test=50_000)
    zero = Plus(lambda x: 0 * x[:, 0], 0.0)
    assert one.verdicts(zero, one.sample(nnx.Rngs(0), "test"))["excess_risk"] == pytest.approx(0.5, rel=1e-3)
    mean = Plus(lambda x: 0 * x[:, 0], 1.0)
    assert two.verdicts(mean, two.sample(nnx.Rngs(0), "test"))["excess_risk"] == pytest.approx(1 / 6, rel=0.02)


def test_nodes_lay_out_the_training_sample_only():
    problem = function("x", low=-1, high=3, noise=0, nodes="chebyshev", N=5)
    expected = 1 + 2 * np.sort(chebyshev.chebroots([0] * 5 + [1]))
    np.testing.assert_allclose(problem.sample(nnx.Rngs(0), "train").x[:, 0], expected, atol=1e-6)
    uniform = problem.sample(nnx.Rngs(0), "test").x
    assert uniform.shape == (20, 1) and np.ptp(np.diff(uniform[:, 0])) > 0.1
    equispaced = function("x", low=-1, high=3, nodes="equispaced", N=5).sample(nnx.Rngs(0), "train")
    np.testing.assert_allclose(equispaced.x[:, 0], [-1, 0, 1, 2, 3])


def test_a_function_that_is_not_finite_on_the_box_is_refused():
    with pytest.raises(DataError, match=r"log\(x\)' is nan at x = -1; choose --low and --high \(now -1 and 1\)"):
        function("log(x)", low=-1)
    with pytest.raises(DataError, match="is inf at x = 0;"):
        function("1/x", low=-1)
    with pytest.raises(DataError, match=r"at x = \(0, 0\)"):
        function("sqrt(x1 + x2 - 0.01)")
    with pytest.raises(DataError, match="is inf"):
        function("exp(100*x)")  # beyond float32
    with precision("float64"):
        assert function("exp(100*x)").din == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"expr": None}, "needs --expr"),
        ({"expr": "x", "low": 1.0}, "--low 1 must be below --high 1"),
        ({"expr": "x1 + x2", "nodes": "chebyshev"}, "--nodes chebyshev is for one input"),
        ({"expr": "x3", "dim": 2}, "--dim 2: --expr 'x3' reads x3"),
        ({"expr": "x", "dim": 2}, "write x1, x2"),
    ],
)
def test_options_that_contradict_the_expression_are_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        function(**options)


SIZES = ("--N", 40, "--N-test", 20, "--N-val", 20)
SMALL = (*SIZES, "--width", 4, "--depth", 1)


@pytest.mark.parametrize("kind", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_a_function_is_fitted_evaluated_and_listed_from_the_shell(econml, kind):
    words = ["--problem", "function", "--expr", "sin(2*pi*x)", "--low", 0, "--high", 1, "--noise", 0.1, *SMALL]
    ran = econml("fit", "mlp", *words, "--precision", kind, "--num-epochs", 20, "--out", "run", "--json")
    assert ran.code == 0, ran.stderr
    summary = json.loads(ran.stdout)
    assert summary["bayes_risk"] == pytest.approx(0.01)
    assert summary["max_error"] >= summary["rms_error"] > 0
    manifest = json.loads(econml("inspect", "checkpoint", "run", "--json").stdout)
    assert manifest
    evaluated = econml("eval", "run", "--json", "--draws", 100)
    assert evaluated.code == 0, evaluated.stderr
    assert '"excess_risk"' in evaluated.stdout and "population_risk" in evaluated.stdout
    listed = econml("inspect", "problems", "function")
    assert listed.code == 0 and "--expr" in listed.stdout and "--noise" in listed.stdout


@pytest.mark.slow
def test_an_expression_may_begin_with_a_minus(econml):
    words = ("fit", "linear", "--problem", "function", *SIZES, "--num-epochs", 1, "--expr", "-x1 + x2")
    assert econml(*words, "--out", "run").code == 0
    assert econml("fit", "--config", "run/config.yaml", "--out", "again", "--num-epochs", 2).code == 0


# --- runge ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("degree", "nodes", "bar"),
    [
        (10, "equispaced", 1.916),
        (20, "equispaced", 59.82),
        (10, "chebyshev", 0.1092),
        (20, "chebyshev", 0.01533),
        (40, "chebyshev", 2.9e-4),
    ],
)
def test_interpolation_at_the_nodes_has_the_published_errors(degree, nodes, bar):
    with precision("float64"):
        problem = Runge(N=degree + 1, nodes=nodes, N_test=2001, N_val=0, rngs=nnx.Rngs(0))
        train, test = (problem.sample(nnx.Rngs(0), split) for split in ("train", "test"))
        interpolant = BarycentricInterpolator(np.asarray(train.x[:, 0]), np.asarray(train.y[:, 0]))
        grid = known.nodes("equispaced", known.GRID, -1, 1)
        values = interpolant(grid)

        class Interpolant(nnx.Module):
            def __call__(self, x):
                return jnp.interp(x[:, 0], jnp.asarray(grid), jnp.asarray(values))[:, None]

        found = problem.verdicts(Interpolant(), test)
    # the figure of degree 40 is given to two digits
    assert found["max_error"] == pytest.approx(bar, rel=0.01 if degree < 40 else 0.02)
    assert np.abs(interpolant(np.asarray(test.x[:, 0])) - np.asarray(test.y[:, 0])).max() == pytest.approx(
        bar, rel=0.02
    )


def test_runges_function_has_no_noise_and_a_grid_to_test_on():
    setup = assemble(build("mlp", "runge", [("test", {})]))
    assert setup.train.x.shape == (64, 1) and setup.test.x.shape == (2001, 1)
    np.testing.assert_allclose(setup.train.x[:, 0], -np.cos((2 * np.arange(64) + 1) * np.pi / 128), atol=1e-7)
    np.testing.assert_allclose(setup.test.x[:, 0], np.linspace(-1, 1, 2001), atol=1e-7)
    np.testing.assert_allclose(setup.test.y[:, 0], 1 / (1 + 25 * np.linspace(-1, 1, 2001) ** 2), atol=1e-6)
    assert setup.problem.describe()["truth"].startswith("1/(1 + 25*x^2)")
    np.testing.assert_array_equal(runge(np.array([[0.0], [0.2]])), [1.0, 0.5])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 42])
def test_an_mlp_on_64_nodes_is_within_the_bar_of_runges_function(seed):
    trainer = Trainer(assemble(build("mlp", "runge", [("test", {"seed": seed})])))
    list(trainer.run())
    assert trainer.setup.config.model_options.width == (64,) and trainer.setup.n_train == 64
    found = losses(trainer.fitted(), trainer.setup)
    assert found["rms_error"] <= found["max_error"] <= 5e-3
