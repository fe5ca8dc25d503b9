"""The formats of an export as a table, and what can be refused before anything is computed. Standard library only."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError, EconmlError, suggest
from econml_cli.storage import directories


@dataclass(frozen=True)
class Format:
    """One row: one line of help, the files that hold the model, the packages that write and check it, and the extra of
    ours that brings them."""

    help: str
    files: tuple[str, ...]
    packages: tuple[str, ...] = ()
    extra: str = ""


FORMATS: dict[str, Format] = {
    "safetensors": Format("the arrays under our own names", ("weights.safetensors",), ("safetensors",)),
    "torch": Format(
        "a PyTorch module and its state_dict", ("model.py", "weights.safetensors"), ("torch", "safetensors"), "torch"
    ),
    "onnx": Format("an ONNX graph", ("model.onnx",), ("jax2onnx", "onnxruntime"), "onnx"),
    "numpy": Format("NumPy code and arrays", ("model.py", "weights.npz")),
    "stablehlo": Format("a compiled JAX function", ("model.stablehlo",), ("flatbuffers",)),
}


def check(to: str, out: Path, force: bool) -> None:
    """Refuse what cannot work, before jax is imported.

    Raises:
        ConfigError: no such format.
        EconmlError: a package that writes or checks it is not installed, or the directory cannot be made.
    """
    if to not in FORMATS:
        raise ConfigError(f"--to {to}: choose one of {', '.join(FORMATS)}.{suggest(to, FORMATS)}")
    form = FORMATS[to]
    if missing := [name for name in form.packages if importlib.util.find_spec(name) is None]:
        install = f'"econml-cli[{form.extra}]"' if form.extra else " ".join(missing)
        raise EconmlError(
            f"--to {to} needs {' and '.join(missing)} to write the model, or to run and compare what was written: "
            f"pip install {install}" + (" (or pip install torch)." if to == "torch" else ".")
        )
    check_free(out, force)


def check_free(out: Path, force: bool) -> None:
    """Refuse a directory that is taken or cannot be made.

    Raises:
        EconmlError: it exists (and force is not set, or it is no export), or no directory on its way can be written.
    """
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        if not out.is_dir() or not (out / "model.json").is_file() or (out / "manifest.json").exists():
            raise EconmlError(
                f"{out} exists and is no export (it has no model.json), so it is left alone; choose another --out."
            )
        if not force:
            raise EconmlError(f"{out} exists; add --force to replace that export, or choose another --out.")
    directories.check_place(out)
