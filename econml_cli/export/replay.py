"""Runs what an export wrote, in a process of its own in which our package cannot be imported: a script, not a module.

    python replay.py FORMAT DIRECTORY INPUTS.npy OUTPUTS.npy

It is told by a path, and imports nothing but what a user of that format has.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

#: what must not be needed to run each format
BLOCKED = {
    "numpy": ("econml_cli", "jax", "flax", "torch"),
    "torch": ("econml_cli", "jax", "flax"),
    "onnx": ("econml_cli", "jax", "flax", "torch"),
    "stablehlo": ("econml_cli", "flax", "torch"),
}
#: observations that pass at once: bounds the memory
BLOCK = 1024


class Blocked:
    """An entry of sys.meta_path that refuses some packages."""

    def __init__(self, names: tuple[str, ...]):
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse a package, pass over the others."""
        if name.partition(".")[0] in self.names:
            raise ImportError(f"{name} must not be needed")


def of_code(directory: Path) -> Callable[[Any], Any]:
    """What model.py predicts."""
    import importlib.util

    spec = importlib.util.spec_from_file_location("model", directory / "model.py")
    assert spec is not None and spec.loader is not None  # a path that ends in .py has a loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.load()
    return lambda x: module.predict(x, network)


def of_onnx(directory: Path) -> Callable[[Any], Any]:
    """What onnxruntime makes of model.onnx."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(directory / "model.onnx"), providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {"x": x})[0]


def of_stablehlo(directory: Path) -> Callable[[Any], Any]:
    """What jax makes of model.stablehlo."""
    import jax
    from jax import export

    function = export.deserialize(bytearray((directory / "model.stablehlo").read_bytes()))
    jax.config.update("jax_enable_x64", str(function.in_avals[0].dtype) == "float64")
    return function.call


def main() -> None:
    """Predict the inputs in blocks and write the outputs."""
    form, directory, inputs, outputs = sys.argv[1:]
    sys.meta_path.insert(0, Blocked(BLOCKED[form]))
    import numpy as np

    predict = {"onnx": of_onnx, "stablehlo": of_stablehlo}.get(form, of_code)(Path(directory))
    x = np.load(inputs, allow_pickle=False)
    found = [np.asarray(predict(x[start : start + BLOCK])) for start in range(0, len(x), BLOCK)]
    np.save(outputs, np.concatenate(found))


if __name__ == "__main__":
    main()
