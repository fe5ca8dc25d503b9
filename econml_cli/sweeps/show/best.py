"""The run that is meant where a sweep is named: its best trial."""

from pathlib import Path

from econml_cli.errors import RunError
from econml_cli.options import shell
from econml_cli.runs.directory import Run
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.run.open_directory import kept
from econml_cli.sweeps.study import study


def best_run(path: Path) -> Run:
    """The run of the best complete trial of a sweep in a directory.

    Raises:
        RunError: the study cannot be read, no trial is complete, or a trial is of several fits. ConfigError: it is in a
            database that the user has not named.
    """
    sweep = SweepDirectory(path)
    about = sweep.about()
    results = study.read(kept(about.get("storage"), path) or str(sweep.journal), about.get("study"), path)
    best = results.best()
    if best is None:
        raise RunError(
            f"{path} is a sweep none of whose trials is complete yet; `{shell.command('sweep', 'show', path)}`."
        )
    run = sweep.run(best.number)
    if not (run / "manifest.json").is_file():
        inside = next((p for p in sorted(run.glob("*")) if (p / "manifest.json").is_file()), None)
        if inside is None:
            raise RunError(f"{path} is a sweep, whose best trial is {run}, which is no run of econml.")
        raise RunError(f"{path} is a sweep, whose best trial is several fits; name one of them, such as {inside}.")
    return Run(run)
