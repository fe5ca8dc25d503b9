"""The flags by which `econml eval` of 0.1 was asked what are commands now: --decompose is `econml eval risk`. They are
answered as they were, and what to type now is said once."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.commands.eval import compare, learning_curve, risk, shared
from econml_cli.commands.eval.compare import ComparisonOptions
from econml_cli.commands.eval.shared import DrawOptions, RowOptions, told
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

if TYPE_CHECKING:
    from econml_cli.output.figure_style import Width
    from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class FormerOptions:
    """The questions, and what belongs to them."""

    decompose: bool = option(False, "now `econml eval risk`", hidden=True)
    samples: str | None = option(None, "now `econml eval learning-curve --samples`", metavar="N,N,...", hidden=True)
    replications: int | None = option(None, "of --samples", ge=2, metavar="N", hidden=True)
    effects: bool = option(False, "now `econml eval effects`", hidden=True)
    pdp: tuple[str, ...] = option(
        (), "now `econml eval partial-dependence --column`", metavar="COLUMN", repeated=True, hidden=True
    )
    compare: bool = option(False, "now `econml eval compare`", hidden=True)
    baseline: str | None = option(None, "of --compare", metavar="RUN", hidden=True)
    stars: bool = option(False, "of --compare", hidden=True)
    dm: bool | None = option(None, "of --compare", hidden=True)
    horizon: int | None = option(None, "of --compare", ge=1, metavar="H", hidden=True)

    @property
    def names(self) -> list[str]:
        """The questions that are asked, by their flag."""
        return [f"--{name}" for name in ("decompose", "samples", "effects", "pdp", "compare") if getattr(self, name)]

    def sizes(self) -> tuple[int, ...]:
        """`--samples 100,300` as numbers.

        Raises:
            ConfigError: it is something else.
        """
        try:
            return tuple(int(word) for word in str(self.samples).split(","))
        except ValueError:
            raise ConfigError(
                f"--samples {self.samples} must be numbers of observations, such as --samples 100,300,1000."
            ) from None

    def check(self, runs: int, form: str, plot: bool) -> None:
        """Refuse what does not go together, before seconds go into importing jax.

        Raises:
            ConfigError: it says what to leave out.
        """
        if self.replications is not None and self.samples is None:
            raise ConfigError("--replications is the number of data sets of --samples; add it, or leave it out.")
        of_compare = {"baseline": self.baseline, "dm": self.dm, "horizon": self.horizon, "stars": self.stars or None}
        if not self.compare and (given := [name for name, value in of_compare.items() if value is not None]):
            raise ConfigError(f"--{given[0]} belongs to --compare; add it, or leave --{given[0]} out.")
        if self.samples is not None:
            self.sizes()
        if self.compare and len(self.names) > 1:
            raise ConfigError(f"--compare makes a table of its own; ask {self.names[0]} by itself.")
        if self.names and not self.compare and runs > 1:
            raise ConfigError(f"{self.names[0]} looks at one run, but {runs} are named; name one, or add --compare.")
        if plot and self.names and (self.samples is None) == (not self.pdp):
            raise ConfigError(
                "--plot draws one thing: with --samples the learning curve, with --pdp the partial dependence."
            )
        if form == "csv" and len(self.names) > 1:
            raise ConfigError(
                f"--format csv writes one table, but {' and '.join(self.names)} make several; ask for one."
            )


def advise(asked: FormerOptions, runs: Sequence[str]) -> None:
    """Say what to type now."""
    words = {
        "--decompose": "risk",
        "--samples": f"learning-curve --samples {asked.samples}",
        "--effects": "effects",
        "--pdp": " ".join(["partial-dependence", *(f"--column {shlex.quote(name)}" for name in asked.pdp)]),
        "--compare": "compare",
    }
    lines = []
    for name in asked.names:
        question, *rest = words[name].split(" ")
        lines.append(f"{name} is `{shlex.join(['econml', 'eval', question, *runs])}{''.join(f' {w}' for w in rest)}`")
    told(f"{', '.join(lines)} now.")


def answer(
    runs: Sequence["Run"],
    asked: FormerOptions,
    sample: Mapping[str, Any],
    draws: DrawOptions,
    around: Mapping[str, Any],
    form: str,
    plot: Path | None,
    vcov: str | None = None,
    width: "Width | None" = None,
) -> None:
    """Answer the questions in one document; all but --compare are to one run.

    Raises:
        ConfigError: options that a question has no use for.
    """
    if asked.compare:
        _compare(runs, asked, sample, draws, {**around, "vcov": vcov}, form)
        return
    found = _found(runs[0], asked, sample, draws, around, vcov)
    shared.show(found, form)
    if plot is not None and asked.samples is not None:  # after the answer, which a figure must not take with it
        shared.save_figure(found["learning_curve"].plot(width), plot)
    elif plot is not None:
        from econml_cli.evaluation.marginal.partial_dependence import figure

        shared.save_figure(figure(found["partial_dependence"], width), plot)


def _found(
    run: "Run",
    asked: FormerOptions,
    sample: Mapping[str, Any],
    draws: DrawOptions,
    around: Mapping[str, Any],
    vcov: str | None,
) -> dict[str, Any]:
    """The answers by the names that they have in JSON."""
    found: dict[str, Any] = {}
    if asked.decompose or asked.samples is not None:
        _check_risk(asked, sample)
    if asked.decompose:
        # with --samples, --draw-seed is that of the data sets, too
        shared.check_draws(run, draws, seed_is_of_draws=asked.samples is None)
        found["decomposition"] = risk.decomposition(run, draws, sample["step"])
    if asked.samples is not None:
        found["learning_curve"] = learning_curve.learning(run, asked.sizes(), asked.replications, draws)
    if asked.effects:
        from econml_cli.evaluation.marginal.effects import effects

        found["effects"] = effects(run, **sample, **around, vcov=vcov)
    if asked.pdp:
        from econml_cli.evaluation.marginal.partial_dependence import partial_dependences

        found["partial_dependence"] = partial_dependences(run, asked.pdp, **sample, **around)
    return found


def _check_risk(asked: FormerOptions, sample: Mapping[str, Any]) -> None:
    """Refuse what the risk in parts, or a learning curve, has no use for."""
    if sample["data"] or sample["changes"]:
        raise ConfigError("--decompose and --samples are of the run's own problem; leave --data and --with out.")
    if asked.samples is not None and sample["step"] is not None:
        raise ConfigError("--samples fits the run's recipe again, from new weights; leave --step out.")


def _compare(
    runs: Sequence["Run"],
    asked: FormerOptions,
    sample: Mapping[str, Any],
    draws: DrawOptions,
    around: Mapping[str, Any],
    form: str,
) -> None:
    if sample["changes"]:
        raise ConfigError("--compare makes a table of the runs' own data; leave --with out.")
    tests = ComparisonOptions(asked.baseline, asked.stars, asked.dm, asked.horizon)
    rows = RowOptions(sample["data"], sample["missing"], sample["sheet"])
    compare.show(runs, tests, rows, sample["step"], around, draws, form)
