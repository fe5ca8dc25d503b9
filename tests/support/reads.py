"""How often the files of runs are read: what a command, or a call, costs in reading."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from econml_cli.config import fit_config
from econml_cli.data import files
from econml_cli.storage import checkpoint, disk


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """Inside the context, how often a config.yaml, a manifest.json, a checkpoint and a data file have been read."""
    found: Counter[str] = Counter()

    def counting(function: Callable[..., Any], name: Callable[[Any], str]) -> Callable[..., Any]:
        def call(first: Any, *args: Any, **kwargs: Any) -> Any:
            found[name(first)] += 1
            return function(first, *args, **kwargs)

        return call

    with contextlib.ExitStack() as stack:
        for module, function, name in (
            (fit_config, "read_yaml", lambda path: Path(path).name),
            (disk, "read_json", lambda path: Path(path).name),
            (checkpoint, "_read", lambda directory: "checkpoint"),
            (files, "read", lambda path: "data"),
        ):
            stack.enter_context(mock.patch.object(module, function, counting(getattr(module, function), name)))
        yield found
