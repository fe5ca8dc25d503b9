"""Modules by the names that they had in 0.1, for the files and packages of users that import them."""

import sys

TYPE_CHECKING = False  # as in econml_cli/__init__.py, which imports this
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

#: what the documentation of 0.1 imported, or a notebook would for its annotations -> where that is now
FORMER = {
    "econml_cli.api": "econml_cli.python.api",
    "econml_cli.checkpoint": "econml_cli.storage.checkpoint",
    "econml_cli.fitted_run": "econml_cli.python.fitted_run",
    "econml_cli.run_list": "econml_cli.python.run_list",
    "econml_cli.trust": "econml_cli.runs.health",
    "econml_cli.problems.economics": "econml_cli.problems.economies.economics",
    "econml_cli.problems.simulation": "econml_cli.problems.economies.simulation",
    "econml_cli.problems.parameters": "econml_cli.problems.economies.table",
    "econml_cli.problems.conditions": "econml_cli.problems.economies.conditions",
    "econml_cli.problems.options": "econml_cli.problems.table",
    "econml_cli.models.options": "econml_cli.models.table",
    "econml_cli.training.folds": "econml_cli.training.cross_validate",
}


class Former:
    """Finds a module of 0.1: one whose every name is looked up where it is now.

    A finder and a loader by what it has: their abstract classes would take longer to import than all else here.
    """

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """A specification for a former name, None for others."""
        if fullname not in FORMER:
            return None
        from importlib.machinery import ModuleSpec

        return ModuleSpec(fullname, self)  # type: ignore[arg-type]

    def create_module(self, spec: "ModuleSpec") -> "ModuleType":
        """A module that has nothing of its own."""
        import importlib
        import warnings
        from types import ModuleType

        now = FORMER[spec.name]
        warnings.warn(f"{spec.name} is now {now}; import that instead.", DeprecationWarning, stacklevel=2)
        module = ModuleType(spec.name)

        def look_up(name: str) -> "Any":
            if name.startswith("__"):  # the import system asks for some
                raise AttributeError(name)
            return getattr(importlib.import_module(now), name)

        module.__getattr__ = look_up  # type: ignore[method-assign]
        return module

    def exec_module(self, module: "ModuleType") -> None:
        """Nothing is to be executed."""


def install() -> None:
    """Let Python find modules by their former names, after all others."""
    if not any(isinstance(finder, Former) for finder in sys.meta_path):
        sys.meta_path.append(Former())
