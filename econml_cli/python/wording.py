"""Errors in the words of Python: `lr must be > 0`, where the command line says `--lr must be > 0`."""

import contextlib
import functools
import re
import shlex
import typing
from collections.abc import Iterator, Mapping

from econml_cli.errors import EconmlError
from econml_cli.options.fields import Option, options_of
from econml_cli.options.trainer import RepresentationOptions, RunOptions, TrackingOptions, TrainerOptions

#: a command for a shell, in backticks or to the end of its sentence: it stays as it is
_COMMAND = r"`econml[^`]*`|\beconml(?: [a-z][a-z-]*)+ [^;\n]*"
#: a flag, what ties it to a value, and a word that may be its value
_FLAG = r"(?<![\w-])--(?P<name>[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*)(?:(?P<tie>=| )(?P<value>'[^']*'|[^\s;]*[^\s;,.:?!)]))?"
_EITHER = re.compile(f"(?P<command>{_COMMAND})|{_FLAG}")
_RESUME = re.compile(r"""`?\beconml fit --resume (?P<run>(?:'[^']*'|"[^"]*"|[^\s;`'"])+)`?""")
#: what to type for an estimator of another name (`models.registry.ESTIMATORS`): a fit of a file not yet named
_TO_FIT = re.compile(
    r"`econml fit (?P<model>\w+)(?=[^`]* --data FILE)(?P<options>(?: --[a-z-]+ (?:\"[^\"]*\"|[\w.]+))+)`"
)
_OPTION = re.compile(r" --([a-z-]+) (\"[^\"]*\"|[\w.]+)")
_NUMBER = re.compile(r"[-+]?(\d[\d_]*\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
#: words that are values of an option that takes text only where they look like none of a sentence
_LOOKS_LIKE_A_VALUE = re.compile(r"[A-Z][A-Z_]*$|.*[,:/=].+")


@contextlib.contextmanager
def speaking_python() -> Iterator[None]:
    """In the context, or in a function that it decorates, an error of ours speaks of arguments, not of flags."""
    try:
        yield
    except EconmlError as error:
        error.args = (in_python(str(error)), *error.args[1:])
        raise


def in_python(message: str) -> str:
    """A message of the command line in the words of Python.

    `--num-epochs` becomes `num_epochs`, `--lr 1e-4` becomes `lr=1e-4`, `--no-bias` becomes `bias=False`, `--force`
    becomes `force=True`; what a shell is to be given stays, but for the resumption of a run, which is a call here.
    """
    resumed = _RESUME.sub(lambda found: f"econml_cli.load({shlex.split(found['run'])[0]!r}).resume()", message)
    resumed = _TO_FIT.sub(_call, resumed)
    return _EITHER.sub(lambda found: found["command"] or _argument(found), resumed)


def _call(found: re.Match[str]) -> str:
    """A command that fits a file, as a call."""

    def written(word: str) -> str:
        return word if word == "FILE" or _NUMBER.fullmatch(word) else repr(word.strip('"'))

    options = [f"{name.replace('-', '_')}={written(word)}" for name, word in _OPTION.findall(found["options"])]
    return f"econml_cli.fit({', '.join([repr(found['model']), *options])})"


def _argument(found: re.Match[str]) -> str:
    """One flag, with what stands behind it, as an argument."""
    name, options = found["name"].replace("-", "_"), _options()
    tie, word = found["tie"] or "", found["value"] or ""
    negated = options.get(name.removeprefix("no_"))
    if name.startswith("no_") and name not in options and negated is not None and negated.is_bool:
        return f"{negated.name}=False{tie}{in_python(word)}"
    known = options.get(name)
    if known is not None and known.is_bool and tie != "=":
        return f"{name}=True{tie}{in_python(word)}"
    value = _literal(known, word) if word else None
    return f"{name}{tie}{in_python(word)}" if value is None else f"{name}={value}"


def _literal(known: Option | None, word: str) -> str | None:
    """A word as Python writes the value of an option; None where it is none."""
    quoted = word.startswith("'")
    if quoted:
        return word
    if known is None or known.element in (int, float):
        parts = word.split(",")
        if all(_NUMBER.fullmatch(part) for part in parts):
            return word if len(parts) == 1 else f"({', '.join(parts)})"
        return repr(word) if known is None and _LOOKS_LIKE_A_VALUE.match(word) else None
    if known.is_bool:
        return {"true": "True", "false": "False"}.get(word.lower())
    if typing.get_origin(known.type) is typing.Literal:
        return repr(word) if word in known.choices else None
    if word in known.choices or word in known.metavar.split(",") or _LOOKS_LIKE_A_VALUE.match(word):
        return repr(word)
    return None


@functools.cache
def _options() -> Mapping[str, Option]:
    """Every option of a fit by name; of models and problems that share a name, the first."""
    from econml_cli.models.table import MODELS
    from econml_cli.problems.table import PROBLEMS

    declared: list[type] = [TrainerOptions, RepresentationOptions, TrackingOptions, RunOptions]
    declared += [entry.options for table in (MODELS, PROBLEMS) for entry in table.values()]
    found: dict[str, Option] = {}
    for opt in (opt for cls in declared for opt in options_of(cls)):
        found.setdefault(opt.name, opt)
    return found
