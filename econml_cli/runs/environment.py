"""What a fit ran in: the packages that are installed, and the machine. Imports nothing heavy."""

import functools
import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

#: the file of a run that has the packages, in the form that `pip install -r` reads
FILE = "requirements.txt"


@functools.cache
def installed() -> str:
    """A line NAME==VERSION for each package that Python finds, by name. Where one was installed from a folder or an
    address is left out: it may say more than its version."""
    found: dict[str, str] = {}
    for package in metadata.distributions():
        name, version = package.metadata["Name"], package.version
        if name and version:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return "".join(f"{name}=={version}\n" for name, version in sorted(found.items()))


@functools.cache
def hardware() -> dict[str, Any]:
    """The operating system, processor, cores, and bytes of memory (None where the system does not say)."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count(), "memory": _memory()}


def _processor() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            name = next((line for line in file if line.startswith("model name")), "")
    except OSError:
        name = ""
    return name.partition(":")[2].strip() or platform.processor() or platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None
