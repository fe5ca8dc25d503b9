"""Every model on every problem with a known truth: a table of docs/how-to-choose.md."""

import sys
from dataclasses import dataclass, field
from typing import Any

from figures.fitting import SEEDS, Fitted, fit, spread

QUICK = False
PAGE = "how-to-choose.md"


@dataclass(frozen=True)
class Case:
    """A problem, its options, the number reported (smaller is better; where `above` is set it is taken off that), and
    what a trained model is given beyond the problem's recipe."""

    problem: str
    says: str
    measure: str
    options: dict[str, Any] = field(default_factory=dict)
    trained: dict[str, Any] = field(default_factory=dict)
    inputs: int = 1
    above: float = 0.0

    def error(self, found: dict[str, float]) -> float:
        """What the table shows of one fit."""
        return self.above - found[self.measure] if self.above else found[self.measure]


CASES = {
    "linear": Case(
        "linear",
        "linear, 10 inputs, noise sd 0.5: excess risk",
        "excess_risk",
        {"M": 10, "sigma": 0.5},
        {"batch_size": 64, "num_epochs": 300, "patience": 30},
        inputs=10,
    ),
    "sine": Case("function", "sin(2 pi x), noise sd 0.1: excess risk", "excess_risk", {"expr": "sin(2*pi*x)"}),
    "kink": Case(
        "function",
        "abs(x - 0.3), noise sd 0.1: excess risk",
        "excess_risk",
        {"expr": "abs(x - 0.3)"},
        {"activation": "relu"},
    ),
    "runge": Case("runge", "runge, 64 Chebyshev nodes, no noise: largest error", "max_error"),
    "friedman": Case("friedman", "friedman, noise sd 1: excess risk", "excess_risk", inputs=10),
    "symmetric": Case("symmetric", "symmetric, sets of 16: 1 - R²", "r2", inputs=16, above=1.0),
    "factor": Case("factor", "factor, 20 series: test error / PCA's", "mse_over_pca", inputs=20),
    "xor": Case("xor", "xor: cross-entropy (guessing: 0.693)", "test_loss", inputs=2),
}
#: one number of each exact model is chosen by validation loss, for each seed by itself
CHOICES: dict[str, dict[str, list[Any]]] = {
    "linear": {"solver": ["lstsq"]},
    "polynomial": {"degree": [1, 2, 3]},
    "random_features": {"ridge": [1e-6, 1e-3, 1e-1, 10.0]},
    "kernel": {"ridge": [1e-3, 1e-1, 1.0, 10.0]},
}
ONE_INPUT = {"polynomial": {"degree": [3, 6, 12, 24]}}
ALWAYS: dict[str, dict[str, Any]] = {"random_features": {"num_features": 500, "bias": True}}
GENERAL = ("linear", "polynomial", "random_features", "kernel", "mlp", "resnet")
#: squared error only; without a bottleneck the reconstruction of x is x
LEFT_OUT = {"xor": ("kernel",), "factor": GENERAL}
SPECIAL = {"symmetric": "deep_set", "factor": "autoencoder"}


def numbers() -> dict[str, Any]:
    """Median, smallest and largest error over the seeds: {case: {model: spread}}."""
    found: dict[str, Any] = {}
    for name, case in CASES.items():
        models = [model for model in (*GENERAL, SPECIAL.get(name)) if model and model not in LEFT_OUT.get(name, ())]
        cells = {model: [case.error(_best(model, case, seed).found) for seed in SEEDS] for model in models}
        found[name] = {model: spread(errors) for model, errors in cells.items()}
        print(f"comparison: {name}", file=sys.stderr)
    return found


def _best(model: str, case: Case, seed: int) -> Fitted:
    """The fit of a model at one seed."""
    options = {**case.options, **ALWAYS.get(model, {}), "seed": seed}
    if case.problem == "xor" and model in CHOICES:
        options["solver"] = "gradient"
    elif model in CHOICES:
        return _chosen(model, case, options)
    return fit(model, case.problem, **options, **case.trained)


def _chosen(model: str, case: Case, options: dict[str, Any]) -> Fitted:
    """Of the fits of an exact model that with the smallest validation loss."""
    choices = ONE_INPUT.get(model, CHOICES[model]) if case.inputs == 1 else CHOICES[model]
    ((name, values),) = choices.items()
    fits = [fit(model, case.problem, **options, **{name: value}) for value in values]
    return min(fits, key=lambda one: one.found["val_loss"])


def table(numbers: dict[str, Any]) -> str:
    """A row a problem, a column a model; the smallest median of a row in bold."""
    rows = [["problem", *GENERAL, "made for it"], ["---"] * (len(GENERAL) + 2)]
    for name, cells in numbers.items():
        best = min(cell["median"] for cell in cells.values()) if len(cells) > 1 else None
        special = SPECIAL.get(name, "")
        shown = [_cell(cells.get(model), best) for model in (*GENERAL, special)]
        shown[-1] = f"{special}<br>{shown[-1]}" if special else ""
        rows.append([CASES[name].says, *shown])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(cell: dict[str, float] | None, best: float | None) -> str:
    if cell is None:
        return "-"
    median = f"**{cell['median']:.3g}**" if cell["median"] == best else f"{cell['median']:.3g}"
    return f"{median}<br>{cell['low']:.3g} to {cell['high']:.3g}"
