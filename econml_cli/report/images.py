"""Figures as pictures of the page, with words for those who cannot see them."""

from typing import Any

from econml_cli.output import figure_files
from econml_cli.output.figure_page import picture, pixels
from econml_cli.report.elements import image


def whole(figure: Any, alt: str, caption: str = "") -> str:
    """The figure as one picture."""
    data, kind = picture(figure)
    return image(data, kind, alt, caption, pixels(figure.get_figwidth()))


def by_panel(figure: Any, leave_out: str | None = None) -> str:
    """Each panel as a picture of its own, so that a narrow screen shows one below the other.

    Args:
        leave_out: the title of panels that are not shown (None: all are).
    """
    figure.suptitle("")
    figure_files.as_written(figure)
    figure.draw_without_rendering()  # the layout is made here, and kept
    figure.set_layout_engine("none")
    found = []
    for axis in figure.axes:
        for other in figure.axes:  # what is outside the box need not be drawn
            other.set_visible(other is axis)
        title = axis.get_title() or axis.get_title("left")
        if leave_out is not None and title == leave_out:
            continue
        box = axis.get_tightbbox().transformed(figure.dpi_scale_trans.inverted()).padded(0.06)
        data, kind = picture(figure, box)
        alt = f"{title}: {axis.get_ylabel()} against {axis.get_xlabel()}".replace("\n", " ").removeprefix(": ")
        found.append(image(data, kind, alt, "", pixels(box.width)))
    return f'<div class="panels">{"".join(found)}</div>' if found else ""
