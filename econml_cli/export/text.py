"""An export as text for people."""

import shlex

from rich.console import Group, RenderableType
from rich.text import Text

from econml_cli.export.write import Exported
from econml_cli.output.terminal import key_values, number


def text(done: Exported) -> RenderableType:
    """What was written where, and how far it is from the run."""
    if done.compared_on == "arrays":
        compared, difference = f"{done.compared:,} arrays", "none"
    else:
        source = done.compared_on if done.compared_on == "random inputs" else f"{done.compared_on} observations"
        compared = f"{done.compared:,} {source}, run without econml"
        difference = f"{number(done.max_abs, 2)} at most, {number(done.max_rel, 2)} relative (bound {done.bound:g})"
    rows = [("files", ", ".join(done.files)), ("compared", compared), ("difference", difference)]
    return Group(Text(f"{done.run} as {done.format}: {shlex.quote(done.out)}"), key_values(rows))
