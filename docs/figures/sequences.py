"""What the pages of sequence problems share: the fitted sequence at several seeds, the truth, and a wrong solution."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from figures import style
from figures.economies import rows
from figures.fitting import fit, rounded

SEEDS = (42, 43, 44)


def sequences(problem: str) -> dict[str, Any]:
    """By seed: verdicts, the sequence on the test sample and its error; the truth."""
    found: dict[str, Any] = {"seeds": {}, "fitted": {}, "error": {}}
    for seed in SEEDS:
        fitted = fit("mlp", problem, seed=seed)
        setup, model = fitted.trainer.setup, fitted.trainer.fitted()
        x = setup.test.x
        with fitted.precision():
            truth = np.asarray(setup.problem.truth(x), np.float64)
            values = np.asarray(setup.problem.predict(model, x), np.float64)
        found["seeds"][str(seed)] = fitted.found
        found["fitted"][str(seed)] = rounded(values)
        found["error"][str(seed)] = rounded(np.abs(values / truth - 1))
        found |= {"t": rounded(x), "truth": rounded(truth), "trained": len(setup.train.x)}
    return found


def wrong_residual(problem: Any, values: np.ndarray) -> float:
    """The largest residual of the sequence with these values at t = 0, 1, ..., where softplus is its output transform,
    on the test sample. Call it in float64."""
    raw = jnp.asarray(values + np.log(-np.expm1(-values)))
    batch = problem.sample(None, "test")
    return float(jnp.abs(problem.residual(lambda x: raw[jnp.round(x).astype(int)], batch)).max())


def drawn(numbers: dict[str, Any], name: str, wrong: str, ylim: tuple[float, float]) -> Any:
    """The sequence at the first seed between the truth and a wrong solution, and the error at all seeds."""
    figure, axes = style.panels(2)
    for axis in axes:
        axis.axvspan(0, numbers["trained"] - 1, color="0.94", linewidth=0)
    seed = next(iter(numbers["fitted"]))
    axes[0].plot(numbers["t"], numbers["fitted"][seed], color=style.COLORS[0], label=f"fitted, seed {seed}")
    axes[0].plot(numbers["t"], numbers["truth"], color="0.3", linestyle=":", label="truth")
    axes[0].plot(numbers["t"], numbers["wrong"], color=style.COLORS[1], linestyle=style.LINES[1], label=wrong)
    axes[0].set(xlabel="t (trained where grey)", title=name, ylim=ylim)
    axes[0].legend()
    for i, (seed, error) in enumerate(numbers["error"].items()):
        look = {"color": style.COLORS[i], "linestyle": style.LINES[i], "label": f"seed {seed}"}
        axes[1].plot(numbers["t"], error, **look)
    axes[1].set(xlabel="t", title="|fitted / truth - 1|", yscale="log")
    axes[1].legend()
    return figure


def compared(numbers: dict[str, Any], source: dict[str, str], extra: tuple[str, ...]) -> str:
    """The table of errors: `source` has the source's two figures, in sample and on all periods."""
    names = {"path_error_mean": "mean error in sample", "policy_error_mean": "mean error, all periods"}
    told = {
        seed: {names.get(name, name): value for name, value in found.items()}
        for seed, found in numbers["seeds"].items()
    }
    return rows(told, {names.get(name, name): text for name, text in (source | dict.fromkeys(extra, "")).items()})
