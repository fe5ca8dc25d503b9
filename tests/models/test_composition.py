"""h(phi(x)): a fixed representation before any model, by --phi, or by --features."""

import json
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.models import representations
from econml_cli.models.composed import Composed
from econml_cli.models.linear import Linear
from econml_cli.models.moments import Moments
from econml_cli.models.piecewise import PiecewiseLinear
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import assemble, num_params

SMALL = ("--N", 40, "--N-test", 20, "--N-val", 20)


def table(n=60):
    """A file d.csv with y = a^2 - b."""
    rows = [(i / 10, i % 7) for i in range(n)]
    Path("d.csv").write_text("a,b,y\n" + "".join(f"{a},{b},{a * a - b}\n" for a, b in rows))
    return "d.csv"


def says(ran, *words):
    assert ran.code == 2 and ran.stderr.count("\n") == 1 and "Traceback" not in ran.stderr, ran
    for word in words:
        assert word in ran.stderr, ran.stderr


# ---------------------------------------------------------------- the grammar


def test_a_representation_is_read_as_its_options_are():
    assert representations.parse("polynomial") == ("polynomial", {})
    name, values = representations.parse("polynomial:degree=5,basis=hermite,domain=-1+1.5")
    assert name == "polynomial" and values == {"degree": 5, "basis": "hermite", "domain": (-1.0, 1.5)}
    assert representations.parse("random_features:num-features=20")[1] == {"num_features": 20}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("polynomail:degree=3", ["--phi must be NAME or NAME:option=value", "Did you mean 'polynomial'?"]),
        ("./mine.py:Net", ["--phi must be NAME", "polynomial, random_features"]),
        ("polynomial:degre=3", ["'degre=3'", "takes degree, basis", "Did you mean 'degree'?"]),
        ("polynomial:degree", ["'degree'", "as in polynomial:degree="]),
        ("polynomial:degree=-1", ["--phi degree must be an integer >= 0", "'-1'"]),
        ("polynomial:basis=fourier", ["--phi basis must be one of", "'fourier'"]),
        ("polynomial:solver=lstsq", ["'solver=lstsq'", "polynomial takes degree"]),
        ("polynomial:degree=0", ["polynomial"]),
    ],
)
def test_what_is_no_representation_is_refused_in_one_sentence(econml, text, words):
    says(econml("fit", "linear", "--phi", text, *SMALL), *words)


# ---------------------------------------------------------------- what it computes


@pytest.mark.slow
def test_the_model_sees_the_representation_and_phi_is_not_trained():
    config = build("linear", "linear", [("test", {"phi": "polynomial:degree=2,basis=monomial,domain=-1+1", "N": 30})])
    setup = assemble(config)
    assert isinstance(setup.model, Composed) and isinstance(setup.model.h, Linear)
    x = np.asarray(setup.train.x, np.float64)
    expected = np.column_stack([x, x[:, 0] ** 2, x[:, 0] * x[:, 1], x[:, 1] ** 2])  # the constant is the bias of h
    z = np.asarray(setup.model.embed(setup.train.x), np.float64)
    np.testing.assert_allclose(np.sort(z, axis=1), np.sort(expected, axis=1), rtol=1e-5)
    params = [path for path, _ in nnx.to_flat_state(nnx.state(setup.model, nnx.Param))]
    assert params and all(path[0] == "h" for path in params)
    linear = setup.model.h.linear
    np.testing.assert_allclose(
        setup.model(setup.train.x), setup.model.embed(setup.train.x) @ linear.kernel[...] + linear.bias[...], rtol=1e-5
    )


def test_moments_are_means_of_powers_whatever_the_order_and_the_number_of_the_elements():
    x = np.random.default_rng(0).normal(size=(5, 7, 2))
    phi = Moments(14, shape=(7, 2), order=3)
    expected = np.concatenate([(x**power).mean(axis=1) for power in (1, 2, 3)], axis=1)
    assert phi.dout == expected.shape[1] == 6
    np.testing.assert_allclose(phi.design(x), expected, rtol=1e-12)
    np.testing.assert_allclose(phi(jnp.asarray(x)), expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(phi.design(x[:, ::-1]), expected, rtol=1e-12)
    np.testing.assert_allclose(phi.design(np.concatenate([x, x], axis=1)), expected, rtol=1e-12)
    scalars = Moments(4, order=2).design(np.array([[1.0, 2.0, 3.0, 6.0]]))
    np.testing.assert_allclose(scalars, [[3.0, 12.5]])
    with pytest.raises(ValueError, match="a set of scalars or of vectors"):
        Moments(8, shape=(2, 2, 2))


def test_intervals_end_at_quantiles_of_the_training_inputs_and_empty_ones_are_nothing():
    phi = PiecewiseLinear(3, bins=2)
    train = np.column_stack([[0.0, 1.0, 2.0, 4.0, 10.0], [0.0, 0.0, 0.0, 1.0, 1.0], np.full(5, 7.0)])
    phi.adapt(train)
    assert phi.dout == 9
    x = np.array([[-3.0, 0.0, 7.0], [1.0, 1.0, 7.0], [6.0, 0.0, 9.0], [20.0, 1.0, 7.0]])
    parts = [  # the first input has a median of 2, the dummy one of 0, and the third does not vary
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.0, 1.0, 0.0, 0.0],
        [1.0, 0.5, 0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0, 0.0, 0.0],
    ]  # fmt: skip
    np.testing.assert_allclose(phi.design(x), np.column_stack([x, parts]), rtol=1e-12)
    np.testing.assert_allclose(phi(jnp.asarray(x)), phi.design(x), rtol=1e-6)


def test_a_network_reads_intervals_of_a_table_as_its_training_rows_have_them(isolated):
    setup = assemble(build("mlp", "tabular", [("test", {"data": table(), "target": "y", "phi": "piecewise:bins=3"})]))
    x = np.asarray(setup.train.x, np.float64)
    ends = np.quantile(x[:, 0], [0, 1 / 3, 2 / 3])
    np.testing.assert_allclose(setup.model.phi.low[...][0], ends, rtol=1e-5, atol=1e-6)
    assert setup.model.embed(setup.train.x).shape == (len(x), 8) and setup.model.h.linear1.kernel.shape[0] == 8


@pytest.mark.slow
def test_a_network_of_moments_reads_a_set_and_has_no_weight_for_each_element():
    options = {"phi": "moments:order=4", "N": 128, "depth": 4, "trajectories": 1, "trajectories_val": 1}
    setup = assemble(build("mlp", "investment", [("test", {**options, "trajectories_test": 1, "periods": 3})]))
    assert setup.model(setup.train.x).shape == (4, 1) and setup.model.phi.dout == 4
    assert num_params(setup.model) == 50_305  # the source's count


@pytest.mark.slow
def test_phi_learns_its_domain_from_the_training_sample_alone():
    with precision("float64"):
        options = {"phi": "polynomial:degree=1", "precision": "float64", "N": 30}
        setup = assemble(build("linear", "linear", [("test", options)]))
        z = np.asarray(setup.model.embed(setup.train.x))
        np.testing.assert_allclose([z.min(axis=0), z.max(axis=0)], [[-1, -1], [1, 1]], atol=1e-12)
        assert setup.model.embed(setup.train.x).dtype == jnp.float64
        assert float(jnp.abs(setup.model.embed(setup.test.x)).max()) > 1  # 200 draws go beyond 30


@pytest.mark.slow
def test_a_linear_model_on_polynomial_features_is_the_polynomial_model(econml):
    shared = [*SMALL, "--sigma", "0.1", "--precision", "float64", "--json"]
    composed = econml("fit", "linear", "--solver", "lstsq", "--phi", "polynomial:degree=3", *shared, "--out", "a")
    own = econml("fit", "polynomial", "--degree", 3, *shared, "--out", "b")
    assert composed.code == own.code == 0, composed.stderr + own.stderr
    a, b = json.loads(composed.stdout), json.loads(own.stdout)
    assert a["stop_reason"] == b["stop_reason"] == "solved" and a["num_params"] == b["num_params"] == 10
    # the linear model draws weights that it then forgets, so that the samples drawn after them differ
    assert a["train_loss"] == pytest.approx(b["train_loss"], rel=1e-8)


# ---------------------------------------------------------------- from the shell


def test_features_is_another_way_to_write_phi_and_comes_back_from_the_config(econml):
    typed = econml("fit", "mlp", "--features", "polynomial:degree=3", *SMALL, "--print-config").stdout
    assert typed == econml("fit", "mlp", "--phi", "polynomial:degree=3", *SMALL, "--print-config").stdout
    assert "phi: polynomial:degree=3\n" in typed and "features" not in typed
    Path("c.yaml").write_text(typed)
    assert econml("fit", "--config", "c.yaml", "--print-config").stdout == typed
    Path("c.yaml").write_text(typed.replace("phi:", "features:"))
    assert econml("fit", "--config", "c.yaml", "--print-config").stdout == typed


@pytest.mark.slow
def test_a_composed_fit_is_repeated_resumed_evaluated_and_embedded(econml):
    fit = ["fit", "mlp", "--width", 4, "--depth", 1, "--phi", "random_features:num_features=5", *SMALL]
    assert econml(*fit, "--num-epochs", 4, "--out", "whole").code == 0
    assert econml(*fit, "--num-epochs", 2, "--out", "r").code == 0
    assert econml("fit", "--config", "whole/config.yaml", "--out", "again").code == 0
    assert econml("fit", "--resume", "r", "--num-epochs", 4).code == 0
    whole, *others = (json.loads(Path(run, "summary.json").read_text()) for run in ("whole", "again", "r"))
    assert {other["state_sha256"] for other in others} == {whole["state_sha256"]}
    evaluated = json.loads(econml("eval", "r", "--json").stdout)
    assert evaluated["test_loss"]["value"] == pytest.approx(whole["test_loss"], rel=1e-6)
    rows = econml("predict", "r", "--embed", "--out", "-").stdout.splitlines()
    assert rows[0] == "x1,x2,y,z_1,z_2,z_3,z_4,z_5,split" and len(rows) == 81


@pytest.mark.slow
def test_a_table_can_have_columns_and_a_representation(econml):
    data = ["--data", table(), "--target", "y", "--num-epochs", 2]
    named = econml("fit", "linear", *data, "--features", "a,b", "--phi", "polynomial:degree=2", "--out", "r")
    assert named.code == 0, named.stderr
    all_of_them = econml("fit", "linear", *data, "--features", "polynomial:degree=2", "--out", "q")
    assert all_of_them.code == 0, all_of_them.stderr
    assert (
        econml("predict", "r", "--embed", "--out", "-").stdout == econml("predict", "q", "--embed", "--out", "-").stdout
    )
    header, first, *_ = econml("predict", "r", "--data", "d.csv", "--embed", "--out", "-").stdout.splitlines()
    assert header == "a,b,y,z_1,z_2,z_3,z_4,z_5" and first.startswith("0.0,0,")
    config = Path("q/config.yaml").read_text()
    assert "phi: polynomial:degree=2" in config and "features" not in config


@pytest.mark.slow
def test_an_own_model_can_stand_behind_a_representation(econml):
    from econml_cli.inspection.templates import template

    Path("mymodel.py").write_text(template("model").text)
    fit = ["fit", "./mymodel.py:MyNet", "--phi", "polynomial:degree=2", *SMALL, "--num-epochs", 2, "--out", "r"]
    assert econml(*fit).code == 0
    assert econml("eval", "r").code == 0


def test_a_model_without_a_representation_has_nothing_to_embed(econml):
    assert econml("fit", "linear", *SMALL, "--num-epochs", 1, "--out", "r").code == 0
    says(econml("predict", "r", "--embed", "--out", "-"), "--embed", "linear has no representation")


@pytest.mark.slow
def test_a_representation_can_be_swept(econml):
    values = "phi=['polynomial:degree=1', 'polynomial:degree=2']"
    fix = [word for pair in ("N=40", "N_test=20", "N_val=20", "num_epochs=2") for word in ("--fix", pair)]
    create = ["sweep", "create", "x", "--model", "linear", "--method", "grid", "--param", values, *fix]
    ran = econml(*create, "--out", "x.yaml")
    assert ran.code == 0, ran.stderr
    assert econml("sweep", "run", "x.yaml", "--quiet", "--jobs", 1).code == 0
    losses = [json.loads(path.read_text())["num_params"] for path in sorted(Path("runs/x").glob("0*/summary.json"))]
    assert sorted(losses) == [3, 6]
