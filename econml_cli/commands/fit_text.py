"""What `econml fit` prints at its end: plain text that reads the same in a terminal, a pipe and a log."""

import json
import shlex
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from econml_cli.options import shell
from econml_cli.output.terminal import number, size
from econml_cli.runs import caveats, health

if TYPE_CHECKING:
    from econml_cli.training.run.recorder import FitResult

_HEADLINES = {
    "max_epochs": "{model} on {problem}: {epochs:,} epochs in {seconds_training:.1f} s",
    "early_stopping": "{model} on {problem}: stopped early after {epochs:,} epochs",
    "converged": "{model} on {problem}: converged after {epochs:,} epochs in {seconds_training:.1f} s",
    "solved": "{model} on {problem}: solved exactly in {seconds_training:.1f} s",
    "diverged": "{model} on {problem}: DIVERGED in epoch {diverged_epoch:,}",
    "interrupted": "{model} on {problem}: interrupted after {epochs:,} epochs",
}
#: what a summary says of a mean over members beside it
_ACROSS = ("_sd", "_min", "_max")
_NOT_LISTED = {
    "members",
    "seeds_passed",
    "model",
    "problem",
    "stop_reason",
    "epochs",
    "best_epoch",
    "diverged_epoch",
    "n_train",
    "state_sha256",
    "failed",
    *caveats.KEYS,
}


def as_json(result: "FitResult") -> str:
    """The summary and the run directory as one JSON document."""
    return json.dumps({"run": str(result.run.path), **result.summary}, indent=2)


def _aligned(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(label) for label, _ in rows)
    return "\n".join(f"  {label:<{width}}  {value}" for label, value in rows)


def as_text(result: "FitResult") -> str:
    """Losses, errors against the truth, parameters, seconds, the run directory, and the next command to type."""
    summary, path = result.summary, shlex.quote(str(result.run.path))
    rows = [(key.replace("_", " "), _value(summary, key)) for key in summary if _listed(summary, key)]
    rows.append(("run", path))
    headline = _HEADLINES[result.stop_reason].format(**{**summary, "model": _several(summary)})
    if result.stop_reason == "early_stopping" and "best_epoch" in summary:  # the members of an ensemble have one each
        headline += f", best at {summary['best_epoch']:,}"
    done = result.stop_reason in health.ENDED
    told = (*caveats.of_rows(result.run), *caveats.sentences(summary))
    if "seeds_passed" in summary:
        from econml_cli.evaluation import success

        told = (*told, f"{success.said(summary)}.")
    against = "".join(f"\n\n{sentence}" for sentence in told)
    return f"{headline}\n{_aligned(rows)}{against}" + (
        f"\n\nNext: {shell.command('eval', result.run.path)}" if done else ""
    )


def _several(summary: Mapping[str, Any]) -> str:
    return f"{summary['members']} members of {summary['model']}" if "members" in summary else summary["model"]


def _listed(summary: Mapping[str, Any], key: str) -> bool:
    """Not what stands in the headline, or beside the mean that it belongs to."""
    return key not in _NOT_LISTED and not any(key.endswith(end) and key.removesuffix(end) in summary for end in _ACROSS)


def _value(summary: Mapping[str, Any], key: str) -> str:
    """A number; of an ensemble with its spread across members: "2.1e-06 (sd 1e-07, 1.9e-06 to 2.3e-06)"."""
    if key.startswith("verdict_"):
        return health.in_words(summary, key)
    own, (sd, low, high) = summary[key], (summary.get(f"{key}{end}") for end in _ACROSS)
    if sd is None:
        return number(own)
    return f"{number(own)}  (sd {number(sd, 2)}, {number(low)} to {number(high)})"


def dry_run_json(report: Any) -> str:
    """A dry run as one JSON document."""
    return json.dumps(report.to_dict(), indent=2)


def dry_run_text(report: Any) -> str:
    """A dry run as lines: shapes, parameters, cost of a step."""
    rows = [(name, "x".join(map(str, shape)) or "scalar") for name, shape in report.shapes.items()]
    rows += [
        ("parameters", number(report.num_params)),
        *([("training", report.training)] if report.training else []),
        ("steps", f"{report.steps:,} ({report.steps_per_epoch:,} an epoch)"),
        ("FLOPs a step", "unknown" if report.flops_per_step is None else f"{report.flops_per_step:,.0f}"),
        ("memory a step", _memory(report)),
        ("device", report.device),
    ]
    told = f"{report.model} on {report.problem}: dry run, nothing trained\n{_aligned(rows)}"
    if report.schema is None:
        return told
    from econml_cli.output import schema_table, tables

    parts = [told, tables.text(report.data), tables.text(schema_table.grid(report.schema))]
    return "\n\n".join(parts)


def _memory(report: Any) -> str:
    if report.bytes_arguments is None:
        return "unknown"
    return f"{size(report.bytes_arguments)} data and state + {size(report.bytes_temporary)} temporary"
