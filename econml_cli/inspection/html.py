"""`--html`: a model as a page: what it is, its arrays, and the module itself, which unfolds (treescope). The page needs
no network and no other file."""

from collections.abc import Iterator
from typing import Any

import treescope  # type: ignore[import-untyped]
from flax import nnx

from econml_cli.errors import ConfigError
from econml_cli.inspection import selection
from econml_cli.inspection.report import Report
from econml_cli.output import figure_files, figure_page
from econml_cli.output.files import GENERATOR
from econml_cli.output.html import escape, table
from econml_cli.output.terminal import number, pairs, size

#: inches of histograms that can still be looked at beside the table
HIGHEST = 24.0
#: as the page of `econml report`
_STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1a1c1e; --soft: #5c6369; --rule: #d5d9dc; --wash: #f4f6f7; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181b; --ink: #e4e6e8; --soft: #9aa2a9; --rule: #3a4147; --wash: #1e2327; }
  .module, img { filter: invert(.9) hue-rotate(180deg); }
}
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body {
  max-width: 1320px; margin: 0 auto; padding: 2rem clamp(1rem, 4vw, 3rem);
  font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; font-variant-numeric: tabular-nums;
}
h1 { font-size: 1.6rem; line-height: 1.2; font-weight: 600; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; font-weight: 600; margin: 2rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .6rem 2rem; }
dl div { max-width: 100%; }
dt { color: var(--soft); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem .9rem .25rem 0; font-weight: 400; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); }
.note { color: var(--soft); }
.row { display: flex; flex-wrap: wrap; gap: 1.25rem 3rem; align-items: flex-start; }
.row > * { min-width: 0; max-width: 100%; margin: 0; }
img { display: block; max-width: 100%; height: auto; }
summary { cursor: pointer; font-size: 1.2rem; font-weight: 600; margin: 2rem 0 .5rem; }
.module { background: #fff; color: #000; padding: .5rem; overflow-x: auto; }
@media print { body { max-width: none; padding: 0; } .wide, .module { overflow: visible; } }
"""


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
    facts = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in _facts(report))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{GENERATOR}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<dl>{facts}</dl>\n<h2>Arrays</h2>\n"
        f'<div class="row"><div class="wide">{_arrays(report)}</div>{_histograms(report)}</div>\n'
        "<details><summary>The module, with all that Flax keeps in it</summary>\n"
        '<p class="note">Click on a line to unfold it; arrays are heat maps.</p>\n'
        f'<div class="module">{body}</div>\n</details>\n</body>\n</html>\n'
    )


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    """What the summary says in a word or a number, how large it is, and its losses."""
    yield "parameters", f"{sum(leaf.count for leaf in report.leaves if leaf.kind == 'Param'):,}"
    yield "memory", size(sum(leaf.bytes for leaf in report.leaves))
    for name in ("status", "epoch", "precision", "created", "device"):
        if (value := report.summary.get(name)) is not None:
            yield name, number(value)
    for name, value in (report.summary.get("losses") or {}).items():
        if isinstance(value, int | float):
            yield name.replace("_", " "), number(value)
    if options := {k: v for k, v in report.graph.attributes.items() if v is not None and v != k}:
        yield "options", pairs(options)


def _histograms(report: Report) -> str:
    """The elements of each trained array as a histogram; "" where there is none, or too many to look at."""
    try:
        figure = figure_files.weights(report.leaves, "", "single")
    except ConfigError:
        return ""
    if figure.get_figheight() > HIGHEST:
        return ""
    figure_files.as_written(figure)
    alt = f"Histograms of the elements of {len(figure.axes)} arrays, whose moments are in the table."
    source = figure_page.source(*figure_page.picture(figure))
    return f'<img src="{source}" alt="{escape(alt)}" width="{figure_page.pixels(figure.get_figwidth())}">'


def _arrays(report: Report) -> str:
    """A line for each array: its shape, type and, where there are numbers, their mean and spread."""
    heads = ("array", "kind", "shape", "elements", "mean", "std", "min", "max")
    rows = []
    for leaf in report.leaves:
        moments = map(number, (leaf.mean, leaf.std, leaf.min, leaf.max))
        rows.append((leaf.path, leaf.kind, leaf.short, f"{leaf.count:,}", *moments))
    return table(heads, rows)
