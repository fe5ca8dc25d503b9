"""Reads back what was written and compares it with our own predictions."""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from econml_cli.errors import EconmlError
from econml_cli.export.fitted import Fitted, difference
from econml_cli.export.torch_names import own_state

#: seconds that running an export may take
PATIENCE = 600


def verify(fitted: Fitted, form: str, directory: Path) -> tuple[float, float]:
    """(largest absolute, largest relative difference) between what was written and what we have.

    safetensors: of the arrays. The others: of the predictions at `fitted.x`, made by a process that cannot import us.

    Raises:
        EconmlError: it cannot be run, or differs by more than `fitted.bound`.
    """
    if form == "safetensors":
        return _arrays(fitted, directory)
    largest, relative = _predictions(fitted, form, directory)
    if not relative <= fitted.bound:
        more = "fit it with --precision float64, or " if fitted.config.trainer.dtype == "float32" else ""
        raise EconmlError(
            f"What --to {form} writes differs from {fitted.run.name} by {relative:.2g} relative on "
            f"{fitted.compared_on}, more than {fitted.bound:g}, so nothing was written; if the model magnifies "
            f"rounding, {more}take better conditioned features or a larger ridge."
        )
    return largest, relative


def _arrays(fitted: Fitted, directory: Path) -> tuple[float, float]:
    from safetensors.numpy import load_file

    mine, found = own_state(fitted.model), load_file(directory / "weights.safetensors")
    same = mine.keys() == found.keys() and all(
        mine[name].dtype == found[name].dtype and np.array_equal(mine[name], found[name]) for name in mine
    )
    if not same:
        raise EconmlError(
            f"weights.safetensors does not hold the arrays of {fitted.run.name}, so nothing was written; report it."
        )
    return 0.0, 0.0


def _predictions(fitted: Fitted, form: str, directory: Path) -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as scratch:
        inputs, outputs = Path(scratch, "x.npy"), Path(scratch, "y.npy")
        np.save(inputs, fitted.x)
        script = Path(__file__).with_name("replay.py")
        command = [sys.executable, "-P", str(script), form, str(directory.absolute()), str(inputs), str(outputs)]
        try:
            done = subprocess.run(  # noqa: S603 - this interpreter, our own script
                command, capture_output=True, text=True, timeout=PATIENCE
            )
        except subprocess.TimeoutExpired:
            raise EconmlError(
                f"Running what --to {form} wrote took more than {PATIENCE} s, so nothing was written."
            ) from None
        if done.returncode:
            last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise EconmlError(f"What --to {form} writes cannot be run ({last.rstrip('.')}), so nothing was written.")
        return difference(np.load(outputs, allow_pickle=False), fitted.y)
