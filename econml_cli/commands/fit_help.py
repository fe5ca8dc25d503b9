"""What the help of `econml fit` shows before all options: the main job, the models and the problems by name."""

from econml_cli.commands.help_text import Panel
from econml_cli.config.command_line import Peek
from econml_cli.models.table import MODELS
from econml_cli.options.fields import as_text, options_of
from econml_cli.problems.table import PROBLEMS
from econml_cli.problems.table_networks import NETWORKS, PLAIN
from econml_cli.problems.tabular_options import TabularOptions

HELP = """Fit MODEL to a table of yours or to an economic model; keep everything in a run directory.

  econml fit mlp --data wages.csv --target wage
  econml fit linear --data wages.csv --target wage --features educ,exper
  econml fit --problem brock_mirman"""

#: options that say what is fitted to a table
_DATA = ("data", "target", "features", "formula", "missing", "group", "time", "folds")


def front(seen: Peek) -> tuple[Panel, ...]:
    """The boxes that come first: of a bare `econml fit --help` the whole choice, else a line or two of it.

    Args:
        seen: what stands on the command line.
    """
    named = seen.argument is not None or {"problem", "data", "config", "resume"} & seen.values.keys()
    if named:
        names = ", ".join(PROBLEMS)
        rows = (("--data FILE --target COLUMN", "a table of yours"), ("--problem NAME", f"another problem: {names}"))
        what = () if {"problem", "data"} & seen.values.keys() else (Panel("What to fit to", rows),)
        return (*what, *_on_a_table(seen))
    declared = {opt.name: opt for opt in options_of(TabularOptions)}
    data = tuple((f"{declared[name].flag} {declared[name].metavar}", declared[name].help) for name in _DATA)
    models = tuple((name, entry.help) for name, entry in MODELS.items())
    known = tuple((name, entry.help) for name, entry in PROBLEMS.items())
    return Panel("A table of yours", data), Panel("Models", models), Panel("Problems (--problem NAME)", known)


def _on_a_table(seen: Peek) -> tuple[Panel, ...]:
    """What the defaults of a network are on a table, in place of those that stand beside its options."""
    suited = NETWORKS.get(seen.argument or "", {})
    if not suited or seen.values.get("problem", "tabular") != "tabular":
        return ()
    flags = " ".join(f"--{name.replace('_', '-')} {as_text(value)}" for name, value in suited.items())
    ends = ", ".join(f"--{name.replace('_', '-')}" for name in PLAIN)
    rows = (
        ("by default", f"{flags}: chosen once on real tables, where there are rows for validation"),
        ("--patience 0", f"plain training, by the defaults below; so with whatever value of {ends}"),
    )
    return (Panel(f"Training of {seen.argument} on a table", rows),)
