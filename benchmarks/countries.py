"""International business cycles of 2, 10 and 50 countries, by mlp and by deep_set: seconds, Euler errors, verdicts.

    uv run python benchmarks/countries.py                                 # all of them: half an hour on two idle cores
    uv run python benchmarks/countries.py --only 10 deep_set              # one row
    uv run python benchmarks/countries.py --write docs/economics/irbc.md  # the table of that page; with --only its
                                                                          # other rows stay

Every fit is `econml fit MODEL --problem irbc --countries N` and nothing else. The errors are those of its verdicts, on
10 simulated paths of 1,000 periods; seconds are those of the processor over all cores, compiling and verdicts included,
which depend less on what else the machine does than those of a clock.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from benchmarks.many_seeds import FIRST, Fit, Place, fits

COUNTRIES, MODELS = (2, 10, 50), ("mlp", "deep_set")
#: limits on capital at the smallest number of countries: with the shocks of the default, and with larger ones
IRREVERSIBLE = ("mlp --irreversible", "mlp --irreversible --sigma .02")
ROWS = (*((n, model) for n in COUNTRIES for model in MODELS), *((COUNTRIES[0], model) for model in IRREVERSIBLE))


def main() -> None:
    """Fit, print a Markdown table, write it where it is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument(
        "--only", nargs=2, action="append", metavar=("N", "MODEL"), help="a row (several times: several)"
    )
    parser.add_argument("--seed", type=int, default=FIRST)
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table of countries this is")
    args = parser.parse_args()
    wanted = [(int(n), model) for n, model in args.only or ROWS]
    if unknown := [row for row in wanted if row not in ROWS]:
        parser.error(f"there is no row {unknown[0]}; the rows are {', '.join(map(str, ROWS))}")
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    place = Place(args.write, "countries") if args.write else None
    made: dict[tuple[str, ...], str] = {}
    for n, model in wanted:
        name, *flags = model.split(" --")
        options = {flag: float(value) if value else True for flag, _, value in (each.partition(" ") for each in flags)}
        (fit,) = fits("irbc", {"countries": n, **options}, [args.seed], name)
        made[(str(n), model)] = line(n, model, fit)
        print(made[(str(n), model)], file=sys.stderr, flush=True)
        if place:
            place.write("\n".join(table({**place.lines(2), **made})))
    print("\n".join(table(made)))


def line(n: int, model: str, fit: Fit) -> str:
    """A row of Markdown."""
    found: Mapping[str, Any] = fit.found
    passed = [said == "passed" for name, said in found.items() if name.startswith("verdict_")]
    errors = f"{found['log10_euler_path_mean']:.2f} | {found['log10_euler_path_max']:.2f}"
    told = f"{sum(passed)} of {len(passed)} passed"
    return f"| {n} | `{model}` | {fit.cpu_seconds:.0f} | {errors} | {found['euler_error_mean']:.1e} | {told} |"


def table(lines: Mapping[tuple[str, ...], str]) -> Iterator[str]:
    """Lines of Markdown, in the order of `ROWS`."""
    yield "| N | model | seconds | mean log10 error | max log10 error | mean error | verdicts |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for n, model in ROWS:
        if (kept := lines.get((str(n), model))) is not None:
            yield kept


if __name__ == "__main__":
    main()
