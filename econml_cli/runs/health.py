"""Whether a fit is to be trusted, said so that nobody who works in Python overlooks it."""

import re
import warnings
from collections.abc import Collection, Mapping
from typing import Any

from econml_cli.problems import registry as problems
from econml_cli.runs.directory import ENDED as ENDED
from econml_cli.runs.directory import Run

_BROKEN_OFF = {"interrupted": "was interrupted", "running": "has not finished", "killed": "was killed"}


#: a verdict in what `failed` says, and why
_REASON = re.compile(r"(?:^|; )(\w+) \((.*?)\)(?=; \w+ \(|$)")
#: what the verdicts on an economic model are about, and the word for any of them
STATES, ANY = "states", "all"
VERDICTS = ("loss", "truth", "stability", STATES)


def failed_verdicts(told: Mapping[str, Any], accepted: Collection[str] = ()) -> tuple[str, ...]:
    """Which verdicts (`verdict_loss`, ...) of a summary or an evaluation are FAILED and not among those `accepted`."""
    wrong = [name.removeprefix("verdict_") for name, word in told.items() if word == "FAILED" and name != "failed"]
    return tuple(name for name in wrong if name not in accepted and ANY not in accepted)


def reasons(told: Mapping[str, Any]) -> dict[str, str]:
    """{"truth": "policy_error_max 0.3 is not below 0.01"} of a summary or an evaluation: of each FAILED verdict the
    number that is on the wrong side of its bar, and the bar."""
    return {m[1]: m[2] for m in _REASON.finditer(str(told.get("failed", "")))}


def in_words(told: Mapping[str, Any], name: str) -> str:
    """A verdict as it is shown: "passed", or "FAILED: policy_error_max 0.3 is not below 0.01"."""
    word, why = str(told[name]), reasons(told).get(name.removeprefix("verdict_"))
    return f"{word}: {why}" if word == "FAILED" and why else word


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


def status(run: Run, diverged: bool) -> str:
    """How the fit ended whose weights were read. Of an ensemble `run.status` says how all ended together, the weights
    of one member whether that one has `diverged`."""
    return "diverged" if diverged else run.status()


def of_weights(run: Run, diverged: bool, epoch: int) -> tuple[str, ...]:
    """What is to be said of the weights of a fit that did not end by itself, or diverged: one sentence, else none."""
    return _of(run, status(run, diverged), f"these are its weights of epoch {epoch:,}")


def of_recipe(run: Run) -> tuple[str, ...]:
    """The same where its recipe is fitted again, to other data, and its weights are not looked at."""
    return _of(run, run.status(), "here its recipe is fitted anew, to the end")


def _of(run: Run, status: str, then: str) -> tuple[str, ...]:
    if status in ENDED:
        return ()
    which = run.name if run.member is None else f"member {run.member} of {run.name}"
    return (f"{which} {_BROKEN_OFF.get(status, status)}: {then}.",)


def warn(message: str | None, stacklevel: int) -> None:
    """Warn with FitWarning, if there is a message, at the line of whoever called us (`stacklevel` frames up)."""
    if message is not None:
        warnings.warn(message, FitWarning, stacklevel=stacklevel)
