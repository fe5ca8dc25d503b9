"""The library call behind `econml export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.evaluation.opened import open_run
from econml_cli.export.directory import staged
from econml_cli.export.fitted import read
from econml_cli.export.formats import check
from econml_cli.export.readme import readme
from econml_cli.export.verify import verify
from econml_cli.export.writers import WRITERS, write_about
from econml_cli.models.base import Model
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Exported:
    """What was written, and how far it is from the run.

    Attributes:
        files: names in `out`. compared_on: "test", "train", "random inputs", or "arrays".
        compared: rows of predictions, or arrays. max_abs, max_rel: max |a - b|, and that over max |b|.
        bound: the max_rel above which nothing would have been written. notes: what the user should know.
    """

    run: str
    format: str
    out: str
    files: tuple[str, ...]
    compared_on: str
    compared: int
    max_abs: float
    max_rel: float
    bound: float
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values."""
        return {**vars(self), "files": list(self.files), "notes": list(self.notes)}


def export(run: Run, to: str, out: Path, *, step: int | None = None, force: bool = False) -> Exported:
    """Write a fitted model in a format of `FORMATS`, run what was written, and compare it with the run.

    The directory appears at the end, whole and compared, or not at all.

    Raises:
        ConfigError: no such format. RunError, CheckpointError: the run cannot be read.
        EconmlError: a package is missing, `out` is taken, the model cannot be written so, or what was written differs.
    """
    check(to, out, force)
    with open_run(run, step=step) as opened:
        fitted = read(opened)
        with staged(out, force) as directory:
            more = WRITERS[to](fitted, directory)
            write_about(fitted, directory, {"format": to, **more})
            (directory / "README.md").write_text(readme(fitted, to), encoding="utf-8")
            largest, relative = verify(fitted, to, directory)
            files = tuple(sorted(path.name for path in directory.iterdir() if path.is_file()))
    arrays = to == "safetensors"
    return Exported(
        run=str(run.path),
        format=to,
        out=str(out),
        files=files,
        compared_on="arrays" if arrays else fitted.compared_on,
        compared=_arrays(fitted.model) if arrays else len(fitted.y),
        max_abs=largest,
        max_rel=relative,
        bound=0.0 if arrays else fitted.bound,
        notes=fitted.notes,
    )


def _arrays(model: Model) -> int:
    from econml_cli.export.torch_names import own_state

    return len(own_state(model))
