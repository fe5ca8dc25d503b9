"""Fit neural networks and other function approximators to economic data and economic models.

    import econml_cli
    run = econml_cli.fit("mlp", problem="linear", lr=1e-3)

Everything the `econml` command can do is a library call here: see `econml_cli.python`, `econml_cli.training`,
`econml_cli.evaluation`, `econml_cli.inspection` and `econml_cli.runs`. Importing this package imports none of them,
so it stays light: a name of `__all__` is imported when it is first used.
"""

from econml_cli.options import former_names
from econml_cli.version import __version__

TYPE_CHECKING = False  # nothing is imported here that need not be: until `__main__` runs, Ctrl-C is a trace
if TYPE_CHECKING:
    from typing import Any

    from econml_cli.errors import CheckpointError, ConfigError, DataError, EconmlError, RunError, ShapeError
    from econml_cli.python.api import fit, load, runs_in
    from econml_cli.python.comparing import compare, paper_table, write_report
    from econml_cli.python.cross_validating import cross_validate, load_cross_validation
    from econml_cli.python.estimating import estimate, load_estimate
    from econml_cli.python.figures import save_figure
    from econml_cli.python.fitted_run import FittedRun
    from econml_cli.python.run_list import Runs
    from econml_cli.python.sweeping import importance, load_sweep, sweep
    from econml_cli.runs.health import FitWarning

former_names.install()

#: name -> the module that has it
_HOMES = {
    **dict.fromkeys(("fit", "load", "runs_in"), "econml_cli.python.api"),
    **dict.fromkeys(("compare", "paper_table", "write_report"), "econml_cli.python.comparing"),
    **dict.fromkeys(("cross_validate", "load_cross_validation"), "econml_cli.python.cross_validating"),
    **dict.fromkeys(("estimate", "load_estimate"), "econml_cli.python.estimating"),
    "FitWarning": "econml_cli.runs.health",
    "FittedRun": "econml_cli.python.fitted_run",
    "save_figure": "econml_cli.python.figures",
    **dict.fromkeys(("importance", "load_sweep", "sweep"), "econml_cli.python.sweeping"),
    "Runs": "econml_cli.python.run_list",
    **dict.fromkeys(
        ("CheckpointError", "ConfigError", "DataError", "EconmlError", "RunError", "ShapeError"), "econml_cli.errors"
    ),
}

__all__ = [
    "CheckpointError",
    "ConfigError",
    "DataError",
    "EconmlError",
    "FitWarning",
    "FittedRun",
    "RunError",
    "Runs",
    "ShapeError",
    "__version__",
    "compare",
    "cross_validate",
    "estimate",
    "fit",
    "importance",
    "load",
    "load_cross_validation",
    "load_estimate",
    "load_sweep",
    "paper_table",
    "runs_in",
    "save_figure",
    "sweep",
    "write_report",
]


def __getattr__(name: str) -> "Any":
    """A name of `__all__`, imported now (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'econml_cli' has no attribute '{name}'")
    import importlib

    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found  # the next look-up does not come here
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
