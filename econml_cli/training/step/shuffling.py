"""The order in which an epoch takes observations: sorted random numbers, or a bijection, computed place by place; of a
sample that lies on a disk blocks in random order, and the rows of many of them in random order among each other."""

from dataclasses import dataclass
from math import isqrt
from typing import Literal

import jax
import jax.numpy as jnp

#: how --shuffle says it; auto: sort below `FROM` observations
Shuffle = Literal["auto", "sort", "feistel", "blocks"]
FROM = 100_000
#: observations that lie one after the other in a file and are read together, and how many such blocks are mixed
ROWS, BLOCKS = 2**13, 2**5
#: rounds of the network, half of them for either half
ROUNDS = 8


def order(key: jax.Array, n: int, how: Shuffle) -> jax.Array:
    """The numbers 0, ..., n-1 in random order, int32 [n]."""
    if how == "blocks":
        return Windows(n).order(key)
    if how == "sort" or (how == "auto" and n < FROM):
        return jax.random.permutation(key, n)
    return permuted(key, n, jnp.arange(n, dtype=jnp.uint32)).astype(jnp.int32)


def permuted(key: jax.Array, n: int, places: jax.Array) -> jax.Array:
    """Where a random bijection of 0, ..., n-1 (n < 2^32) sends some of these, uint32.

    A Feistel network over pairs (l, r) in Z_a x Z_b, a b >= n and hardly more, whose rounds add to one half a hash of
    the other and of a random number: each can be undone, whatever the hash. What falls beyond n is sent on until it
    does not, which leaves a bijection. No place depends on another, so that nothing is sorted or kept.

    Source: Black and Rogaway (2002), Ciphers with arbitrary finite domains, CT-RSA, section 3 (cycle walking) and
    section 4 (a x b); the hash is the finalizer of MurmurHash3 (Appleby).
    """
    return _walked(key, n, jnp.uint32(n), places)


def _walked(key: jax.Array, most: int, end: jax.Array, places: jax.Array) -> jax.Array:
    """`permuted` of 0, ..., end-1, of which only a bound, end <= `most`, is known when it is compiled."""
    a = isqrt(max(most - 1, 0)) + 1
    b = -(-most // a)
    keys = jax.random.bits(key, (ROUNDS,), jnp.uint32)

    def step(at: jax.Array) -> jax.Array:
        left, right = at // b, at % b
        for i in range(0, ROUNDS, 2):
            left = _plus(left, _hash(right, keys[i]), a)
            right = _plus(right, _hash(left, keys[i + 1]), b)
        return left * b + right

    def walk(at: jax.Array) -> jax.Array:
        return jnp.where(at >= end, step(at), at)

    found: jax.Array = jax.lax.while_loop(lambda at: jnp.any(at >= end), walk, step(places.astype(jnp.uint32)))
    return found


@dataclass(frozen=True)
class Windows:
    """The order of n observations in blocks of `ROWS` that follow each other in the sample (the last may be shorter).

    The blocks come in random order; `BLOCKS` of them make a window, whose rows are put into random order. So an epoch
    reads a file once, in pieces, and what is in memory is a window. Two rows of one block are always in one window:
    where a file is sorted, batches are more alike than in a uniform order, by less the more blocks there are.
    """

    n: int

    @property
    def blocks(self) -> int:
        """How many there are."""
        return -(-self.n // ROWS)

    @property
    def count(self) -> int:
        """How many windows there are."""
        return -(-self.blocks // BLOCKS)

    def size(self, window: int) -> int:
        """The blocks of a window; the last one may have fewer."""
        return min(BLOCKS, self.blocks - window * BLOCKS)

    def chosen(self, key: jax.Array) -> jax.Array:
        """The blocks in the order of an epoch, int32 [blocks]; in each window the block that may be shorter, which is
        the last of the sample, comes last."""
        found = jax.random.permutation(jax.random.fold_in(key, 0), self.blocks)
        at = jnp.argmax(found == self.blocks - 1)
        end = jnp.minimum((at // BLOCKS + 1) * BLOCKS, self.blocks) - 1
        swapped: jax.Array = found.at[at].set(found[end]).at[end].set(self.blocks - 1)
        return swapped

    def within(self, key: jax.Array, window: jax.Array, size: int, rows: jax.Array) -> jax.Array:
        """The order of the first `rows` of the `size` blocks of a window, uint32 [size * ROWS]; then anything."""
        places = jnp.minimum(jnp.arange(size * ROWS, dtype=jnp.uint32), rows.astype(jnp.uint32) - 1)
        return _walked(jax.random.fold_in(key, window + 1), size * ROWS, rows.astype(jnp.uint32), places)

    def order(self, key: jax.Array) -> jax.Array:
        """All observations in the order of an epoch, int32 [n]."""
        chosen, short = self.chosen(key), self.blocks * ROWS - self.n

        def one(window: jax.Array, size: int) -> jax.Array:
            own = jax.lax.dynamic_slice_in_dim(chosen, window * BLOCKS, size)
            rows = size * ROWS - jnp.where(own[-1] == self.blocks - 1, short, 0)
            local = self.within(key, window, size, rows)
            return own[local // ROWS] * ROWS + (local % ROWS).astype(jnp.int32)

        last = self.count - 1
        parts = [one(jnp.int32(last), self.size(last))]
        if last:
            whole = jax.lax.map(lambda window: one(window, BLOCKS), jnp.arange(last, dtype=jnp.int32))
            parts = [whole.reshape(-1), *parts]
        every, window = jnp.concatenate(parts), BLOCKS * ROWS
        # behind the rows of the window that is short stands nothing of it
        at = jnp.minimum((jnp.argmax(chosen == self.blocks - 1) // BLOCKS + 1) * window, self.blocks * ROWS) - short
        places = jnp.arange(self.n, dtype=jnp.int32)
        found: jax.Array = every[places + jnp.where(places >= at, short, 0)]
        return found


def _hash(x: jax.Array, key: jax.Array) -> jax.Array:
    """32 bits that depend on all of those of x and the key."""
    x = x ^ key
    x = (x ^ (x >> 16)) * jnp.uint32(0x85EBCA6B)
    x = (x ^ (x >> 13)) * jnp.uint32(0xC2B2AE35)
    return x ^ (x >> 16)


def _plus(x: jax.Array, bits: jax.Array, size: int) -> jax.Array:
    """x + y in Z_size, size <= 2^16, where y is the number below it that lies as 32 bits lie below 2^32."""
    low, high = bits & 0xFFFF, bits >> 16
    y = (high * jnp.uint32(size) + (low * jnp.uint32(size) >> 16)) >> 16
    found = x + y
    return jnp.where(found >= size, found - size, found)
