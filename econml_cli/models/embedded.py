"""A network that learns a vector of each level of columns of identifiers, and reads them beside its other inputs."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from econml_cli.models.base import Adapting, Penalised
from econml_cli.models.least_squares import Fixed


class Embedded(nnx.Module):
    """f(x) = h(z, E_1[j_1], ..., E_q[j_q]): [n, din] -> [n, dout], where x = (z, j): the last q inputs are numbers of
    levels, and E_i [levels, size] is learnt with h. Of a level that no training row has, -1, the vector is the mean of
    those that they have.

    Args:
        h: a model of the other inputs and all numbers of the vectors. tables: the E_i.

    Source: Guo and Berkhahn (2016), "Entity Embeddings of Categorical Variables", arXiv 1604.06737.
    """

    def __init__(self, h: Any, tables: Sequence[nnx.Embed]):
        self.h = h
        self.tables = nnx.List(tables)
        self.seen = nnx.List([Fixed(jnp.ones(one.num_embeddings, one.embedding[...].dtype)) for one in tables])

    def __call__(self, x: jax.Array) -> jax.Array:
        """Values at x, [n, dout]."""
        out: jax.Array = self.h(self._inputs(x))
        return out

    def _inputs(self, x: jax.Array) -> jax.Array:
        """What h reads, [n, din - q + sum of sizes]."""
        q = len(self.tables)
        parts = [x[:, :-q]]
        for j, (table, seen) in enumerate(zip(self.tables, self.seen, strict=True)):
            vectors, there = table.embedding[...], seen[...]
            code = x[:, x.shape[1] - q + j].astype(jnp.int32)[:, None]
            mean = there @ vectors / jnp.sum(there)
            parts.append(jnp.where(code < 0, mean, vectors[jnp.maximum(code[:, 0], 0)]))
        return jnp.concatenate(parts, axis=1)

    def adapt(self, x: jax.Array) -> None:
        """Learn which levels the training inputs have, and let h learn from what it reads of them."""
        codes = np.asarray(x)[:, -len(self.tables) :].astype(np.int64)
        for j, seen in enumerate(self.seen):
            there = np.bincount(codes[:, j][codes[:, j] >= 0], minlength=len(seen[...])) > 0
            seen[...] = jnp.asarray(there, seen[...].dtype)
        if isinstance(self.h, Adapting):
            self.h.adapt(self._inputs(x))

    def penalty(self, x: jax.Array) -> Any:
        """That of h."""
        return self.h.penalty(self._inputs(x)) if isinstance(self.h, Penalised) else 0.0
