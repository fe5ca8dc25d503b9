"""What `econml eval` answers besides the evaluation itself: risk taken apart, effects of features, comparisons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.errors import ConfigError

#: fresh draws where --draws is not given: of a risk, they are not optional
DRAWS = 10_000


@dataclass(frozen=True)
class Asked:
    """The options that each ask for a part, as they were typed."""

    decompose: bool
    samples: str | None
    replications: int | None
    effects: bool
    pdp: tuple[str, ...]
    compare: bool
    baseline: str | None
    stars: bool
    dm: bool | None
    horizon: int | None

    @property
    def names(self) -> list[str]:
        """The parts that are asked for, by their option."""
        return [f"--{name}" for name in ("decompose", "samples", "effects", "pdp", "compare") if getattr(self, name)]

    @property
    def any(self) -> bool:
        """Whether one is."""
        return bool(self.names)

    def sizes(self) -> list[int]:
        """`--samples 100,300` as numbers.

        Raises:
            ConfigError: it is something else.
        """
        try:
            return [int(word) for word in str(self.samples).split(",")]
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
        if self.any and not self.compare and runs > 1:
            raise ConfigError(f"{self.names[0]} looks at one run, but {runs} are named; name one, or add --compare.")
        if plot and self.any and (self.samples is None) == (not self.pdp):
            raise ConfigError(
                "--plot draws one thing: with --samples the learning curve, with --pdp the partial dependence."
            )
        if form == "csv" and len(self.names) > 1:
            raise ConfigError(
                f"--format csv writes one table, but {' and '.join(self.names)} make several; ask for one."
            )


def show(
    runs: Sequence[Any],
    asked: Asked,
    sample: Mapping[str, Any],
    seeds: Mapping[str, Any],
    form: str,
    width: int | None,
    plot: Path | None,
    say: Callable[[str], None],
) -> None:
    """Work out the parts and print them.

    Args:
        sample: data, missing, step, changes of `evaluate`. seeds: its draws and draw_seed (None where they were not
            typed), bootstrap and bootstrap_seed.
        form: table, json, csv, markdown or latex. plot: where the curve, or the partial dependence, is drawn.
    """
    if asked.compare:
        _compare(runs, asked, sample, seeds, form, width, say)
        return
    from econml_cli.evaluation import answer
    from econml_cli.evaluation.opened import open_run

    with open_run(runs[0]) as opened:  # so that several questions read it once
        found = _found(opened, asked, sample, seeds, say)
    for note in dict.fromkeys(note for part in found.values() for note in answer.notes(part)):
        say(note)
    print(answer.render_named(found, form))  # noqa: T201
    if plot is not None:  # after the answer, which a figure that fails must not take with it
        _plot(found, plot, say)


def _found(run: Any, asked: Asked, sample: Mapping[str, Any], seeds: Mapping[str, Any], say: Any) -> dict[str, Any]:
    """The parts by name."""
    draws, seed = seeds["draws"] or DRAWS, seeds["draw_seed"] or 0
    around = {name: seeds[name] for name in ("bootstrap", "bootstrap_seed")}
    found: dict[str, Any] = {}
    if asked.decompose or asked.samples is not None:
        _check_risk(run, asked, sample, seeds)
    if asked.decompose:
        from econml_cli.evaluation.risk.decompose import decompose

        found["decomposition"] = decompose(run, draws=draws, draw_seed=seed, step=sample["step"])
    if asked.samples is not None:
        from econml_cli.evaluation.risk.learning_curve import REPLICATIONS, learning_curve

        replications = asked.replications or REPLICATIONS
        found["learning_curve"] = learning_curve(run, asked.sizes(), replications, draws=draws, seed=seed, say=say)
    if asked.effects:
        from econml_cli.evaluation.marginal.effects import effects

        found["effects"] = effects(run, **sample, **around)
    if asked.pdp:
        from econml_cli.evaluation.marginal.partial_dependence import partial_dependences

        found["partial_dependence"] = partial_dependences(run, asked.pdp, **sample, **around)
    return found


def _check_risk(run: Any, asked: Asked, sample: Mapping[str, Any], seeds: Mapping[str, Any]) -> None:
    """Refuse what the risk in parts, or a learning curve, has no use for."""
    from econml_cli.problems import registry as problems

    if sample["data"] or sample["changes"]:
        raise ConfigError("--decompose and --samples are of the run's own problem; leave --data and --with out.")
    if asked.samples is not None and sample["step"] is not None:
        raise ConfigError("--samples fits the run's recipe again, from new weights; leave --step out.")
    problem = run.config().problem
    if problems.load(problem).simulated:
        if seeds["draws"] == 0:
            raise ConfigError("--decompose and --samples measure on fresh draws; leave --draws 0 out.")
        return
    said = "--draw-seed" if seeds["draws"] is None else "--draws"
    if seeds["draws"] is not None or (seeds["draw_seed"] is not None and asked.samples is None):
        raise ConfigError(f"{said} needs a problem that can be simulated; {problem} reads a file: leave {said} out.")


def _plot(found: Mapping[str, Any], plot: Path, say: Callable[[str], None]) -> None:
    """Draw the one part that can be drawn."""
    from econml_cli.output import figure_files

    if "learning_curve" in found:
        from econml_cli.evaluation.risk.risk_curve import plot as curve

        figure = curve(found["learning_curve"])
    else:
        from econml_cli.evaluation.marginal.partial_dependence import figure as panels

        figure = panels(found["partial_dependence"])
    figure_files.save(figure, plot)
    say(f"drawn in {plot}")


def _compare(
    runs: Sequence[Any],
    asked: Asked,
    sample: Mapping[str, Any],
    seeds: Mapping[str, Any],
    form: str,
    width: int | None,
    say: Callable[[str], None],
) -> None:
    from econml_cli.evaluation.comparing.compare import compare

    if sample["changes"]:
        raise ConfigError("--compare makes a table of the runs' own data; leave --with out.")
    found = compare(
        runs,
        baseline=asked.baseline,
        bootstrap=seeds["bootstrap"],
        bootstrap_seed=seeds["bootstrap_seed"],
        stars=asked.stars,
        step=sample["step"],
        data=sample["data"],
        missing=sample["missing"],
        series=asked.dm,
        horizon=asked.horizon or 1,
        draws=DRAWS if seeds["draws"] is None else seeds["draws"],
        draw_seed=seeds["draw_seed"] or 0,
    )
    if form == "json":
        for note in found.notes:
            say(note)
    print(found.render(form, width))  # noqa: T201
