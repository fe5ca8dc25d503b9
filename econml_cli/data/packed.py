"""The bytes of a file, unpacked where its name says that they are packed."""

import bz2
import gzip
from pathlib import Path
from typing import Any

#: a file that is open to be read
Bytes = Any


def open_bytes(path: Path) -> Any:
    """The bytes of a file, unpacked where its name says that they are packed."""
    name = path.name.lower()
    return gzip.open(path) if name.endswith(".gz") else bz2.open(path) if name.endswith(".bz2") else path.open("rb")
