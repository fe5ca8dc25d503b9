"""Investment with many firms: the policy against both roots, where each leads, and what more firms cost."""

from typing import Any

import jax
import numpy as np
from flax import nnx

from econml_cli.config.fit_config import build
from econml_cli.problems.economies.investment import Investment, linear_policy
from econml_cli.training.dry_run import dry_run
from figures import style
from figures.economies import cell, errors, rows
from figures.fitting import fit, rounded

QUICK = False
PAGE = "economics/investment.md"
SEEDS = (42, 43, 44)
#: after 5 epochs, as its authors report
SOURCE = {"test_loss": "4.0e-06", "policy_error_mean": "2.3e-03", "slope_error": "", "eigenvalue": "0.8995 (exact)"}
FIRMS = (128, 1_000, 10_000)
#: five epochs, with fewer trajectories to test on, so that 10,000 firms fit into minutes
SHORT: dict[str, Any] = {"num_epochs": 5, "schedule": "cosine", "lr": 3e-3, "trajectories_test": 4, "stop_loss": None}


def numbers() -> dict[str, Any]:
    """Verdicts by the recipe at three seeds and without a closed form; the policy of seed 42; cost against N."""
    fitted = fit("deep_set", "investment")
    problem, model = fitted.trainer.setup.problem, fitted.trainer.fitted()
    found: dict[str, Any] = {"seeds": errors("investment", SEEDS), "nu": errors("investment", (42,), nu=1.5)["42"]}
    X = np.asarray(fitted.trainer.setup.test.x)[::16]
    found["policy"] = {"X": rounded(X.mean(axis=1)), "u": rounded(fitted.at(X))}
    found["roots"] = {"solution": linear_policy(problem.p), "explosive": linear_policy(problem.p, explosive=True)}
    found["path"] = _paths(problem, model)
    found["transfer"] = {str(N): _elsewhere(model, N) for N in FIRMS}
    found["cost"] = {str(N): _cost(N) for N in FIRMS}
    return found


def _paths(problem: Any, model: Any) -> dict[str, list[float]]:
    """The mean of X over 60 periods without shocks, under the fit and under both roots."""
    explosive = linear_policy(problem.p, explosive=True)
    rules = {
        "fit": lambda X: model(X),
        "solution": lambda X: problem.H0 + problem.H1 * X.mean(axis=1, keepdims=True),
        "explosive": lambda X: explosive[0] + explosive[1] * X.mean(axis=1, keepdims=True),
    }
    found = {}
    for name, rule in rules.items():
        X, means = problem.start(1), []
        for _ in range(60):
            means.append(float(X.mean()))
            X = rule(X) + (1 - problem.p.delta) * X
        found[name] = rounded(means)
    return found


def _elsewhere(model: Any, N: int) -> dict[str, float]:
    """The verdicts of a network fitted with 128 firms on an economy of N."""
    problem = Investment(rngs=nnx.Rngs(1), N=N, trajectories_test=4)
    batch = jax.jit(lambda: problem.sample(nnx.Rngs(2), "test"))()
    return problem.verdicts(model, batch)


def _cost(N: int) -> dict[str, float]:
    """Five epochs with N firms: seconds of an epoch (the median), bytes that a step needs beside data, verdicts."""
    fitted = fit("deep_set", "investment", N=N, **SHORT)
    report = dry_run(build("deep_set", "investment", [("docs/figures", {"N": N, **SHORT})]))
    seconds = float(np.median(fitted.seconds[1:]))
    return {"seconds_an_epoch": round(seconds, 2), "bytes_a_step": report.bytes_temporary, **fitted.found}


def draw(numbers: dict[str, Any]) -> Any:
    """The policy, and the path that it makes, with those of both roots."""
    figure, axes = style.panels(2)
    X = np.linspace(0.6, 1.0, 2)
    for i, (name, (H0, H1)) in enumerate(numbers["roots"].items()):
        axes[0].plot(X, H0 + H1 * X, color=style.COLORS[i], linestyle=style.LINES[i], label=f"{name}: slope {H1:.4f}")
    policy = numbers["policy"]
    axes[0].plot(policy["X"], policy["u"], "o", color="0.2", markersize=3, label="fit, on test states")
    axes[0].set(xlabel="mean capital of the firms", title="investment u(X)")
    axes[0].legend()
    for i, name in enumerate(("solution", "explosive")):
        axes[1].plot(numbers["path"][name], color=style.COLORS[i], linestyle=style.LINES[i], label=name)
    axes[1].plot(range(0, 60, 4), numbers["path"]["fit"][::4], "o", color="0.2", markersize=3, label="fit")
    axes[1].set(xlabel="period", title="mean capital, no shocks", ylim=(0.6, 1.6))
    axes[1].legend()
    return figure


def table(numbers: dict[str, Any]) -> str:
    """Errors at three seeds against the source's; then error, seconds and memory against the number of firms."""
    firms = [["firms N", "trained at 128: mean error", "largest", "trained at N, 5 epochs: mean error", "eigenvalue"]]
    firms[0] += ["seconds an epoch", "memory a step"]
    firms.append(["---"] * len(firms[0]))
    for N, cost in numbers["cost"].items():
        there = numbers["transfer"][N]
        line = [f"{int(N):,}", cell(there["policy_error_mean"]), cell(there["policy_error_max"])]
        line += [cell(cost["policy_error_mean"]), f"{cost['eigenvalue']:.4f}", f"{cost['seconds_an_epoch']:.3g}"]
        firms.append([*line, f"{cost['bytes_a_step'] / 1e6:,.0f} MB"])
    second = "\n".join("| " + " | ".join(line) + " |" for line in firms)
    return rows({**numbers["seeds"], "42, nu 1.5": numbers["nu"]}, SOURCE) + "\n\n" + second
