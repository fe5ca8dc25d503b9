"""`econml export --to onnx`: a graph that onnxruntime runs as we do."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jax2onnx", reason='jax2onnx is not installed (pip install "econml-cli[onnx]")')
onnxruntime = pytest.importorskip("onnxruntime", reason='onnxruntime is not installed (pip install "econml-cli[onnx]")')

import pandas as pd  # noqa: E402

from econml_cli.config.fit_config import build  # noqa: E402
from econml_cli.training.fit import fit  # noqa: E402

SMALL = {"N": 30, "N_test": 20, "N_val": 0, "num_epochs": 2}
#: model, its options: each kind of operation at least once
RUNS = [
    ("linear", "linear", {**SMALL}),
    ("mlp", "linear", {**SMALL, "precision": "float64"}),
    ("mlp", "linear", {**SMALL, "layer_norm": True, "activation": "gelu", "width": 8, "precision": "float64"}),
    ("mlp", "linear", {**SMALL, "activation": "softplus", "width": 8, "phi": "polynomial:degree=2"}),
    ("resnet", "linear", {**SMALL, "activation": "silu", "width": 8}),
    ("deep_set", "linear", {**SMALL, "pool": "max", "phi_width": 8, "rho_width": 8}),
    ("random_features", "linear", {key: SMALL[key] for key in ("N", "N_test", "N_val")} | {"nonlinearity": "cosine"}),
    ("kernel", "linear", {key: SMALL[key] for key in ("N", "N_test", "N_val")}),
    ("mlp", "xor", {"num_epochs": 2}),
]


@pytest.mark.parametrize(("model", "problem", "options"), RUNS)
def test_what_onnxruntime_gives_is_what_we_give(model, problem, options, econml):
    fit(build(model, problem, [("test", options)]), Path("run"))
    done = econml("export", "run", "--to", "onnx", "--out", "out", "--json")
    assert done.code == 0, done.stderr
    assert json.loads(done.stdout)["max_rel"] <= (1e-10 if options.get("precision") == "float64" else 1e-5)


def test_the_graph_takes_any_number_of_rows_in_the_units_of_the_file(econml):
    draw = np.random.default_rng(0)
    x = draw.normal([1990.0, 5.0], [0.5, 2.0], (60, 2))
    frame = pd.DataFrame({"year": x[:, 0], "size": x[:, 1], "kind": draw.choice(["a", "b", "c"], 60)})
    frame.to_csv("table.csv", index=False)
    options = {"data": "table.csv", "target": "kind", "num_epochs": 3, "width": 8}
    fit(build("mlp", "tabular", [("test", options)]), Path("run"))
    assert econml("export", "run", "--to", "onnx", "--out", "out").code == 0
    econml("predict", "run", "--data", "table.csv", "--out", "rows.csv")
    expected = pd.read_csv("rows.csv")[["p_a", "p_b", "p_c"]].to_numpy()
    session = onnxruntime.InferenceSession("out/model.onnx", providers=["CPUExecutionProvider"])
    for rows in (60, 1):
        found = session.run(None, {"x": x[:rows]})[0]
        assert found.dtype == np.float32
        assert np.abs(found - expected[:rows]).max() < 1e-6
