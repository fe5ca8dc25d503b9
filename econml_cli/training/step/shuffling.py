"""The order in which an epoch takes observations: sorted random numbers, or a bijection, computed place by place."""

from math import isqrt
from typing import Literal

import jax
import jax.numpy as jnp

#: how --shuffle says it; auto: sort below `FROM` observations
Shuffle = Literal["auto", "sort", "feistel"]
FROM = 100_000
#: rounds of the network, half of them for either half
ROUNDS = 8


def order(key: jax.Array, n: int, how: Shuffle) -> jax.Array:
    """The numbers 0, ..., n-1 in random order, int32 [n]."""
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
    a = isqrt(max(n - 1, 0)) + 1
    b = -(-n // a)
    keys, end = jax.random.bits(key, (ROUNDS,), jnp.uint32), jnp.uint32(n)

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
