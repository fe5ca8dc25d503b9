"""The option of every command that draws a figure: how wide it is in print."""

from dataclasses import dataclass
from typing import Literal

from econml_cli.errors import ConfigError
from econml_cli.options.fields import option


@dataclass(frozen=True)
class FigureWidthOption:
    """In print."""

    figure_width: Literal["single", "double"] | None = option(
        None,
        "of --plot: as wide as one column of a journal (89 mm) or as its page (183 mm) (default: single of one panel, "
        "double of several)",
    )

    def check(self, plot: object) -> None:
        """Refuse a width of no figure.

        Raises:
            ConfigError: it says what to add.
        """
        if self.figure_width is not None and plot is None:
            raise ConfigError("--figure-width is that of the figure that --plot writes; add --plot FILE.")
