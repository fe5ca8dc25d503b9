"""An ensemble: several seeds trained side by side as one fit, with one position and one row an epoch."""

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence

import jax
import numpy as np

from econml_cli.tracking.rows import Rows
from econml_cli.training import solving
from econml_cli.training.epoch import DIVERGED, RUNNING, Carry, inputs_of
from econml_cli.training.programs import Programs
from econml_cli.training.setup import Setup
from econml_cli.training.stack import Stack, stacked
from econml_cli.training.trainer import Chunk


class Ensemble:
    """Trains the members of one run, as `Trainer` trains one model.

    `carry` is their position, stacked: every leaf is [members, ...].
    """

    def __init__(self, setups: Sequence[Setup], programs: Programs | None = None):
        """`setups` as `Workshop.ensemble` makes them."""
        self.setup, self.options = setups[0], setups[0].config.trainer
        self._setups, programs = list(setups), programs or Programs()
        self.program = programs.get(self.setup)
        self._solved: Carry | None = None
        if self.setup.solved:
            begun = [self.program.begin(setup, inputs_of(setup)) for setup in setups]
            self._solved = stacked(begun)
        else:
            self._stack = Stack(setups, programs, shared=False)

    @property
    def carry(self) -> Carry:
        """Where the members are."""
        return self._stack.whole() if self._solved is None else self._solved

    @carry.setter
    def carry(self, position: Carry) -> None:
        if self._solved is None:
            self._stack.restore(position)
        else:
            self._solved = position

    def run(self, start_after: int = 0, every: int = 0) -> Iterator[Chunk]:
        """Train to `num_epochs`; a chunk ends at every multiple of `every` epochs.

        Yields:
            Chunk: for each epoch the mean, standard deviation, lowest and highest loss of the members that made it and
            have not diverged in it, and how many they are.
        """
        if self._solved is not None:
            if np.all(jax.device_get(self._solved.status) == RUNNING):
                yield self._solve()
            return
        last, stack = self.options.num_epochs, self._stack
        while stack.epoch < last and stack.running():
            until = min(last, (stack.epoch // every + 1) * every) if every else last
            for chunks in stack.run(until):
                yield together(chunks)

    def _solve(self) -> Chunk:
        start, solutions = time.perf_counter(), []
        for setup in self._setups:
            inputs = inputs_of(setup)
            solutions.append(solving.solve(setup, self.program, inputs, self.program.begin(setup, inputs)))
        self._solved = stacked([solution.carry for solution in solutions])
        chunks = {k: Chunk(Rows(1, s.row), 1, int(s.carry.status), 0.0) for k, s in enumerate(solutions)}
        report = {name: float(np.mean([s.report[name] for s in solutions])) for name in solutions[0].report}
        whole = together(chunks)
        return Chunk(whole.rows, whole.epoch, whole.status, time.perf_counter() - start, report)


def together(chunks: Mapping[int, Chunk]) -> Chunk:
    """The chunks of some members as one."""
    rows = [chunk.rows for chunk in chunks.values()]
    length = max(map(len, rows))
    columns: dict[str, np.ndarray] = {}
    for name in rows[0].columns:
        values = np.full((length, len(rows)), np.nan)
        for i, own in enumerate(rows):
            values[: len(own), i] = own.columns[name]
        found = spread(values)
        ends = ("",) if name == "lr" else tuple(found)
        columns |= {f"{name}{end}": found[end].astype(rows[0].columns[name].dtype) for end in ends}
        if name == "train_loss":
            columns["members"] = np.isfinite(values).sum(axis=-1)
    statuses = [chunk.status for chunk in chunks.values() if chunk.status != DIVERGED]
    longest = max(chunks.values(), key=lambda chunk: chunk.epoch)
    return Chunk(Rows(rows[0].first, columns), longest.epoch, min(statuses, default=DIVERGED), longest.seconds)


def spread(values: np.ndarray) -> dict[str, np.ndarray]:
    """Over the last axis of values [..., members], without what is not finite: "" the mean, "_sd" the standard
    deviation (NaN for one member), "_min" and "_max"."""
    values = np.where(np.isfinite(values), values, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where nothing is finite: NaN is what they get
        return {
            "": np.nanmean(values, axis=-1),
            "_sd": np.nanstd(values, axis=-1, ddof=1),
            "_min": np.nanmin(values, axis=-1),
            "_max": np.nanmax(values, axis=-1),
        }


def member(whole: Carry, k: int) -> Carry:
    """The position of one member."""
    return jax.tree.map(lambda leaf: leaf[k], whole)
