"""`econml package RUN... --out replication.zip`: what a data editor asks for."""

from dataclasses import dataclass
from pathlib import Path

from econml_cli.commands.common import OPTIONS, RunsDirOption, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.options.fields import option

SEVERAL = Argument(
    "runs",
    "RUN",
    "Runs and cross-validations: names in --runs-dir, patterns, or directories.",
    required=True,
    many=True,
)


@dataclass(frozen=True)
class PackageOptions:
    """What is packed, and where it goes."""

    out: str = option("replication.zip", "the package", metavar="FILE")
    with_data: bool = option(False, "pack the data files, too; you must have the right to publish them")
    exhibit: tuple[str, ...] = option(
        (),
        'a table or figure of the paper and its command, which is run now and by verify.sh: "Table 2=econml eval RUN '
        '--format latex"; may be repeated',
        metavar="TITLE=COMMAND",
        repeated=True,
    )
    data_citation: str | None = option(None, "the citation of the data, for README.md", metavar="TEXT")
    title: str | None = option(None, "the title of README.md", metavar="TEXT")
    force: bool = option(False, "replace a file that is no package of econml, too")
    json: bool = option(False, "print one JSON document and nothing else")


def package(runs: list[str], options: PackageOptions, lookup: RunsDirOption) -> None:
    """Pack fitted runs for replication: a README in the form that data editors ask for, the configs, the versions of
    all packages, the numbers that must come out, and verify.sh, which fits everything again and compares every number.

    econml package wage ols --with-data --exhibit "Table 2=econml eval compare wage ols --format latex"
    """
    from econml_cli.output import files, terminal
    from econml_cli.replication import archive
    from econml_cli.replication import package as packing
    from econml_cli.runs import kinds

    out = Path(options.out)
    files.check(out, "--out", archive.MARK, options.force, "replication package")
    chosen = kinds.matching(runs, Path(lookup.runs_dir))
    made = packing.package(
        chosen,
        out,
        with_data=options.with_data,
        title=options.title,
        citation=options.data_citation,
        wanted=options.exhibit,
    )
    for note in made.notes:
        say("package", note)
    if options.json:
        terminal.print_json(made.to_json())
    else:
        print(f"{made.out}: {len(made.files)} files, {terminal.size(made.bytes)}")  # noqa: T201


COMMAND = Command("econml package", package, ((OPTIONS, PackageOptions), (OPTIONS, RunsDirOption)), (SEVERAL,))
