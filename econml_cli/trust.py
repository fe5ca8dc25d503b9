"""Whether a fit is to be trusted, said so that nobody who works in Python overlooks it."""

import warnings
from collections.abc import Mapping
from typing import Any

from econml_cli.problems import registry as problems
from econml_cli.runs import Run


class FitWarning(UserWarning):
    """A fit is there, but not to be trusted: it diverged, or a verdict on an economic model failed.

    `warnings.simplefilter("error", econml_cli.FitWarning)` makes it an exception.
    """


def failed(run: Run) -> str | None:
    """What is wrong with a fit and what to try, in a sentence: it diverged, or a verdict failed; else None.

    Raises:
        RunError: the run cannot be read.
    """
    summary = run.summary()
    if summary.get("stop_reason") == "diverged":
        epoch = summary["diverged_epoch"]
        return (
            f"{run.name} diverged: the loss or a weight became non-finite in epoch {epoch:,}; the weights of epoch "
            f"{epoch - 1:,} are kept in {run.path}. Try a smaller lr, grad_clip=1, or schedule='warmup_cosine'."
        )
    if "failed" not in summary:
        return _lost(run, summary) if summary.get("diverged") else None
    config = run.config()
    means = None
    if summary.get("verdict_stability") == "FAILED":
        means = getattr(problems.load(config.problem), "unstable", None)
    advice = f"another seed (seed={config.trainer.seed + 1}, or retries=5), or more num_epochs"
    if summary.get("stop_reason") == "solved":  # no seed and no epoch changes an exact solution
        advice = "other options of the model or of the problem"
    said = f"{summary['failed']}; {means}" if means else summary["failed"]
    return f"{run.name} FAILED: {said}. It is kept in {run.path}. Try {advice}."


def _lost(run: Run, summary: Mapping[str, Any]) -> str:
    return (
        f"{summary['diverged']} of the {summary['members']} members of {run.name} diverged and are left out. "
        "Try a smaller lr, or grad_clip=1."
    )


def warn(message: str | None, stacklevel: int) -> None:
    """Warn with FitWarning, if there is a message, at the line of whoever called us (`stacklevel` frames up)."""
    if message is not None:
        warnings.warn(message, FitWarning, stacklevel=stacklevel)
