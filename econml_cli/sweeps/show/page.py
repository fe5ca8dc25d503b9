"""A sweep as one page for a browser: no network, no other file. The page's parts lie in html/ beside this file."""

import json
import re
from importlib import resources
from typing import Any

from econml_cli.output.html import escape
from econml_cli.storage import disk
from econml_cli.sweeps.show import replicates, table
from econml_cli.sweeps.show import text as show
from econml_cli.sweeps.show.importance import Analysis
from econml_cli.sweeps.study.trials import Results, Trial
from econml_cli.version import __version__

#: in the order in which one uses the other
_SCRIPTS = ("scales.js", "parallel.js", "bars.js", "history.js", "replicates.js", "pareto.js", "table.js", "page.js")


def render(results: Results, analysis: Analysis) -> str:
    """The page as HTML: parallel coordinates, importance and correlation, history, and the trials as a table."""
    fill = {
        "title": escape(f"{results.name}: {results.metric}"),
        "style": _part("page.css"),
        "script": "\n".join(map(_part, _SCRIPTS)),
        "data": _embedded(_document(results, analysis)),
    }
    # in one pass, so that no text of the sweep can be taken for a place to fill
    return re.sub(r"\{\{(\w+)\}\}", lambda place: fill[place[1]], _part("page.html"))


def _part(name: str) -> str:
    return resources.files("econml_cli.sweeps").joinpath("html", name).read_text(encoding="utf-8")


def _embedded(document: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(disk.finite(document), ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _document(results: Results, analysis: Analysis) -> dict[str, Any]:
    """What the scripts read."""
    best = results.best()
    return {
        "name": results.name,
        "method": results.method,
        "metric": results.metric,
        "aims": show.aims(results),
        "objectives": [{"name": name, "goal": goal} for name, goal in results.objectives],
        "front": [trial.number for trial in results.front()],
        "goal": results.goal,
        "econml": __version__,
        "progress": show.progress(results),
        "fixed": table.constant(results),
        "best": None if best is None else best.number,
        "commands": {} if best is None else show.commands(results, best),
        "parameters": results.varied,
        "influences": [
            {"name": i.name, "importance": i.importance, "correlation": i.correlation, "low": i.low, "high": i.high}
            for i in analysis.influences
        ],
        "explanation": show.method(results, analysis) if analysis.tells else "",
        "replicates": _replicates(results),
        "trials": [_row(results, trial) for trial in results.trials],
    }


def _replicates(results: Results) -> dict[str, Any] | None:
    """Of points of several fits: title, note, and of each the values, the quantiles and the share that passed."""
    trials = table.ordered(results, None)
    if results.replication is None or not any(trial.replicates for trial in trials):
        return None
    goal = replicates.goal_of(results)
    return {
        "title": replicates.title(results),
        "note": replicates.note(results, trials),
        "points": [
            {
                **replicates.statistics(trial.replicates, goal),
                "number": trial.number,
                "values": trial.replicates.values,
                "passed": trial.replicates.passed,  # of each fit, not their share
            }
            for trial in trials
            if trial.replicates
        ],
    }


def _row(results: Results, trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "params": [trial.params.get(name) for name in results.varied],
        "value": trial.value,
        "reason": trial.reason,
        "epochs": trial.epochs,
        "seconds": trial.seconds,
        "metrics": trial.metrics,
        "run": trial.run,
    }
