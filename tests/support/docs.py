"""The pages of the docs, and their commands run in this process."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

from tests.support import ROOT, running

#: pages whose commands are run and compared, beside those of models and economies
GUIDES = [
    f"docs/{name}.md"
    for name in (
        "tutorial", "ensembles", "risk", "cross-validation", "effects", "compare", "report", "sweeps", "inspect",
        "export", "simulate", "double-machine-learning", "losses", "add-a-model", "add-a-problem", "your-own-data",
        "time-series", "gallery",
        "reference/exit-codes", "reference/environment",
    )
]  # fmt: skip
MODEL_PAGES = sorted(f"docs/models/{path.name}" for path in (ROOT / "docs/models").glob("*.md"))
ECONOMY_PAGES = sorted(f"docs/economics/{path.name}" for path in (ROOT / "docs/economics").glob("*.md"))


def script(name: str) -> ModuleType:
    """A script in docs/ as a module."""
    if str(ROOT / "docs") not in sys.path:  # what it imports from beside itself
        sys.path.append(str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_here(command: str, directory: Path) -> tuple[int, str]:
    """As `in_a_shell` of docs/run_console_blocks.py, without a process where the command needs no shell."""
    console = script("run_console_blocks")
    unquoted = re.sub(r"'[^']*'|\"[^\"$`\\]*\"", "", command)
    if not command.startswith("econml ") or re.search(r"[][|;&<>$`*?~(){}#!\\\"']", unquoted):
        return console.in_a_shell(command, directory)
    with running.environment({"COLUMNS": console.WIDTH}, directory), running.one_stream() as written:
        code = running.here(*shlex.split(command)[1:])
        written.seek(0)
        return code, written.read().decode()
