"""What axes are called: columns in the words of their file, states and outputs in those of a problem."""

import re
from collections.abc import Mapping
from typing import Any

from econml_cli.problems.base import Problem
from econml_cli.problems.words import words_of
from econml_cli.runs.directory import Run

#: a name of a column in a formula, bare or between backticks; a call's name is followed by a bracket
_NAME = re.compile(r"`([^`]+)`|\b([A-Za-z_]\w*)\b(?!\s*\()")


def labels_of(run: Run) -> dict[str, str]:
    """The labels of the variables of a run's data, {column: label}, as its fit found them; {} where there are none."""
    saved = (run.preprocessing() or {}).get("schema")
    columns = saved.get("columns", ()) if isinstance(saved, Mapping) else ()
    found = ((column.get("name"), column.get("label")) for column in columns if isinstance(column, Mapping))
    return {str(name): str(label) for name, label in found if name and label}


def worded(expression: str, labels: Mapping[str, str]) -> str:
    """A column, or a formula of columns, with labels in place of names: "log(wage)" is "log(hourly wage)"."""
    if expression in labels:
        return labels[expression]

    def said(match: re.Match[str]) -> str:
        return labels.get(match[1] or match[2], match[0])

    return _NAME.sub(said, expression) if labels else expression


def named(problem: Problem, name: str) -> str:
    """What a problem calls one of its states or outputs."""
    found: Any = words_of(problem).get(name, name)
    return str(found)
