"""Generated parts of pages: what stands between `<!-- KIND: NAME -->` and `<!-- end -->`."""

import re
from pathlib import Path


def replaced(text: str, kind: str, name: str, content: str) -> str:
    """The page with this content between its markers.

    Raises:
        ValueError: the page has no such markers.
    """
    pattern = re.compile(rf"(<!-- {kind}: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not pattern.search(text):
        raise ValueError(f"the page has no `<!-- {kind}: {name} -->` ... `<!-- end -->`")
    return pattern.sub(lambda found: f"{found[1]}\n{content.strip()}\n\n{found[2]}", text)


def put_in(page: Path, kind: str, name: str, content: str) -> None:
    """Rewrite a page so."""
    page.write_text(replaced(page.read_text(encoding="utf-8"), kind, name, content), encoding="utf-8")
