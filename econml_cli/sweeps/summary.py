"""What `econml sweep run` prints at its end: plain text that reads the same in a terminal, a pipe and a log."""

from econml_cli.display import number, pairs
from econml_cli.sweeps import show
from econml_cli.sweeps.trials import Results


def as_text(results: Results) -> str:
    """How many trials there are, the best one, and the commands that show and refit it."""
    lines = [f"{results.name}: {show.progress(results)}"]
    best = results.best()
    if best is not None:
        varied = {name: best.params[name] for name in results.varied if name in best.params}
        rows = [
            ("best trial", f"{best.number}"),
            (results.metric, number(best.value, 6)),
            *([("parameters", pairs(varied))] if varied else []),
            *([("run", best.run)] if best.run else []),
        ]
        width = max(len(label) for label, _ in rows)
        lines += [f"  {label:<{width}}  {value}" for label, value in rows]
        commands = show.commands(results, best)
        if commands:
            lines += ["", f"Refit the best: {commands['refit']}"]
    if results.directory is not None:
        lines += [f"All trials:     econml sweep show {results.directory}"]
    return "\n".join(lines) + "\n"
