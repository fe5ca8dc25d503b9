"""How many seeds of each economic model pass all verdicts by its recipe, and how long a fit takes.

    uv run python benchmarks/success.py                                         # 100 seeds of all: hours
    uv run python benchmarks/success.py --seeds 5 --only buffer_stock           # a few of one
    uv run python benchmarks/success.py --write docs/economics/success.md      # the table of that page; with --only its
                                                                                # other rows stay

Every fit is `econml fit --problem NAME --seed S` and nothing else, one after another; a failed verdict counts.
Seconds are of the processor and include compiling, once for all seeds of a problem.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from benchmarks.many_seeds import FIRST, Fit, Place, fits
from econml_cli.evaluation.success import interval
from econml_cli.problems.economies.table import ECONOMIES
from econml_cli.training import compilation_cache


def main() -> None:
    """Fit, print a Markdown table, write it where it is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--only", choices=ECONOMIES, action="append", help="a problem (several times: several)")
    parser.add_argument("--seeds", type=int, default=100, help=f"seeds of each, from {FIRST} on")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table this is")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures here; go on from those there")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    compilation_cache.enable()
    rows: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    for problem in args.only or ECONOMIES:
        for row in measured(problem, args.seeds, rows.get(problem)):
            rows[problem] = row
            if args.json:
                args.json.write_text(json.dumps(rows, indent=1) + "\n")
        print(problem, json.dumps(rows[problem]), file=sys.stderr, flush=True)
    place = Place(args.write, "success") if args.write else None
    text = "\n".join(table(rows, place.lines(1) if place else {}))
    print(text)
    if place:
        place.write(text)


def measured(problem: str, seeds: int, earlier: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
    """How many seeds there are, by which recipe, what failed, by seed, and the seconds of the processor of all of them:
    after each seed that `earlier` lacks."""
    row = dict(earlier or {"of": 0, "failed": {}, "cpu_seconds": 0.0})
    for fit in fits(problem, {}, range(FIRST + row["of"], FIRST + seeds)):
        row = {
            "recipe": recipe(fit),
            "of": row["of"] + 1,
            "failed": row["failed"] | ({str(fit.seed): fit.found["failed"]} if "failed" in fit.found else {}),
            "cpu_seconds": round(row["cpu_seconds"] + fit.cpu_seconds, 2),
        }
        yield row


def recipe(fit: Fit) -> str:
    """The recipe of a fit, in words."""
    options = fit.config.trainer
    if fit.solved:
        return f"{fit.config.model}, solved"
    return f"{fit.config.model}, {options.optimizer} in {options.precision}, {options.num_epochs:,} epochs"


def table(rows: Mapping[str, Any], old: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Lines of Markdown; `old`: those to keep of what was not measured."""
    yield "| problem | recipe | seeds passed | 95 % (Wilson) | CPU seconds a fit |"
    yield "| --- | --- | --- | --- | --- |"
    for problem in ECONOMIES:
        row = rows.get(problem)
        if row is None:
            if (problem,) in old:
                yield old[(problem,)]
            continue
        of, passed, seconds = row["of"], row["of"] - len(row["failed"]), row["cpu_seconds"] / row["of"]
        low, high = interval(passed, of)
        between = f"{100 * low:.0f} to {100 * high:.0f} %"
        yield f"| {problem} | {row['recipe']} | {passed} of {of} | {between} | {seconds:.1f} |"


if __name__ == "__main__":
    main()
