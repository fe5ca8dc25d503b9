"""Which template stands for which of our modules, and what it is constructed with, read off the fitted module."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.errors import EconmlError
from econml_cli.models.base import Model

if TYPE_CHECKING:
    from econml_cli.models.deep_set import DeepSet
    from econml_cli.models.kernel import KernelRegression
    from econml_cli.models.linear import Linear
    from econml_cli.models.mlp import MLP
    from econml_cli.models.polynomial import PolynomialFeatures
    from econml_cli.models.random_features import RandomFeatures
    from econml_cli.models.resnet import ResNet


@dataclass(frozen=True)
class Twin:
    """One row: the template, the class in it, its arguments as a function of our module (a submodule stands for its own
    twin), the names of arrays that predictions do not need, and arrays that our module computes and its twin keeps."""

    template: str
    name: str
    arguments: Callable[[Any], dict[str, Any]]
    unused: tuple[str, ...] = ()
    more: Callable[[Any], dict[str, np.ndarray]] = lambda model: {}


@dataclass(frozen=True)
class Description:
    """A module in terms of its twin.

    Attributes:
        network: what model.json says: {"class": "MLP", "din": 2, ...}; a submodule is such a mapping itself.
        templates, classes: what model.py must hold.
        unused: our paths of arrays that the twin does not have. more: arrays by path that only the twin has.
    """

    network: dict[str, Any]
    templates: tuple[str, ...]
    classes: tuple[str, ...]
    unused: tuple[str, ...]
    more: dict[str, np.ndarray]

    def weights(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """What of a state the twin keeps, and what it keeps beside."""
        return {name: array for name, array in state.items() if name not in self.unused} | self.more


def _sizes(layer: Any) -> tuple[int, int]:
    din, dout = layer.kernel[...].shape
    return int(din), int(dout)


def _layer(layer: Any) -> dict[str, Any]:
    din, dout = _sizes(layer)
    return {"in_features": din, "out_features": dout, "bias": layer.bias is not None}


def _linear(model: "Linear") -> dict[str, Any]:
    din, dout = _sizes(model.linear)
    return {"din": din, "dout": dout, "bias": model.linear.bias is not None}


def _mlp(model: "MLP") -> dict[str, Any]:
    layers = [getattr(model, f"linear{i}") for i in range(1, model.depth + 2)]
    return {
        "din": _sizes(layers[0])[0],
        "dout": _sizes(layers[-1])[1],
        "width": [_sizes(layer)[1] for layer in layers[:-1]],
        "activation": model.activation,
        "output_activation": model.output_activation,
        "bias": layers[0].bias is not None,
        "output_bias": layers[-1].bias is not None,
        "layer_norm": hasattr(model, "norm1"),
    }


def _resnet(model: "ResNet") -> dict[str, Any]:
    (din, width), dout = _sizes(model.linear_in), _sizes(model.linear_out)[1]
    block = model.block1
    return {
        "din": din,
        "dout": dout,
        "width": width,
        "depth": model.depth,
        "activation": block.activation,
        "layer_norm": hasattr(block, "norm1"),
    }


def _deep_set(model: "DeepSet") -> dict[str, Any]:
    parts = {"phi": model.phi, "rho": model.rho, "pool": model.pool}
    return {**parts, "equivariant": model.equivariant, "element_size": model.element_size}


def _polynomial_features(phi: "PolynomialFeatures") -> dict[str, Any]:
    features, of_factors = _factors(phi)["factors"].shape
    return {
        "din": phi.din,
        "degree": phi.degree,
        "basis": phi.basis,
        "features": int(features),
        "of_factors": int(of_factors),
    }


def _factors(phi: "PolynomialFeatures") -> dict[str, np.ndarray]:
    from econml_cli.models.terms import terms

    return {"factors": np.array(terms(phi.din, phi.degree, phi.interaction, phi.constant), np.int64)}


def _random_features(phi: "RandomFeatures") -> dict[str, Any]:
    return {"din": int(phi.kernel[...].shape[0]), "num_features": phi.dout, "activation": phi.nonlinearity}


def _kernel(model: "KernelRegression") -> dict[str, Any]:
    (n, din), dout = model.inputs[...].shape, model.alpha[...].shape[1]
    return {"n": int(n), "din": int(din), "dout": int(dout), "kernel": model.kernel, "bias": model.has_bias}


#: by the full name of our class, so that no model is imported that is not there already
TWINS: dict[str, Twin] = {
    "flax.nnx.nn.linear.Linear": Twin("", "nn.Linear", _layer),
    "econml_cli.models.linear.Linear": Twin("linear", "Linear", _linear),
    "econml_cli.models.mlp.MLP": Twin("mlp", "MLP", _mlp),
    "econml_cli.models.resnet.ResNet": Twin("resnet", "ResNet", _resnet),
    "econml_cli.models.deep_set.DeepSet": Twin("deep_set", "DeepSet", _deep_set),
    "econml_cli.models.autoencoder.Autoencoder": Twin(
        "autoencoder",
        "Autoencoder",
        lambda model: {"encoder": model.encoder, "decoder": model.decoder},
        unused=("strength",),
    ),
    "econml_cli.models.polynomial.PolynomialFeatures": Twin(
        "polynomial_features", "PolynomialFeatures", _polynomial_features, more=_factors
    ),
    "econml_cli.models.polynomial.Polynomial": Twin(
        "linear_in_features", "LinearInFeatures", lambda model: {"phi": model.phi, "W": model.W}
    ),
    "econml_cli.models.piecewise.PiecewiseLinear": Twin(
        "piecewise", "PiecewiseLinear", lambda phi: {"din": phi.din, "bins": phi.bins}
    ),
    "econml_cli.models.random_features.RandomFeatures": Twin("random_features", "RandomFeatures", _random_features),
    "econml_cli.models.random_features.RandomFeatureModel": Twin(
        "linear_in_features", "LinearInFeatures", lambda model: {"phi": model.phi, "W": model.W}, unused=("ridge",)
    ),
    "econml_cli.models.kernel.KernelRegression": Twin("kernel", "KernelRegression", _kernel, unused=("ridge",)),
    "econml_cli.models.composed.Composed": Twin("composed", "Composed", lambda model: {"phi": model.phi, "h": model.h}),
}


def describe(model: Model, name: str) -> Description:
    """A fitted module in terms of its twin; `name` is what the user calls the model.

    Raises:
        EconmlError: it has none.
    """
    full = f"{type(model).__module__}.{type(model).__qualname__}"
    if full not in TWINS:
        raise EconmlError(
            f"Model {name} has no twin in PyTorch or NumPy ({type(model).__qualname__} is not one of ours); export it "
            "--to onnx or stablehlo, which hold any function, or --to safetensors, the arrays alone."
        )
    twin = TWINS[full]
    network: dict[str, Any] = {"class": twin.name}
    templates, classes = ([twin.template], [twin.name]) if twin.template else ([], [])
    unused, more = list(twin.unused), twin.more(model)
    for key, value in twin.arguments(model).items():
        if not callable(value):
            network[key] = value
            continue
        below = describe(value, name)
        network[key] = below.network
        templates += below.templates
        classes += below.classes
        unused += [f"{key}.{path}" for path in below.unused]
        more |= {f"{key}.{path}": array for path, array in below.more.items()}
    return Description(network, tuple(dict.fromkeys(templates)), tuple(dict.fromkeys(classes)), tuple(unused), more)
