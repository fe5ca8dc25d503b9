"""How many seeds of each economic model pass all verdicts by its recipe, and how long a fit takes.

    uv run python benchmarks/success.py                                         # 100 seeds of all: hours
    uv run python benchmarks/success.py --seeds 5 --only buffer_stock           # a few of one
    uv run python benchmarks/success.py --write docs/economics/success.md      # the table of that page; with --only its
                                                                                # other rows stay

Every fit is `econml fit --problem NAME --seed S` and nothing else, one after another; a failed verdict counts.
Seconds are of the processor and include compiling, once for all seeds of a problem.
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from econml_cli.config.fit_config import FitConfig, build
from econml_cli.evaluation.success import interval
from econml_cli.options.signature import accepted
from econml_cli.problems import registry
from econml_cli.problems.economies.table import ECONOMIES
from econml_cli.training import compilation_cache
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.run.summary import losses
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.programs import Programs

FIRST, MARK, END = 42, "<!-- table: success -->", "<!-- end -->"


def main() -> None:
    """Fit, print a Markdown table, write it where it is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--only", choices=ECONOMIES, action="append", help="a problem (several times: several)")
    parser.add_argument("--seeds", type=int, default=100, help="seeds of each, from 42 on")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table this is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here, take those there")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    compilation_cache.enable()
    rows: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    for problem in args.only or ECONOMIES:
        if rows.get(problem, {}).get("of") != args.seeds:
            rows[problem] = measured(problem, args.seeds)
        print(problem, json.dumps(rows[problem]), file=sys.stderr, flush=True)
        if args.json:
            args.json.write_text(json.dumps(rows, indent=1) + "\n")
    page = args.write.read_text(encoding="utf-8") if args.write else f"{MARK}\n{END}"
    before, _, rest = page.partition(MARK)
    old, _, after = rest.partition(END)
    text = "\n".join(table(rows, shown(old)))
    print(text)
    if args.write:
        args.write.write_text(f"{before}{MARK}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def measured(problem: str, seeds: int) -> dict[str, Any]:
    """How many seeds pass, by which recipe, in how many seconds of the processor a fit; what failed, by seed."""
    workshop, programs, failed, spent = Workshop(), Programs(), dict[str, str](), list[float]()
    solved, problem_of, drawn, config = False, None, "rngs" in accepted(registry.load(problem)), None
    for seed in range(FIRST, FIRST + seeds):
        config = build(registry.get(problem).model, problem, [("the table", {"seed": seed})])
        started = time.process_time()
        with precision(config.trainer.precision):
            trainer = Trainer(workshop.assemble(config), programs)
            for _ in trainer.run():
                pass
            problem_of = trainer.setup.problem if drawn or problem_of is None else problem_of
            # what measures the verdicts is compiled once for each problem that is made
            found = losses(trainer.fitted(), dataclasses.replace(trainer.setup, problem=problem_of), trainer.program)
        solved = trainer.setup.solved
        spent.append(time.process_time() - started)
        if "failed" in found:
            failed[str(seed)] = found["failed"]
    assert config is not None
    passed = seeds - len(failed)
    low, high = interval(passed, seeds)
    return {
        "recipe": recipe(config, solved), "passed": passed, "of": seeds, "low": low, "high": high,
        "cpu_seconds": sum(spent) / seeds, "failed": failed,
    }  # fmt: skip


def recipe(config: FitConfig, solved: bool) -> str:
    """The recipe of a fit, in words; whether it is solved, not trained."""
    if solved:
        return f"{config.model}, solved"
    options = config.trainer
    return f"{config.model}, {options.optimizer} in {options.precision}, {options.num_epochs:,} epochs"


def shown(text: str) -> dict[str, str]:
    """The lines of a table by problem."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return {line.strip("|").split("|")[0].strip(): line for line in lines}


def table(rows: Mapping[str, Any], old: Mapping[str, str]) -> Iterator[str]:
    """Lines of Markdown; `old`: those to keep of what was not measured."""
    yield "| problem | recipe | seeds passed | 95 % (Wilson) | CPU seconds a fit |"
    yield "| --- | --- | --- | --- | --- |"
    for problem in ECONOMIES:
        row = rows.get(problem)
        if row is None:
            if problem in old:
                yield old[problem]
            continue
        between = f"{100 * row['low']:.0f} to {100 * row['high']:.0f} %"
        passed = f"{row['passed']} of {row['of']}"
        yield f"| {problem} | {row['recipe']} | {passed} | {between} | {row['cpu_seconds']:.1f} |"


if __name__ == "__main__":
    main()
