"""A JAX function as an ONNX graph that standardises its own inputs."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from econml_cli.export.fitted import Inputs


def graph(function: Callable[[Any], Any], inputs: Inputs, precision: str) -> Any:
    """The `onnx.ModelProto` with input "x" [b, ...] and output "y" [b, dout] for any number b of rows.

    Args:
        function: x as the network reads it, in `precision`, -> predictions.
    """
    import jax2onnx

    logging.getLogger("onnx_ir").setLevel(logging.ERROR)  # shapes of unused values that it cannot tell
    double = precision == "float64"
    name = "x" if inputs.mean is None else "standardised"
    model = jax2onnx.to_onnx(
        function,
        inputs=[("b", *inputs.shape)],
        enable_double_precision=double,
        input_names=[name],
        output_names=["y"],
        model_name="econml",
    )
    if inputs.mean is not None:
        _standardise(model, inputs, double)
    return model


def _standardise(model: Any, inputs: Inputs, double: bool) -> None:
    """Put (x - mean) / scale before the graph's input `standardised`, in float64 whatever the network computes in."""
    from onnx import TensorProto, helper, numpy_helper

    inner = model.graph
    kind = TensorProto.DOUBLE if double else TensorProto.FLOAT
    constants = {"x_mean": np.array(inputs.mean), "x_scale": np.array(inputs.scale)}
    inner.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    nodes = [
        helper.make_node("Sub", ["x", "x_mean"], ["x_centred"]),
        helper.make_node("Div", ["x_centred", "x_scale"], ["x_scaled"]),
        helper.make_node("Cast", ["x_scaled"], ["standardised"], to=kind),
        *inner.node,
    ]
    del inner.node[:], inner.input[:]
    inner.node.extend(nodes)
    inner.input.append(helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["b", *inputs.shape]))
