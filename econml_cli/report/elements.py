"""The elements of the page as HTML. Everything that comes from a run is escaped here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from econml_cli.output import figure_page
from econml_cli.output.html import escape
from econml_cli.output.tables import Grid
from econml_cli.problems.economies.verdicts import FAILED, PASSED


@dataclass(frozen=True)
class Section:
    """One part of the account of a run: `name` makes its anchor, `body` is HTML."""

    name: str
    title: str
    body: str


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text; `kind` is its class."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def table(grid: Grid, links: Sequence[str] = (), caption: str | None = None, kind: str = "") -> str:
    """A table that scrolls inside its box where it is too wide.

    Args:
        links: anchors for the first column, a row each. caption: in place of the grid's own title. kind: a class.
    """
    title = grid.title if caption is None else caption
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in grid.headers)
    rows = []
    for i, (label, *cells) in enumerate(grid.rows):
        inner = escape(label.strip())
        first = f'<a href="#{escape(links[i])}">{inner}</a>' if links else inner
        below = ' class="below"' if label.startswith(" ") else ""
        data = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        rows.append(f'<tr><th scope="row"{below}>{first}</th>{data}</tr>')
    parts = [f"<caption>{escape(title)}</caption>" if title else ""]
    parts += [f"<thead><tr>{head}</tr></thead>" if any(grid.headers) else "", f"<tbody>{''.join(rows)}</tbody>"]
    box = f'<div class="wide" tabindex="0" role="group" aria-label="{escape(title or "table")}">'
    named = f' class="{kind}"' if kind else ""
    return f"{box}<table{named}>{''.join(parts)}</table></div>"


def row(*parts: str) -> str:
    """Parts side by side where the page is wide enough, else one below the other."""
    return f'<div class="row">{"".join(parts)}</div>' if any(parts) else ""


def definitions(rows: Iterable[tuple[str, str]], kind: str = "facts") -> str:
    """Names and what they are, as a description list."""
    pairs = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    return f'<dl class="{kind}">{pairs}</dl>'


def code(text: str, label: str, kind: str = "") -> str:
    """Preformatted text that scrolls inside its box; `label` is for those who cannot see it, `kind` its class."""
    named = f' class="{kind}"' if kind else ""
    return f'<pre{named} tabindex="0" role="group" aria-label="{escape(label)}">{escape(text)}</pre>'


def verdicts(rows: Iterable[tuple[str, str, str]]) -> str:
    """Each verdict with its name, its word ("passed", "FAILED", or of how many members), and what it means."""
    items = []
    for name, word, meaning in rows:
        kind, sign = ("passed", "\u2713") if word == PASSED else ("failed", "\u2717" if word == FAILED else "\u2013")
        told = f' <span class="note">{escape(meaning)}</span>' if meaning else ""
        items.append(
            f'<li class="{kind}"><span aria-hidden="true">{sign}</span> <b>{escape(name)}: {word}</b>{told}</li>'
        )
    return f'<ul class="verdicts">{"".join(items)}</ul>'


def image(data: bytes, kind: str, alt: str, caption: str, width: int) -> str:
    """A picture that lies in the page itself; `kind` is "svg+xml" or "png", `width` in CSS pixels."""
    told = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    beside = ' class="beside"' if told else ""
    source = figure_page.source(data, kind)
    return f'<figure{beside}><img src="{source}" alt="{escape(alt)}" width="{width}">{told}</figure>'
