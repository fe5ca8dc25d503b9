"""A run directory for Python and notebooks: what the commands do with a run, as methods. Nothing heavy is imported
before it is needed."""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from econml_cli.config import choose, fit_config
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError
from econml_cli.python import frames, reprs
from econml_cli.python.interruptible import StopSignal, interruptible, where_saved
from econml_cli.python.wording import in_python, speaking_python
from econml_cli.runs import health
from econml_cli.runs.directory import Run

if TYPE_CHECKING:
    import pandas as pd

    from econml_cli.evaluation.calibration import Calibration
    from econml_cli.evaluation.evaluation import Evaluation
    from econml_cli.evaluation.marginal.effects import Effects
    from econml_cli.evaluation.marginal.importance import Importances
    from econml_cli.evaluation.marginal.partial_dependence import PartialDependence
    from econml_cli.evaluation.risk.decompose import Decomposition
    from econml_cli.evaluation.risk.risk_curve import LearningCurve
    from econml_cli.export.write import Exported
    from econml_cli.training.run.recorder import FitResult


@dataclass(frozen=True, repr=False)
class FittedRun:
    """A run, or one member of an ensemble.

    Files are read when a property is; only `model` is kept. `run` is what functions of `econml_cli.evaluation` take.
    """

    run: Run

    @property
    def path(self) -> Path:
        return self.run.path

    @property
    def name(self) -> str:
        return self.run.name

    @property
    def config(self) -> FitConfig:
        """All options, as config.yaml has them."""
        return self.run.config()

    @property
    def summary(self) -> dict[str, Any]:
        """What came out, as summary.json; {} while the run is not finished."""
        return self.run.summary()

    @property
    def status(self) -> str:
        """max_epochs, early_stopping, converged, solved, diverged, interrupted, failed, running or killed."""
        return self.run.status()

    @property
    def failed(self) -> str | None:
        """What is wrong with the fit and what to try, in a sentence: it diverged, or a verdict failed; else None."""
        said = health.failed(self.run)
        return None if said is None else in_python(said)

    @property
    def metrics(self) -> "pd.DataFrame":
        """metrics.jsonl, one row an epoch: epoch, train_loss, val_loss (with a validation split), lr, seconds, ..."""
        import pandas as pd

        return pd.DataFrame(self.run.metrics())

    @property
    def members(self) -> tuple["FittedRun", ...]:
        """The members of an ensemble, each as a run of its own; of an ordinary run, or of a member, itself alone."""
        count = self.config.trainer.members
        if self.run.member is not None or count == 1:
            return (self,)
        return tuple(FittedRun(self.run.of_member(k)) for k in range(count))

    @cached_property
    def model(self) -> Any:
        """The fitted NNX module in evaluation mode: the best weights where early stopping kept some, else the newest.

        It reads what the network reads (of a table: standardised design columns); `predict` does the encoding. Call a
        float64 one inside `with run.precision():`.

        Raises:
            ConfigError: an ensemble; take one of `members`.
        """
        if len(self.members) > 1:
            raise ConfigError(f"{self.name} is an ensemble of {len(self.members)} models; take one: run.members[0].")
        from econml_cli.evaluation.opened import open_run

        with open_run(self.run) as opened:
            return opened.loaded().model

    @property
    def graphdef(self) -> Any:
        """The static part of the model: `nnx.split(run.model)[0]`."""
        return self._split()[0]

    @property
    def state(self) -> Any:
        """Its arrays: `nnx.split(run.model)[1]`. `nnx.merge(run.graphdef, run.state)` is the model again."""
        return self._split()[1]

    def _split(self) -> tuple[Any, Any]:
        from flax import nnx

        parts: tuple[Any, Any] = nnx.split(self.model)
        return parts

    def precision(self) -> AbstractContextManager[None]:
        """A context in which JAX computes as the fit did, in float32 or float64; JAX is as it was outside it."""
        from econml_cli.training.precision import precision

        return precision(self.config.trainer.dtype)

    @speaking_python()
    def evaluate(
        self,
        data: frames.Data = None,
        *,
        missing: str | None = None,
        sheet: str | None = None,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        bootstrap: int = 1000,
        bootstrap_seed: int = 0,
        draws: int = 0,
        draw_seed: int = 0,
        den_haan_marcet: bool = False,
        periods: int | None = None,
        paths: int | None = None,
        vcov: str | None = None,
    ) -> "Evaluation":
        """Losses, metrics with 95 % intervals, errors against the truth, verdicts: as `econml eval`.

        What is not explained here are the options of `econml eval`; see also `econml_cli.evaluation.evaluate`.

        Args:
            data: a file or a DataFrame to evaluate on instead.
            changes: options of the problem in place of those of the fit, as `--with`: {"N": 1000}.

        Warns:
            FitWarning: a verdict failed.
        """
        if not den_haan_marcet and (periods is not None or paths is not None):
            raise ConfigError("periods and paths are those of den_haan_marcet; add den_haan_marcet=True.")
        from econml_cli.evaluation import covariances
        from econml_cli.evaluation.den_haan_marcet import Paths
        from econml_cli.evaluation.evaluate import evaluate

        covariances.check_some_linear(vcov, [self.run])
        given = {name: n for name, n in (("periods", periods), ("paths", paths)) if n is not None}
        with frames.as_file(data) as path:
            found = evaluate(
                self.run, data=path, missing=missing, sheet=sheet, step=step, changes=changes,
                bootstrap=bootstrap, bootstrap_seed=bootstrap_seed, draws=draws, draw_seed=draw_seed,
                paths=Paths(**given, seed=draw_seed) if den_haan_marcet else None, vcov=vcov,
            )  # fmt: skip
        if "failed" in found.verdicts:
            health.warn(f"{self.name} FAILED: {found.verdicts['failed']}.", stacklevel=4)
        return found

    @speaking_python()
    def predict(
        self,
        data: frames.Data = None,
        *,
        interval: float | None = None,
        conformal: bool = False,
        embed: bool = False,
        missing: str | None = None,
        sheet: str | None = None,
        step: int | None = None,
        retransform: bool = False,
    ) -> "pd.DataFrame":
        """Rows with predictions beside them, in the columns that `econml predict` writes.

        Args:
            data: a file, or a DataFrame, whose index and columns are kept; default: the data of the fit, with a column
                `split`. interval: the level of `lo` and `hi` in percent, across members or `conformal`
                (default: 95; of conformal quantiles what the outermost two enclose).
            embed: the representation phi(x) in place of predictions. retransform: of a target log(y) predict y.
        """
        from econml_cli.evaluation import predictions
        from econml_cli.evaluation.prediction_intervals import Asked

        if embed and (interval is not None or conformal):
            raise ConfigError("embed gives a representation, which has no interval; leave out interval and conformal.")
        asked = Asked(interval, conformal)
        options: dict[str, Any] = {"step": step, "embed": embed, "retransform": retransform}
        options["asked"] = asked if conformal or interval is not None else None
        if data is None:
            return predictions.predict_own(self.run, **options)
        with frames.as_file(data) as path:
            found = predictions.predict(self.run, str(path), missing=missing, sheet=sheet, **options)
        return frames.beside(data, found) if frames.is_frame(data) else found

    @speaking_python()
    def simulate(
        self, *, periods: int = 200, paths: int = 1000, seed: int = 0, step: int | None = None
    ) -> "pd.DataFrame":
        """Series of an economic model under the fitted policy as one long table (path, period, a column a series): what
        `econml simulate --out` writes. The exact policy and the impulse responses too:
        `econml_cli.evaluation.simulation.simulated.simulate(run.run)`."""
        from econml_cli.evaluation.simulation.series import frame
        from econml_cli.evaluation.simulation.simulated import simulate

        return frame(simulate(self.run, periods=periods, paths=paths, seed=seed, step=step))

    @speaking_python()
    def effects(
        self,
        data: frames.Data = None,
        *,
        missing: str | None = None,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        bootstrap: int = 1000,
        bootstrap_seed: int = 0,
        vcov: str | None = None,
        beside: bool = True,
        refit: int = 0,
        sheet: str | None = None,
    ) -> "Effects":
        """Average partial effects of the columns in their own units, with intervals: as `econml eval effects`.

        Args:
            data, missing, step, changes: as of `evaluate`. vcov: of a linear model: iid, HC1, HC3, cluster,
                cluster:COLUMN. beside: whether OLS or a logit stands beside them (needs statsmodels). refit: bootstrap
                samples to fit the recipe to again, for errors of another sample. sheet: of an Excel file.
        """
        from econml_cli.evaluation.marginal.effects import effects

        with frames.as_file(data) as path:
            return effects(
                self.run, data=path, missing=missing, step=step, changes=changes, bootstrap=bootstrap,
                bootstrap_seed=bootstrap_seed, vcov=vcov, beside=beside, refit=refit, sheet=sheet,
            )  # fmt: skip

    @speaking_python()
    def permutation_importance(
        self,
        *columns: str,
        data: frames.Data = None,
        permutations: int = 20,
        seed: int = 0,
        missing: str | None = None,
        step: int | None = None,
        bootstrap: int = 1000,
        bootstrap_seed: int = 0,
    ) -> "Importances":
        """By how much the loss on the test rows rises where a column is shuffled: as `econml eval importance`.

        Args:
            columns: default: all; "a+b" are shuffled together. data, missing, step: as of `evaluate`. permutations: how
                often each is shuffled, from `seed`.
        """
        from econml_cli.evaluation.marginal.importance import importance

        with frames.as_file(data) as path:
            return importance(
                self.run, columns=columns, permutations=permutations, seed=seed, data=path, missing=missing, step=step,
                bootstrap=bootstrap, bootstrap_seed=bootstrap_seed,
            )  # fmt: skip

    @speaking_python()
    def partial_dependence(
        self,
        column: str,
        data: frames.Data = None,
        *,
        points: int = 50,
        missing: str | None = None,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        bootstrap: int = 1000,
        bootstrap_seed: int = 0,
    ) -> "PartialDependence":
        """The mean prediction at each value of a column, with 95 % bands: as `econml eval partial-dependence`.

        `.plot()` draws it. Args: points: values of a number; the others as of `evaluate`.
        """
        from econml_cli.evaluation.marginal.partial_dependence import partial_dependences

        with frames.as_file(data) as path:
            return partial_dependences(
                self.run, [column], points=points, data=path, missing=missing, step=step, changes=changes,
                bootstrap=bootstrap, bootstrap_seed=bootstrap_seed,
            )[0]  # fmt: skip

    @speaking_python()
    def risk(self, *, draws: int = 10_000, draw_seed: int = 0, step: int | None = None) -> "Decomposition":
        """Empirical and population risk, generalisation and approximation error, each with a standard error: as
        `econml eval risk`. Args: draws: fresh draws of a simulated problem, of seed `draw_seed`."""
        from econml_cli.evaluation.risk.decompose import decompose

        return decompose(self.run, draws=draws, draw_seed=draw_seed, step=step)

    @speaking_python()
    def learning_curve(
        self, samples: Sequence[int], *, replications: int = 20, draws: int = 10_000, seed: int = 0
    ) -> "LearningCurve":
        """The risk of the same recipe fitted to new data sets of these sizes: as `econml eval learning-curve`.

        `.plot()` draws it. Args: replications: data sets of each size. seed: of data sets, weights and draws.
        """
        from econml_cli.evaluation.risk.learning_curve import learning_curve

        return learning_curve(self.run, samples, replications, draws=draws, seed=seed)

    @speaking_python()
    def calibration(
        self,
        data: frames.Data = None,
        *,
        bins: int = 10,
        seed: int = 0,
        missing: str | None = None,
        sheet: str | None = None,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> "Calibration":
        """Predicted probabilities of a classifier beside observed shares: as `econml eval calibration`.

        `.plot()` draws it. Args: bins: of equal numbers of observations. seed: of what chance alone would give.
        """
        from econml_cli.evaluation.calibration import calibration

        with frames.as_file(data) as path:
            more: dict[str, Any] = {"missing": missing, "sheet": sheet, "step": step, "changes": changes}
            return calibration(self.run, bins=bins, seed=seed, data=path, **more)

    @speaking_python()
    def plot(
        self,
        data: frames.Data = None,
        *,
        missing: str | None = None,
        sheet: str | None = None,
        step: int | None = None,
        changes: Mapping[str, Any] | None = None,
        width: Literal["single", "double"] | None = None,
    ) -> Any:
        """The figure of `econml eval --plot`, a `matplotlib.figure.Figure`: the fit against the truth or the data, its
        residuals, the losses by epoch. The arguments are those of `evaluate`; `width`: of one column of a journal or
        of its page. `econml_cli.save_figure` writes it for print."""
        from econml_cli.evaluation.drawing.figures import figure

        with frames.as_file(data) as path:
            drawn = figure(self.run, data=path, missing=missing, sheet=sheet, step=step, changes=changes, width=width)
        return reprs.shown(drawn)

    @speaking_python()
    def inspect(self, *views: str, path: str | None = None, step: int | None = None) -> reprs.Inspection:
        """What `econml inspect checkpoint` shows: "summary", "graphdef" and "state", or the `views` asked for ("split",
        "table", "grad", "torch", "raw"); of it what the pattern `path` selects ("linear2", "*.kernel")."""
        return reprs.inspect(self.run, views, path, step)

    @speaking_python()
    def export(
        self, to: str, out: "str | os.PathLike[str]", *, step: int | None = None, force: bool = False
    ) -> "Exported":
        """Write the model for use without econml ("torch", "onnx", "numpy", "stablehlo", "safetensors"), run what was
        written, and compare: as `econml export`."""
        from econml_cli.export.write import export

        return export(self.run, to, Path(out), step=step, force=force)

    @speaking_python()
    def resume(
        self,
        *,
        num_epochs: int | None = None,
        checkpoint_every: int | None = None,
        keep: int | None = None,
        progress: bool = False,
    ) -> "FittedRun":
        """Continue to `num_epochs` (in all) from the newest checkpoint, bit for bit as if the fit had never stopped.

        Warns:
            FitWarning: as `econml_cli.fit`.

        Raises:
            ConfigError: one member of an ensemble, or a bad value. As `training.fit.resume` otherwise.
        """
        if self.run.member is not None:
            raise ConfigError(f"A member is not resumed alone; resume the whole ensemble {self.name}.")
        asked = {"num_epochs": num_epochs, "checkpoint_every": checkpoint_every, "keep": keep}
        given = {name: value for name, value in asked.items() if value is not None}
        saved = (str(self.path / "config.yaml"), self.config.to_dict())
        trainer = choose.resolve([(fit_config.TYPED, given)], [saved]).config().trainer
        changes = {name: getattr(trainer, name) for name in given}

        from econml_cli.python.progress import sinks
        from econml_cli.training.fit import resume

        def work(stop_signal: StopSignal) -> "FitResult":
            return resume(self.run, changes, open_sinks=sinks(progress), stop_signal=stop_signal)

        vars(self).pop("model", None)  # it is of the shorter run
        run = FittedRun(interruptible(work, where_saved).run)
        health.warn(run.failed, stacklevel=4)
        return run

    def __repr__(self) -> str:
        return reprs.run_line(self.run)

    def _repr_html_(self) -> str:
        return reprs.run_html(self.run)
