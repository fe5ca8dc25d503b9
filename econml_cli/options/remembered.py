"""What the user has named in earlier commands, and is trusted since: lines of files in their state directory."""

import contextlib
from pathlib import Path


def lines(name: str) -> list[str]:
    """The lines of the file of this name; none where it cannot be read."""
    with contextlib.suppress(OSError):
        # a path need not be UTF-8; split at "\n" alone, which no line that is remembered has in it
        return _file(name).read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    return []


def remember(name: str, line: str) -> None:
    """Add a line, once; nothing where it has a "\\n" in it, or where there is no home that can be written."""
    if "\n" in line or line in lines(name):
        return
    with contextlib.suppress(OSError):
        _file(name).parent.mkdir(parents=True, exist_ok=True)
        with _file(name).open("a", encoding="utf-8", errors="surrogateescape") as file:
            file.write(f"{line}\n")


def _file(name: str) -> Path:
    import platformdirs

    return Path(platformdirs.user_state_dir("econml-cli", appauthor=False)) / name
