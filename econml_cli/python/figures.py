"""Figures of Python, written as the commands write theirs."""

import os
from pathlib import Path
from typing import Any

from econml_cli.python.wording import speaking_python


@speaking_python()
def save_figure(figure: Any, out: "str | os.PathLike[str]") -> Path:
    """Write what a `.plot()` gives as .pdf, .svg or .png, as `--plot` does: fonts embedded, 300 dots an inch, the same
    bytes each time. An existing file is replaced.

    Raises:
        ConfigError: another suffix, or no such directory.
    """
    from econml_cli.output import figure_files

    path = Path(out)
    figure_files.check_file(path)
    figure_files.save(figure, path)
    return path
