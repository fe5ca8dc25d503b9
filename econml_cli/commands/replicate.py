"""`econml replicate [NAME]`: published figures, ours, and whether they are where they should be."""

from dataclasses import dataclass
from pathlib import Path

from econml_cli.commands.common import OPTIONS, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.errors import RunError, UnstableError, plural
from econml_cli.options.fields import option

STUDY = Argument("name", "NAME", "A study; without one: a list of them.")


@dataclass(frozen=True)
class ReplicateOptions:
    """What is run, and where it goes."""

    out: str | None = option(None, "where runs and table go (default: replications/NAME)", metavar="DIR")
    quick: bool = option(False, "only what takes minutes")
    force: bool = option(False, "replace what is in that directory")
    json: bool = option(False, "print one JSON document and nothing else")


def replicate(name: str | None, options: ReplicateOptions) -> None:
    """Run the commands of a published study and compare its figures with ours: a table, and exit code 5 where one is
    outside of what is allowed. The runs, the table (README.md) and the numbers (replication.json) stay in a directory.

    econml replicate kernels
    """
    from econml_cli.output import terminal
    from econml_cli.replication import studies

    if name is None:
        return _list(options.json)
    study = studies.study(name)
    out = Path(options.out) if options.out else Path("replications") / study.name
    if out.exists() and not options.force and any(out.iterdir() if out.is_dir() else [out]):
        raise RunError(f"{out} is there already; choose another --out, or add --force to replace what is in it.")

    from econml_cli.replication.replicate import TABLE
    from econml_cli.replication.replicate import replicate as run

    made = run(study, out, quick=options.quick)
    if options.json:
        terminal.print_json(made.to_json())
    else:
        print(f"{study.title}\n{study.source}\n\n{made.grid().text()}\n")  # noqa: T201
        print(f"{out / TABLE}")  # noqa: T201
    if made.left_out:
        say("replicate", f"{plural(len(made.left_out), 'figure')} left out by --quick")
    if made.outside:
        raise UnstableError(f"outside of what is allowed: {'; '.join(one.figure.what for one in made.outside)}.")
    return None


def _list(as_json: bool) -> None:
    """All studies."""
    from econml_cli.output import terminal
    from econml_cli.output.tables import Grid
    from econml_cli.replication import studies

    found = [studies.study(name) for name in studies.names()]
    if as_json:
        listed = [{"name": one.name, "title": one.title, "source": one.source} for one in found]
        terminal.print_json({"studies": listed})
        return
    rows = tuple((one.name, str(len(one.figures)), one.title) for one in found)
    print(Grid(("study", "figures", "what"), rows, align="lrl").text())  # noqa: T201


COMMAND = Command("econml replicate", replicate, ((OPTIONS, ReplicateOptions),), (STUDY,))
