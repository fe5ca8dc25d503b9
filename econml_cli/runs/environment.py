"""What a fit ran in: the packages that are installed, and the machine. Imports nothing heavy."""

import contextlib
import functools
import os
import platform
import re
import sys
from pathlib import Path
from typing import Any

#: the file of a run that has the packages, in the form that `pip install -r` reads
FILE = "requirements.txt"
_INSTALLED = re.compile(r"([^-]+)-([^-]+)(?:-py[\d.]+)?\.(?:dist|egg)-info")


@functools.cache
def installed() -> str:
    """A line NAME==VERSION for each package that Python finds, by name.

    Both are read off the names of the directories that installers leave (NAME-VERSION.dist-info): opening the metadata
    of all takes a fifth of a second, which every fit would wait for. Where a package came from is not said.
    """
    found: dict[str, str] = {}
    for place in sys.path:
        with contextlib.suppress(OSError):
            for entry in os.listdir(place or "."):  # noqa: PTH208
                if (named := _INSTALLED.fullmatch(entry)) is not None:
                    found.setdefault(re.sub(r"[-_.]+", "-", named[1]).lower(), named[2])
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
