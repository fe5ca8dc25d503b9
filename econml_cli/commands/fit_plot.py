"""`econml fit --plot`: the learning curves of the fit that has just ended, in the terminal and in its run."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from econml_cli.runs.directory import Run


def plot(run: "Run", *, show: bool, say: Callable[[str], None]) -> None:
    """Save learning_curve.png in the run; print the curves below the summary where there is one (`show`)."""
    from econml_cli.output import curve_text, figure_files, streams
    from econml_cli.output import terminal as display
    from econml_cli.runs import curves

    found = curves.read(run)
    if why := curves.absent(run, found):
        say(why)
        return
    file = run.path / curves.FILE
    figure_files.save(curves.figure(found, f"{run.name}: learning curves"), file)
    if show:
        width = min(display.console().width, curve_text.WIDTH)
        print()  # noqa: T201
        display.show(curve_text.draw(found, width, unicode=streams.unicode(sys.stdout)))
        print(f"\nThe same as a figure: {file}")  # noqa: T201
