"""`econml runs show` and `du`: all that is known of one of them, without weights; what they take on the disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.common import OPTIONS, RunsDirOption
from econml_cli.commands.declared import Argument, Command
from econml_cli.errors import printable
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.runs.kinds import Kept

ONE = Argument("run", "RUN", "A run, cross-validation, sweep or estimate (default: the newest run).")
MANY = Argument("runs", "RUN", "Names in --runs-dir, patterns of them, or directories (default: all).", many=True)


@dataclass(frozen=True)
class JsonOption:
    """How it is printed."""

    json: bool = option(False, "print one JSON document and nothing else")


def show(run: str | None, form: JsonOption, lookup: RunsDirOption) -> None:
    """Show what is known of a run: its results, data, versions, commit, command, tags, note. Of a cross-validation its
    table is shown again, of a sweep what `econml sweep show` shows.

    Nothing is computed; `econml eval RUN` does that.
    """
    from econml_cli.runs import directory, kinds

    place = Path(lookup.runs_dir)
    found = kinds.find(run, place) if run is not None else kinds.Kept("run", directory.find(None, place).path)
    _SHOW[found.kind](found, form.json)


def _run(found: "Kept", json: bool) -> None:
    from econml_cli.output import terminal
    from econml_cli.runs import git, keeping, listing

    row, used = listing.row(found), keeping.usage(found)
    manifest, summary = found.run.manifest(), found.run.summary()
    if json:
        about = {"summary": summary, "manifest": manifest, "config": found.run.config().to_dict()}
        terminal.print_json({**row.to_json(), **about, "bytes": used.bytes})
        return
    data = manifest.get("data") or {}
    rows, diff = data.get("rows"), found.path / git.DIFF
    left_out = ("model", "problem", "stop_reason", "num_params", "state_sha256", "epochs", "seconds_total")
    results = [(key.replace("_", " "), value) for key, value in summary.items() if key not in left_out]
    terminal.show(
        terminal.key_values(
            [
                ("run", row.name),
                ("fits", f"{row.model} to {row.problem}"),
                ("status", row.status),
                ("epochs", row.epochs),
                *((name, value) for name, value in results if isinstance(value, int | float | str)),
                ("parameters", row.num_params),
                ("data", data.get("path") and f"{data['path']}{f', {rows:,} rows' if rows else ''}"),
                ("data sha256", data.get("sha256")),
                ("created", _moment(row.created)),
                ("finished", _moment(manifest.get("finished"))),
                ("seconds", row.seconds),
                ("command", manifest.get("command")),
                ("in", manifest.get("cwd")),
                ("commit", manifest.get("git_commit")),
                ("uncommitted", str(diff) if diff.is_file() else None),
                ("device", _device(manifest.get("device"))),
                ("versions", ", ".join(f"{name} {v}" for name, v in (manifest.get("versions") or {}).items()) or None),
                ("tags", ", ".join(row.tags) or None),
                ("note", row.note),
                ("size", f"{terminal.size(used.bytes)}, of it {terminal.size(used.checkpoints)} of checkpoints"),
            ]
        )
    )


def _device(said: str | None) -> str | None:
    """A platform and its device; of a processor JAX calls both "cpu"."""
    return said if said is None or len({*said.split(": ")}) > 1 else said.split(": ")[0]


def _moment(stamp: str | None) -> str | None:
    from econml_cli.inspection.text import moment

    return None if stamp is None else moment(stamp, seconds=True)


def _folds(found: "Kept", json: bool) -> None:
    from econml_cli.output import terminal
    from econml_cli.runs import folds, folds_table, listing

    about, row = folds.about(found.path), listing.row(found)
    if json:
        terminal.print_json({**row.to_json(), **about})
        return
    if not about.get("results"):
        print(f"{found.path}: {row.model} on {row.problem}, {row.status}, {row.parts} folds have begun")  # noqa: T201
    else:
        tables = folds_table.grids(about["results"], about.get("shown"))
        print(printable("\n\n".join(table.text() for table in tables)))  # noqa: T201
    _labels(row)


def _sweep(found: "Kept", json: bool) -> None:
    from econml_cli.commands.figure_width import FigureWidthOption
    from econml_cli.commands.sweep import shared, show
    from econml_cli.runs import listing

    show.show(str(found.path), show.ShowOptions(json=json), shared.RunsDirOption(), FigureWidthOption())
    if not json:
        _labels(listing.row(found))


def _estimate(found: "Kept", json: bool) -> None:
    from econml_cli.output import terminal
    from econml_cli.runs import listing
    from econml_cli.runs.estimates import EstimateDirectory

    about, row = EstimateDirectory(found.path).about(), listing.row(found)
    if json:
        terminal.print_json({**row.to_json(), **about})
        return
    results = about.get("results") or {}
    effect = results.get("estimate") or {}
    rows = [
        ("estimate", row.name),
        ("effect of", row.problem),
        ("status", row.status),
        ("effect", effect.get("value")),
        ("standard error", effect.get("standard_error")),
        *((name, results.get(name)) for name in ("model", "n", "folds", "nuisance", "cluster", "instrument")),
        ("created", _moment(row.created)),
        ("command", about.get("command")),
        *(("note", note) for note in results.get("notes", ())),
    ]
    terminal.show(terminal.key_values(rows))
    _labels(row)


def _labels(row: Any) -> None:
    if row.tags:
        print(printable(f"\n  tags  {', '.join(row.tags)}"))  # noqa: T201
    if row.note:
        print(printable(f"\n  note  {row.note}"))  # noqa: T201


_SHOW = {"run": _run, "cross-validation": _folds, "sweep": _sweep, "estimate": _estimate}


def du(runs: list[str] | None, form: JsonOption, lookup: RunsDirOption) -> None:
    """Say what runs, sweeps and the like take on the disk, the largest last, and how much of it is checkpoints."""
    from econml_cli.output import terminal
    from econml_cli.runs import directory, keeping, kinds

    place = Path(lookup.runs_dir)
    found = kinds.matching(runs, place) if runs else [*kinds.all_in(place), *kinds.all_in(place / directory.ARCHIVE)]
    used = sorted((keeping.usage(one) for one in found), key=lambda one: (one.bytes, one.kept.name))
    if form.json:
        terminal.print_json(
            [
                {"path": str(one.kept.path), "kind": one.kept.kind, "bytes": one.bytes, "checkpoints": one.checkpoints}
                | {"files": one.files}
                for one in used
            ]
        )
        return
    lines = [
        [terminal.size(one.bytes), terminal.size(one.checkpoints), f"{one.files:,}", one.kept.kind, str(one.kept.path)]
        for one in used
    ]
    totals = [sum(one.bytes for one in used), sum(one.checkpoints for one in used)]
    lines.append([*map(terminal.size, totals), f"{sum(one.files for one in used):,}", "", "in all"])
    terminal.show(terminal.columns(("size", "checkpoints", "files", "kind", "where"), lines, ("kind", "where")))


COMMAND = Command("econml runs show", show, ((OPTIONS, JsonOption), (OPTIONS, RunsDirOption)), (ONE,))
DU = Command("econml runs du", du, ((OPTIONS, JsonOption), (OPTIONS, RunsDirOption)), (MANY,))
