"""The README of an export: what is in it, and the lines that load it and predict."""

from econml_cli.export.fitted import Fitted
from econml_cli.export.formats import FORMATS
from econml_cli.output.tables import plain_markdown

_NEEDS = {
    "safetensors": "safetensors and numpy",
    "torch": "torch, safetensors and numpy",
    "onnx": "onnxruntime and numpy",
    "numpy": "numpy",
    "stablehlo": "jax and flatbuffers",
}
_CODE = {
    "safetensors": """\
from safetensors.numpy import load_file
weights = load_file("weights.safetensors")
print({name: array.shape for name, array in weights.items()})
""",
    "torch": """\
import numpy as np
from model import load, predict
print(predict(np.load("test_sample.npz")["x"], load())[:5])
""",
    "onnx": """\
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("model.onnx")
print(session.run(None, {"x": np.load("test_sample.npz")["x"]})[0][:5])
""",
    "stablehlo": """\
import jax, numpy as np; from jax import export
function = export.deserialize(open("model.stablehlo", "rb").read())
print(function.call(np.load("test_sample.npz")["x"])[:5])
""",
}
_CODE["numpy"] = _CODE["torch"]


def readme(fitted: Fitted, form: str) -> str:
    """README.md of an export."""
    code = _CODE[form]
    if form == "stablehlo" and fitted.inputs.dtype == "float64":
        code = 'import jax; jax.config.update("jax_enable_x64", True)\n' + code
    held = dict.fromkeys(FORMATS[form].files, "the model")
    held |= {"model.json": "what it is: options, inputs, outputs, the run it is from"}
    if fitted.run.preprocessing() is not None:
        held["preprocessing.json"] = "how the columns of the data become the inputs"
        if filled := (fitted.run.preprocessing() or {}).get("fills"):
            columns = ", ".join(map(plain_markdown, filled))
            ends = f"inputs that end in {plain_markdown('[missing]')} are 1 there, else 0"
            held["preprocessing.json"] += f"; gaps of {columns} are filled with its `fills`, and {ends}"
    held["test_sample.npz"] = f"x, y: observations ({fitted.compared_on}) and what econml predicts there"
    listing = "\n".join(f"* `{name}`: {text}" for name, text in held.items())
    model, problem = plain_markdown(fitted.config.model), plain_markdown(fitted.config.problem)
    return f"""\
# {plain_markdown(fitted.run.name)}

Model {model}, fitted to problem {problem} by econml, epoch {fitted.epoch:,}.
It needs {_NEEDS[form]}.

```python
{code}```

{_meaning(fitted, form)}

{listing}
"""


def _meaning(fitted: Fitted, form: str) -> str:
    if form == "safetensors":
        return (
            "The arrays are the model's own, by path: `linear1.kernel` is [in, out], so x @ kernel + bias. Where "
            "`inputs` in `model.json` has a mean and a scale, the model reads (x - mean) / scale."
        )
    shape = ", ".join(["n", *map(str, fitted.inputs.shape)])
    names = fitted.inputs.names
    columns = f" Its columns are {', '.join(map(plain_markdown, names))}." if names and len(names) <= 20 else ""
    outputs = ", ".join(map(plain_markdown, fitted.outputs.names[:20]))
    return (
        f"x [{shape}] is {fitted.inputs.dtype}, in the units of the data: `inputs` in `model.json`.{columns} What "
        f"comes out, {outputs}, is what `econml predict` gives: {fitted.outputs.meaning}."
    )
