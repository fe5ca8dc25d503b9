"""Fits for tests of what comes after a fit: runs, losses, trained models."""

from pathlib import Path
from typing import Any

from econml_cli.config.fit_config import FitConfig, build
from econml_cli.evaluation.opened import open_run
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import assemble


def fitted(path: Path, model: str | None = "linear", problem: str | None = None, **options: Any) -> Run:
    """A run in `path` of a fit with these options; to a table where they name one, as in the shell."""
    return fit(config(model, problem or ("tabular" if "data" in options else "linear"), **options), path).run


def config(model: str | None, problem: str, **options: Any) -> FitConfig:
    """The config of a fit with these options; no model: that of the problem's recipe."""
    from econml_cli.problems import registry

    return build(model or registry.get(problem).model, problem, [("test", options)])


def load_model(run: Run, step: int | None = None) -> tuple[Any, int]:
    """(the fitted model of a run in evaluation mode, the epoch that its weights are from)."""
    with open_run(run, step=step) as opened:
        return opened.loaded().model, opened.loaded().epoch


def losses_of(problem: str, model: str | None = None, **options: Any) -> dict[str, Any]:
    """Losses, metrics and verdicts of a fit, by the problem's recipe where nothing else is said; nothing is written."""
    of = config(model, problem, **options)
    with precision(of.trainer.precision):
        trainer = Trainer(assemble(of))
        list(trainer.run())
        return losses(trainer.fitted(), trainer.setup, trainer.program)
