"""A zip that depends on nothing but what is in it."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

from econml_cli.storage import disk

#: near the end of every package of ours, so that we know our own
MARK = b"econml replication package"
#: the directory that a package unpacks to
ROOT = "replication"
_FIRST = (1980, 1, 1, 0, 0, 0)  # the oldest date that a zip can have


def write(path: Path, files: Mapping[str, bytes | Path]) -> int:
    """Write files by their names in the package, contents or where they are on the disk; returns the bytes of the zip.
    The file is there whole or not at all.

    Raises:
        RunError, OSError: it cannot be written.
    """
    with disk.replacing(path) as temporary:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as made:
            made.comment = MARK
            for name in sorted(files):
                about = zipfile.ZipInfo(f"{ROOT}/{name}", _FIRST)
                about.create_system = 3  # Unix, wherever it is made
                about.external_attr = (0o755 if name.endswith(".sh") else 0o644) << 16
                about.compress_type = zipfile.ZIP_DEFLATED
                contents = files[name]
                made.writestr(about, contents if isinstance(contents, bytes) else contents.read_bytes())
        return temporary.stat().st_size
