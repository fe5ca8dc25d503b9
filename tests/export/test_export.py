"""`econml export` to safetensors, NumPy and StableHLO: what is written runs without us and gives what we give."""

import ast
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.errors import ConfigError, EconmlError
from econml_cli.export import formats, writers
from econml_cli.export.assemble import model_source
from econml_cli.export.fitted import difference
from econml_cli.export.torch_names import named_parameters
from econml_cli.export.write import export
from econml_cli.models.mlp import MLP
from econml_cli.output.tables import plain_markdown
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit
from tests.support.export_twins import MODELS, load_code, made, relative, twin

stablehlo = pytest.mark.skipif(find_spec("flatbuffers") is None, reason="jax.export serialises with flatbuffers")
NARROW = {"width": 4, "depth": 1}
SMALL = {"N": 40, "N_test": 20, "N_val": 20, "num_epochs": 2}
#: year is far from 0 in standard deviations: float32 could not tell 1990.25 from 1990.2500001
TABLE = {
    "y": [1.5, 2.5, 0.5, 3.5, 2.0, 1.0, 3.0, 2.2, 0.7, 1.9],
    "year": [1990.25, 1990.5, 1991.0, 1992.125, 1990.75, 1991.5, 1992.0, 1991.25, 1990.0, 1991.75],
    "where": ["north", "south", "south", "east", "north", "east", "south", "north", "east", "south"],
}


def fitted(directory, model="mlp", problem="linear", **options):
    return fit(build(model, problem, [("test", options)]), Path(directory)).run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The lecture's mlp, a regression, a binary and a multiclass task, counts and quantiles, on files."""
    directory = tmp_path_factory.mktemp("runs")
    data = directory / "table.csv"
    frame = pd.DataFrame(TABLE)
    frame.assign(high=frame.y > 2, kind=["a", "b", "c", "a", "b", "c", "a", "b", "c", "a"]).assign(
        visits=[0, 3, 1, 2, 5, 0, 1, 8, 2, 1]
    ).to_csv(data, index=False)
    table = {"data": str(data), "features": "year,where", "num_epochs": 3, "val_fraction": 0, **NARROW}
    fitted(directory / "first", **SMALL, **NARROW)
    fitted(directory / "regression", problem="tabular", target="y", **table)
    fitted(directory / "binary", problem="tabular", target="high", **table, precision="float64")
    fitted(directory / "multiclass", problem="tabular", target="kind", **table)
    fitted(directory / "poisson", problem="tabular", target="visits", loss="poisson", **table)
    # levels so close, and so few epochs, that some cross before they are sorted
    fitted(directory / "quantile", problem="tabular", target="y", loss="quantile", quantiles=(0.49, 0.5, 0.51), **table)
    return directory


def design(run, count=10):
    """The design columns of the table in the units of the file, in the order in which the model reads them."""
    frame, names = pd.DataFrame(TABLE)[:count], run.preprocessing()["features"]["names"]
    columns = [frame["year"] if name == "year" else frame["where"] == re.search(r"T\.(\w+)", name)[1] for name in names]
    return np.column_stack(columns).astype(np.float64)


@pytest.mark.parametrize("precision", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
@pytest.mark.parametrize("name", MODELS)
def test_the_numpy_twin_of_every_model_is_the_same_function(name, precision, tmp_path):
    with jax.enable_x64(precision == "float64"):
        model, x, y = made(name, jnp.dtype(precision))
    code = twin(model, "numpy", tmp_path)
    found = code.load()(np.asarray(x))
    assert found.dtype == precision
    assert relative(found, y) < {"float32": 1e-5, "float64": 1e-13}[precision]


def test_every_registered_model_has_a_twin():
    from econml_cli.export.twins import TWINS
    from econml_cli.models import registry

    assert {entry.target.replace(":", ".") for entry in registry.MODELS.values()} <= TWINS.keys()


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu", "silu", "sigmoid", "softplus", "identity"])
def test_the_nonlinearities_are_those_of_jax_far_from_zero_too(activation, tmp_path):
    model = MLP(1, 1, 1, 1, activation=activation, rngs=nnx.Rngs(0))
    model.linear1.kernel[...] = model.linear2.kernel[...] = jnp.ones((1, 1))
    x = np.linspace(-100, 100, 401, dtype=np.float32)[:, None]
    assert relative(twin(model, "numpy", tmp_path).load()(x), np.asarray(model(x))) < 1e-6


@pytest.mark.slow
@pytest.mark.parametrize("to", ["safetensors", "numpy", pytest.param("stablehlo", marks=stablehlo)])
def test_a_directory_holds_the_model_what_it_is_and_a_sample(to, runs, tmp_path):
    done = export(Run(runs / "regression"), to, tmp_path / "out")
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {*formats.FORMATS[to].files, "model.json", "preprocessing.json", "test_sample.npz", "README.md"}
    assert set(done.files) == there
    assert done.max_rel <= done.bound
    about = json.loads((tmp_path / "out/model.json").read_text())
    assert about["inputs"]["names"] == ["year", "where[T.north]", "where[T.south]"]
    assert about["outputs"]["names"] == ["yhat"]
    assert about["run"]["id"] == Run(runs / "regression").manifest()["id"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_arrays_of_safetensors_are_those_of_the_checkpoint(runs, tmp_path):
    from safetensors.numpy import load_file

    from econml_cli.storage import checkpoint

    export(Run(runs / "first"), "safetensors", tmp_path / "out")
    found = load_file(tmp_path / "out/weights.safetensors")
    _, sections = checkpoint.load(runs / "first/checkpoints")
    assert found.keys() == sections["model"].keys()
    assert all(np.array_equal(found[name], array) for name, array in sections["model"].items())


@pytest.mark.parametrize("name", ["regression", "binary", "multiclass", "poisson", "quantile"])
def test_numpy_gives_what_predict_gives_from_the_units_of_the_file(name, runs, econml, tmp_path):
    export(Run(runs / name), "numpy", tmp_path / "out")
    found = load_code(tmp_path / "out").predict(design(Run(runs / name)))
    econml("predict", runs / name, "--data", runs / "table.csv", "--out", "rows.csv")
    expected = pd.read_csv("rows.csv")
    names = json.loads((tmp_path / "out/model.json").read_text())["outputs"]["names"]
    assert relative(found, expected[names].to_numpy()) < {"binary": 1e-12}.get(name, 1e-6)


@pytest.mark.slow
def test_a_reconstruction_comes_back_in_the_units_of_the_file(tmp_path):
    draw = np.random.default_rng(0)
    pd.DataFrame({"a": draw.normal(50, 3, 40), "b": draw.normal(-2, 0.1, 40)}).to_csv("two.csv", index=False)
    options = {"data": "two.csv", "features": "a,b", "loss": "reconstruction", "latent": 1, "num_epochs": 3}
    options |= {"width": 4, "depth": 1}
    export(fitted("run", "autoencoder", "tabular", **options), "numpy", tmp_path / "out")
    about = json.loads((tmp_path / "out/model.json").read_text())
    assert about["outputs"]["names"] == ["a_hat", "b_hat"]
    assert about["outputs"]["scale"] == about["inputs"]["scale"]


def test_numpy_runs_where_neither_jax_nor_econml_is(runs, tmp_path):
    export(Run(runs / "first"), "numpy", tmp_path / "out")
    code = "import sys\nfor name in ('jax', 'econml_cli', 'torch'): sys.modules[name] = None\n"
    code += readme_code(tmp_path / "out")
    printed = python(code, tmp_path / "out")
    assert float(re.search(r"-?\d\.\d+(e-\d+)?", printed)[0]) == pytest.approx(
        sample(tmp_path / "out")["y"][0, 0], abs=1e-6
    )


@pytest.mark.slow
@stablehlo
@pytest.mark.parametrize("name", ["first", "binary"])
def test_stablehlo_is_loaded_back_without_our_package_for_any_number_of_rows(name, runs, tmp_path):
    export(Run(runs / name), "stablehlo", tmp_path / "out")
    code = "import sys; sys.modules['econml_cli'] = sys.modules['flax'] = None\n" + readme_code(tmp_path / "out")
    code += "x, y = (np.load('test_sample.npz')[key] for key in 'xy')\n"
    code += "assert np.abs(function.call(x) - y).max() < 1e-6\n"
    code += "assert np.abs(function.call(x[:1]) - y[:1]).max() < 1e-6\n"
    python(code, tmp_path / "out")


def readme_code(directory):
    return re.search(r"```python\n(.*?)```", (directory / "README.md").read_text(), re.S)[1]


def sample(directory):
    return np.load(directory / "test_sample.npz")


def python(code, directory):
    done = subprocess.run([sys.executable, "-c", code], cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_says_how_far_the_export_is_from_the_run(runs, econml):
    done = econml("export", runs / "first", "--to", "numpy", "--out", "out")
    assert done.code == 0
    assert "20 test observations" in done.stdout and "bound 1e-05" in done.stdout
    assert Path("out/model.py").exists()


def test_json_is_one_document(runs, econml):
    document = json.loads(econml("export", runs / "binary", "--to", "numpy", "--out", "out", "--json").stdout)
    assert document["format"] == "numpy" and document["out"] == "out"
    assert document["compared_on"] == "test" and document["compared"] == 2
    assert 0 <= document["max_rel"] <= document["bound"] == 1e-10


def test_an_export_that_differs_is_refused_and_leaves_nothing(runs, econml, monkeypatch):
    write = writers.WRITERS["numpy"]

    def almost(fitted, directory):
        more = write(fitted, directory)
        with np.load(directory / "weights.npz") as found:
            weights = {name: array * (1 + 1e-4) for name, array in found.items()}
        np.savez(directory / "weights.npz", **weights)
        return more

    monkeypatch.setitem(writers.WRITERS, "numpy", almost)
    done = econml("export", runs / "first", "--to", "numpy", "--out", "out")
    assert done.code == 1
    assert "more than 1e-05, so nothing was written" in done.stderr
    assert list(Path.cwd().iterdir()) == []


def test_a_difference_is_relative_to_the_largest_number_and_infinite_where_none_can_be_told():
    b = np.array([[1.0], [-4.0]])
    assert difference(b + np.array([[0.0], [0.02]]), b) == (pytest.approx(0.02), pytest.approx(0.005))
    assert difference(b[:, 0], b)[1] == difference(b * np.nan, b)[1] == np.inf
    assert difference(0 * b, 0 * b) == (0.0, 0.0)


@pytest.mark.slow
def test_a_model_that_magnifies_rounding_is_refused(econml):
    options = {"basis": "monomial", "degree": 30, "nodes": "equispaced", "precision": "float64"}
    fitted("run", "polynomial", "runge", **options)
    done = econml("export", "run", "--to", "numpy", "--out", "out")
    assert done.code == 1
    assert "better conditioned" in done.stderr
    assert not Path("out").exists()


def test_predictions_that_are_not_finite_are_no_model_to_export(tmp_path, monkeypatch, runs):
    from econml_cli.export import fitted as reading

    monkeypatch.setattr(reading, "predicted", lambda problem, model, x, dtype: np.full((len(x), 1), np.nan))
    with pytest.raises(EconmlError, match="not finite"):
        export(Run(runs / "first"), "numpy", tmp_path / "out")


def test_arrays_that_differ_are_refused(runs, tmp_path, monkeypatch):
    from safetensors.numpy import save_file

    def other(fitted, directory):
        save_file({"linear1.kernel": np.zeros((2, 4), np.float32)}, directory / "weights.safetensors")
        return {}

    monkeypatch.setitem(writers.WRITERS, "safetensors", other)
    with pytest.raises(EconmlError, match="nothing was written"):
        export(Run(runs / "first"), "safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_taken_is_left_alone_and_an_export_replaced_only_by_force(runs, econml):
    def arguments(*more):
        return ("export", runs / "first", "--to", "safetensors", "--out", "out", *more)

    Path("out").mkdir()
    Path("out/thesis.txt").write_text("mine")
    refused = econml(*arguments("--force"))
    assert refused.code == 1 and "is no export" in refused.stderr
    assert Path("out/thesis.txt").read_text() == "mine"

    Path("out/thesis.txt").unlink()
    assert econml(*arguments()).code == 0
    again = econml(*arguments())
    assert again.code == 1 and "--force" in again.stderr
    assert econml(*arguments("--force")).code == 0
    assert (
        "is no export" in econml("export", runs / "first", "--to", "numpy", "--out", runs / "first", "--force").stderr
    )


def test_an_earlier_export_survives_one_that_fails(runs, econml, monkeypatch):
    assert econml("export", runs / "first", "--to", "numpy", "--out", "out").code == 0
    before = Path("out/model.json").read_text()
    monkeypatch.setitem(writers.WRITERS, "numpy", lambda fitted, directory: {})  # no model.py
    done = econml("export", runs / "first", "--to", "numpy", "--out", "out", "--force")
    assert done.code == 1 and "cannot be run" in done.stderr
    assert Path("out/model.json").read_text() == before
    assert [path.name for path in Path.cwd().iterdir()] == ["out"]


@pytest.mark.parametrize(("to", "package", "says"), [("torch", "torch", "pip install"), ("onnx", "jax2onnx", "[onnx]")])
def test_a_missing_package_is_said_before_jax_is_imported(to, package, says, tmp_path, monkeypatch):
    found = formats.importlib.util.find_spec
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None if name == package else found(name))
    with pytest.raises(EconmlError, match=re.escape(says)):
        formats.check(to, tmp_path / "out", False)


def test_an_unknown_format_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="Did you mean 'torch'"):
        formats.check("troch", tmp_path / "out", False)


def test_a_run_that_is_not_there_is_an_error_of_one_line(econml):
    done = econml("export", "nothing", "--to", "numpy", "--out", "out")
    assert done.code == 1
    assert "No run 'nothing'" in done.stderr


@pytest.mark.slow
def test_where_the_data_are_gone_random_inputs_are_compared_and_it_is_said(econml):
    pd.DataFrame(TABLE).to_csv("mine.csv", index=False)
    fitted("run", problem="tabular", data="mine.csv", target="y", features="year", num_epochs=2, **NARROW)
    Path("mine.csv").unlink()
    done = econml("export", "run", "--to", "numpy", "--out", "out", "--json")
    assert done.code == 0
    assert "random inputs are compared" in done.stderr
    assert json.loads(done.stdout)["compared_on"] == "random inputs"


MINE = """
import jax.numpy as jnp
from flax import nnx

class Net(nnx.Module):
    def __init__(self, din: int, dout: int, *, rngs: nnx.Rngs):
        self.first = nnx.Linear(din, dout, rngs=rngs)

    def __call__(self, x):
        return jnp.sin(self.first(x)) + len(x) * 0
"""


@pytest.mark.slow
def test_a_model_of_the_users_has_no_twin_but_is_exported_as_a_function(econml):
    Path("mine.py").write_text(MINE)
    options = [f"--{key.replace('_', '-')}={value}" for key, value in SMALL.items()]
    assert econml("fit", "./mine.py:Net", *options, "--out", "run", "--quiet").code == 0
    refused = econml("export", "run", "--to", "numpy", "--out", "out")
    assert refused.code == 1
    assert "onnx or stablehlo" in refused.stderr and "safetensors" in refused.stderr
    if find_spec("flatbuffers"):
        assert econml("export", "run", "--to", "stablehlo", "--out", "out").code == 0


def test_the_tensors_have_the_names_and_shapes_of_pytorch():
    model = nnx.eval_shape(lambda: MLP(2, 1, (8, 4), layer_norm=True, dropout=0.1, rngs=nnx.Rngs(0)))
    found = named_parameters(model)
    assert [(row.name, row.shape) for row in found] == [
        ("linear1.weight", (8, 2)), ("linear1.bias", (8,)), ("linear2.weight", (4, 8)), ("linear2.bias", (4,)),
        ("linear3.weight", (1, 4)), ("linear3.bias", (1,)), ("norm1.weight", (8,)), ("norm1.bias", (8,)),
        ("norm2.weight", (4,)), ("norm2.bias", (4,)),
    ]  # fmt: skip
    assert found[0] == ("linear1.weight", (8, 2), "float32", "linear1.kernel")


@pytest.mark.parametrize("name", ['"""; import os; os.system("touch pwned"); """', "a\nb", "C:\\runs", 'ends in "'])
def test_the_name_of_a_run_is_text_in_model_py(name, isolated):
    title = f"Model mlp of run {name}"
    source = model_source("numpy", ["linear"], ["Linear"], title)
    assert ast.get_docstring(ast.parse(source), clean=False) == title
    exec(compile(source.split("def ")[0].split("class ")[0], "model.py", "exec"), {"__file__": "model.py"})
    assert not (isolated / "pwned").exists()


def test_names_of_runs_and_columns_are_text_in_readme_md():
    nasty = "x\n# [click](http://evil) <img src=y onerror=z> `code` *b*\x1b[2J"
    written = plain_markdown(nasty)
    assert written == r"x \# \[click\](http://evil) \<img src=y onerror=z\> \`code\` \*b\*\[2J"
    assert plain_markdown("test_loss") == "test_loss"


@pytest.mark.slow
def test_tensors_in_lists_are_named_by_number_and_shared_ones_once():
    class Net(nnx.Module):
        def __init__(self):
            self.layers = nnx.List([nnx.Linear(2, 2, use_bias=False, rngs=nnx.Rngs(0)) for _ in range(11)])
            self.tied = self.layers[0]

    names = [row.name for row in named_parameters(Net())]
    assert names == [f"layers.{i}.weight" for i in range(11)]
