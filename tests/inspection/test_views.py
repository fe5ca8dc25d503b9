"""Views of a fitted model: split, layers, gradients, dead units, comparisons, checks, pages, figures."""

import json
import math
import re
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError
from econml_cli.evaluation import samples
from econml_cli.inspection import checks, difference, findings, html, selection, views
from econml_cli.inspection.checkpoints import describe_checkpoint
from econml_cli.inspection.gradients import mean_gradient
from econml_cli.inspection.graph import describe_graph
from econml_cli.inspection.hidden import Hidden, hidden_units
from econml_cli.inspection.layers import describe_layers
from econml_cli.inspection.report import Report
from econml_cli.inspection.state import describe_state
from econml_cli.models.deep_set import DeepSet
from econml_cli.models.linear import Linear
from econml_cli.models.mlp import MLP
from econml_cli.output import figure_files
from econml_cli.problems.base import Batch
from econml_cli.problems.linear import LinearProblem
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit
from tests.support.models import constant_mlp
from tests.support.terminal import rendered

COMMON = {"num_epochs": "6", "N": "40", "N_test": "20", "N_val": "20"}
RUNS = {
    "plain": {"checkpoint_every": "2", "keep": "3"},
    "sgd": {"optimizer": "sgd", "lr": "0.01"},
    "wide": {"width": "6", "depth": "1", "activation": "tanh"},
}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Runs of a small MLP on the lecture's problem, six epochs each; "linear" is a linear model."""
    runs = tmp_path_factory.mktemp("fitted") / "runs"
    for name, extra in RUNS.items():
        fit(build("mlp", "linear", [("test", {**COMMON, "width": "4", **extra})]), runs / name)
    fit(build("linear", "linear", [("test", {**COMMON, "sigma": "1"})]), runs / "linear")
    return runs


@pytest.fixture
def runs(fitted):
    """A copy that the test may damage, in runs/."""
    shutil.copytree(fitted, "runs")
    return Path("runs")


def report_of(model, views=("summary",), run="runs/a"):
    leaves = tuple(describe_state(model))
    return Report(
        views, {"model": "mlp", "problem": "linear", "run": run, "epoch": 1}, describe_graph(model), leaves, model
    )


@pytest.mark.slow
def test_merge_of_split_is_the_same_function(fitted):
    model = describe_checkpoint(Run(fitted / "plain")).model
    x = jax.random.normal(jax.random.key(0), (50, 2))
    graphdef, state = nnx.split(model)
    assert jnp.array_equal(nnx.merge(graphdef, state)(x), model(x))
    halved = nnx.merge(graphdef, jax.tree.map(lambda leaf: leaf / 2, state))
    assert not jnp.array_equal(halved(x), model(x))


def test_split_shows_graphdef_without_shapes_beside_state_with_them():
    lines = rendered(views.split(report_of(constant_mlp())), 120)
    assert lines[0] == "graphdef, state = nnx.split(model)" and lines[-1] == "model = nnx.merge(graphdef, state)"
    assert lines[2].split() == ["graphdef", "state"]
    assert any(re.fullmatch(r"│   └── kernel: Param +│   └── kernel: Param f32\[2,4\]", line) for line in lines)


@pytest.mark.parametrize(("width", "beside"), [(99, False), (100, True), (60, False)])
def test_split_has_two_columns_from_a_hundred_on(width, beside):
    lines = rendered(views.split(report_of(constant_mlp())), width)
    assert any(re.fullmatch(r"graphdef +state", line) for line in lines) is beside
    assert max(map(len, lines)) <= width


def test_split_as_json_has_shapes_in_the_state_only():
    document = report_of(constant_mlp(), ("split",)).to_json()["split"]
    assert "array" not in json.dumps(document["graphdef"]) and document["state"][0]["shape"] == [4]


def test_layers_count_the_flops_of_an_mlp_by_hand():
    rows = {row.path: row for row in describe_layers(MLP(2, 1, width=8, rngs=nnx.Rngs(0)), (2,), "float32")}
    assert list(rows) == ["", "linear1", "linear2", "linear3"]
    multiply_add_bias = {"linear1": 2 * 2 * 8 + 8, "linear2": 2 * 8 * 8 + 8, "linear3": 2 * 8 + 1}
    assert {path: rows[path].flops for path in multiply_add_bias} == multiply_add_bias
    assert rows[""].flops == sum(multiply_add_bias.values()) + 2 * 8  # and a relu for each hidden unit
    assert rows[""].params == 24 + 72 + 9 and (rows["linear2"].inputs, rows["linear3"].outputs) == (
        "f32[1,8]",
        "f32[1,1]",
    )


def test_layers_of_a_deep_set_stand_below_the_networks_that_hold_them():
    rows = describe_layers(nnx.eval_shape(lambda: DeepSet(16, 1, rngs=nnx.Rngs(0))), (16,), "float32")
    assert [row.path for row in rows][:3] == ["", "phi", "phi.linear1"]
    assert rows[0].params == 67_589 and rows[1].inputs == "f32[16,1]"


class Twice(nnx.Module):
    """Calls one layer twice and another never."""

    def __init__(self, rngs):
        self.used, self.unused = nnx.Linear(3, 3, rngs=rngs), nnx.Linear(3, 5, rngs=rngs)

    def __call__(self, x):
        return self.used(jnp.tanh(self.used(x)))


def test_a_layer_called_twice_is_counted_once_and_one_never_called_is_still_listed():
    model = Twice(nnx.Rngs(0))
    rows = describe_layers(model, (3,), "float32")
    assert [(row.path, row.params) for row in rows] == [("", 32), ("used", 12), ("used", None), ("unused", 20)]
    assert rows[-1].inputs is None and "not called" in "\n".join(rendered(views.layers(rows), 100))
    assert type(model) is Twice and type(model.used) is nnx.Linear, "the model itself is left as it was"


def test_the_gradient_of_a_linear_model_is_the_closed_form():
    x = jax.random.normal(jax.random.key(1), (30, 2))
    y = jax.random.normal(jax.random.key(2), (30, 1))
    problem, model = LinearProblem(30, 2, 1.0, 1, 1, rngs=nnx.Rngs(0)), Linear(2, 1, rngs=nnx.Rngs(0))
    loss, grads = mean_gradient(problem, model, Batch(x, y))
    residual = np.asarray(model(x) - y, np.float64)
    assert loss == pytest.approx(np.mean(residual**2), rel=1e-5)
    assert np.allclose(grads["linear"]["kernel"][...], 2 * np.asarray(x).T @ residual / 30, rtol=1e-4, atol=1e-6)
    assert np.allclose(grads["linear"]["bias"][...], 2 * residual.mean(0), rtol=1e-4, atol=1e-6)
    assert jax.tree.structure(grads) == jax.tree.structure(nnx.state(model, nnx.Param))


class Penalised(Linear):
    """Ridge: the sum of squared weights is added to the loss."""

    def penalty(self, x):
        return jnp.sum(jnp.square(self.linear.kernel[...]))


def test_blocks_of_rows_give_the_gradient_of_the_whole_sample_with_the_penalty(monkeypatch):
    x, problem = jax.random.normal(jax.random.key(1), (33, 2)), LinearProblem(33, 2, 1.0, 1, 1, rngs=nnx.Rngs(0))
    batch, model = Batch(x, x[:, :1]), Penalised(2, 1, rngs=nnx.Rngs(0))
    whole = mean_gradient(problem, model, batch)
    free = mean_gradient(problem, Linear(2, 1, rngs=nnx.Rngs(0)), batch)
    monkeypatch.setattr(samples, "SMALL_BLOCK", 8)
    assert len(list(samples.small_blocks(batch))) == 5
    cut = mean_gradient(problem, model, batch)
    assert cut[0] == pytest.approx(whole[0], rel=1e-6) and whole[0] == pytest.approx(free[0])
    for a, b in zip(jax.tree.leaves(cut[1]), jax.tree.leaves(whole[1]), strict=True):
        assert np.allclose(a, b, rtol=1e-5)
    extra = whole[1]["linear"]["kernel"][...] - free[1]["linear"]["kernel"][...]
    assert np.allclose(extra, 2 * model.linear.kernel[...], rtol=1e-4)


def test_the_view_grad_agrees_with_what_a_step_of_sgd_is(econml, runs):
    grad = json.loads(econml("inspect", "checkpoint", "sgd", "--view", "grad", "--json").stdout)["grad"]
    saved = json.loads((runs / "sgd" / "summary.json").read_text())
    assert grad["loss"] == pytest.approx(saved["train_loss"], rel=1e-5) and (grad["n"], grad["lr"]) == (40, 0.01)
    assert grad["gradient"] == pytest.approx(math.hypot(*(leaf["gradient"] for leaf in grad["leaves"])))
    for leaf in grad["leaves"]:  # for sgd without momentum the optimizer's update is lr times the gradient
        assert leaf["update_ratio"] == pytest.approx(leaf["step_ratio"], rel=1e-5)
        assert leaf["step_ratio"] == pytest.approx(0.01 * leaf["gradient"] / leaf["weight"], rel=1e-6)


@pytest.mark.slow
def test_the_update_is_that_of_the_optimizer_whose_state_was_saved(econml, runs):
    grad = json.loads(econml("inspect", "checkpoint", "plain", "--view", "grad", "--json", "--step", "4").stdout)[
        "grad"
    ]
    # six full-batch epochs of adam: the change from epoch 4 to 5 is not kept, but no step of adam exceeds about lr
    assert grad["optimizer"] == "adam" and grad["lr"] == 0.001
    for leaf in grad["leaves"]:
        step = leaf["update_ratio"] * leaf["weight"] / math.sqrt(math.prod(leaf["shape"]))
        assert 0 < step < 0.0015


@pytest.mark.slow
def test_best_weights_have_no_update_and_the_page_says_why(econml, isolated):
    fit(build("mlp", "linear", [("test", {**COMMON, "width": "4", "patience": "50"})]), isolated / "early")
    out = econml("inspect", "checkpoint", "early", "--view", "grad").stdout
    assert "that of other weights" in out and "|u|/|w|" not in out


@pytest.mark.slow
def test_float64_runs_have_float64_gradients(tmp_path):
    options = {**COMMON, "width": "4", "precision": "float64"}
    run = fit(build("mlp", "linear", [("test", options)]), tmp_path / "double").run
    found = describe_checkpoint(run, views=("grad",)).grad
    assert {leaf.dtype for leaf in jax.tree.leaves(found.tree)} == {jnp.dtype("float64")}


def mlp_with_dead_units(dead=3, **options):
    model = MLP(2, 1, width=8, rngs=nnx.Rngs(0), **options)
    model.linear1.bias[...] = model.linear1.bias[...].at[:dead].set(-1e3)
    return model


def test_units_that_are_never_positive_are_dead():
    x = jax.random.normal(jax.random.key(0), (64, 2))
    first, second = hidden_units(mlp_with_dead_units(), x)
    assert (first, second.read_by) == (Hidden("linear2", 8, 3), "linear3")
    model = mlp_with_dead_units()  # the second layer's counted by its activations
    assert second.dead == int(jnp.sum(jnp.all(model.embed(x) == 0, axis=0)))
    assert hidden_units(mlp_with_dead_units(activation="tanh"), x) == (Hidden("linear2", 8, 0), Hidden("linear3", 8, 0))
    assert hidden_units(Linear(2, 1, rngs=nnx.Rngs(0)), x) == ()


def test_dead_units_are_those_without_a_gradient():
    model, x = mlp_with_dead_units(), jax.random.normal(jax.random.key(0), (64, 2))
    kernel = nnx.grad(lambda m: jnp.mean(jnp.square(m(x) - 1)))(model)["linear1"]["kernel"][...]
    assert int(jnp.sum(jnp.all(kernel == 0, axis=0))) == hidden_units(model, x)[0].dead == 3


def test_a_unit_is_dead_only_if_it_is_in_every_block_of_rows(monkeypatch):
    x = jnp.asarray([[1.0, 0.0]] * 8 + [[-1.0, 0.0]] * 8)
    model = MLP(2, 1, width=2, depth=1, rngs=nnx.Rngs(0))
    model.linear1.kernel[...] = jnp.asarray([[1.0, -1.0], [0.0, 0.0]])
    assert hidden_units(model, x[:8]) == (Hidden("linear2", 2, 1),)
    monkeypatch.setattr(samples, "SMALL_BLOCK", 8)
    assert hidden_units(model, x) == (Hidden("linear2", 2, 0),)


class Looping(nnx.Module):
    """Layers inside a loop of JAX."""

    def __init__(self, rngs):
        self.first, self.second = nnx.Linear(2, 4, rngs=rngs), nnx.Linear(4, 1, rngs=rngs)

    def __call__(self, x):
        return jax.lax.map(lambda row: self.second(jax.nn.relu(self.first(row[None])))[0], x)


def test_layers_inside_a_loop_are_not_applicable_rather_than_a_failure():
    x = jnp.ones((5, 2))
    assert hidden_units(Looping(nnx.Rngs(0)), x) is None
    assert checks.dead_units(Looping(nnx.Rngs(0)), x).status == "not applicable"


def test_a_run_is_the_same_as_itself_and_exits_with_0(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--diff", "plain")
    assert ran.code == 0 and "The same: 6 arrays compared." in ran.stdout
    assert json.loads(econml("inspect", "checkpoint", "plain", "--diff", "plain", "--json").stdout)["same"] is True


def test_two_epochs_differ_leaf_by_leaf_and_exit_with_1(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--diff", "plain", "--other-step", "2", "--json")
    document = json.loads(ran.stdout)
    assert ran.code == 1 and document["same"] is False and document["graph"] == []
    a, b = (describe_checkpoint(Run(runs / "plain"), step) for step in (None, 2))
    for row, ours, theirs in zip(document["leaves"], a.leaves, b.leaves, strict=True):
        gap = np.asarray(ours.values, float) - np.asarray(theirs.values, float)
        assert row["path"] == ours.path and row["max_abs"] == pytest.approx(np.abs(gap).max())
        assert row["relative"] == pytest.approx(np.linalg.norm(gap) / np.linalg.norm(ours.values))
    largest = max(row["max_abs"] for row in document["leaves"])
    within = ("inspect", "checkpoint", "plain", "--diff", "plain", "--other-step", "2", "--tolerance")
    assert econml(*within, largest).code == 0 and econml(*within, largest * 0.99).code == 1


def test_other_shapes_and_other_graphs_are_named(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--diff", "wide", "--json")
    graph = {row["path"]: (row["first"], row["second"]) for row in json.loads(ran.stdout)["graph"]}
    assert ran.code == 1 and graph["activation"] == ("relu", "tanh") and graph["linear3"] == ("Linear", None)
    assert graph["linear1.kernel"] == ("Param f32[2,4]", "Param f32[2,6]")
    assert econml("inspect", "checkpoint", "plain", "--diff", "wide", "--tolerance", "100").code == 1


def test_nan_against_nan_is_no_difference_but_against_a_number_it_is():
    first, second = constant_mlp(), constant_mlp()
    for model in (first, second):
        model.linear1.bias[...] = model.linear1.bias[...].at[0].set(jnp.nan)
    assert difference.compare(report_of(first), report_of(second)).same
    second.linear1.bias[...] = second.linear1.bias[...].at[0].set(0.0)
    found = difference.compare(report_of(first), report_of(second), tolerance=10.0)
    row = next(row for row in found.leaves if row.path == "linear1.bias")
    assert not found.same and (row.max_abs, row.changed) == (math.inf, 1)


def test_a_healthy_run_passes_its_checks(econml, runs):
    ran = econml("inspect", "checkpoint", "linear", "--check", "--json")
    found = {row["name"]: row for row in json.loads(ran.stdout)}
    assert ran.code == 0, ran.stdout
    assert found["finite weights"]["status"] == found["merge(split) is the model"]["status"] == "pass"
    assert found["dead units"]["status"] == found["permutation invariance"]["status"] == "not applicable"
    assert found["condition number"]["status"] == "pass" and 1 <= found["condition number"]["value"] < 3


def test_a_failed_check_is_exit_code_1(econml, runs, monkeypatch):
    monkeypatch.setattr(checks, "DEAD", -1.0)
    ran = econml("inspect", "checkpoint", "plain", "--check")
    assert ran.code == 1 and re.search(r"dead units +fail", ran.stdout) and ran.stderr == ""


def test_weights_that_are_not_finite_are_named():
    model = constant_mlp()
    model.linear2.kernel[...] = model.linear2.kernel[...].at[0, 0].set(jnp.inf)
    found = checks.finite_weights(model)
    assert (found.status, found.value) == ("fail", 1.0) and "linear2.kernel (1)" in found.detail


def test_a_layer_that_is_mostly_dead_fails():
    x = jax.random.normal(jax.random.key(0), (64, 2))
    found = checks.dead_units(mlp_with_dead_units(dead=7), x)
    assert found.status == "fail" and found.value == 7 / 8 and "7 of 8 that linear2 reads" in found.detail
    assert checks.dead_units(mlp_with_dead_units(dead=0), x).status == "pass"


def test_a_deep_set_is_invariant_and_one_that_is_not_fails():
    x = jax.random.normal(jax.random.key(0), (20, 16))
    model = DeepSet(16, 1, phi_width=8, rho_width=8, rngs=nnx.Rngs(0))
    assert checks.permutation_invariance(model, x, "test").status == "pass"
    assert checks.permutation_invariance(constant_mlp(), x, "test").status == "not applicable"
    each = DeepSet(16, 8, equivariant=True, element_size=2, phi_width=8, rho_width=8, rngs=nnx.Rngs(0))
    assert checks.permutation_invariance(each, x, "test").status == "pass"

    class Ordered(DeepSet):
        def __call__(self, x):
            return super().__call__(x * jnp.arange(1.0, 1 + x.shape[1]))

    found = checks.permutation_invariance(Ordered(16, 1, phi_width=8, rho_width=8, rngs=nnx.Rngs(0)), x, "test")
    assert found.status == "fail" and found.value > found.limit


def test_the_condition_number_is_that_of_the_design_with_an_intercept():
    config = build("linear", "linear", [])
    x = np.random.default_rng(0).normal(size=(50, 2)) * [1.0, 100.0]
    found = checks.condition_number(config, Linear(2, 1, rngs=nnx.Rngs(0)), jnp.asarray(x))
    wide = np.column_stack([np.ones(50), np.asarray(jnp.asarray(x), np.float64)])
    assert found.status == "pass" and found.value == pytest.approx(np.linalg.cond(wide))
    collinear = jnp.asarray(np.column_stack([x[:, 0], x[:, 0]]))
    assert checks.condition_number(config, Linear(2, 1, rngs=nnx.Rngs(0)), collinear).status == "fail"
    assert (
        checks.condition_number(build("mlp", "linear", []), constant_mlp(), jnp.asarray(x)).status == "not applicable"
    )


@pytest.mark.parametrize(
    ("pattern", "path", "selected"),
    [
        ("linear2", "linear2.kernel", True),
        ("linear2/*", "linear2.kernel", True),
        ("linear2.kernel", "linear2.kernel", True),
        ("*.bias", "phi.linear1.bias", True),
        ("phi/*/kernel", "phi.linear1.kernel", True),
        ("linear2", "linear20.kernel", False),
        ("*.bias", "linear2.kernel", False),
        (None, "anything", True),
    ],
)
def test_a_pattern_selects_paths_and_what_is_below_them(pattern, path, selected):
    assert selection.matches(pattern, path) is selected


def test_path_selects_the_same_arrays_in_every_view(econml, runs):
    args = ("inspect", "checkpoint", "plain", "--path", "linear2/*", "--json")
    for view in ("state", "grad", "split"):
        shown = json.loads(econml(*args, "--view", view).stdout)[view]
        rows = shown["leaves"] if view == "grad" else shown["state"] if view == "split" else shown
        assert [row["path"] for row in rows] == ["linear2.bias", "linear2.kernel"]
    tree = json.loads(econml(*args, "--view", "graphdef").stdout)["graphdef"]
    assert [child["name"] for child in tree["children"]] == ["linear2"]
    assert [row["path"] for row in json.loads(econml(*args, "--table").stdout)["table"]] == ["linear2"]


def test_the_view_torch_has_pytorchs_names_and_shapes(econml, runs):
    args = ("--view", "torch", "--path", "linear1", "--json")
    rows = json.loads(econml("inspect", "checkpoint", "plain", *args).stdout)["torch"]
    assert {row["path"]: (row["name"], row["shape"]) for row in rows} == {
        "linear1.kernel": ("linear1.weight", [4, 2]),
        "linear1.bias": ("linear1.bias", [4]),
    }
    assert json.loads(econml("inspect", "model", "mlp", "--width", "4", *args).stdout)["torch"] == rows


def test_a_pattern_that_selects_nothing_is_answered_with_what_is_there(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--path", "liner2/*")
    assert (ran.code, ran.stdout) == (2, "") and ran.stderr.count("\n") == 1
    assert "Did you mean 'linear2'?" in ran.stderr and "linear1, linear2, linear3" in ran.stderr


@pytest.mark.slow
def test_the_page_of_a_model_needs_no_network(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--view", "summary", "--html", "model.html")
    page = Path("model.html").read_text()
    assert ran.code == 0 and "model.html written" in ran.stderr and ran.stdout.startswith("mlp on linear")
    assert page.startswith("<!doctype html>") and "mlp on linear: runs/plain" in page and "linear2" in page
    told = page[: page.index("<details>")]  # words and numbers first, types where one unfolds them
    assert "<dt>parameters</dt><dd>37</dd>" in told and "<style>" in told and "dtype" not in told
    assert ">linear2.kernel</th>" in told and "<dt>test loss</dt>" in told
    # nothing is fetched: the one font that its style names is written out in it
    elsewhere = r"""(src|href)\s*=(?!\s*["'](data:|\#))|https?://(?!www\.w3\.org/)|@import|url\((?!data:)"""
    assert not re.search(elsewhere, page)
    # it opens on the arrays and their histograms; what Flax keeps (dtype, promote_dtype) is folded
    assert page.index("<img src=") < page.index("<details>") < page.index("promote_dtype")


def test_the_name_of_a_run_is_text_on_the_page_of_its_model():
    page = html.page(report_of(Linear(2, 1, rngs=nnx.Rngs(0)), run="a<b>&"))
    assert "<h1>mlp on linear: a&lt;b&gt;&amp;</h1>" in page and "a<b>" not in page


@pytest.mark.slow
def test_the_histograms_are_of_the_weights_layer_by_layer(econml, runs):
    leaves = describe_checkpoint(Run(runs / "plain")).leaves
    figure = figure_files.weights(leaves, "plain")
    titles = [axis.get_title("left") for axis in figure.axes]
    assert titles == [f"linear{i}.{kind}" + shape for i, kind, shape in (
        (1, "kernel", " [2,4]"), (1, "bias", " [4]"), (2, "kernel", " [4,4]"), (2, "bias", " [4]"),
        (3, "kernel", " [4,1]"), (3, "bias", " [1]"),
    )]  # fmt: skip
    assert [sum(bar.get_height() for bar in axis.patches) for axis in figure.axes] == [8, 4, 16, 4, 4, 1]
    for suffix, magic in ((".png", b"\x89PNG"), (".pdf", b"%PDF"), (".svg", b"<?xml")):
        few = ("--view", "raw", "--path", "linear1")
        assert econml("inspect", "checkpoint", "plain", *few, "--plot", f"w{suffix}").code == 0
        assert Path(f"w{suffix}").read_bytes().startswith(magic)


def test_histograms_leave_out_and_count_what_is_not_finite():
    model = constant_mlp()
    model.linear1.kernel[...] = model.linear1.kernel[...].at[0, 0].set(jnp.nan)
    axis = figure_files.weights(tuple(describe_state(model)), "x").axes[0]
    assert "1 not finite" in axis.get_title("left") and sum(bar.get_height() for bar in axis.patches) == 7


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--plot", "w.gif"), "must end in .png, .pdf, .svg"),
        (("--plot", "no/w.png"), "there is no directory no"),
        (("--html", "no/m.html"), "there is no directory no"),
        (("--check", "--diff", "plain"), "one at a time"),
        (("--check", "--table"), "shows no views"),
        (("--diff", "plain", "--html", "m.html"), "shows no views and writes no files"),
        (("--check", "--path", "linear1"), "leave out --path"),
        (("--other-step", "2"), "of the run that --diff names"),
    ],
)
def test_what_does_not_go_together_is_one_sentence(econml, runs, args, says):
    ran = econml("inspect", "checkpoint", "plain", *args)
    assert (ran.code, ran.stdout) == (2, "") and says in ran.stderr and ran.stderr.count("\n") == 1


def test_too_many_layers_for_one_figure_are_refused():
    leaves = describe_state(MLP(2, 1, width=2, depth=figure_files.MOST_LAYERS, rngs=nnx.Rngs(0)))
    with pytest.raises(ConfigError, match="--path"):
        figure_files.weights(leaves, "deep")


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_nothing_is_cut_or_wider_than_the_terminal(econml, runs, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for args in (("--view", "grad"), ("--view", "split"), ("--table",), ("--diff", "wide"), ("--check",)):
        out = econml("inspect", "checkpoint", "plain", *args).stdout
        assert out and "…" not in out and max(map(len, out.splitlines())) <= int(columns), args


def test_findings_colour_only_failures(monkeypatch):
    found = [checks.Check("a", "pass", "fine"), checks.Check("b", "fail", "bad")]
    lines = rendered(findings.checks(found), 80)
    assert [line.split() for line in lines] == [["check", "measured"], ["a", "pass", "fine"], ["b", "fail", "bad"]]
    assert rendered(findings.checks(found), 10)[:2] == ["a: pass", "  fine"]


def changed_on_disk(run, leaf):
    """Other numbers in one array of the newest checkpoint, whose digests stay as they were."""
    import tensorstore as ts

    place = max((run / "checkpoints").glob("*/default"), key=lambda path: int(path.parent.name))
    kvstore = {"driver": "ocdbt", "base": f"file://{place.absolute()}/", "path": f"{leaf}/"}
    stored = ts.open({"driver": "zarr", "kvstore": kvstore}).result()
    stored.write(stored.read().result() + 1).result()


def test_arrays_that_no_view_shows_are_not_read(runs, econml):
    """What is not read cannot be found damaged: other numbers are noticed by what shows them alone."""
    full = {leaf.path: leaf for leaf in describe_checkpoint(Run(runs / "sgd")).leaves}
    changed_on_disk(runs / "sgd", "model.linear2.kernel")
    for asked in (("--view", "summary"), ("--view", "graphdef"), ("--table",), ("--view", "torch")):
        assert econml("inspect", "checkpoint", "sgd", *asked).code == 0
    ran = econml("inspect", "checkpoint", "sgd", "--path", "linear1", "--view", "state", "--json", "--values")
    assert ran.code == 0
    for row in json.loads(ran.stdout)["state"]:
        assert row["values"] == full[row["path"]].values.tolist() and row["mean"] == full[row["path"]].mean
    drawn = ("--view", "summary", "--plot", "weights.png")
    for asked in ((), ("--path", "linear2"), ("--view", "raw"), drawn, ("--view", "grad")):
        ran = econml("inspect", "checkpoint", "sgd", *asked)
        assert ran.code == 1 and "its digest does not match" in ran.stderr
    summary = describe_checkpoint(Run(runs / "sgd"), views=("summary",))
    assert [leaf.values for leaf in summary.leaves] == [None] * 6 and summary.summary["parameters"]["count"] == 37


def test_an_evaluation_reads_no_state_of_the_optimizer(runs, econml):
    changed_on_disk(runs / "wide", "optimizer.0.0.mu.linear1.kernel")
    assert econml("eval", "wide").code == 0
    ran = econml("inspect", "checkpoint", "wide", "--view", "grad")
    assert ran.code == 1 and "its digest does not match" in ran.stderr
