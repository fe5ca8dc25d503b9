"""A report as files: what is asked for is checked first, then computed, then written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.report import files
from econml_cli.report import pdf as printed
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Numbers:
    """How intervals and the risk are estimated: replications of the bootstrap and fresh draws, with their seeds; and
    which standard errors the coefficients of linear models have."""

    bootstrap: int = 1000
    bootstrap_seed: int = 0
    draws: int = 10_000
    draw_seed: int = 0
    vcov: str | None = None


@dataclass(frozen=True)
class Written:
    """The files of a report, of which runs it is, and a sentence for each section that could not be made."""

    out: Path
    pdf: Path | None
    runs: tuple[Path, ...]
    failed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "out": str(self.out),
            "pdf": None if self.pdf is None else str(self.pdf),
            "runs": [str(path) for path in self.runs],
            "failed": list(self.failed),
        }


def write(
    runs: Sequence[Run],
    out: Path,
    pdf: Path | None = None,
    numbers: Numbers | None = None,
    *,
    title: str | None = None,
    force: bool = False,
    prepare: Callable[[], None] = lambda: None,
) -> Written:
    """Write runs as one HTML page, and print it to `pdf`.

    Args:
        title: of the page (default: the run's name). force: replace files that are no reports. prepare: called once
            it is clear that the files can be written.

    Raises:
        ConfigError: a file of another suffix, a run that is named twice, or `vcov` where none is linear. RunError: a
            file that is no report is there, or the disk refuses, or there is no browser to print with.
    """
    files.check(out, "--out", (".html", ".htm"), files.MARK, force)
    if pdf is not None:
        files.check(pdf, "--pdf", (".pdf",), printed.MARK, force)
        printed.browser()
    if len({run.path.resolve() for run in runs}) < len(runs):
        raise ConfigError("A run is named twice; name each once.")
    prepare()

    from econml_cli.evaluation import covariances
    from econml_cli.report.page import page
    from econml_cli.report.sections import Options

    asked = numbers or Numbers()
    covariances.check_some_linear(asked.vcov, runs)
    options = Options(asked.bootstrap, asked.bootstrap_seed, asked.draws, asked.draw_seed, asked.vcov)
    made = page(runs, options, title=title)
    files.write(made.html, out)
    if pdf is not None:
        printed.write(made.html, pdf)
    return Written(out, pdf, tuple(run.path for run in runs), tuple(made.failed))
