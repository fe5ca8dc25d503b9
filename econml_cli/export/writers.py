"""One function a format: a fitted model into the files of a directory."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from jax.extend.core import jaxpr_as_fun

from econml_cli.errors import EconmlError
from econml_cli.export import twins
from econml_cli.export.assemble import model_source
from econml_cli.export.fitted import Fitted
from econml_cli.export.torch_names import own_state, torch_state
from econml_cli.version import __version__

#: where a StableHLO export runs
PLATFORMS = ("cpu", "cuda", "tpu")


def write_safetensors(fitted: Fitted, directory: Path) -> dict[str, Any]:
    """weights.safetensors: every array of the model under its own path, linear1.kernel [in, out]."""
    from safetensors.numpy import save_file

    save_file(own_state(fitted.model), directory / "weights.safetensors")
    return {}


def write_torch(fitted: Fitted, directory: Path) -> dict[str, Any]:
    """model.py, weights.safetensors: a state_dict under PyTorch's names, linear1.weight [out, in]."""
    from safetensors.numpy import save_file

    description = _describe(fitted)
    save_file(description.weights(torch_state(fitted.model)), directory / "weights.safetensors")
    return _write_code(fitted, directory, description, "torch", "PyTorch")


def write_numpy(fitted: Fitted, directory: Path) -> dict[str, Any]:
    """model.py, weights.npz: the arrays under their own paths."""
    description = _describe(fitted)
    np.savez(directory / "weights.npz", **description.weights(own_state(fitted.model)))  # type: ignore[arg-type]
    return _write_code(fitted, directory, description, "numpy", "NumPy")


def _describe(fitted: Fitted) -> twins.Description:
    if fitted.outputs.transform is None:
        raise EconmlError(
            f"Problem {fitted.config.problem} makes predictions of the model's outputs in a way of its own, which "
            "model.py cannot repeat; export --to onnx or stablehlo, which hold all of it, or --to safetensors."
        )
    return twins.describe(fitted.model, fitted.config.model)


def _write_code(
    fitted: Fitted, directory: Path, description: twins.Description, framework: str, name: str
) -> dict[str, Any]:
    title = f"Model {fitted.config.model} of run {fitted.run.name} in {name}, written by econml {__version__}."
    source = model_source(framework, description.templates, description.classes, title)
    (directory / "model.py").write_text(source, encoding="utf-8")
    return {"network": description.network}


def write_stablehlo(fitted: Fitted, directory: Path) -> dict[str, Any]:
    """model.stablehlo: what `jax.export` serialises, for any number of rows, standardisation and transform included."""
    from jax import export

    (b,) = export.symbolic_shape("b")
    inputs, dtype = fitted.inputs, jax.numpy.dtype(fitted.config.trainer.dtype)

    def convert(function: Any) -> bytes:
        exported = export.export(jax.jit(function), platforms=PLATFORMS)(_shaped((b, *inputs.shape), dtype))
        if inputs.mean is not None:
            inner, mean, scale = exported, np.array(inputs.mean), np.array(inputs.scale)
            with jax.enable_x64(True):  # years are 1990 with a standard deviation of 5: float32 would round them
                outer = jax.jit(lambda x: inner.call(((x - mean) / scale).astype(dtype)))
                exported = export.export(outer, platforms=PLATFORMS)(_shaped((b, *inputs.shape), np.dtype("float64")))
        return bytes(exported.serialize())

    (directory / "model.stablehlo").write_bytes(_for_any_rows(fitted, "StableHLO", convert))
    return {"platforms": list(PLATFORMS)}


def _shaped(shape: tuple[Any, ...], dtype: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape, dtype)


def write_onnx(fitted: Fitted, directory: Path) -> dict[str, Any]:
    """model.onnx: input x, output y, for any number of rows, with standardisation and transform in it."""
    from econml_cli.export.onnx_graph import graph

    def convert(function: Any) -> Any:
        return graph(function, fitted.inputs, fitted.config.trainer.dtype)

    model = _for_any_rows(fitted, "ONNX", convert)
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    return {"opset": int(model.opset_import[0].version)}


def _for_any_rows(fitted: Fitted, what: str, convert: Callable[[Any], Any]) -> Any:
    """What `convert` makes of the function x, as the network reads it, -> predictions.

    The function is traced for one row and mapped over them, so that a model may ask how many rows there are (`len(x)`).
    """
    graphdef, state = nnx.split(fitted.model)

    def of_one(row: Any) -> Any:
        return fitted.problem.predict(nnx.merge(graphdef, state), row[None])[0]

    try:
        # traced here: while jax2onnx traces, flax's layers are operations that it cannot map
        traced = jax.make_jaxpr(of_one)(_shaped(fitted.inputs.shape, jax.numpy.dtype(fitted.config.trainer.dtype)))
        return convert(jax.vmap(lambda row: jaxpr_as_fun(traced)(row)[0]))
    except Exception as error:  # jax and jax2onnx raise a dozen kinds
        first = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        raise EconmlError(
            f"Model {fitted.config.model} cannot be written as {what} for any number of rows ({first}); try another "
            "--to (--debug shows the trace)."
        ) from error


def write_about(fitted: Fitted, directory: Path, more: dict[str, Any]) -> None:
    """model.json, preprocessing.json where the run has one, and up to 100 observations with their predictions."""
    preprocessing = fitted.run.preprocessing()
    if preprocessing is not None:
        _dump(directory / "preprocessing.json", preprocessing)
    np.savez(directory / "test_sample.npz", x=fitted.x[:100], y=fitted.y[:100])
    manifest = fitted.run.manifest()
    about = {
        "model": fitted.config.model,
        "options": vars(fitted.config.model_options),
        "phi": getattr(getattr(fitted.config, "representation", None), "phi", None),
        "precision": fitted.config.trainer.dtype,
        **more,
        "inputs": asdict(fitted.inputs),
        "outputs": {**asdict(fitted.outputs), "dtype": str(fitted.y.dtype)},
        "problem": fitted.config.problem,
        "run": {"name": fitted.run.name, "id": manifest.get("id"), "epoch": fitted.epoch},
        "econml": __version__,
    }
    _dump(directory / "model.json", about)


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


WRITERS: dict[str, Callable[[Fitted, Path], dict[str, Any]]] = {
    "safetensors": write_safetensors,
    "torch": write_torch,
    "onnx": write_onnx,
    "numpy": write_numpy,
    "stablehlo": write_stablehlo,
}
