"""The directory of an estimate of a treatment effect. Imports nothing heavy: that it is free is asked first."""

import contextlib
import datetime
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.errors import RunError
from econml_cli.runs import directory as runs
from econml_cli.runs import documents, resuming
from econml_cli.runs.directory import ESTIMATE
from econml_cli.storage import directories, disk
from econml_cli.version import __version__

if TYPE_CHECKING:
    import numpy as np

#: no prediction of ours is larger: its square would be no number
LARGEST = 1e150
#: the folder of what each repeat predicted
PREDICTIONS = "predictions"


@dataclass(frozen=True)
class EstimateDirectory:
    """A directory with ESTIMATE, and the predictions of each nuisance in each repeat that is finished."""

    path: Path

    def about(self) -> dict[str, Any]:
        """What ESTIMATE says.

        Raises:
            RunError: it is gone or damaged.
        """
        absent = f"{self.path} has no {ESTIMATE} any more; estimate again."
        return disk.read_json(self.path / ESTIMATE, absent=absent, remedy="estimate again", shape=documents.ESTIMATE)

    def note(self, **changes: Any) -> None:
        """Change what ESTIMATE says."""
        disk.write_json(self.path / ESTIMATE, {**self.about(), **changes})

    def keep(self, repeat: int, name: str, predicted: "np.ndarray") -> None:
        """Write the predictions of a nuisance, of all rows [n], in a repeat (from 1)."""
        import numpy as np

        folder = self.path / PREDICTIONS
        folder.mkdir(exist_ok=True)
        disk.refuse_links(self.path, (PREDICTIONS,))
        written = io.BytesIO()
        np.save(written, predicted, allow_pickle=False)
        disk.write_bytes(self._file(repeat, name), written.getvalue())

    def kept(self, repeat: int, name: str, n: int) -> "np.ndarray | None":
        """What `keep` wrote, [n] float64; None where it is not there.

        Raises:
            RunError: it is damaged.
        """
        import numpy as np

        path = self._file(repeat, name)
        if not path.is_file():
            return None
        try:
            found = np.load(io.BytesIO(disk.read_bytes(path)), allow_pickle=False)
            whole = found.shape == (n,) and found.dtype == np.float64 and bool((np.abs(found) <= LARGEST).all())
        except Exception as error:  # NumPy reads a damaged header as Python: TokenError and a dozen other kinds
            raise RunError(f"{path} cannot be read ({error}); delete it, and it is computed again.") from None
        if not whole:
            raise RunError(f"{path} does not hold {n:,} numbers; delete it, and it is computed again.")
        return np.asarray(found)

    def _file(self, repeat: int, name: str) -> Path:
        return self.path / PREDICTIONS / f"repeat{repeat}.{name}.npy"


def find(name: str | None, runs_dir: Path) -> EstimateDirectory | None:
    """The estimate that is meant by a path or a name below `runs_dir`; None where it is none."""
    places = [Path(name), runs_dir / name] if name else []
    found = next((path for path in places if (path / ESTIMATE).is_file()), None)
    return None if found is None else EstimateDirectory(found)


def check_free(path: Path, force: bool) -> None:
    """Refuse a directory that is taken, before anything is computed.

    Raises:
        RunError: something else is there; or an estimate, which is replaced with `force` only, and not while it is
            being made.
    """
    if not (path / ESTIMATE).is_file():
        if path.exists() and any(path.iterdir() if path.is_dir() else [path]):
            raise RunError(f"{path} exists and is no estimate, so it is left alone; choose another --name.")
        directories.check_place(path)
    elif not force:
        raise RunError(
            f"{path} exists; add --force to replace it, choose another --name, or go on with it: "
            f"{resuming.estimate(path)}"
        )
    else:
        with alone(path):
            pass


def alone(path: Path) -> contextlib.AbstractContextManager[None]:
    """Inside the context this process alone may make the estimate.

    Raises:
        RunError: another process is making it.
    """
    disk.refuse_links(path, (runs.LOCK, ESTIMATE))
    return disk.exclusive(path / runs.LOCK, f"{path} is being made by another process; wait for it.")


def make(
    path: Path, options: Mapping[str, Any], data: Mapping[str, Any], command: str | None, lock: contextlib.ExitStack
) -> EstimateDirectory:
    """Make the directory, in place of what is there.

    Args:
        options: of the estimate. data: what is said of the file. lock: is given what `alone` holds.

    Raises:
        RunError: it cannot be written.
    """
    document = {
        "status": "running",
        "econml": __version__,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
        "command": command,
        "model": options["model"],
        "options": dict(options),
        "data": dict(data),
    }
    with directories.making(path) as made:
        disk.write_json(made / ESTIMATE, document)
        lock.enter_context(alone(made))
    return EstimateDirectory(path)
