"""What a sweep has found, for a reader and as JSON. Returns text or something rich can print; prints nothing."""

import contextlib
import dataclasses
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from econml_cli.options import shell
from econml_cli.output.terminal import Widest, columns, key_values, number, pairs
from econml_cli.storage import disk
from econml_cli.sweeps.show import replicates, table
from econml_cli.sweeps.show.importance import Analysis
from econml_cli.sweeps.study.trials import Results, Trial

_STATES = ("complete", "pruned", "failed", "running", "waiting")
#: reasons of failures that are listed; the CSV has them all
REASONS = 10


def counts(results: Results) -> dict[str, int]:
    """{state: number of points whose last trial is in it}, all states."""
    return {state: sum(trial.state == state for trial in results.current()) for state in _STATES}


def progress(results: Results) -> str:
    """ "24 of 30 trials complete, 3 pruned, 2 failed, 1 running"."""
    found = counts(results)
    noun = "trial" if results.count == 1 else "trials"
    rest = [f"{found[state]:,} {state}" for state in _STATES[1:] if found[state]]
    again = len(results.own) - sum(found.values())
    rest += [f"{again:,} lost or failed and tried again"] if again else []
    taken = len(results.trials) - len(results.own)
    rest += [f"{taken:,} known from another sweep"] if taken else []
    return ", ".join([f"{found['complete']:,} of {results.count:,} {noun} complete", *rest])


def aims(results: Results) -> str:
    """ "minimize val_loss", or of several metrics "minimize val_loss and num_params"."""
    goals: dict[str, list[str]] = {}
    for name, goal in results.objectives or ((results.metric, results.goal),):
        goals.setdefault(goal, []).append(name)
    return ", ".join(f"{goal} {' and '.join(names)}" for goal, names in goals.items())


def pareto(results: Results) -> str:
    """Who is on the Pareto front."""
    numbers = [trial.number for trial in results.front()]
    listed = ", ".join(map(str, numbers[:12])) + (f" and {len(numbers) - 12:,} more" if len(numbers) > 12 else "")
    return (
        f"Pareto front (*): {'trial' if len(numbers) == 1 else 'trials'} {listed}: no trial is as good in all metrics "
        "and better in one."
    )


def _by(results: Results) -> str:
    return f" by {results.metric}" if results.objectives else ""


def rule(results: Results) -> str | None:
    """Why the best trial is the best, where a pruned one stands above it."""
    early, best = results.cut_short(), results.best()
    if early is None or best is None:
        return None
    return (
        f"The best of the complete trials: {early.number} had {number(early.value)} when it was pruned after "
        f"{early.epochs or 0:,} epochs, which is no value of a whole fit; with --patience a fit keeps its best epoch."
    )


def commands(results: Results, best: Trial) -> dict[str, str]:
    """What to type next for the best trial: {"show": ..., "refit": ...}; {} where its run is not known."""
    if best.run is None:
        return {}
    with contextlib.suppress(OSError, ValueError):  # a program of the user's
        own = disk.read_bytes(Path(best.run) / "command.txt").decode("utf-8")
        return {"show": shlex.join(["cat", f"{best.run}/stdout.txt"]), "refit": own.strip()}
    home, config, more = results.directory, best.run, list[str]()
    if best.replicates is not None:  # the first of its fits; of a cross-validation, fitted to all rows
        config = f"{best.run}/{best.replicates.labels[0]}"
        more = ["--folds", "0", "--fold", "0"] if (results.replication or {}).get("option") == "fold" else []
    again = f"{best.run}-refit" if home is None else str(home.with_name(f"{home.absolute().name}-best"))
    refit = ["econml", "fit", "--config", f"{config}/config.yaml", *more, "--out", again]
    return {"show": shell.command("eval", config), "refit": shlex.join(refit)}


def as_json(results: Results, trials: Sequence[Trial], analysis: Analysis) -> dict[str, Any]:
    """Everything in one document; `trials`: those to list, in their order."""
    best, front = results.best(), [trial.number for trial in results.front()]
    about = {f.name: getattr(results, f.name) for f in dataclasses.fields(results) if f.name != "trials"}
    for name in ("replication", "objectives"):
        if not about[name]:
            del about[name]
    return {
        "sweep": {**about, "directory": None if results.directory is None else str(results.directory)},
        "counts": counts(results),
        **({"front": front} if results.objectives else {}),
        "best": best and {**_fields(best), "commands": commands(results, best)},
        "analysis": dataclasses.asdict(analysis),
        "trials": [_fields(trial) for trial in trials],
    }


def _fields(trial: Trial) -> dict[str, Any]:
    fields = {f.name: getattr(trial, f.name) for f in dataclasses.fields(trial)}
    if trial.origin is None:
        del fields["origin"]
    if trial.replicates is None:
        del fields["replicates"]
    else:
        fields["replicates"] = dataclasses.asdict(trial.replicates)
    return fields


def text(results: Results, trials: Sequence[Trial], analysis: Analysis) -> RenderableType:
    """Headline, trials, failures, the best trial with its commands, and what matters, for a terminal or a pipe."""
    parts: list[RenderableType] = [
        Text(f"{results.name}: {results.method}, {aims(results)}", style="bold"),
        Text(f"  {progress(results)}"),
    ]
    if fixed := table.constant(results):
        parts.append(Padding(Text(f"the same in all: {pairs(fixed)}", style="dim"), (0, 0, 0, 2)))
    if results.trials:
        parts += [Text(), _trials(results, trials)]
    if results.replication is not None and any(trial.replicates for trial in trials):
        parts += _over_fits(results, trials)
    if len(trials) < len(results.trials):
        parts.append(Text(f"  {len(results.trials) - len(trials):,} more without --top", style="dim"))
    parts += _failures(results.current())
    parts += _best(results)
    if analysis.tells:
        parts += [Text(), _influences(analysis), Padding(Text(method(results, analysis), style="dim"), (0, 0, 0, 2))]
    return Group(*parts)


def _over_fits(results: Results, trials: Sequence[Trial]) -> list[RenderableType]:
    headers, rows = replicates.rows(results, trials)
    return [
        Text(),
        Text(replicates.title(results), style="bold"),
        columns(headers, rows, ["histogram"]),
        Padding(Text(replicates.note(results, trials), style="dim"), (0, 0, 0, 2)),
    ]


def _trials(results: Results, trials: Sequence[Trial]) -> RenderableType:
    best = results.front() or (results.best(),)
    wide = table.narrow(results)
    slim = tuple(column for column in wide if column.name not in ("epochs", "seconds"))
    stacked = Group(*(_stacked(results, trial, trial in best) for trial in trials))
    return Widest(_table(wide, trials, best), _table(slim, trials, best), stacked)


def _table(shown: Sequence[table.Column], trials: Sequence[Trial], best: Sequence[Trial | None]) -> RenderableType:
    rows = [["*" if trial in best else "", *(_cell(column, column.of(trial)) for column in shown)] for trial in trials]
    left = ["", "state", *(column.name for column in shown if table.textual(column, trials))]
    return columns(["", *(column.name for column in shown)], rows, left)


def _cell(column: table.Column, value: Any) -> str:
    return f"{value:,.1f}" if column.name == "seconds" and value is not None else table.cell(value)


def _stacked(results: Results, trial: Trial, best: bool) -> RenderableType:
    value = table.cell(table.metric(results).of(trial))
    more = "".join(f"  {column.name} {table.cell(column.of(trial))}" for column in table.objectives(results)[1:])
    line = Text.assemble(
        "* " if best else "  ", (f"{trial.number}", "bold"), f"  {results.metric} {value}{more}  {trial.state}"
    )
    done = f", {trial.epochs} epochs" if trial.epochs is not None else ""
    line.append(done + (f", {trial.seconds:,.1f} s" if trial.seconds is not None else ""))
    point = {name: table.cell(trial.params.get(name)) for name in results.varied if name in trial.params}
    return Group(line, Padding(Text(pairs(point), style="dim"), (0, 0, 0, 4))) if point else line


def _failures(trials: Sequence[Trial]) -> list[RenderableType]:
    """The reasons, each once with the trials that it stopped."""
    reasons: dict[str, list[str]] = {}
    for trial in (trial for trial in trials if trial.state == "failed"):
        reasons.setdefault(trial.reason or "no reason is known", []).append(str(trial.number))
    if not reasons:
        return []
    parts: list[RenderableType] = [Text(), Text("Failed", style="bold")]
    for reason, numbers in list(reasons.items())[:REASONS]:
        parts.append(Padding(Text(f"{', '.join(numbers)}: {reason}"), (0, 0, 0, 2)))
    if len(reasons) > REASONS:
        parts.append(Text(f"  {len(reasons) - REASONS} more reasons with --format csv", style="dim"))
    return parts


def _best(results: Results) -> list[RenderableType]:
    best = results.best()
    if best is None:
        return []
    measured = {name: value for name, value in best.metrics.items() if name != results.metric}
    rows = [(name, table.cell(best.params.get(name))) for name in results.varied if name in best.params]
    rows += [(name.replace("_", " "), table.cell(value)) for name, value in measured.items()]
    parts: list[RenderableType] = [
        Text(),
        *([Text(pareto(results)), Text()] if results.objectives else []),
        Text(f"Best{_by(results)}: trial {best.number}, {results.metric} {table.cell(best.value)}", style="bold"),
        key_values(rows),
    ]
    if (why := rule(results)) is not None:
        parts.append(Padding(Text(why, style="dim"), (0, 0, 0, 2)))
    return parts + [
        Text(f"  {verb:<7}{command}", no_wrap=True, overflow="ignore")
        for verb, command in commands(results, best).items()
    ]


def _influences(analysis: Analysis) -> RenderableType:
    rows = [
        [
            influence.name,
            _share(influence.importance),
            signed(influence.correlation),
            "-" if influence.low is None else f"[{signed(influence.low)}, {signed(influence.high)}]",
        ]
        for influence in analysis.influences
    ]
    return columns(["parameter", "importance", "rank corr.", "95 % interval"], rows, ["parameter"])


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def signed(value: float | None) -> str:
    """A correlation: "+0.31", "-0.63", "-" for none."""
    return "-" if value is None else f"{value:+.2f}"


def _which(analysis: Analysis) -> str:
    """On which trials importance and rank correlation rest."""
    if analysis.rung is None:
        return f"{analysis.complete} complete trials"
    return (
        f"{analysis.complete} trials, complete and pruned, at epoch {analysis.rung:,}, the last rung that all reached,"
    )


def method(results: Results, analysis: Analysis) -> str:
    """What importance and rank correlation are, in a few sentences."""
    caution = " The trials of a bayes sweep are no random sample: both describe, they do not test."
    return (
        f"Importance: how far the values in the best {analysis.best} of {_which(analysis)} differ from those in all, "
        "as shares of 1 (PED-ANOVA). "
        f"Rank correlation: Spearman's, of the parameter with {results.metric}; its interval by Fisher's z "
        "(Bonett and Wright 2000)." + (caution if results.method == "bayes" else "")
    )


def at_the_end(results: Results) -> str:
    """What `econml sweep run` prints at its end, in plain text that reads the same in a terminal, a pipe and a log: how
    many trials there are, the best one, and the commands that show and refit it."""
    lines = [f"{results.name}: {progress(results)}"]
    best = results.best()
    if best is not None:
        varied = {name: best.params[name] for name in results.varied if name in best.params}
        rows = [
            (f"best trial{_by(results)}", f"{best.number}"),
            (results.metric, number(best.value, 6)),
            *([("parameters", pairs(varied))] if varied else []),
            *([("run", best.run)] if best.run else []),
        ]
        width = max(len(label) for label, _ in rows)
        lines += [f"  {label:<{width}}  {value}" for label, value in rows]
        lines += [f"  {pareto(results)}"] if results.objectives else []
        lines += [f"  {why}" for why in (rule(results), replicates.one_error(results)) if why]
        if shown := commands(results, best):
            lines += ["", f"Refit the best: {shown['refit']}"]
    if results.directory is not None:
        lines += [f"All trials:     {shell.command('sweep', 'show', results.directory)}"]
    return "\n".join(lines) + "\n"
