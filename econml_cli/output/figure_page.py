"""A Matplotlib figure as a picture inside a page: SVG where that is small, else PNG; the same bytes each time."""

import base64
import io
from typing import Any

from econml_cli.output import figure_style

#: bytes beyond which a picture of lines becomes one of dots
LARGEST_SVG = 120_000
#: CSS pixels an inch: type of 8 points is as large as the small print of a page; dots an inch of what is no line
PIXELS, DOTS = 128, 256
#: the type of the page, in place of that of a printed figure
PAGE_TYPE = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue'"


def picture(figure: Any, box: Any = None, *, transparent: bool = True) -> tuple[bytes, str]:
    """(the picture, "svg+xml" or "png"); text of an SVG stays text, in the type of the page.

    Args:
        box: the part of it, in inches (None: all). transparent: on no background, so that it can lie on light and dark.
    """
    import matplotlib as mpl

    options = {"bbox_inches": box, "transparent": transparent}
    with figure_style.house(), mpl.rc_context({"svg.fonttype": "none"}):
        drawn = _saved(figure, format="svg", dpi=DOTS, metadata={"Date": None, "Creator": None}, **options)
        text = drawn.replace(b"'DejaVu Sans'", PAGE_TYPE.encode())
        if len(text) <= LARGEST_SVG:
            return text, "svg+xml"
        return _saved(figure, format="png", dpi=DOTS, pil_kwargs={"optimize": True}, **options), "png"


def source(data: bytes, kind: str) -> str:
    """The picture as the address of an image that lies in the page itself."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


def pixels(inches: float) -> int:
    """How wide it is on a page."""
    return round(inches * PIXELS)


def _saved(figure: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, **options)
    return out.getvalue()
