"""Where a file that is not where it was said to be may have gone: one of its name, or of a similar one, in the folders
around."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from econml_cli.errors import suggest

#: how many folders are looked through, how deep below the working directory, and entries of a folder
MOST_FOLDERS, DEEP, MOST_ENTRIES = 200, 3, 2_000
_SKIPPED = {"node_modules", "__pycache__", "checkpoints", "site-packages"}


def hint(path: Path) -> str:
    """ " Did you mean 'data/wage.csv'?" for a file of the same name in a folder around, or one of a similar name beside
    where it should be; "" where there is none."""
    for folder in _around(path):
        if (folder / path.name).is_file():
            return f" Did you mean '{folder / path.name}'?"
    beside = _entries(path.parent)
    near = suggest(path.name, beside).removeprefix(" Did you mean '").removesuffix("'?")
    return f" Did you mean '{path.parent / near}'?" if near else ""


def _around(path: Path) -> Iterator[Path]:
    """Folders, the nearest first: where it should be, the working directory and what is below it, the folder above."""
    above = path.parent.parent
    yield from (path.parent, Path())
    yield from _below(Path(), DEEP)
    if above.is_dir():
        yield above
        yield from _below(above, 1)


def _below(folder: Path, deep: int) -> Iterator[Path]:
    """The folders below one, level by level; links are not followed, what is hidden is not looked into."""
    level, seen = [folder], 0
    for _ in range(deep):
        found: list[Path] = []
        for one in level:
            for name in _entries(one):
                inside = one / name
                if name.startswith(".") or name in _SKIPPED or inside.is_symlink() or not inside.is_dir():
                    continue
                seen += 1
                if seen > MOST_FOLDERS:
                    return
                found.append(inside)
                yield inside
        level = found


def _entries(folder: Path) -> list[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as there:
        return sorted(entry.name for entry, _ in zip(there, range(MOST_ENTRIES), strict=False))
    return []
