"""Formulas: the algebra, the list of what is admitted, and that nothing else ever runs."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from econml_cli.data import design, expression, formula, transforms
from econml_cli.errors import ConfigError, DataError

COLUMNS = ["y", "a", "b", "c", "x", "z"]


def terms(text, others=COLUMNS):
    return formula.parse(text, others).terms


@pytest.fixture
def frame():
    rng = np.random.default_rng(0)
    n = 60
    return pd.DataFrame(
        {
            "y": rng.normal(size=n),
            "x": rng.uniform(1, 5, n),
            "z": rng.normal(size=n),
            "a": rng.choice(["p", "q", "r"], n),
            "b": rng.choice([1, 2], n),
            "odd name": rng.normal(size=n),
        }
    )


def encoded(text, frame, train=None):
    read = formula.parse(text, list(frame.columns))
    everything = np.ones(len(frame), dtype=bool)
    encoding = design.learn(read, frame, everything, everything if train is None else train, read.constant)
    return read, encoding, design.apply(read, encoding, frame)


def values(text, frame):
    return transforms.evaluate(expression.parse(text), frame, {}, np.ones(len(frame), dtype=bool))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("y ~ a + b", [("a",), ("b",)]),
        ("y ~ a*b", [("a",), ("b",), ("a", "b")]),
        ("y ~ a:b + a", [("a", "b"), ("a",)]),
        ("y ~ a/b", [("a",), ("a", "b")]),
        ("y ~ (a + b)**2", [("a",), ("a", "b"), ("b",)]),
        ("y ~ (a + b)^2", [("a",), ("a", "b"), ("b",)]),
        ("y ~ a + a", [("a",)]),
        ("y ~ a*b - a", [("b",), ("a", "b")]),
        ("y ~ a - 1", [("a",)]),
        ("y~-1+a", [("a",)]),
        ("y ~ 0 + a", [("a",)]),
        ("y ~ 1 + a", [("a",)]),
        ("y ~ . - x", [("a",), ("b",), ("c",), ("z",)]),
        ("log(y) ~ .", [("a",), ("b",), ("c",), ("x",), ("z",)]),
        ("y ~ `odd name` + log( x )", [("`odd name`",), ("log(x)",)]),
        ("y ~ {a + 1}", [("a + 1",)]),
        ("y ~ pop.density", [("`pop.density`",)]),
        ("y ~ log(`log(x)`)", [("log(`log(x)`)",)]),
        ("y ~ lag(x, k=2) + lag(x,2)", [("lag(x, k=2)",), ("lag(x, 2)",)]),
    ],
)
def test_the_algebra_of_formulas(text, expected):
    assert sorted(terms(text)) == sorted(expected)


def test_long_sums_and_many_brackets_are_read():
    many = [f"x{i}" for i in range(800)]
    assert terms("y ~ " + "+".join(many)) == tuple((name,) for name in many)
    assert terms("y ~ " + "(" * 2000 + "x" + ")" * 2000) == (("x",),)


def test_the_target_is_the_left_hand_side():
    assert formula.parse("log(wage) ~ educ", []).target == "log(wage)"


RUNS = "open('pwned', 'w').write('x')"


@pytest.mark.parametrize(
    "attack",
    [
        f"y ~ {RUNS}",
        f"y ~ I({RUNS})",
        f"y ~ {{{RUNS}}}",
        f"{RUNS} ~ x",
        f"log({RUNS})(y) ~ x",  # formulaic runs this one while it parses
        f"poly({RUNS}) ~ x",
        f"y ~ poly({RUNS}, 2)",
        f"y ~ poly(x, {RUNS})",
        f"y ~ poly(x, degree={RUNS})",
        f"y ~ C(x, {RUNS})",
        f"y ~ C(x, contrasts={RUNS})",
        f"y ~ x + `a` * log(`{RUNS}`, {RUNS})",
        f"y ~ (x + {RUNS})**2",
        f"y ~ x[{RUNS}]",
        "y ~ __import__('os').system('touch pwned')",
        'y ~ exec(\'open("pwned", "w")\')',
        "y ~ eval('1')",
        "y ~ I(exec)()",
        "y ~ log(I)(x)",
        "y ~ log(x).__class__",
        "y ~ I(x.__class__.__mro__)",
        "y ~ log.__globals__(x)",
        "y ~ I(().__class__)",
        "y ~ I((lambda: 0)())",
        "y ~ {(lambda: 0)()}",
        "y ~ I([q for q in x])",
        "y ~ I({q: 1 for q in x})",
        "y ~ I((q := x))",
        "y ~ I(f'{x}')",
        "y ~ I('a')",
        "y ~ I(b'a')",
        "y ~ I('a' * 10**9)",
        "y ~ I(x if x else z)",
        "y ~ I(x and z)",
        "y ~ I(not x)",
        "y ~ I(~x)",
        "y ~ I(x @ z)",
        "y ~ I(x << 99999999)",
        "y ~ I(1 < x < 2)",
        "y ~ I(x is z)",
        "y ~ I(x in z)",
        "y ~ I(*x)",
        "y ~ I(x, z)",
        "y ~ log(**x)",
        "y ~ poly(x, **z)",
        "y ~ log(x, out=z)",
        "y ~ poly(x, degree=2, degree=3)",
        "y ~ poly(x, 2, degree=3)",
        "y ~ poly(x, _state=z)",
        "y ~ I(True)",
        "y ~ I(None)",
        "y ~ I(...)",
        "y ~ I(1j * x)",
        "y ~ I(await_(x))",
        "y ~ np.log(x)",
        "y ~ Q('x')",
        "y ~ hashed(x)",
        "y ~ 'a'",
        'y ~ "a" : x',
        "y ~ x %in% z",
        "y ~ x | log(z)",
        "y ~ [x ~ z]",
        "y ~ I(x\x00)",
        "y ~ I(x)\n; import os",
        "y ~ I(x # )",
        "y ~ I(`x)",
        "y ~ C(C(x))",
        "y ~ log(poly(x, 2))",
        "y ~ I(9)",
        "y ~ poly(x, 10**9)",
        "y ~ poly(x, 1000000000)",
        "y ~ poly(x, 0)",
        "y ~ poly(x, 2.5)",
        "y ~ poly(x, True)",
        "y ~ bs(x)",
        "y ~ bs(x, 999999999)",
        "y ~ lag(x, z)",
        "y ~ I(x" + " + 1" * 500 + ")",
        "y ~ I(" + "(" * 300 + "x" + ")" * 300 + ")",
        "y ~ I(" + "-" * 3000 + "x)",
        "y ~ " + "+".join(f"x{i}" for i in range(5000)),
        "y ~ (a*b*c*x)**9",
        "y ~ ((a + b + c)**9)**9",
        "y ~ " + "*".join(f"x{i}" for i in range(40)),
        "y ~ (a + b)**999999999",
        "y ~ (a + b)**x",
        "y ~ (a + b)**-1",
        "y ~ (a + b)**0",
    ],
)
def test_whatever_is_not_on_the_list_is_refused_and_never_run(attack):
    start = time.process_time()
    with pytest.raises(ConfigError):
        formula.parse(attack, COLUMNS)
    assert time.process_time() - start < 5
    assert not Path("pwned").exists()


def test_an_attack_would_have_been_noticed():
    eval(RUNS)
    assert Path("pwned").exists()


def test_names_of_python_are_only_ever_names_of_columns(frame):
    for name in ("exec", "__import__", "x.__class__", "log", "np", "self", "__builtins__", "frame"):
        read = formula.parse(f"y ~ `{name}`", [])
        assert read.feature_columns == [name]


def test_a_column_may_have_the_name_of_a_function_or_a_keyword(frame):
    frame = frame.rename(columns={"x": "log", "z": "class"})
    np.testing.assert_array_equal(values("log(log)", frame), np.log(frame["log"]))
    np.testing.assert_array_equal(values("square(`class`)", frame), frame["class"] ** 2)


def test_huge_powers_are_infinite_not_endless(frame):
    assert np.isinf(values("I(x + 9**9**9)", frame)).all()


@given(st.text(alphabet="xyzabIlogCpoly01239()[]{}`'\"~+-*/:^.,=_% \\|@<>!\n", max_size=60))
def test_any_text_is_either_a_formula_or_one_plain_refusal(text):
    try:
        read = formula.parse(text, COLUMNS)
    except ConfigError as error:
        assert "\x1b" not in str(error)
    else:
        assert read.terms and read.target in read.factors


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("y + x", "must have one ~"),
        ("y ~ x ~ z", "must have one ~"),
        ("~ x", "must have one ~"),
        ("y ~ 0", "neither a feature nor a constant"),
        ("y ~", "nothing on the right"),
        ("y ~ | a", "operator"),
        ("y + z ~ x", "one target"),
        ("y:z ~ x", "one target"),
        ("poly(y, 2) ~ x", "one target"),
        ("y ~ x + y", "by itself"),
        ("y ~ x^2", r"I\(exper\*\*2\)"),
        ("y ~ 2*x", "besides 0 and 1"),
        ("y ~ np.log(x)", "bare name"),
        ("y ~ lgo(x)", "did you mean 'log'"),
        ("y ~ (x", "not a formula"),
        ("y ~ x |", r"ends without the column of a fixed effect; expected such as \"y ~ x \| firm \+ year\"\.$"),
    ],
)
def test_refusals_say_what_to_write(text, says):
    with pytest.raises(ConfigError, match=says):
        formula.parse(text, COLUMNS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log(x)", lambda f: np.log(f["x"])),
        ("log1p(x)", lambda f: np.log1p(f["x"])),
        ("I(x**2 - 2*x/3)", lambda f: f["x"] ** 2 - 2 * f["x"] / 3),
        ("I(-x)", lambda f: -f["x"]),
        ("I(x > 2)", lambda f: (f["x"] > 2).astype(float)),
        ("sqrt(abs(z))", lambda f: np.sqrt(f["z"].abs())),
        ("I(b == 1)", lambda f: (f["b"] == 1).astype(float)),
        ("standardize(x)", lambda f: (f["x"] - f["x"].mean()) / f["x"].std(ddof=0)),
        ("center(log(x))", lambda f: np.log(f["x"]) - np.log(f["x"]).mean()),
        ("lag(x)", lambda f: f["x"].shift(1)),
        ("lag(x, -2)", lambda f: f["x"].shift(-2)),
        ("I(x - lag(x, k=1))", lambda f: f["x"].diff()),
        ("I(`odd name` * 2)", lambda f: f["odd name"] * 2),
        ("lag(x, 100)", lambda f: f["x"] * np.nan),
    ],
)
def test_transforms_are_those_of_numpy_and_pandas(text, expected, frame):
    np.testing.assert_allclose(values(text, frame), expected(frame), rtol=1e-12)


def test_poly_is_an_orthonormal_basis_of_the_training_rows(frame):
    basis = values("poly(x, 3)", frame)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-10)
    np.testing.assert_allclose(basis.sum(axis=0), 0, atol=1e-10)


def test_bs_sums_to_one_with_its_dropped_column_and_goes_on_beyond_the_training_rows(frame):
    rows = (frame["x"] < 3).to_numpy()
    basis = transforms.evaluate(expression.parse("bs(x, df=5)"), frame, {}, rows)
    assert basis.shape == (60, 5) and np.isfinite(basis).all()
    assert ((basis[rows].sum(axis=1) <= 1 + 1e-12) & (basis[rows].sum(axis=1) >= -1e-12)).all()


@pytest.mark.parametrize("text", ["poly(x, 2)", "bs(x, df=4)", "scale(x)", "standardize(x)", "center(x)"])
def test_transforms_learn_from_the_training_rows_only(text, frame):
    train = np.arange(60) < 40
    node, learnt, other = expression.parse(text), {}, {}
    value = transforms.evaluate(node, frame, learnt, train)
    changed = frame.assign(x=frame["x"].where(train, 100.0))
    np.testing.assert_array_equal(value[train], transforms.evaluate(node, changed, other, train)[train])
    assert learnt == other
    again = transforms.evaluate(node, frame, json.loads(json.dumps(learnt)), None)
    np.testing.assert_array_equal(value, again)


def test_a_polynomial_needs_more_values_than_its_degree(frame):
    with pytest.raises(DataError, match="too few different values"):
        values("poly(b, 2)", frame)


def test_labels_lose_their_first_level_and_numbers_stay(frame):
    _, encoding, _ = encoded("y ~ a + x + C(b)", frame)
    assert encoding.names == ["a[T.q]", "a[T.r]", "x", "C(b)[T.2]"]


def test_interactions_with_and_without_their_main_effect_follow_r(frame):
    assert encoded("y ~ a*x", frame)[1].names == ["a[T.q]", "a[T.r]", "x", "a[T.q]:x", "a[T.r]:x"]
    assert encoded("y ~ a:x", frame)[1].names == ["a[p]:x", "a[q]:x", "a[r]:x"]
    assert encoded("y ~ x + a:x", frame)[1].names == ["x", "a[T.q]:x", "a[T.r]:x"]
    assert encoded("y ~ a*C(b)", frame)[1].names[-2:] == ["a[T.q]:C(b)[T.2]", "a[T.r]:C(b)[T.2]"]


def test_interactions_span_what_formulaic_spans(frame):
    from formulaic import model_matrix

    def space(matrix):
        q, _ = np.linalg.qr(matrix)
        return q @ q.T

    for text in ("a*x + C(b)", "a:x + z", "poly(x, 2)*C(b)", "(a + x + z)**2", "log(x):a + a"):
        theirs = np.asarray(model_matrix(text, frame, context={}), dtype=float)
        ours = encoded(f"y ~ {text}", frame)[2]
        np.testing.assert_allclose(space(np.column_stack([np.ones(60), ours])), space(theirs), atol=1e-8)


@pytest.mark.parametrize(
    "text", ["a + x - 1", "0 + a + x", "0 + x + a", "0 + a*x", "0 + a + C(b)", "0 + a:x + z", "0 + a:C(b)"]
)
def test_without_the_intercept_the_columns_span_what_formulaic_spans(text, frame):
    from formulaic import model_matrix

    theirs = np.asarray(model_matrix(text, frame, context={}), dtype=float)
    read, encoding, ours = encoded(f"y ~ {text}", frame)
    assert not read.constant and encoding.mean == [0.0] * len(encoding.names)
    assert ours.shape[1] == np.linalg.matrix_rank(theirs) == np.linalg.matrix_rank(np.column_stack([ours, theirs]))


def test_without_the_intercept_the_first_labels_have_all_their_levels(frame):
    assert encoded("y ~ 0 + a + C(b)", frame)[1].names == ["a[p]", "a[q]", "a[r]", "C(b)[T.2]"]
    assert encoded("y ~ x - 1", frame)[1].names == ["x"]


@pytest.mark.parametrize("text", ["y ~ I(x - x)", "y ~ x + one"])
def test_a_feature_that_never_changes_is_refused_by_name(text, frame):
    with pytest.raises(DataError, match="is the same in all rows"):
        encoded(text, frame.assign(one="u"))


def test_a_dummy_that_never_changes_in_training_is_0_everywhere(frame):
    train = np.arange(60) < 40
    frame["a"] = np.where(train, np.where(frame["b"] == 1, "p", "q"), "r")
    _, encoding, x = encoded("y ~ a", frame, train)
    assert encoding.scale[1] == 1.0 and encoding.mean[1] == 0.0 and encoding.idle == ["a[T.r]"]
    np.testing.assert_array_equal(x[:, 1], 0.0)
    read = formula.parse("y ~ a", list(frame.columns))
    found = design.unlike(read, encoding, frame)
    assert list(found) == ["a[T.r]"]
    np.testing.assert_array_equal(found["a[T.r]"], ~train)


def test_too_many_columns_are_refused_before_they_are_made():
    levels = [f"l{i}" for i in range(300)]
    frame = pd.DataFrame({"y": range(600), "a": levels * 2, "b": levels[::-1] * 2})
    with pytest.raises(DataError, match="makes 89,401 columns"):
        encoded("y ~ a*b", frame)
