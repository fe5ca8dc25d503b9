"""Make the pictures of docs/gallery.md by the commands that stand above them, and put in what these print.

`python docs/make_gallery.py` runs the page in a scratch directory and takes from there each picture that it shows. What
is the same as before, but for the seconds that a fit took, stays as it is.
"""

import re
import tempfile
from pathlib import Path

from figures import style
from PIL import Image
from run_console_blocks import run_page

from econml_cli.storage import disk

DOCS = Path(__file__).parent
PAGE = DOCS / "gallery.md"
#: no picture is wider, in pixels
WIDEST = 1200


def pictures(text: str) -> list[str]:
    """The pictures of the page, in its order."""
    return re.findall(r"!\[[^\]]+\]\(gallery/([\w-]+\.png)\)", text)


def take(made: Path, kept: Path) -> None:
    """Keep a picture in few colours and at most WIDEST pixels; it does not say when and by what it was made."""
    with Image.open(made) as image:
        image.thumbnail((WIDEST, WIDEST * 4))
        style.save_image(image, kept)


def untimed(text: str) -> str:
    """The page without the seconds that anything took."""
    return re.sub(r"\d[\d.,]*(?= s\b)|(?<=seconds)( \w+)? +[\d.,]+", "", text)


def main() -> None:
    """Rewrite page and pictures."""
    text = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as directory:
        page = run_page(text, Path(directory))
        if untimed(page) != untimed(text):
            disk.write_text(PAGE, page)
        for name in pictures(text):
            take(Path(directory) / name, DOCS / "gallery" / name)


if __name__ == "__main__":
    main()
