"""Options that the commands of `econml inspect` share, and where the files that they write go."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from econml_cli.commands.common import say
from econml_cli.options.fields import option
from econml_cli.output import files

#: of an untrained model; a checkpoint has also "grad", which needs weights and data
ModelView = Literal["summary", "graphdef", "state", "split", "table", "torch", "raw"]
View = Literal["summary", "graphdef", "state", "split", "table", "grad", "torch", "raw"]


@dataclass(frozen=True)
class JsonOption:
    """How it is printed."""

    json: bool = option(False, "print one JSON document and nothing else")


def chosen(view: str | None, table: bool, default: tuple[str, ...]) -> tuple[str, ...]:
    """The views that --view and --table ask for."""
    asked = tuple(dict.fromkeys([*([view] if view else []), *(["table"] if table else [])]))
    return asked or default


def check_html(path: Path | None, force: bool) -> None:
    """Refuse a page that cannot be written, before anything is computed.

    Raises:
        ConfigError, RunError: as `files.check`.
    """
    if path is not None:
        files.check(path, "--html", files.GENERATOR.encode(), force)


def write_html(report: Any, file: Path | None, path: str | None) -> None:
    """Write the page of a model, where one is asked for."""
    if file is None:
        return
    from econml_cli.inspection import html
    from econml_cli.storage import disk

    disk.write_text(file, html.page(report, path))
    say("inspect", f"{file} written; open it in a browser")


def with_torch_names(report: Any, path: str | None) -> Any:
    """The report with the view "torch", where it is asked for."""
    if "torch" not in report.views:
        return report
    import dataclasses

    from econml_cli.export.torch_names import named_parameters
    from econml_cli.inspection import selection

    return dataclasses.replace(report, torch=selection.rows(path, named_parameters(report.model)))
