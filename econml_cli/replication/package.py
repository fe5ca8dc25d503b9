"""The library call behind `econml package`."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.replication import archive, exhibits, gather, templates
from econml_cli.replication.readme import TO_FILL, readme
from econml_cli.replication.script import verify
from econml_cli.runs.kinds import Kept

_TEXT = (".md", ".txt", ".json", ".jsonl", ".yaml", ".sh", ".py", ".csv", ".tex")


@dataclass(frozen=True)
class Package:
    """What was written: the zip, its bytes, the files in it, the runs by their names there, and what the author should
    know or do."""

    out: str
    bytes: int
    files: tuple[str, ...]
    runs: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "files": list(self.files), "runs": list(self.runs), "notes": list(self.notes)}


def package(
    chosen: Sequence[Kept],
    out: Path,
    *,
    with_data: bool = False,
    title: str | None = None,
    citation: str | None = None,
    wanted: Sequence[str] = (),
) -> Package:
    """Pack runs and cross-validations with all that repeats them. The same runs give the same bytes.

    Args:
        out: the zip, replaced if it is there. with_data: pack the data files. citation: of the data.
        wanted: tables and figures, "TITLE=econml ...", whose command is run and kept.

    Raises:
        RunError: a run has not ended, is damaged, or the zip cannot be written. ConfigError: an exhibit is none that
            can be repeated, or a data file is not there.
    """
    if not chosen:
        raise ConfigError("Name the runs that the package is to have.")
    parts = gather.parts(chosen)
    asked = exhibits.read(wanted, parts)
    found: dict[str, bytes | Path] = {**gather.files(parts, with_data=with_data), **exhibits.make(asked, parts)}
    about = readme(parts, asked, title=title, citation=citation, with_data=with_data)
    found |= {
        "README.md": about.encode(),
        "verify.sh": verify(parts, asked).encode(),
        "compare.py": resources(templates).joinpath("compare.py").read_bytes(),
    }
    size = archive.write(out, found)
    notes = [f"README.md: {about.count(TO_FILL)} places are yours to fill in."] if TO_FILL in about else []
    missing = [part.data.name for part in parts if part.data is not None and not with_data]
    if missing:
        notes.append(f"without data: {', '.join(dict.fromkeys(missing))}; --with-data packs what you may publish.")
    notes += [f"{name} says {word!r}, which is of this machine." for name, word in _told(found)]
    return Package(str(out), size, tuple(sorted(found)), tuple(part.name for part in parts), tuple(notes))


def _told(found: dict[str, bytes | Path]) -> list[tuple[str, str]]:
    """Files of the package that name this machine, its user's home or the working directory, and the word."""
    words = {str(Path.home()), str(Path.cwd()), platform.node(), Path.home().name}
    words = {word for word in words if len(word) > 3}
    out = []
    for name in sorted(found):
        if name.endswith(_TEXT) and not name.startswith("data/"):
            contents = found[name]
            body = contents if isinstance(contents, bytes) else contents.read_bytes()
            out += [(name, word) for word in sorted(words) if word.encode() in body][:1]
    return out
