"""The options of each model: what becomes its flags, its config keys and its sweep keys. Standard library only."""

from dataclasses import dataclass
from typing import Literal

from econml_cli.fields import option

Init = Literal["lecun_normal", "torch_uniform"]
Activation = Literal["relu", "tanh", "gelu", "silu", "sigmoid", "softplus", "identity"]


@dataclass(frozen=True)
class LinearOptions:
    """f(x) = W'x + b."""

    bias: bool = option(True, "add an intercept b")
    init: Init = option(
        "lecun_normal", "initial weights: Flax's default, or PyTorch's U(-1/sqrt(fan_in), 1/sqrt(fan_in))"
    )


@dataclass(frozen=True)
class MLPOptions:
    """A multilayer perceptron."""

    width: int = option(128, "units in each hidden layer", ge=1)
    depth: int = option(2, "number of hidden layers", ge=1)
    activation: Activation = option("relu", "nonlinearity after each hidden layer")
    init: Init = option(
        "lecun_normal", "initial weights: Flax's default, or PyTorch's U(-1/sqrt(fan_in), 1/sqrt(fan_in))"
    )
