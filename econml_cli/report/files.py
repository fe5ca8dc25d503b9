"""Where a report may be written: a new file, or in place of a report. Imports nothing heavy: it is asked first."""

from pathlib import Path

from econml_cli.errors import ConfigError, RunError
from econml_cli.output import files
from econml_cli.storage import disk

#: in the head of every page, so that we know our own
MARK = b'<meta name="generator" content="econml report">'


def check(path: Path, option: str, suffixes: tuple[str, ...], mark: bytes, force: bool) -> None:
    """Refuse a file that is not to be written, before anything is computed.

    Args:
        mark: what a report of ours has near its beginning or end. force: replace another file, too.

    Raises:
        ConfigError: another suffix, a directory, or none to write to. RunError: a file that is no report is there.
    """
    if path.suffix.lower() not in suffixes:
        raise ConfigError(f"{option} {path} must end in {' or '.join(suffixes)}.")
    files.check(path, option, mark, force, "report")


def write(html: str, path: Path) -> None:
    """Write a page, atomically.

    Raises:
        RunError: the disk refuses.
    """
    try:
        disk.write_text(path, html)
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror or error}; choose another --out.") from error
