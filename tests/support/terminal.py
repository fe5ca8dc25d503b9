"""What a terminal shows."""

import io
from typing import Any

from rich.console import Console


def rendered(renderable: Any, width: int) -> list[str]:
    """The lines of something of rich's in a terminal so wide."""
    file = io.StringIO()
    Console(file=file, width=width, highlight=False).print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]
