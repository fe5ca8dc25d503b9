"""The models by name: the options of each (flags, config keys, sweep keys) and its row. Standard library only.

Options are declared here and nowhere else: a constructor takes those of its model as keyword arguments. They are not in
the model's own file, because help and completion read them and must not wait for Flax.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from econml_cli.options.fields import option

Init = Literal["lecun_normal", "torch_uniform"]
Activation = Literal["relu", "tanh", "gelu", "silu", "sigmoid", "softplus", "identity"]
Solver = Literal["gradient", "lstsq"]
INIT = "initial weights: Flax's default, or PyTorch's U(-1/sqrt(fan_in), 1/sqrt(fan_in))"


@dataclass(frozen=True)
class LinearOptions:
    """f(x) = W'x + b."""

    bias: bool = option(True, "add an intercept b")
    solver: Literal["gradient", "exact", "lstsq"] = option(
        "gradient",
        "trained by gradient; exact: least squares, or Newton's method where the loss is convex (the default on a "
        "table, unless an option of training is given); lstsq: least squares alone",
    )
    init: Init = option("lecun_normal", INIT)


@dataclass(frozen=True)
class PolynomialFeaturesOptions:
    """phi(x): products of polynomials of the inputs."""

    degree: int = option(3, "largest degree: of a product (total), or in each input (tensor, none)", ge=0, le=1000)
    basis: Literal["chebyshev", "legendre", "monomial", "hermite"] = option(
        "chebyshev", "which polynomials; hermite: the probabilists' He, for normal inputs"
    )
    interaction: Literal["total", "tensor", "none"] = option(
        "total", "products of several inputs: of total degree up to --degree, all, or none"
    )
    domain: tuple[float, ...] | None = option(
        None,
        "what is mapped to [-1, 1] of every input (default: from its smallest to its largest; hermite: mean -/+ sd)",
        metavar="LOW,HIGH",
    )


@dataclass(frozen=True)
class PolynomialOptions(PolynomialFeaturesOptions):
    """f(x) = W'phi(x), phi(x) products of polynomials of the inputs."""

    solver: Solver = option("lstsq", "least squares in float64 (lstsq), or trained by gradient")


@dataclass(frozen=True)
class RandomFeaturesOptions:
    """phi(x): a hidden layer that stays as it was drawn."""

    num_features: int = option(200, "how many random features", ge=1)
    nonlinearity: Literal["relu", "cosine"] = option(
        "relu", "relu(x W), or cos(x W / length_scale + b), which approximates the rbf kernel"
    )
    bias: bool = option(False, "a random bias in relu features (few inputs need it)")
    length_scale: float = option(1.0, "length scale of cosine features", gt=0, traced=True)


@dataclass(frozen=True)
class RandomFeatureModelOptions(RandomFeaturesOptions):
    """f(x) = W'phi(x), phi(x) a hidden layer that stays as it was drawn."""

    ridge: float = option(0.0, "penalty on the squared weights; 0: minimum norm", ge=0, traced=True)
    solver: Solver = option("lstsq", "least squares in float64 (lstsq), or trained by gradient")


@dataclass(frozen=True)
class MomentsOptions:
    """phi(X): means of the powers of the elements of a set X."""

    order: int = option(4, "the means of x, x^2, ... up to this power, over the elements x of a set", ge=1, le=100)


@dataclass(frozen=True)
class PiecewiseOptions:
    """phi(x): each input, and how far it has come through intervals of it."""

    bins: int = option(4, "intervals of each input, with as many training observations in each", ge=1, le=1000)


@dataclass(frozen=True)
class KernelOptions:
    """f(x) = sum of alpha_i k(x, x_i) over the training inputs, solved exactly."""

    kernel: Literal["matern12", "matern32", "matern52", "rbf"] = option("matern32", "k, in order of smoothness")
    length_scale: float | None = option(
        None, "length scale of k (default: the median distance between training inputs)", gt=0, traced=True
    )
    ridge: float = option(1e-3, "penalty on the squared norm of f; 0: interpolation", ge=0, traced=True)
    bias: bool = option(True, "add the mean of the target, and fit what is left")


@dataclass(frozen=True)
class MLPOptions:
    """A multilayer perceptron."""

    width: tuple[int, ...] = option((128,), "units in each hidden layer; 128,64,32: of each", ge=1)
    depth: int | None = option(None, "number of hidden layers (default: 2, or as many as --width names)", ge=1)
    activation: Activation = option("relu", "nonlinearity after each hidden layer")
    output_activation: Activation = option("identity", "what the output passes through")
    bias: bool = option(True, "a bias in the hidden layers (the lecture's two-layer module has none there)")
    output_bias: bool = option(True, "a bias in the output layer")
    layer_norm: bool = option(False, "layer normalisation before each activation")
    dropout: float = option(0.0, "share of hidden units dropped at random while training; 0: none", ge=0, lt=1)
    init: Init = option("lecun_normal", INIT)


@dataclass(frozen=True)
class DeepSetOptions:
    """A function of a set, rho(pool of phi(x)): invariant to the order of its elements, defined for any number; or one
    of each element and its set."""

    latent: int = option(4, "outputs of phi, which are pooled; inputs of rho", ge=1)
    phi_width: int = option(128, "units in each hidden layer of phi", ge=1)
    phi_depth: int = option(2, "number of hidden layers of phi", ge=1)
    rho_width: int = option(128, "units in each hidden layer of rho", ge=1)
    rho_depth: int = option(4, "number of hidden layers of rho", ge=1)
    pool: Literal["mean", "sum", "max"] = option("mean", "what makes one latent of those of all elements")
    equivariant: bool = option(
        False, "an output for each element, rho(element, pool): permuting the elements permutes the outputs"
    )
    element_size: int = option(
        1,
        "numbers of each element, where an observation is one vector: the first of all elements, then the second, ...",
        ge=1,
    )
    activation: Activation = option("relu", "nonlinearity after each hidden layer")
    init: Init = option("lecun_normal", INIT)


@dataclass(frozen=True)
class AutoencoderOptions:
    """A representation z = phi(x) learnt by reconstructing x as h(z)."""

    latent: int = option(2, "numbers in the representation z", ge=1)
    linear: bool = option(False, "affine encoder and decoder, without hidden layers: the subspace of PCA")
    width: tuple[int, ...] = option(
        (64,), "units in each hidden layer of the encoder, reversed in the decoder; none with --linear", ge=1
    )
    depth: int | None = option(None, "hidden layers of the encoder (default: 2, or as many as --width names)", ge=1)
    activation: Activation = option("relu", "nonlinearity after each hidden layer")
    regularizer: Literal["none", "l2", "l1", "contractive"] = option(
        "none", "what is added to the loss: squared kernels (l2), mean |z| (l1), mean squared dz/dx (contractive)"
    )
    regularizer_strength: float = option(1e-3, "how much of it", ge=0, traced=True)
    init: Init = option("lecun_normal", INIT)


@dataclass(frozen=True)
class ResNetOptions:
    """A residual MLP: an affine map, blocks x + change(x), an affine output layer."""

    width: int = option(128, "units in each layer", ge=1)
    depth: int = option(2, "number of residual blocks, of two layers each", ge=1)
    activation: Activation = option("relu", "nonlinearity before each layer of a block")
    layer_norm: bool = option(False, "layer normalisation before each activation")
    dropout: float = option(0.0, "share of units dropped at random in a block while training; 0: none", ge=0, lt=1)
    init: Init = option("lecun_normal", INIT)


@dataclass(frozen=True)
class ModelEntry:
    """One row: where the NNX module lives ("module:Class"), its options, one line of help, its natural problem, and its
    recipe (defaults of problem and trainer options that suit it; the problem's own recipe beats them)."""

    target: str
    options: type
    help: str
    problem: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)


MODELS: dict[str, ModelEntry] = {
    "linear": ModelEntry("econml_cli.models.linear:Linear", LinearOptions, "affine map W'x + b"),
    "polynomial": ModelEntry(
        "econml_cli.models.polynomial:Polynomial",
        PolynomialOptions,
        "polynomial in one basis or another, solved exactly",
    ),
    "random_features": ModelEntry(
        "econml_cli.models.random_features:RandomFeatureModel",
        RandomFeatureModelOptions,
        "fixed random hidden layer, least squares of minimum norm",
    ),
    "kernel": ModelEntry(
        "econml_cli.models.kernel:KernelRegression",
        KernelOptions,
        "kernel ridge, or ridgeless interpolation",
    ),
    "mlp": ModelEntry("econml_cli.models.mlp:MLP", MLPOptions, "multilayer perceptron (the lecture's)"),
    "resnet": ModelEntry("econml_cli.models.resnet:ResNet", ResNetOptions, "residual MLP"),
    "deep_set": ModelEntry(
        "econml_cli.models.deep_set:DeepSet",
        DeepSetOptions,
        "function of a set, in whatever order and number",
        problem="symmetric",
    ),
    "autoencoder": ModelEntry(
        "econml_cli.models.autoencoder:Autoencoder",
        AutoencoderOptions,
        "representation learnt by reconstruction (linear: PCA's)",
        problem="factor",
        recipe={"loss": "reconstruction"},
    ),
}
