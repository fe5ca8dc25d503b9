"""Names of models, problems and losses that are not in our own tables: those in files of the user's, and those that
installed packages offer through entry points (`econml_cli.models`, `econml_cli.problems`, `econml_cli.losses`)."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, TypeVar

from econml_cli.errors import ConfigError, suggest
from econml_cli.options import own_code

Entry = TypeVar("Entry")


def offered(group: str) -> dict[str, str]:
    """What installed packages offer: {name: "package.module:Class"}."""
    return {point.name: point.value for point in entry_points(group=group)}


def find(name: str, table: Mapping[str, Entry], group: str, make: Callable[[type, str], Entry]) -> Entry:
    """The row of a name: of our own table, else what `make` makes of the class that a file or a package has.

    Args:
        group: "econml_cli.models" or "econml_cli.problems". make: (class, "module:Class") -> row.

    Raises:
        ConfigError: there is no such name (the nearest is suggested), or the class cannot be loaded.
    """
    if name in table:
        return table[name]
    found = load(name, group)
    if found is None:
        kind, known = _kind(group), [*table, *offered(group)]
        hint = suggest(name, known) or f" Your own: ./FILE.py:CLASS, as `econml inspect {kind}s --template` writes one."
        raise ConfigError(f"Unknown {kind} '{name}': choose one of {', '.join(known)}.{hint}")
    cls, target = found
    return make(cls, target)


def load(
    name: str, group: str, *, what: str = "class", fits: Callable[[Any], bool] = own_code.is_class
) -> tuple[Any, str] | None:
    """(class, where it is) of a file's or a package's model or problem; None where the name is of neither.

    Args:
        what, fits: what is looked for in place of a class, in words and as a test.

    Raises:
        ConfigError: it cannot be loaded.
    """
    if (reference := own_code.parse(name)) is not None:
        return own_code.load(reference, what, fits), name
    for point in entry_points(group=group, name=name):
        try:
            loaded: Any = point.load()
        except Exception as error:
            package = point.dist.name if point.dist else point.value
            raise ConfigError(f"The {_kind(group)} '{name}' of package {package} fails: {error}.") from error
        if not fits(loaded):
            raise ConfigError(f"'{name}' is {point.value}, which is not a {what}; report it to that package's authors.")
        return loaded, point.value
    return None


def _kind(group: str) -> str:
    """ "model", "problem" or "loss"."""
    plural = group.rpartition(".")[2]
    return plural.removesuffix("es") if plural.endswith("sses") else plural.removesuffix("s")
