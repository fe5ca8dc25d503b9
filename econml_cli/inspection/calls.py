"""Which modules a model calls, in which order, and with what."""

from collections.abc import Callable
from typing import Any

from flax import nnx

from econml_cli.models.base import Model

#: what is told of one call: the module's path ("" for the model), the arguments, the keyword arguments, the result
Told = Callable[[int, str, tuple[Any, ...], dict[str, Any], Any], None]


def listen(model: Model, tell: Told) -> None:
    """Let every module of a model tell of its calls, each with a number that counts the calls as they begin.

    `tell` runs once the call has ended, inside whatever traces it. The model itself is changed: hand in a copy, such as
    `nnx.merge` makes. A module that a transformation copies (`nnx.jit` inside a model) is not heard.
    """
    begun = iter(range(10**9))
    for path, module in nnx.iter_modules(model):
        if callable(module):
            # the object's own class is replaced, so that no other object of that class changes
            object.__setattr__(module, "__class__", _telling(type(module), ".".join(map(str, path)), begun, tell))


def _telling(cls: Any, path: str, begun: Any, tell: Told) -> type:
    """A subclass of a module's class whose call tells of itself."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        number = next(begun)
        result = cls.__call__(self, *args, **kwargs)
        tell(number, path, args, kwargs, result)
        return result

    subclass: type = type(cls)(cls.__name__, (cls,), {"__call__": call, "__module__": cls.__module__})
    return subclass
