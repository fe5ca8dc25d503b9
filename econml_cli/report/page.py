"""Runs as one HTML page: no network, no other file, no script. The page's parts lie in html/ beside this file."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources

from econml_cli.evaluation import evaluation_tables
from econml_cli.evaluation.evaluation import REPORTED
from econml_cli.output.html import escape
from econml_cli.output.tables import Grid
from econml_cli.report import abstract
from econml_cli.report.elements import Section, paragraph, row, table
from econml_cli.report.sections import Account, Options, account, anchored
from econml_cli.runs.directory import Run
from econml_cli.version import __version__

#: columns of a table beside its first
COLUMNS = 7


@dataclass(frozen=True)
class Page:
    """The page, and what could not be told in it, a sentence each."""

    html: str
    failed: tuple[str, ...]


def page(runs: Sequence[Run], options: Options | None = None, *, title: str | None = None) -> Page:
    """The page of one run, or of several, with a table that compares them first.

    The same runs give the same bytes with the same libraries: the page bears no date of its own.

    Raises:
        RunError: a directory is no run. ConfigError: its config is not known.
    """
    options = options or Options()
    return compose([account(run, options) for run in runs], options, title=title)


def compose(accounts: Sequence[Account], options: Options | None = None, *, title: str | None = None) -> Page:
    """The page of runs whose accounts are there; `options` say how the paired test of several is done."""
    compared = abstract.tested(accounts, options or Options())
    said = abstract.sentences(accounts, compared)
    accounts = [anchored(one, f"run{i + 1}") for i, one in enumerate(accounts)]
    heading = title or (accounts[0].heading if len(accounts) == 1 else f"{len(accounts)} runs compared")
    fill = {
        "title": escape(heading),
        "style": _part("page.css"),
        "abstract": paragraph(" ".join(said), "abstract") if said else "",
        "contents": _contents(accounts),
        "comparison": _comparison(accounts, compared) if len(accounts) > 1 else "",
        "runs": "\n".join(_article(one, f"run{i + 1}", len(accounts) > 1) for i, one in enumerate(accounts)),
        "made": escape(f"Made by econml {__version__} with `econml report`."),
    }
    # in one pass, so that no text of a run can be taken for a place to fill
    html = re.sub(r"\{\{(\w+)\}\}", lambda place: fill[place[1]], _part("page.html"))
    return Page(html, tuple(said for one in accounts for said in one.failed))


def _part(name: str) -> str:
    return resources.files("econml_cli.report").joinpath("html", name).read_text(encoding="utf-8")


def _contents(accounts: Sequence[Account]) -> str:
    """Links to the sections, below those to the runs where there are several."""

    def links(sections: Sequence[Section]) -> str:
        return "".join(f'<li><a href="#{escape(s.name)}">{escape(s.title)}</a></li>' for s in sections)

    if len(accounts) == 1:
        return f"<ul>{links(accounts[0].sections)}</ul>"
    items = [
        f'<li><a href="#run{i + 1}">{escape(one.heading)}</a><ul>{links(one.sections)}</ul></li>'
        for i, one in enumerate(accounts)
    ]
    return f'<ul class="runs"><li><a href="#comparison">Comparison</a></li>{"".join(items)}</ul>'


def _comparison(accounts: Sequence[Account], compared: abstract.Tested | None) -> str:
    """The runs that could be evaluated, the best first, each linked to its account; then the paired tests."""
    anchors = {id(one.evaluation): f"run{i + 1}" for i, one in enumerate(accounts)}
    found = [one.evaluation for one in accounts if one.evaluation is not None]
    if not found:
        return ""
    ranked = evaluation_tables.ordered(found, None)
    shares = evaluation_tables.passed(ranked)
    links, split = [anchors[id(e)] for e in ranked], next(s for s in REPORTED if any(e.reported == s for e in ranked))
    body = "".join(
        table(grid, links, caption=f"Sorted by {split} loss{', continued' * (i > 0)}")
        for i, grid in enumerate(_slices(evaluation_tables.comparison(ranked)))
    )
    body += table(shares) if shares else ""
    tests = None if compared is None else abstract.grid(compared)
    body += table(tests) if tests else ""
    return f'<section id="comparison" class="comparison"><h2>Comparison</h2>{row(body)}</section>'


def _slices(grid: Grid) -> Iterator[Grid]:
    """A wide table as several that fit on a page of paper, each with the first column."""
    for start in range(1, len(grid.headers), COLUMNS):
        rows = ((row[0], *row[start : start + COLUMNS]) for row in grid.rows)
        yield Grid((grid.headers[0], *grid.headers[start : start + COLUMNS]), tuple(rows), grid.title)


def _halves(sections: Sequence[Section]) -> tuple[str, ...]:
    """The sections that stand side by side on a wide page: results of one table, and the learning curves."""
    short = [s for s in sections if s.name.endswith("-results") and s.body.count("<table") <= 1]
    return tuple(s.name for s in sections if short and s.name.endswith(("-results", "-curves")))


def _article(one: Account, anchor: str, several: bool) -> str:
    """A run; its title stands at the top of the page where it is the only one."""
    level, half, halves = 3 if several else 2, ' class="half"', _halves(one.sections)
    parts = [
        f'<section id="{escape(s.name)}"{half * (s.name in halves)} aria-labelledby="{escape(s.name)}-title">'
        f'<h{level} id="{escape(s.name)}-title">{escape(s.title)}</h{level}>{s.body}</section>'
        for s in one.sections
    ]
    head = f"<h2>{escape(one.heading)}</h2>" if several else ""
    return f'<article id="{escape(anchor)}">{head}{"".join(parts)}</article>'
