"""`econml report [RUN]... --out FILE`: fitted runs as one page that a reader can open."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from econml_cli.commands.common import OPTIONS, RUNS, LookupOptions, check_bootstrap, find_run, path_of, say
from econml_cli.commands.declared import Command
from econml_cli.commands.eval.shared import CoefficientOptions
from econml_cli.errors import RunError
from econml_cli.options.fields import option


@dataclass(frozen=True)
class OutputOptions:
    """Where the page goes."""

    out: str = option("report.html", "the page, one self-contained HTML file", metavar="FILE")
    pdf: str | None = option(None, "also print it to this PDF (needs Chromium or Chrome on PATH)", metavar="FILE")
    title: str | None = option(None, "the title (default: the run's name)", metavar="TEXT")
    force: bool = option(False, "replace files that are no reports, too")
    json: bool = option(False, "print one JSON document and nothing else")


@dataclass(frozen=True)
class NumberOptions:
    """How intervals and the risk are estimated."""

    bootstrap: int = option(
        1000, "bootstrap replications of the 95 % intervals, at least 40; 0: none", ge=0, metavar="N"
    )
    bootstrap_seed: int = option(0, "seed of the bootstrap", ge=0, metavar="SEED")
    draws: int = option(10_000, "fresh draws that estimate the population risk (simulated problems)", ge=2, metavar="N")
    draw_seed: int = option(0, "seed of the fresh draws", ge=0, lt=2**32, metavar="SEED")


def report(
    runs: list[str] | None,
    output: OutputOptions,
    numbers: NumberOptions,
    errors: CoefficientOptions,
    lookup: LookupOptions,
) -> None:
    """Write fitted runs as one HTML page: results, data, learning curves, fit, risk, model, how to repeat it.

    The page needs no network and no other file. Of several runs it first compares them.
    """
    from econml_cli.report import written

    check_bootstrap(numbers.bootstrap)
    where = Path(lookup.runs_dir)
    chosen = [find_run(name, where, "report") for name in (runs or (None,))]
    asked = written.Numbers(**dataclasses.asdict(numbers), vcov=errors.vcov)
    made = written.write(
        chosen, Path(output.out), path_of(output.pdf), asked, title=output.title, force=output.force, prepare=_prepare
    )
    for message in made.failed:
        say("report", message)
    if output.json:
        from econml_cli.output import terminal

        terminal.print_json(made.to_json())
    else:
        print("\n".join(map(str, filter(None, (made.out, made.pdf)))))  # noqa: T201
    if made.failed:
        raise RunError(f"{made.out} is written, but {len(made.failed)} of its sections could not be made (see above).")


def _prepare() -> None:
    """Keep compiled programs, once it is clear that there is something to compute."""
    from econml_cli.training import compilation_cache

    compilation_cache.enable()


COMMAND = Command(
    "econml report",
    report,
    (("Output", OutputOptions), ("Numbers", NumberOptions), ("Numbers", CoefficientOptions), (OPTIONS, LookupOptions)),
    (RUNS,),
)
