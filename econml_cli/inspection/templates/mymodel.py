"""A model of my own. Fit it to a known truth:        econml fit ./mymodel.py:MyNet --width 64
to a table of mine:                                   econml fit ./mymodel.py:MyNet --data FILE --target Y
and ask which options it has:                         econml fit ./mymodel.py:MyNet --help
"""

from typing import Annotated, ClassVar, Literal

import jax
import jax.numpy as jnp
from flax import nnx


class MyNet(nnx.Module):
    """One hidden layer beside a linear part: f(x) = A'x + B' act(W'x + b) + a."""

    # Defaults of other options that suit this model; what is typed beats them. Leave it out if there are none.
    recipe: ClassVar = {"lr": 1e-2, "optimizer": "adam"}

    # din and dout, the numbers of inputs and outputs, come from the problem; rngs draws the initial weights.
    # Every other argument with an annotation is an option: `width: int` is --width, with its default and its help line.
    # It may be int, float, str, bool, Literal["a", "b"] or tuple[int, ...] (--widths 64,32), or one of these | None.
    # An argument without an annotation is no option. Do not name one as a training option (lr, seed, batch_size, ...).
    def __init__(
        self,
        din: int,
        dout: int,
        *,
        width: Annotated[int, "units in the hidden layer"] = 32,
        activation: Annotated[Literal["tanh", "relu"], "nonlinearity of the hidden layer"] = "tanh",
        skip: Annotated[bool, "add the linear part A'x"] = True,
        rngs: nnx.Rngs,
    ):
        if width < 1:
            raise ValueError(f"--width must be at least 1, got {width}")
        self.hidden = nnx.Linear(din, width, rngs=rngs)
        self.out = nnx.Linear(width, dout, rngs=rngs)
        self.linear = nnx.Linear(din, dout, use_bias=False, rngs=rngs) if skip else None
        self.activation = {"tanh": jnp.tanh, "relu": jax.nn.relu}[activation]

    def __call__(self, x: jax.Array) -> jax.Array:
        """f(x): x is [n, din], one row an observation; the result is [n, dout]. Write it for all rows at once."""
        f = self.out(self.embed(x))
        return f if self.linear is None else f + self.linear(x)

    # What follows is optional. Leave it out if you do not need it.

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation z = phi(x), [n, width]: `econml predict RUN --embed` writes it."""
        return self.activation(self.hidden(x))

    # def penalty(self, x): ...    a number added to the mean loss of a batch while training (a regulariser)
    # def adapt(self, x): ...      learn from the training inputs before training (centres), into nnx.Variables
    # solver = "lstsq"             do not train: solve(self, x, y), called once, sets the parameters
