"""The autoencoder: a representation learnt by reconstructing what it represents."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx

from econml_cli.models.initializers import affine
from econml_cli.models.mlp import MLP, hidden
from econml_cli.models.table import AutoencoderOptions


class Strength(nnx.Variable):
    """How much the regularizer weighs: a number that is not trained and that changes no compiled program."""


class Autoencoder(nnx.Module):
    """h(phi(x)): [n, din] -> [n, din] through `latent` numbers; phi is the `encoder`, h the `decoder`.

    Both are MLPs, the decoder's hidden layers those of the encoder in reverse; with `linear` both are affine maps, and
    the least-squares fit spans the subspace of the first principal components (Baldi and Hornik 1989), though its
    coordinates need not be the components themselves.

    The regularizers, each times `regularizer_strength`, are added to the mean loss of a batch:
    `l2`: sum of the squared kernels (weight decay). `l1`: mean over observations of sum |z|, a sparse code.
    `contractive`: mean over observations of ||dz/dx||_F^2 (Rifai, Vincent, Muller, Glorot and Bengio 2011). The last
    two weigh z only, so a decoder with large weights can undo part of them.

    Args:
        options: those of `AutoencoderOptions`.

    Raises:
        ValueError: `dout` is not `din`, or `depth` is not the number of widths.
    """

    def __init__(self, din: int, dout: int, *, param_dtype: Any = jnp.float32, rngs: nnx.Rngs, **options: Any):
        p = AutoencoderOptions(**options)
        if dout != din:
            raise ValueError(
                f"an autoencoder reconstructs its inputs, so the problem's target must be the {din} inputs themselves, "
                f"but it has {dout}; fit it to a problem such as factor"
            )
        self.regularizer = p.regularizer
        if p.regularizer != "none":
            self.strength = Strength(jnp.asarray(p.regularizer_strength, param_dtype))
        if p.linear:
            common = {"init": p.init, "param_dtype": param_dtype, "rngs": rngs}
            self.encoder, self.decoder = affine(din, p.latent, **common), affine(p.latent, din, **common)
        else:
            widths = hidden(p.width, p.depth)
            common = {"activation": p.activation, "init": p.init, "param_dtype": param_dtype, "rngs": rngs}
            self.encoder = MLP(din, p.latent, widths, len(widths), **common)
            self.decoder = MLP(p.latent, din, widths[::-1], len(widths), **common)

    def __call__(self, x: jax.Array) -> jax.Array:
        """The reconstruction of x [n, ...], [n, din]."""
        out: jax.Array = self.decoder(self.embed(x))
        return out

    def embed(self, x: jax.Array) -> jax.Array:
        """The representation z of x [n, ...], [n, latent]."""
        z: jax.Array = self.encoder(x.reshape(len(x), -1))
        return z

    def penalty(self, x: jax.Array) -> jax.Array:
        """What the regularizer adds to the mean loss of a batch x [n, ...]; a scalar, 0 without a regularizer."""
        if self.regularizer == "none":
            return jnp.zeros((), x.dtype)
        terms = {"l2": self._squared_kernels, "l1": self._size_of_code, "contractive": self._sensitivity}
        weighed: jax.Array = self.strength[...] * terms[self.regularizer](x)
        return weighed

    def _squared_kernels(self, _: jax.Array) -> jax.Array:
        weights = nnx.to_flat_state(nnx.state(self, nnx.Param))
        return jnp.asarray(sum(jnp.sum(jnp.square(w[...])) for path, w in weights if path[-1] == "kernel"))

    def _size_of_code(self, x: jax.Array) -> jax.Array:
        return jnp.mean(jnp.sum(jnp.abs(self.embed(x)), axis=1))

    def _sensitivity(self, x: jax.Array) -> jax.Array:
        # reverse mode: a pass for each of the few latent coordinates, not for each input
        jacobian = jax.vmap(jax.jacrev(lambda one: self.embed(one[None])[0]))
        return jnp.sum(jnp.square(jacobian(x))) / len(x)
