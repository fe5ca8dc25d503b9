"""Fits of one problem, seed after seed, with what was found; and the table of a page that such figures go to."""

import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from econml_cli.config.fit_config import FitConfig, build
from econml_cli.options.signature import accepted
from econml_cli.problems import registry
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.programs import Programs

#: the seed of the first fit
FIRST = 42


@dataclasses.dataclass(frozen=True)
class Fit:
    """What came of one seed: its options, whether it was solved and not trained, its losses and verdicts (with `failed`
    where a verdict failed), and the seconds of the processor, compiling included."""

    seed: int
    config: FitConfig
    solved: bool
    found: Mapping[str, Any]
    cpu_seconds: float


def fits(problem: str, options: Mapping[str, Any], seeds: Iterable[int], model: str | None = None) -> Iterator[Fit]:
    """`econml fit --problem NAME --seed S` with these options and the recipe of the problem, one seed after another,
    in programs that are compiled once for all of them; of this model (None: that of the problem)."""
    workshop, programs = Workshop(), Programs()
    problem_of, drawn = None, "rngs" in accepted(registry.load(problem))
    for seed in seeds:
        started = time.process_time()
        config = build(model or registry.get(problem).model, problem, [("the table", {**options, "seed": seed})])
        with precision(config.trainer.precision):
            trainer = Trainer(workshop.assemble(config), programs)
            for _ in trainer.run():
                pass
            problem_of = trainer.setup.problem if drawn or problem_of is None else problem_of
            # what measures the verdicts is compiled once for each problem that is made
            found = losses(trainer.fitted(), dataclasses.replace(trainer.setup, problem=problem_of), trainer.program)
        yield Fit(seed, config, trainer.setup.solved, found, time.process_time() - started)


@dataclasses.dataclass(frozen=True)
class Place:
    """The table NAME of a page, between `<!-- table: NAME -->` and `<!-- end -->`."""

    page: Path
    name: str

    def _parts(self) -> tuple[str, str, str]:
        before, mark, rest = self.page.read_text(encoding="utf-8").partition(f"<!-- table: {self.name} -->")
        table, end, after = rest.partition("<!-- end -->")
        if not (mark and end):
            raise SystemExit(f"{self.page} has no place for the table {self.name}")
        return before + mark, table, end + after

    def lines(self, keys: int) -> dict[tuple[str, ...], str]:
        """The rows that stand there, by their first cells, `keys` of them, without backticks."""
        rows = [line for line in self._parts()[1].splitlines() if line.startswith("|")][2:]
        cells = {line: [cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in rows}
        return {tuple(found[:keys]): line for line, found in cells.items()}

    def write(self, table: str) -> None:
        """Put this table in its place."""
        before, _, after = self._parts()
        self.page.write_text(f"{before}\n\n{table}\n\n{after}", encoding="utf-8")
