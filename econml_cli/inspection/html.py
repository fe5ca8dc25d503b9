"""`--html`: a model as a page that unfolds, by treescope. The page needs no network and no other file."""

from typing import Any

import treescope  # type: ignore[import-untyped]
from flax import nnx

from econml_cli.inspection import selection
from econml_cli.inspection.report import Report
from econml_cli.output.files import GENERATOR
from econml_cli.output.html import escape


def page(report: Report, path: str | None = None) -> str:
    """The whole model, or the arrays that `path` selects, as one HTML document; arrays are drawn as heat maps."""
    shown: Any = report.model
    if path is not None:
        state = nnx.to_flat_state(nnx.state(report.model))
        shown = {name: leaf for parts, leaf in state if selection.matches(path, name := ".".join(map(str, parts)))}
    with treescope.active_autovisualizer.set_scoped(treescope.ArrayAutovisualizer()):
        # compressed pages wait for a decompressor of the browser that some do not have
        body = treescope.render_to_html(shown, compressed=False)
    where = report.summary.get("run")
    title = escape(f"{report.summary['model']} on {report.summary['problem']}" + (f": {where}" if where else ""))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{GENERATOR}\n"
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    )
