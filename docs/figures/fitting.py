"""Fits without run directories, and what the figures ask of them."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np

from econml_cli.config.fit_config import build
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.programs import Programs

#: a program is compiled once for all fits of a figure that have its shape
WORKSHOP, PROGRAMS = Workshop(), Programs()
#: the smallest and the largest of six independent draws have the population's median between them with probability
#: 1 - 2 / 2^6 = 97 %
SEEDS = range(42, 48)


@dataclass(frozen=True)
class Fitted:
    """One fit: the trainer after its last epoch, {metric: [epochs]}, losses, verdicts and the solver's report, and the
    seconds that an epoch took, chunk by chunk (compiling is in the first)."""

    trainer: Trainer
    curve: dict[str, np.ndarray]
    found: dict[str, Any]
    seconds: list[float]

    def precision(self) -> AbstractContextManager[None]:
        """What is computed inside of it has the precision of the fit."""
        return precision(self.trainer.options.precision)

    def at(self, x: Any) -> np.ndarray:
        """f(x) at x [n, ...], [n, dout] float64."""
        with self.precision():
            return np.asarray(self.trainer.fitted()(jnp.asarray(x, self.trainer.options.precision)), np.float64)

    def along(self, low: float, high: float, points: int = 201) -> tuple[list[float], list[float]]:
        """(x, f(x)) on a grid of an interval, for a model of one input and one output."""
        x = np.linspace(low, high, points)
        return rounded(x), rounded(self.at(x[:, None])[:, 0])


def fit(model: str, problem: str, **options: Any) -> Fitted:
    """What `econml fit` computes at these options, without its run directory."""
    config = build(model, problem, [("docs/figures", options)])
    with precision(config.trainer.precision):
        trainer = Trainer(WORKSHOP.assemble(config), PROGRAMS)
        chunks = list(trainer.run())
        names = chunks[0].rows.columns
        curve = {name: np.concatenate([chunk.rows.columns[name] for chunk in chunks]) for name in names}
        found = losses(trainer.fitted(), trainer.setup, trainer.program)
        seconds = [chunk.seconds / max(1, len(chunk.rows)) for chunk in chunks]
        return Fitted(trainer, curve, {**found, **chunks[-1].report}, seconds)


def path(model: str, problem: str, epochs: Sequence[int], **options: Any) -> Iterator[dict[str, float]]:
    """Losses and verdicts of one fit after each of these epochs, ascending."""
    config = build(model, problem, [("docs/figures", {**options, "num_epochs": epochs[-1]})])
    with precision(config.trainer.precision):
        trainer = Trainer(WORKSHOP.assemble(config), PROGRAMS)
        done = 0
        for epoch in epochs:
            for _ in trainer.run(done, until=epoch):
                pass
            done = epoch
            yield losses(trainer.fitted(), trainer.setup, trainer.program)


def spread(values: Sequence[float]) -> dict[str, float]:
    """The median of some draws, the smallest and the largest."""
    return {"median": float(np.median(values)), "low": float(min(values)), "high": float(max(values))}


def rounded(values: Any) -> list[float]:
    """Numbers to plot, to six digits."""
    return [float(f"{value:.6g}") for value in np.asarray(values).ravel()]
