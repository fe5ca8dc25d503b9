"""The imports of a command that computes: a thousand modules, made without Python's collector going through them."""

import contextlib
import gc
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Import inside this context what brings JAX and Flax.

    What modules are made of stays until the process ends, and is much: while they are imported the collector would go
    through it again and again, and find nothing. Afterwards it collects as always, and leaves what was imported alone.
    Where JAX is there already, nothing is other than outside.
    """
    if "jax" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
