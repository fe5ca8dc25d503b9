"""`econml export --to torch`: the module, its names, and a step of gradient descent that both take alike."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx

torch = pytest.importorskip("torch", reason="PyTorch is not installed (pip install torch)")

from econml_cli.config.fit_config import build  # noqa: E402
from econml_cli.evaluation.predictions import predict  # noqa: E402
from econml_cli.export.torch_names import named_parameters, torch_state  # noqa: E402
from econml_cli.export.write import export  # noqa: E402
from econml_cli.models.mlp import MLP  # noqa: E402
from econml_cli.training.fit import fit  # noqa: E402
from econml_cli.training.setup.setup import assemble  # noqa: E402
from tests.support.export_twins import MODELS, load_code, made, relative, twin  # noqa: E402


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_the_torch_twin_of_every_model_is_the_same_function(name, precision, tmp_path):
    with jax.enable_x64(precision == "float64"):
        model, x, y = made(name, jnp.dtype(precision))
    network = twin(model, "torch", tmp_path).load()
    with torch.no_grad():
        found = network(torch.as_tensor(np.array(x))).numpy()
    assert found.dtype == precision
    assert relative(found, y) < {"float32": 1e-5, "float64": 1e-13}[precision]


@pytest.mark.parametrize("name", MODELS)
def test_the_names_of_our_tensors_are_those_that_pytorch_lists_in_its_order(name, tmp_path):
    model, _, _ = made(name, jnp.float32)
    network = twin(model, "torch", tmp_path).load()
    theirs = [(key, tuple(value.shape)) for key, value in network.named_parameters()]
    assert [(row.name, row.shape) for row in named_parameters(model)] == theirs
    ours = torch_state(model).keys() - {row.name for row in named_parameters(model)}
    # neither a penalty nor the factors of a polynomial are in both
    assert {key for key, _ in network.named_buffers()} ^ ours <= {"ridge", "strength", "phi.factors"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "options", "transform"),
    [
        ("poisson", {}, "exp"),
        ("quantile", {"quantiles": (0.49, 0.5, 0.51)}, "sorted"),  # so close, and so few epochs, that some cross
        ("gaussian", {}, "mean_sd"),
    ],
)
def test_outputs_of_other_losses_are_those_of_predict(loss, options, transform, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(50, 20, 60), "z": rng.normal(size=60), "y": rng.poisson(3.0, 60)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    table = {"data": str(tmp_path / "t.csv"), "target": "y", "loss": loss, "num_epochs": 2, "width": 4, **options}
    run = fit(build("mlp", "tabular", [("test", table)]), tmp_path / "run").run
    export(run, "torch", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "model.json").read_text())["outputs"]["transform"] == transform
    code, x = load_code(tmp_path / "out"), frame[["x", "z"]].to_numpy()
    found, columns = code.predict(x).numpy(), predict(run, str(tmp_path / "t.csv"))
    names = json.loads((tmp_path / "out" / "model.json").read_text())["outputs"]["names"]
    assert relative(found, columns[names].to_numpy()) < 1e-5
    if transform == "sorted":
        about = json.loads((tmp_path / "out" / "model.json").read_text())["inputs"]
        raw = code.load()(torch.as_tensor((x - about["mean"]) / about["scale"], dtype=torch.float32))
        assert (torch.diff(raw, dim=1) < 0).any() and (np.diff(found, axis=1) >= 0).all()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu", "sigmoid", "softplus", "identity"])
def test_the_nonlinearities_are_those_of_jax_far_from_zero_too(activation, tmp_path):
    with jax.enable_x64(True):
        model = MLP(1, 1, 1, 1, activation=activation, param_dtype=jnp.float64, rngs=nnx.Rngs(0))
        model.linear1.kernel[...] = model.linear2.kernel[...] = jnp.ones((1, 1))
        x = np.linspace(-100, 100, 401)[:, None]
        y = np.asarray(model(x))
    found = twin(model, "torch", tmp_path).load()(torch.as_tensor(x)).detach().numpy()
    assert relative(found, y) < 1e-13


def test_the_lectures_manual_step_gives_the_same_weights_in_both(tmp_path):
    """theta - eta * grad, by `jax.tree.map` on the state and by hand in PyTorch, on the lecture's problem."""
    eta = 0.1
    setup = assemble(build("mlp", "linear", []))
    code = twin(setup.model, "torch", tmp_path)
    x, y = setup.train

    def mean_loss(model):
        return jnp.mean(setup.problem.loss(model, setup.train))

    gradient = nnx.grad(mean_loss)(setup.model)
    theta = nnx.state(setup.model, nnx.Param)
    nnx.update(setup.model, jax.tree.map(lambda p, g: p - eta * g, theta, gradient))
    ours = torch_state(setup.model)

    network = code.load()
    before = {name: value.detach().clone() for name, value in network.named_parameters()}
    torch.mean((network(torch.tensor(np.array(x))) - torch.tensor(np.array(y))) ** 2).backward()
    with torch.no_grad():
        theirs = {name: value - eta * value.grad for name, value in network.named_parameters()}
    assert theirs.keys() == ours.keys() == {f"linear{i}.{part}" for i in (1, 2, 3) for part in ("weight", "bias")}
    for name, value in theirs.items():
        np.testing.assert_allclose(value.numpy(), ours[name], atol=1e-6, rtol=0)
        assert (value - before[name]).abs().max() > 1e-4, name


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_run_is_exported_compared_and_loaded_as_its_readme_says(precision, econml):
    options = {"N": 30, "N_test": 20, "N_val": 0, "num_epochs": 2, "precision": precision}
    fit(build("mlp", "linear", [("test", options)]), Path("run"))
    done = econml("export", "run", "--to", "torch", "--out", "out", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["max_rel"] <= {"float32": 1e-5, "float64": 1e-10}[precision]
    code, sample = load_code(Path("out")), np.load("out/test_sample.npz")
    assert relative(code.predict(sample["x"]).numpy(), sample["y"]) < 1e-6
    assert "import jax" not in Path("out/model.py").read_text()
    assert "econml_cli" not in Path("out/model.py").read_text()
