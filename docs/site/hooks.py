"""What MkDocs does not do itself: pages of files outside docs/, links to what is no page, formulas without a script."""

import html
import posixpath
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
#: files of the repository that are pages of the site, too
PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "benchmarks/README.md": "benchmarks.md",
}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(^```.*?^```|(?<=\n\n)(?: {4}[^\n]*\n)+|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_OPTION = re.compile(r"<code>(--?[\w-]+(?:[ =][\w.,]+)?)</code>")
#: a function before its argument, which latex2mathml writes without a space
_NAMED = re.compile(r"(<mi>(?:exp|log|max|min|sin)</mi>)(?=<m(?:i|sub|sup|subsup)>)")
_PICTURE = re.compile(r'<img [^>]*src="([^"]+)"[^>]*>')
_TWO_BRACKETS = re.compile(r"^(#+ .*\]) \[", re.MULTILINE)
_OUTSIDE = re.compile(r"[a-z]+:|#|/")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are made of files outside docs/."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Links of the repository, made those of the site. What is there for GitHub and PyPI alone is left out."""
    names = {made: source for source, made in PAGES.items()}
    if page.file.src_uri == "index.md":
        page.meta["hide"] = ["navigation"]  # it would have one line
    source = names.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    markdown = re.sub(r"<!-- badges -->.*?<!-- end -->\n", "", markdown, flags=re.DOTALL)
    markdown = _TWO_BRACKETS.sub(r"\1 \\[", markdown)  # of a usage line: Markdown would take them for a reference
    code: list[str] = []

    def hide(found: re.Match[str]) -> str:
        code.append(found[0])
        return f"\0{len(code) - 1}\0"

    linked = _LINK.sub(lambda found: _linked(found, source, page.file.src_uri), _CODE.sub(hide, markdown))
    return re.sub("\0(\\d+)\0", lambda found: code[int(found[1])], linked)


def _linked(found: re.Match[str], source: str, page: str) -> str:
    """One link of the page `page`, which is the file `source` of the repository."""
    mark, words, target = found.groups()
    words = _LINK.sub(lambda inner: _linked(inner, source, page), words)
    if _OUTSIDE.match(target):
        return f"{mark}[{words}]({target})"
    path, hash_, anchor = target.partition("#")
    there = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    made = PAGES.get(there, there.removeprefix("docs/") if there.startswith("docs/") else None)
    if made is None:
        return f"{words} (`{there}`)"  # in the repository only
    return f"{mark}[{words}]({posixpath.relpath(made, posixpath.dirname(page) or '.')}{hash_}{anchor})"


def on_page_content(content: str, **_: Any) -> str:
    """Formulas as MathML, which browsers draw by themselves; options in one line, not broken after `--`; each picture
    leads to itself in full size, as a phone shows it too small to read."""
    content = _PICTURE.sub(r'<a href="\1">\g<0></a>', content)
    return _OPTION.sub(r'<code class="option">\1</code>', _FORMULA.sub(_mathml, content))


def _mathml(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    drawn = convert(html.unescape(found[3]).strip(), display=display)
    drawn = _NAMED.sub(r'\1<mspace width="0.17em"/>', drawn)
    return f'<div class="formula">{drawn}</div>' if display == "block" else drawn


#: what the theme's plugin "offline" would load from the network
SHIM = re.compile(r'<script src="https://unpkg.com/iframe-worker/shim"></script>')


def on_post_page(output: str, page: Any, **_: Any) -> str:
    """Search from a folder without the network, by a script of ours in place of the theme's."""
    up = "../" * page.file.dest_uri.count("/")
    return SHIM.sub(f'<script src="{up}assets/frame-worker.js"></script>', output)


def on_post_template(output_content: str, **_: Any) -> str:
    """The page for addresses that lead nowhere is shown by servers, where workers run."""
    return SHIM.sub("", output_content)
