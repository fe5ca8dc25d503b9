"""Reading the fitted network, and predicting with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from econml_cli.export.templates.numpy_activations import sigmoid
from econml_cli.export.templates.numpy_layers import Affine, Weights, part

HERE = Path(__file__).parent
Network = Callable[[np.ndarray], np.ndarray]
#: the modules that model.json names
MODULES: dict[str, Any] = {"nn.Linear": Affine}


def build(description: dict[str, Any], weights: Weights) -> Network:
    """The module that model.json describes, with its weights."""
    arguments: dict[str, Any] = {
        key: build(value, part(weights, key)) if isinstance(value, dict) else value
        for key, value in description.items()
    }
    return MODULES[arguments.pop("class")](weights, **arguments)


def load(directory: Path = HERE) -> Network:
    """The fitted network. It reads inputs that are standardised as model.json says; `predict` sees to that."""
    about = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    with np.load(directory / "weights.npz", allow_pickle=False) as weights:
        return build(about["network"], dict(weights))


def predict(x: Any, network: Network | None = None, directory: Path = HERE) -> np.ndarray:
    """What `econml predict` gives at x [n, ...], in the columns and units that model.json names under "inputs".

    Args:
        network: what `load` gave, so that it is not read again.
    """
    about = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    network = load(directory) if network is None else network
    x = np.asarray(x, dtype=np.float64)
    if about["inputs"]["mean"] is not None:
        x = (x - np.array(about["inputs"]["mean"])) / np.array(about["inputs"]["scale"])
    out = network(x.astype(about["precision"]))
    outputs = about["outputs"]
    if outputs["transform"] == "sigmoid":
        return sigmoid(out)
    if outputs["transform"] == "softmax":
        shares = np.exp(out - out.max(axis=-1, keepdims=True))
        return shares / shares.sum(axis=-1, keepdims=True)
    if outputs["transform"] == "exp":
        out = np.exp(out)
    if outputs["transform"] == "sorted":
        out = np.sort(out, axis=-1)
    if outputs["transform"] == "mean_sd":  # log(1e-10): the least variance
        out = np.stack([out[..., 0], np.exp(0.5 * np.logaddexp(out[..., 1], -23.025850929940457))], axis=-1)
    scale, mean = (np.array(outputs[name], dtype=out.dtype) for name in ("scale", "mean"))
    return out * scale + mean
