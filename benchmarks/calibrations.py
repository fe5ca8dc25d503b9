"""Economic models away from their defaults: how many of five seeds pass all verdicts, by problem and calibration.

    uv run python benchmarks/calibrations.py                                     # all of them, in minutes
    uv run python benchmarks/calibrations.py --only growth                       # one problem
    uv run python benchmarks/calibrations.py --write docs/economics/calibrations.md  # the table of that page; with
                                                                                 # --only its other rows stay
    uv run python benchmarks/calibrations.py --missing --write docs/economics/calibrations.md  # what it lacks

Every fit is `econml fit --problem NAME` with the parameters of its row and nothing else (`investment` with 8 firms: its
policy does not depend on how many there are, the time of training does).
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax

from benchmarks.many_seeds import FIRST, Place, fits
from econml_cli.config.fit_config import build
from econml_cli.errors import EconmlError
from econml_cli.problems import registry
from econml_cli.training import compilation_cache
from econml_cli.training.fit import check
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import assemble

#: options that make the fits of a problem cheaper and mean nothing to its verdicts
SMALLER: Mapping[str, Mapping[str, Any]] = {"investment": {"N": 8}}
CALIBRATIONS: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "brock_mirman": (
        {},
        {"alpha": 0.2, "beta": 0.9},
        {"alpha": 0.7, "beta": 0.99},
        {"rho": 0.99, "sigma": 0.01},
        {"rho": 0.0, "sigma": 0.1},
        {"beta": 0.5},
    ),
    "asset_pricing": (
        {},
        {"beta": 0.95, "y0": 0.2},
        {"g": 0.02},
        {"g": 0.0},
        {"c": 0.0, "y0": 1.0},
        {"g": -0.05},
        {"beta": 0.99, "g": -0.1},
        {"beta": 0.95, "g": 0.04, "c": 0.0, "y0": 1.0},
        {"g": 0.05},
    ),
    "growth": (
        {},
        {"alpha": 0.33, "beta": 0.99, "delta": 0.025, "k0": 10.0},
        {"alpha": 0.36, "beta": 0.96, "delta": 0.08, "k0": 2.0},
        {"k0": 4.0},
        {"g": 0.02},
        {"alpha": 0.3, "delta": 1.0, "k0": 0.05},
    ),
    "growth_policy": (
        {},
        {"alpha": 0.33, "beta": 0.99, "delta": 0.025},
        {"alpha": 0.36, "beta": 0.96, "delta": 0.08},
        {"alpha": 0.3, "delta": 1.0},
        {"alpha": 0.5, "beta": 0.95},
        {"alpha": 0.25, "delta": 0.2},
    ),
    "investment": (
        {},
        {"nu": 1.5},
        {"nu": 0.5},
        {"nu": 3.0, "alpha1": 0.5},
        {"beta": 0.9, "delta": 0.1},
        {"gamma": 30.0},
    ),
    "cake_eating": (
        {},
        {"gamma": 1.0},
        {"gamma": 5.0},
        {"beta": 0.99, "R": 1.005},
        {"beta": 0.9, "R": 1.05, "gamma": 2.0},
        {"gamma": 0.5},
    ),
    "olg": (
        {},
        {"ages": 10, "beta": 0.9},
        {"ages": 3, "beta": 1.0},
        {"alpha": 0.4},
        {"delta_low": 1.0, "delta_high": 1.0},
        {"eta_low": 0.8, "eta_high": 1.2},
    ),
    "stochastic_growth": (
        {},
        {"alpha": 0.36, "beta": 0.96, "delta": 0.1},
        {"rho": 0.95, "sigma": 0.007},
        {"sigma": 0.02},
        {"alpha": 0.36, "beta": 0.96, "delta": 1.0},
        {"alpha": 0.3, "beta": 0.995, "delta": 0.02},
    ),
    "buffer_stock": (
        {},
        {"beta": 0.9},
        {"gamma": 5.0},
        {"sigma": 0.2},
        {"R": 1.0},
        {"gamma": 1.0, "sigma": 0.1},
    ),
    "aiyagari": (
        {},
        {"gamma": 1.0},
        {"gamma": 5.0},
        {"rho": 0.9},
        {"sigma": 0.4, "r_low": 0.0117},
        {"beta": 0.98, "delta": 0.05},
    ),
    "irbc": (
        {},
        {"gamma_low": 1.0},
        {"adjustment": 2.0},
        {"beta": 0.96, "delta": 0.1},
        {"rho": 0.9},
        {"alpha": 0.3},
    ),
    "asset_pricing_kernel": (
        {},
        {"r": 0.05},
        {"g": -0.05},
        {"g": 0.05},
        {"c": 0.0},
        {"x0": 1.0},
        {"r": 0.02, "g": -0.1},
    ),
    "growth_kernel": (
        {},
        {"rho": 0.05},
        {"delta": 0.05, "rho": 0.04},
        {"alpha": 0.25, "delta": 0.2},
        {"k0": 4.0},
        {"k0": 0.5},
    ),
}
#: calibrations that are refused before anything is trained
REFUSED: Mapping[str, tuple[Mapping[str, float], ...]] = {
    "growth": ({"alpha": 0.36, "beta": 0.9995, "delta": 0.002, "k0": 10.0},),
    "asset_pricing": ({"g": -0.001}, {"beta": 0.95, "g": 0.04}),
    "buffer_stock": ({"beta": 0.98},),
    "aiyagari": ({"sigma": 0.4},),
    "asset_pricing_kernel": ({"g": -0.001},),
    "growth_kernel": ({"delta": 0.01, "rho": 0.005},),
}


def main() -> None:
    """Fit, print a Markdown table, write it where it is asked for."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--only", choices=CALIBRATIONS, action="append", help="a problem (several times: several)")
    parser.add_argument("--seeds", type=int, default=5, help=f"seeds of each, from {FIRST} on")
    parser.add_argument("--write", type=Path, metavar="FILE", help="the page whose table of calibrations this is")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="keep the figures here, seed by seed; take those there"
    )
    parser.add_argument("--missing", action="store_true", help="only calibrations that the page of --write lacks")
    args = parser.parse_args()
    jax.config.update("jax_platforms", os.environ.setdefault("JAX_PLATFORMS", "cpu"))
    compilation_cache.enable()
    place = Place(args.write, "calibrations") if args.write else None
    there = place.lines(2) if place and args.missing else {}
    rows: dict[str, Any] = json.loads(args.json.read_text()) if args.json and args.json.exists() else {}
    for problem in args.only or CALIBRATIONS:
        for parameters in CALIBRATIONS[problem]:
            key = f"{problem} {said(parameters)}"
            if (problem, said(parameters)) in there:
                continue
            for row in measured(problem, parameters, args.seeds, rows.get(key)):
                rows[key] = row
                if args.json:
                    args.json.write_text(json.dumps(rows, indent=1) + "\n")
            print(key, json.dumps(rows[key]), file=sys.stderr, flush=True)
    print("\n".join(table(rows, args.only or list(CALIBRATIONS), args.seeds)))
    if place:
        place.write("\n".join(table(rows, list(CALIBRATIONS), args.seeds, place.lines(2))))


def measured(
    problem: str, parameters: Mapping[str, float], seeds: int, earlier: Mapping[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """How many seeds pass, the largest errors among them, and what failed: after each seed that `earlier` lacks."""
    row = dict(earlier or {"passed": 0, "of": 0, "mean": 0.0, "max": 0.0, "failed": {}, "cpu_seconds": 0.0})
    for fit in fits(problem, {**SMALLER.get(problem, {}), **parameters}, range(FIRST + row["of"], FIRST + seeds)):
        row = {
            "passed": row["passed"] + ("failed" not in fit.found),
            "of": row["of"] + 1,
            # none of an economy whose exact policy is not known
            **{what: max(row[what], fit.found.get(f"policy_error_{what}", 0.0)) for what in ("mean", "max")},
            "failed": row["failed"] | ({str(fit.seed): fit.found["failed"]} if "failed" in fit.found else {}),
            "cpu_seconds": round(row["cpu_seconds"] + fit.cpu_seconds, 1),
        }
        yield row


def said(parameters: Mapping[str, float]) -> str:
    """The parameters as a user would type them."""
    return " ".join(f"--{name.replace('_', '-')} {value:g}" for name, value in parameters.items()) or "defaults"


def table(
    rows: Mapping[str, Any], problems: list[str], seeds: int, old: Mapping[tuple[str, ...], str] | None = None
) -> Iterator[str]:
    """Lines of Markdown; `old`: those to keep of what was not measured with so many seeds."""
    yield "| problem | calibration | seeds passed | largest mean error | largest error |"
    yield "| --- | --- | --- | --- | --- |"
    for problem in problems:
        for parameters in CALIBRATIONS[problem]:
            row = rows.get(f"{problem} {said(parameters)}")
            if row is None or row["of"] < seeds:
                if old and (kept := old.get((problem, said(parameters)))):
                    yield kept
                continue
            given = f"`{said(parameters)}`" if parameters else "defaults"
            errors = (f"{row[what]:.1e}" if row[what] else "-" for what in ("mean", "max"))
            yield f"| {problem} | {given} | {row['passed']} of {row['of']} | {' | '.join(errors)} |"
        for parameters in REFUSED.get(problem, ()):
            yield f"| {problem} | `{said(parameters)}` | {refusal(problem, parameters)} | | |"


def refusal(problem: str, parameters: Mapping[str, float]) -> str:
    """ "refused" where the problem says at once that it is out of reach; it must."""
    try:
        config = build(registry.get(problem).model, problem, [("the table", dict(parameters))])
        with precision(config.trainer.precision):
            check(assemble(config))
    except EconmlError:
        return "refused"
    raise SystemExit(f"{problem} {said(parameters)} is not refused")


if __name__ == "__main__":
    main()
