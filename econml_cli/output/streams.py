"""What reaches a terminal: text of files (column names, manifests, labels) without what a terminal would obey."""

import re
import sys
from typing import Any

from econml_cli.errors import printable
from econml_cli.output import working

#: colours and emphasis (of our help, of W&B's lines); not what blinks, turns around or hides text
_STYLE = re.compile(r"(\x1b\[(?:(?:0|1|2|3|4|22|[349][0-7]|39)?(?:;(?=\d)|(?=m)))*m)")
_PLAINLY = "\x1b[0m"


class Plain:
    """A stream of text that lets through letters, line ends and colours only. `styled` is the stream itself."""

    def __init__(self, styled: Any):
        self.styled = styled

    def write(self, text: str) -> int:
        """Write what is left of the text; says how long it was, as any stream."""
        working.pause() if self.styled is not sys.__stdout__ else working.stop()
        parts = _STYLE.split(text)
        ends = [_PLAINLY] if len(parts) > 1 and parts[-2] not in (_PLAINLY, "\x1b[m") else []  # no colour outlasts it
        self.styled.write("".join([*(part if i % 2 else printable(part) for i, part in enumerate(parts)), *ends]))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """As `write`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.styled, name)


def guard() -> None:
    """From now on what this process prints to a terminal is plain."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream.isatty() and not isinstance(stream, Plain):
            setattr(sys, name, Plain(stream))


def styled(stream: Any) -> Any:
    """The stream below `Plain`, for what moves the cursor and holds no text of a file that was not made plain."""
    working.stop()
    return getattr(stream, "styled", stream)


def unicode(stream: Any) -> bool:
    """Whether a stream can take Braille and lines."""
    try:
        "\u28ff\u2502".encode(stream.encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return True
