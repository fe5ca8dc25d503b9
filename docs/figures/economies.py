"""What the pages of economic models share: errors at several seeds, and their table beside the source's figures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from econml_cli.problems import registry
from figures import style
from figures.fitting import fit

#: what a number of the verdicts is called in a table
NAMES = {
    "policy_error_mean": "policy, mean error",
    "policy_error_max": "policy, largest",
    "path_error_mean": "along a path, mean",
    "log10_euler_mean": "log10 Euler, mean",
    "log10_euler_max": "log10 Euler, largest",
    "eigenvalue": "eigenvalue",
    "slope_error": "slope, error",
}


def errors(problem: str, seeds: Sequence[int], **options: Any) -> dict[str, dict[str, Any]]:
    """Losses and verdicts of a problem by its recipe alone, {seed: {name: number}}."""
    model = registry.get(problem).model
    return {str(seed): fit(model, problem, seed=seed, **options).found for seed in seeds}


def comparable(numbers: dict[str, Any]) -> dict[str, Any]:
    """What another processor must find, too: the verdicts. The errors of a network after thousands of steps are small
    differences of large numbers, of which only the size is the same everywhere; the verdicts are about that."""
    of = {seed: found.items() for seed, found in numbers["seeds"].items()}
    return {seed: {name: word for name, word in found if name.startswith("verdict_")} for seed, found in of.items()}


def rows(found: Mapping[str, Mapping[str, Any]], source: Mapping[str, str], lead: str = "seed") -> str:
    """A Markdown table: one line a seed, then the source's figures; a column for each number that the source gives."""
    names = list(source)
    lines = [[lead, *(NAMES.get(name, name.replace("_", " ")) for name in names), "verdicts"]]
    lines.append(["---"] * len(lines[0]))
    for seed, numbers in found.items():
        told = [word for name, word in numbers.items() if name.startswith("verdict_")]
        passed = f"{sum(word == 'passed' for word in told)} of {len(told)} passed"
        lines.append([seed, *(cell(numbers.get(name)) for name in names), passed])
    lines.append(["source", *source.values(), ""])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cell(value: Any) -> str:
    """Two digits of a small number, four of others."""
    return "-" if value is None else f"{value:.1e}" if 0 < abs(value) < 0.1 else f"{value:.4g}"


def along_cash(axes: Any, numbers: Mapping[str, Any], lead: str = "") -> None:
    """On two axes consumption and its error along cash on hand, a line for each household that `numbers` name; `lead`
    stands before the names."""
    for axis, name, title in ((axes[0], "c", "consumption c(m)"), (axes[1], "error", "|c / exact - 1|")):
        for number, (who, values) in enumerate(numbers[name].items()):
            look = {"color": style.COLORS[number], "linestyle": style.LINES[number], "label": f"{lead}{who}"}
            axis.plot(numbers["m"], np.maximum(values, 1e-8) if name == "error" else values, **look)
        axis.set(xlabel="cash on hand", title=title, xscale="log")
    axes[0].legend()
    axes[1].set(yscale="log", ylim=(1e-8, 1e-1))
