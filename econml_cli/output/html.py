"""HTML: the one escaper of text, and tables for a notebook, which has no style sheet of ours. Imports nothing heavy."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NUMBERS = ' style="text-align: right"'
WORDS = ' style="text-align: left"'
BAD = "color: #b00020; font-weight: bold"


def escape(text: object) -> str:
    """Text for an element, or for an attribute in double quotes."""
    return html.escape(str(text))


def warning(text: str) -> str:
    """Text that must not be overlooked."""
    return f'<span style="{BAD}">{escape(text)}</span>'


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], title: str = "") -> str:
    """A table with its title as caption; the first column names the rows, "FAILED" stands out."""
    caption = f'<caption style="text-align: left"><b>{escape(title)}</b></caption>' if title else ""
    head = "".join(f"<th{WORDS if i == 0 else NUMBERS}>{escape(name)}</th>" for i, name in enumerate(headers))
    lines = []
    for label, *cells in rows:
        # blanks at the start of a label say that it belongs to the row before
        name = "&emsp;" * ((len(label) - len(label.lstrip())) // 2) + escape(label.strip())
        lines.append(f"<tr><th{WORDS}>{name}</th>{''.join(map(_cell, cells))}</tr>")
    header = f"<thead><tr>{head}</tr></thead>" if any(headers) else ""
    return f"<table>{caption}{header}<tbody>{''.join(lines)}</tbody></table>"


def _cell(text: str) -> str:
    return f"<td{NUMBERS}>{warning(text) if text.startswith('FAILED') else escape(text)}</td>"


def failed_verdicts(found: Mapping[str, Any]) -> str:
    """ ", FAILED: stability, truth" of a summary or verdicts; "" where none failed."""
    names = [name.removeprefix("verdict_") for name, word in found.items() if word == "FAILED"]
    return f", FAILED: {', '.join(names)}" if names else ""
