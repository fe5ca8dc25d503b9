"""The directory of an export: whole or not there at all."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from econml_cli.export.formats import check_free
from econml_cli.storage import directories


@contextlib.contextmanager
def staged(out: Path, force: bool) -> Iterator[Path]:
    """A directory to write into, which becomes `out` when the context ends; after an error there is no trace of it.

    Raises:
        EconmlError: as `formats.check_free`, or the disk refuses.
    """
    check_free(out, force)
    with directories.making(out) as made:
        yield made
        check_free(out, force)  # minutes may have passed
