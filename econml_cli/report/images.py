"""Matplotlib figures as pictures inside a page: SVG where that is small, else PNG; one figure, the same bytes again."""

import io
from typing import Any

from econml_cli.output import figure_files
from econml_cli.report.elements import image

#: bytes beyond which a picture of lines becomes one of dots: a cloud of points is ten times as large in SVG
LARGEST_SVG = 40_000
#: points of a cloud beyond which its SVG would be larger than that
CLOUD = 300
#: dots an inch of a PNG, and CSS pixels an inch
DOTS, PIXELS = 150, 96


def whole(figure: Any, alt: str, caption: str = "") -> str:
    """The figure as one picture."""
    data, kind = _picture(figure, None)
    return image(data, kind, alt, caption, round(figure.get_figwidth() * PIXELS))


def by_panel(figure: Any, leave_out: str) -> str:
    """Each panel as a picture of its own, so that a narrow screen shows one below the other.

    Args:
        leave_out: the title of panels that are not shown.
    """
    figure.suptitle("")
    figure_files.as_written(figure)
    figure.draw_without_rendering()  # the layout is made here, and kept
    figure.set_layout_engine("none")
    found = []
    for axis in figure.axes:
        for other in figure.axes:  # what is outside the box need not be drawn
            other.set_visible(other is axis)
        if axis.get_title() == leave_out:
            continue
        box = axis.get_tightbbox().transformed(figure.dpi_scale_trans.inverted()).padded(0.06)
        data, kind = _picture(figure, box)
        alt = f"{axis.get_title()}: {axis.get_ylabel()} against {axis.get_xlabel()}"
        found.append(image(data, kind, alt, "", round(box.width * PIXELS)))
    return f'<div class="panels">{"".join(found)}</div>' if found else ""


def _picture(figure: Any, box: Any) -> tuple[bytes, str]:
    """(the picture, "svg+xml" or "png") on no background, so that it can lie on light and on dark."""
    import matplotlib as mpl

    # the salt names the parts of an SVG, which are random otherwise
    with mpl.rc_context({"svg.hashsalt": "econml", "svg.fonttype": "path"}):
        drawn = None if _has_cloud(figure) else _saved(figure, box, format="svg", metadata={"Date": None})
    if drawn is not None and len(drawn) <= LARGEST_SVG:
        return drawn, "svg+xml"
    return _saved(figure, box, format="png", dpi=DOTS, pil_kwargs={"optimize": True}), "png"


def _has_cloud(figure: Any) -> bool:
    lines = [line for axis in figure.axes if axis.get_visible() for line in axis.lines]
    return any(line.get_marker() not in ("None", "", None) and len(line.get_xdata()) > CLOUD for line in lines)


def _saved(figure: Any, box: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, transparent=True, bbox_inches=box, **options)
    return out.getvalue()
