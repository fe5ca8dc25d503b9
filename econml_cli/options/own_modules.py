"""A file of the user's own as a module: run from the very bytes that were hashed, and where in it something failed."""

import contextlib
import hashlib
import importlib.abc
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from econml_cli.errors import ConfigError, EconmlError

PREFIX = "econml_source_"


class _Contents(importlib.abc.SourceLoader):
    """Runs these bytes: no __pycache__ beside the file is read or written, and a change meanwhile does not matter."""

    def __init__(self, path: Path, contents: bytes):
        self.path = path
        self.contents = contents

    def get_filename(self, fullname: str) -> str:
        return str(self.path)

    def get_data(self, path: object) -> bytes:
        return self.contents


def run(path: Path, contents: bytes, digest: str) -> ModuleType:
    """The module of a file, run once for each of its places and contents; what it prints goes to stderr.

    Args:
        path: absolute. digest: the SHA-256 of `contents`, in hex.

    Raises:
        ConfigError: the file fails; names the line.
    """
    key = f"{PREFIX}{path.stem}_{hashlib.sha256(f'{digest} {path}'.encode()).hexdigest()[:16]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_loader(key, _Contents(path, contents), origin=str(path))
    assert spec is not None and spec.loader is not None
    spec.has_location = True  # __file__, as in any module
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module  # dataclasses and type hints look their module up while it runs
    try:
        with _beside(path.parent), contextlib.redirect_stdout(sys.stderr):
            spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[key]
        if isinstance(error, EconmlError | KeyboardInterrupt):
            raise
        line = f" in line {error.lineno}" if isinstance(error, SyntaxError) else _line(error, path)
        raise ConfigError(f"{path} fails{line}: {said(error)}.") from error
    return module


@contextlib.contextmanager
def _beside(folder: Path) -> Iterator[None]:
    """As in a script: the modules beside the file can be imported by it."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _line(error: BaseException, path: Path) -> str:
    trace, found = error.__traceback__, ""
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            found = f" in line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def where(error: BaseException) -> str:
    """Where in a file of the user's an error arose, as " in line 12 of /home/me/mymodel.py"; "" if it was elsewhere."""
    trace, found = error.__traceback__, ""
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__")).startswith(PREFIX):
            found = f" in line {trace.tb_lineno} of {trace.tb_frame.f_code.co_filename}"
        trace = trace.tb_next
    return found


def is_own(cls: type) -> bool:
    """Whether a class is of a file of the user's."""
    return str(cls.__module__).startswith(PREFIX)


def defined(function: Any) -> str:
    """Where in a file of the user's a function or a method begins, as " (line 12 of mymodel.py)", seen from the working
    directory; "" if it is elsewhere."""
    function = inspect.unwrap(getattr(function, "__func__", function))
    code = getattr(function, "__code__", None)
    if code is None or not str(function.__globals__.get("__name__")).startswith(PREFIX):
        return ""
    file, here = Path(code.co_filename), Path.cwd()
    return f" (line {code.co_firstlineno} of {file.relative_to(here) if file.is_relative_to(here) else file})"


@contextlib.contextmanager
def telling(what: str) -> Iterator[None]:
    """What a file of the user's raises inside becomes one sentence that begins with `what` and names the line.

    Raises:
        ConfigError: in place of it.
    """
    try:
        yield
    except EconmlError:
        raise
    except Exception as error:
        if not (line := where(error)):
            raise
        raise ConfigError(f"{what}{line}: {said(error)}.") from error


def first_line(error: BaseException) -> str:
    """The first line of what an error says, without its full stop."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return (str(text).strip().splitlines() or ["no message"])[0].rstrip(".")


def said(error: BaseException) -> str:
    """An error as "TypeError: what it says"."""
    return f"{type(error).__name__}: {first_line(error)}"
