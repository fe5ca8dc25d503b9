"""Reading the fitted network, and predicting with it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

HERE = Path(__file__).parent
#: the modules that model.json names
MODULES: dict[str, Any] = {"nn.Linear": nn.Linear}


def build(description: dict[str, Any]) -> nn.Module:
    """The module that model.json describes, with new weights."""
    arguments: dict[str, Any] = {
        key: build(value) if isinstance(value, dict) else value for key, value in description.items()
    }
    return MODULES[arguments.pop("class")](**arguments)


def load(directory: Path = HERE) -> nn.Module:
    """The fitted network. It reads inputs that are standardised as model.json says; `predict` sees to that."""
    about = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    network = build(about["network"]).to(getattr(torch, about["precision"]))
    network.load_state_dict(load_file(directory / "weights.safetensors"))
    return network.eval()


@torch.no_grad()
def predict(x: Any, network: nn.Module | None = None, directory: Path = HERE) -> torch.Tensor:
    """What `econml predict` gives at x [n, ...], in the columns and units that model.json names under "inputs".

    Args:
        network: what `load` gave, so that it is not read again.
    """
    about = json.loads((directory / "model.json").read_text(encoding="utf-8"))
    network = load(directory) if network is None else network
    x = np.asarray(x, dtype=np.float64)
    if about["inputs"]["mean"] is not None:
        x = (x - np.array(about["inputs"]["mean"])) / np.array(about["inputs"]["scale"])
    out = network(torch.as_tensor(x).to(next(network.parameters())))
    outputs = about["outputs"]
    if outputs["transform"] == "sigmoid":
        return torch.sigmoid(out)
    if outputs["transform"] == "softmax":
        return torch.softmax(out, dim=-1)
    if outputs["transform"] == "exp":
        out = torch.exp(out)
    if outputs["transform"] == "sorted":
        out = torch.sort(out, dim=-1).values
    if outputs["transform"] == "mean_sd":  # log(1e-10): the least variance
        least = torch.full_like(out[..., 1], -23.025850929940457)
        out = torch.stack([out[..., 0], torch.exp(0.5 * torch.logaddexp(out[..., 1], least))], dim=-1)
    scale, mean = (torch.tensor(outputs[name], dtype=out.dtype, device=out.device) for name in ("scale", "mean"))
    return out * scale + mean
