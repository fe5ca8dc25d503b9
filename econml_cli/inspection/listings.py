"""The registries as rows. Imports neither jax nor flax, so that listing is instant."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from econml_cli.options import plugins
from econml_cli.options.fields import Option, options_of


@dataclass(frozen=True)
class Entry:
    """One model or problem: its row in the registry and its options; `model` and `recipe` are a problem's own."""

    name: str
    help: str
    target: str
    options: tuple[Option, ...]
    model: str | None = None
    recipe: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        out: dict[str, Any] = {"name": self.name, "help": self.help, "target": self.target}
        if self.model is not None:
            out |= {"model": self.model, "recipe": dict(self.recipe or {})}
        return out | {"options": [_option_json(option) for option in self.options]}


def type_name(option: Option) -> str:
    """int, float, str, bool, list, or choice."""
    if option.choices:
        return "choice"
    if option.element is option.type:
        return str(option.type.__name__)
    return "list" if option.lists_text else f"{option.element.__name__} list"


def _option_json(option: Option) -> dict[str, Any]:
    out = {"name": option.name, "flag": option.flag, "type": type_name(option), "default": option.default}
    out |= {"bounds": dict(option.bounds), "help": option.help}
    return out | ({"choices": list(option.choices)} if option.choices else {})


def describe_models(name: str | None = None) -> list[Entry]:
    """The models that can be fitted, or the one of that name.

    Raises:
        ConfigError: no such model; the nearest name is suggested.
    """
    from econml_cli.models import registry
    from econml_cli.models.table import MODELS

    if name is None:
        return [_entry(n, row) for n, row in MODELS.items()] + _offered(registry.GROUP, MODELS)
    return [_entry(name, registry.get(name))]


def describe_problems(name: str | None = None) -> list[Entry]:
    """The problems that a model can be fitted to, or the one of that name.

    Raises:
        ConfigError: no such problem; the nearest name is suggested.
    """
    from econml_cli.problems import registry
    from econml_cli.problems.table import PROBLEMS

    rows = PROBLEMS if name is None else {name: registry.get(name)}
    found = [_entry(n, row, model=row.model, recipe=row.recipe) for n, row in rows.items()]
    return found + (_offered(registry.GROUP, PROBLEMS) if name is None else [])


def _entry(name: str, row: Any, **own: Any) -> Entry:
    return Entry(name, row.help, row.target, options_of(row.options), **own)


def _offered(group: str, ours: Mapping[str, Any]) -> list[Entry]:
    """What installed packages offer, by name and place; a list imports none of it, so it has none of the options."""
    found = {name: target for name, target in plugins.offered(group).items() if name not in ours}
    kind = group.rpartition(".")[2]
    return [
        Entry(name, f"{target}, of a package; its options: econml inspect {kind} {name}", target, ())
        for name, target in found.items()
    ]
