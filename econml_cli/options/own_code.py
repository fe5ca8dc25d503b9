"""Models, problems and losses in files of the user's own: `./mymodel.py:MyNet`.

Such a file is Python, and loading it runs it. Only files that the user has named are loaded: on a command line, in
ECONML_SOURCES, or in an earlier command (path and SHA-256 are remembered in the user's state directory). A run, a
config file or a sweep file that refers to another one is refused, so that opening what somebody sent runs none of their
code.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError, RunError, suggest
from econml_cli.options import own_modules, remembered, shell

#: files that the user names for this process and those it starts, separated as in PATH
VARIABLE = "ECONML_SOURCES"
#: where a run keeps copies of the files that it was fitted with
KEPT = "source"
#: the file of the user's state directory that keeps those named in earlier commands
_RECORD = "sources.txt"


@dataclass(frozen=True)
class Reference:
    """A class (or a loss) in a file: `path` as typed, `cls` its name."""

    path: str
    cls: str

    def __str__(self) -> str:
        return f"{self.path}:{self.cls}"


def parse(name: str) -> Reference | None:
    """`./mymodel.py:MyNet` as a reference; None for a name that is not one of a file."""
    path, colon, cls = str(name).rpartition(":")
    return Reference(path, cls) if colon and path.endswith(".py") and cls.isidentifier() else None


def label(name: str) -> str:
    """What a model, a problem or a loss is called by itself: its class where it is in a file."""
    reference = parse(name)
    return name if reference is None else reference.cls


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hex.

    Raises:
        ConfigError: it cannot be read.
    """
    return hashlib.sha256(_contents(path)).hexdigest()


def _contents(path: str | Path) -> bytes:
    try:
        if Path(path).exists() and not Path(path).is_file():  # a pipe is waited for for ever
            raise ConfigError(f"{path} is no regular file; name a Python file.")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}; say where it is, as seen from {Path.cwd()}.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}.") from None


def name(*words: str | None) -> None:
    """The user has named these (references or files): they may be loaded, now and by later commands.

    Words that are no file are passed over.
    """
    for word in words:
        reference = parse(word or "")
        path = Path(reference.path if reference else word or "")
        if path.suffix != ".py" or not path.is_file():
            continue
        listed = _named()
        if str(path.resolve()) not in listed:
            os.environ[VARIABLE] = os.pathsep.join([*listed, str(path.resolve())])
        remembered.remember(_RECORD, f"{sha256(path)}  {path.resolve()}")


def name_sources(*files: str) -> None:
    """`name`, for what --source gives.

    Raises:
        ConfigError: one of them is no Python file.
    """
    for file in files:
        if Path(file).suffix != ".py":
            raise ConfigError(f"--source {file}: name a Python file, FILE.py, without its class.")
        sha256(file)  # says what is wrong with the path
        name(file)


def named_in(args: Sequence[str]) -> list[str]:
    """The references that a command line names as its MODEL or its problem, of commands other than `fit` and `inspect
    model` (which find them out as they read their options).

    No other word names a file to be run: `econml eval runs/*` lists what is in a directory, whoever put it there.
    """
    group, rest = args[:1], list(args[2:])
    if group == ["inspect"] and args[1:2] in (["models"], ["problems"]):
        return [word for word in rest if not word.startswith("-")][:1]
    named = list[str]()
    while group == ["sweep"] and args[1:2] in (["run"], ["create"]) and rest and rest[0] != "--":
        flag, equals, value = rest.pop(0).partition("=")
        if flag in ("--model", "--problem"):
            named += [value] if equals else rest[:1]
    return named


def _named() -> list[str]:
    return [path for path in os.environ.get(VARIABLE, "").split(os.pathsep) if path]


def _as_typed(paths: list[str]) -> list[str]:
    """The paths as one would type them here: ./mymodel.py where they are below the working directory."""
    here = Path.cwd()
    return [f"./{Path(path).relative_to(here)}" if Path(path).is_relative_to(here) else path for path in paths]


def _remembered() -> Iterator[tuple[str, str]]:
    """(SHA-256, path) of the files named in earlier commands."""
    for line in remembered.lines(_RECORD):
        digest, separator, path = line.partition("  ")
        if separator:
            yield digest, path


def _trusted(path: str | Path, digest: str) -> bool:
    """Whether the user has named this file with these contents. A copy elsewhere is another file: it would find other
    modules beside it."""
    where = Path(path).resolve()
    return any(Path(named).resolve() == where for named in _named()) or (digest, str(where)) in _remembered()


def is_class(found: Any) -> bool:
    """What a model or a problem has to be."""
    return isinstance(found, type)


def load(reference: Reference, what: str = "class", fits: Callable[[Any], bool] = is_class) -> Any:
    """The class that a reference names; its file is run once for each of its contents.

    Args:
        what, fits: what is looked for in place of a class, in words and as a test.

    Raises:
        ConfigError: no such file or class, a file that the user has not named, or one that fails.
    """
    contents = _contents(reference.path)
    digest = hashlib.sha256(contents).hexdigest()
    if not _trusted(reference.path, digest):
        raise ConfigError(_refusal(reference.path))
    module = own_modules.run(Path(reference.path).absolute(), contents, digest)
    found = getattr(module, reference.cls, None)
    if not fits(found):
        there = {n: value for n, value in vars(module).items() if fits(value)}
        # what is imported from elsewhere is not the file's own; an object that is no class or function has no name
        own = [n for n, v in there.items() if not hasattr(v, "__name__") or v.__module__ == module.__name__]
        raise ConfigError(
            f"{reference.path} has no {what} {reference.cls}; it has {', '.join(own) or 'none'}."
            f"{suggest(reference.cls, own)}"
        )
    return found


def check_named(path: str) -> None:
    """Refuse a file that is to be run and that the user has not named with its present contents.

    Raises:
        ConfigError: it was not named, or cannot be read.
    """
    if not _trusted(path, sha256(path)):
        raise ConfigError(_refusal(path))


def _refusal(there: str) -> str:
    if str(Path(there).resolve()) in {path for _, path in _remembered()}:
        return (
            f"{there} has changed since you last named it, so it is not run; name it again: "
            f"{shell.option('--source', there)}"
        )
    return (
        f"{there} is code that you have not named yourself, so it is not run; read it, and if you trust it add "
        f"{shell.option('--source', there)} (or set {VARIABLE})."
    )


def origin(name: str) -> dict[str, str] | None:
    """What a manifest says of a model, problem or loss in a file: how it was named, where it was, its SHA-256."""
    reference = parse(name)
    if reference is None:
        return None
    path = Path(reference.path)
    return {"reference": name, "path": str(path.absolute()), "sha256": sha256(path)}


def copies(origins: Mapping[str, Mapping[str, str]]) -> dict[str, bytes]:
    """{path in the run directory: contents} of the files that a run was fitted with, kept to be read.

    Args:
        origins: {"model", "problem" or "loss": what `origin` says}.
    """
    kept: dict[str, bytes] = {}
    for kind, found in origins.items():
        path, contents = Path(found["path"]), _contents(found["path"])  # bytes: their SHA-256 is to be the same
        free = kept.get(f"{KEPT}/{path.name}", contents) == contents  # else model and problem are files of one name
        kept[f"{KEPT}/{path.name}" if free else f"{KEPT}/{kind}_{path.name}"] = contents
    return kept


def find_again(name: str, saved: Mapping[str, Any] | None, run: Path) -> str:
    """How the class that a run was fitted with is named from here: as then, by its absolute path, or by a file that the
    user has named and that has the same contents.

    Args:
        saved: what `origin` said at the time of the fit.

    Raises:
        RunError: the file has moved or changed.
    """
    reference = parse(name)
    if reference is None:
        return name
    if saved is None:
        raise RunError(f"{run} does not say which file {name} was; its manifest.json is damaged: fit again.")
    digest = str(saved.get("sha256"))
    there = [path for path in (reference.path, str(saved.get("path")), *_as_typed(_named())) if Path(path).is_file()]
    same = [path for path in there if sha256(path) == digest]
    if same:  # one that may be run, if there is one: `load` says what is wrong with another
        return str(Reference(next((path for path in same if _trusted(path, digest)), same[0]), reference.cls))
    known = [path for path in there if path in (reference.path, saved.get("path"))]
    what = f"{known[0]} has changed since {run} was fitted" if known else f"{saved.get('path')} is no longer there"
    copy = next((path for path in sorted((run / KEPT).glob("*.py")) if sha256(path) == digest), None)
    remedy = (
        f"put it back, or use the run's own copy of it: {shell.option('--source', copy)}" if copy else "put it back"
    )
    raise RunError(f"{what}; {remedy}.")
