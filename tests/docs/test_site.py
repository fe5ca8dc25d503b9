"""The documentation as a site: links of the repository become those of pages, and no page needs the network."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.support import ROOT
from tests.support.browser import dumped
from tests.support.docs import script


def page(name, text):
    """A page of the site, as MkDocs gets it."""
    return script("site/hooks").on_page_markdown(text, SimpleNamespace(file=SimpleNamespace(src_uri=name), meta={}))


@pytest.mark.parametrize(
    ("on", "written", "linked"),
    [
        ("index.md", "[risk](docs/risk.md#more-data)", "[risk](risk.md#more-data)"),
        ("index.md", "![plot](docs/gallery/fit.png)", "![plot](gallery/fit.png)"),
        ("index.md", "[of `a[0]`](SECURITY.md)", "[of `a[0]`](security.md)"),
        ("models/mlp.md", "[home](../../README.md)", "[home](../index.md)"),
        ("models/mlp.md", "[deep sets](deep_set.md)", "[deep sets](deep_set.md)"),
        ("sweeps.md", "[numbers](../benchmarks/README.md)", "[numbers](benchmarks.md)"),
        ("sweeps.md", "[code](../econml_cli/cli.py)", "code (`econml_cli/cli.py`)"),
        ("sweeps.md", "[JAX](https://docs.jax.dev)", "[JAX](https://docs.jax.dev)"),
        ("reference/cli.md", "## econml run [FILE] [-- OPTION ...]", "## econml run [FILE] \\[-- OPTION ...]"),
        ("index.md", "```console\n$ echo [a](docs/b.md)\n```", "```console\n$ echo [a](docs/b.md)\n```"),
        ("index.md", "text\n\n    [a](docs/b.md)\n\n[c](docs/c.md)", "text\n\n    [a](docs/b.md)\n\n[c](c.md)"),
        ("index.md", "<!-- badges -->\n![x](https://y)\n<!-- end -->\nhome", "home"),
    ],
)  # fmt: skip
def test_links_of_the_repository_are_those_of_the_site(on, written, linked):
    assert page(on, written) == linked


def test_formulas_are_drawn_by_the_browser_itself():
    drawn = script("site/hooks").on_page_content(r'<p><span class="arithmatex">\(a &lt; \beta\)</span></p>')
    assert drawn.startswith("<p><math") and "&#x0003C;" in drawn and "&#x003B2;" in drawn and "arithmatex" not in drawn


def test_a_picture_leads_to_itself_in_full_size():
    drawn = script("site/hooks").on_page_content('<p><img alt="a fit" src="gallery/fit.png" /></p>')
    assert drawn == '<p><a href="gallery/fit.png"><img alt="a fit" src="gallery/fit.png" /></a></p>'


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The whole site, built as CI builds it: a warning is an error."""
    there = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", there],
        capture_output=True, text=True, cwd=ROOT, timeout=600, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return there


@pytest.mark.slow
def test_every_page_loads_nothing_from_the_network_and_has_its_formulas(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    for path in pages:
        text = path.read_text()
        assert not re.search(r'<(?:script|img|iframe)[^>]* src="?(?:https?:)?//', text), path
        assert not re.search(r'<link[^>]* rel="?(?:stylesheet|preconnect)"?[^>]* href="?(?:https?:)?//', text), path
        assert "arithmatex" not in text, path
    assert "<math" in (site / "economics/olg.html").read_text()


@pytest.mark.slow
def test_the_search_of_the_built_folder_knows_commands_options_and_functions(site):
    known = (site / "search/search_index.js").read_text()
    index = json.loads(known[known.index("{") : known.rindex("}") + 1])
    found = {entry["location"].partition("#")[0] for entry in index["docs"] if "val-fraction" in entry["text"]}
    assert {"reference/cli.html", "your-own-data.html", "coming-from.html"} <= found
    assert "reference/python.html#econml_cli.python.api.fit" in {entry["location"] for entry in index["docs"]}


@pytest.mark.slow
def test_the_folder_is_searched_in_a_browser_without_a_server(site, tmp_path):
    found = dumped((site / "economics/olg.html").as_uri() + "?q=bootstrap", tmp_path, milliseconds=15_000)
    assert found.count('class="md-search-result__item"') >= 5 and "matching documents" in found
