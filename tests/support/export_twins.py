"""Every built-in model with weights drawn at random, and its twin as an export writes it."""

import importlib.util
import json

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.export.assemble import model_source
from econml_cli.export.torch_names import own_state, torch_state
from econml_cli.export.twins import describe
from econml_cli.models.autoencoder import Autoencoder
from econml_cli.models.composed import Composed
from econml_cli.models.deep_set import DeepSet
from econml_cli.models.kernel import KernelRegression
from econml_cli.models.linear import Linear
from econml_cli.models.mlp import MLP
from econml_cli.models.piecewise import PiecewiseLinear
from econml_cli.models.polynomial import Polynomial, PolynomialFeatures
from econml_cli.models.random_features import RandomFeatureModel, RandomFeatures
from econml_cli.models.resnet import ResNet

ROWS, DIN = 7, 3


def _sets(dtype, rngs):
    return DeepSet(2 * 5, 2, shape=(5, 2), pool="max", phi_width=8, rho_width=8, param_dtype=dtype, rngs=rngs)


def _composed(dtype, rngs):
    phi = PolynomialFeatures(DIN, basis="hermite", constant=False, param_dtype=dtype)
    return Composed(phi, MLP(phi.dout, 2, 8, activation="tanh", param_dtype=dtype, rngs=rngs))


def _over_random_features(dtype, rngs):
    phi = RandomFeatures(DIN, num_features=6, bias=True, param_dtype=dtype, rngs=rngs)
    return Composed(phi, Linear(6, 1, param_dtype=dtype, rngs=rngs))


def _over_intervals(dtype, rngs):
    phi = PiecewiseLinear(DIN, bins=3, param_dtype=dtype)
    x = np.random.default_rng(2).normal(size=(50, DIN))
    x[:, 1] = x[:, 1] > 0  # a dummy, whose intervals are empty but for one
    phi.adapt(x)
    return Composed(phi, MLP(phi.dout, 1, 8, param_dtype=dtype, rngs=rngs))


#: name -> (how it is made, shape of one observation)
MODELS = {
    "linear": (lambda dtype, rngs: Linear(DIN, 2, param_dtype=dtype, rngs=rngs), (DIN,)),
    "linear without bias": (lambda dtype, rngs: Linear(DIN, 1, bias=False, param_dtype=dtype, rngs=rngs), (DIN,)),
    "the lecture's mlp": (lambda dtype, rngs: MLP(DIN, 1, param_dtype=dtype, rngs=rngs), (DIN,)),
    "mlp with everything": (
        lambda dtype, rngs: MLP(
            DIN,
            2,
            (9, 5),
            activation="silu",
            output_activation="sigmoid",
            bias=False,
            output_bias=False,
            layer_norm=True,
            dropout=0.3,
            param_dtype=dtype,
            rngs=rngs,
        ),
        (DIN,),
    ),
    "mlp over sets": (lambda dtype, rngs: MLP(2 * DIN, 1, 8, param_dtype=dtype, rngs=rngs), (2, DIN)),
    "deep set": (lambda dtype, rngs: DeepSet(5, 1, phi_width=8, rho_width=8, param_dtype=dtype, rngs=rngs), (5,)),
    "deep set of vectors": (_sets, (5, 2)),
    "equivariant deep set": (
        lambda dtype, rngs: DeepSet(
            5 * 2, 5, equivariant=True, element_size=2, phi_width=8, rho_width=8, param_dtype=dtype, rngs=rngs
        ),
        (10,),
    ),
    "autoencoder": (
        lambda dtype, rngs: Autoencoder(DIN, DIN, width=8, regularizer="l2", param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    "linear autoencoder": (
        lambda dtype, rngs: Autoencoder(DIN, DIN, linear=True, param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    "resnet": (
        lambda dtype, rngs: ResNet(
            DIN, 1, width=8, activation="gelu", layer_norm=True, dropout=0.2, param_dtype=dtype, rngs=rngs
        ),
        (DIN,),
    ),
    "resnet of eleven blocks": (
        lambda dtype, rngs: ResNet(DIN, 1, width=4, depth=11, param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    "polynomial": (lambda dtype, rngs: Polynomial(DIN, 2, degree=4, param_dtype=dtype, rngs=rngs), (DIN,)),
    "legendre": (
        lambda dtype, rngs: Polynomial(DIN, 1, basis="legendre", interaction="tensor", param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    "constant": (lambda dtype, rngs: Polynomial(DIN, 1, degree=0, param_dtype=dtype, rngs=rngs), (DIN,)),
    "monomial": (
        lambda dtype, rngs: Polynomial(1, 1, basis="monomial", interaction="none", param_dtype=dtype, rngs=rngs),
        (1,),
    ),
    "random features": (
        lambda dtype, rngs: RandomFeatureModel(DIN, 1, num_features=10, param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    "cosine features": (
        lambda dtype, rngs: RandomFeatureModel(DIN, 2, nonlinearity="cosine", param_dtype=dtype, rngs=rngs),
        (DIN,),
    ),
    **{
        kernel: (
            lambda dtype, rngs, kernel=kernel: KernelRegression(
                DIN, 2, n=6, kernel=kernel, param_dtype=dtype, rngs=rngs
            ),
            (DIN,),
        )
        for kernel in ("rbf", "matern12", "matern32", "matern52")
    },
    "mlp over a polynomial": (_composed, (DIN,)),
    "linear over random features": (_over_random_features, (DIN,)),
    "mlp over intervals": (_over_intervals, (DIN,)),
}


def made(name, dtype):
    """(model, x [ROWS, ...], f(x)): a model with every array drawn at random, so that none is left at 0 or 1."""
    make, shape = MODELS[name]
    model = make(dtype, nnx.Rngs(0))
    draw = np.random.default_rng(1)
    x = draw.standard_normal((ROWS, *shape))
    if hasattr(model, "adapt"):
        rows = model.inputs.shape[0] if hasattr(model, "inputs") else 50
        model.adapt(draw.standard_normal((rows, *shape)))
    state = nnx.state(model, nnx.Param)
    nnx.update(model, jax.tree.map(lambda leaf: jnp.asarray(draw.standard_normal(leaf.shape) / 2, leaf.dtype), state))
    model.eval()
    x = jnp.asarray(x, dtype)
    return model, x, np.asarray(model(x))


def twin(model, framework, directory):
    """The module model.py of an export, whose `load()` gives the network."""
    description = describe(model, "this")
    source = model_source(framework, description.templates, description.classes, "A twin.")
    (directory / "model.py").write_text(source)
    dtype = str(next(iter(own_state(model).values())).dtype)
    (directory / "model.json").write_text(json.dumps({"network": description.network, "precision": dtype}))
    if framework == "numpy":
        np.savez(directory / "weights.npz", **description.weights(own_state(model)))
    else:
        from safetensors.numpy import save_file

        save_file(description.weights(torch_state(model)), directory / "weights.safetensors")
    return load_code(directory)


def load_code(directory):
    """The module in model.py of a directory."""
    spec = importlib.util.spec_from_file_location("model", directory / "model.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def relative(a, b):
    """max |a - b| / max |b|."""
    assert a.shape == b.shape
    return np.abs(np.asarray(a, np.float64) - b).max() / np.abs(b).max()
