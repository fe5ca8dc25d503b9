"""Estimate a treatment effect: cross-fit the nuisances, solve the score in every repeat, keep what is finished."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from econml_cli.causal import nuisance, sample, scores
from econml_cli.causal.effect import Effect, Nuisance, Overlap, spread
from econml_cli.causal.folds import folds_of, held_out
from econml_cli.causal.nuisance import Job, Trainable
from econml_cli.causal.options import Specification, changes
from econml_cli.causal.sample import Sample
from econml_cli.causal.scores import Estimated
from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, DataError, InterruptedFitError, RunError
from econml_cli.runs import estimates, resuming
from econml_cli.runs.directory import ESTIMATE
from econml_cli.runs.estimates import EstimateDirectory

#: the share of limited propensities from which there is a note, and from which there is no estimate
NOTED, REFUSED = 0.05, 0.5
#: the R2 of the treatment from which next to nothing of it is left
EXPLAINED = 0.99
#: clusters below which a note says that there are few
FEW_CLUSTERS = 30
#: |share of compliers| over its standard error below which the instrument is called weak: F < 10
WEAK = 10**0.5

Say = Callable[[str], None]
Stop = Callable[[], int | None]


@dataclass(frozen=True)
class Role:
    """One nuisance: what it predicts, in which rows it is fitted and its quality measured.

    Attributes:
        of: in words. y: what is predicted, [n]. rows: the rows that it is fitted in, [n] bool. config: of its fits.
    """

    name: str
    of: str
    y: np.ndarray
    rows: np.ndarray
    config: FitConfig
    binary: bool


def estimate(
    asked: Specification,
    directory: Path,
    *,
    force: bool = False,
    command: str | None = None,
    stop_signal: Stop = lambda: None,
    say: Say = lambda message: None,
) -> Effect:
    """Estimate a treatment effect and keep everything in a new directory.

    Args:
        force: replace an estimate that is there. command: the command line, for the record. stop_signal: asked after
            each chunk of epochs; a number ends it, resumably. say: told of each repeat.

    Raises:
        ConfigError: options are wrong, or --folds too many. DataError: the file or its columns do not suit the model,
            or there is no overlap. RunError: the directory. DivergedError: a nuisance. InterruptedFitError:
            `stop_signal` said so.
    """
    estimates.check_free(directory, force)
    _config(asked, "", False)  # what is wrong with its options is said before a file is read
    read = sample.read(asked)
    roles = roles_of(asked, read)
    with contextlib.ExitStack() as lock:
        made = estimates.make(directory, asked.to_dict(), {"sha256": read.sha256}, command, lock)
        return _estimated(asked, read, roles, made, stop_signal, say)


def resume(
    directory: EstimateDirectory, *, stop_signal: Stop = lambda: None, say: Say = lambda message: None
) -> Effect:
    """Go on with an estimate that was interrupted: what is finished of its repeats stays.

    Raises:
        RunError: the file is not what it was, another process is making it, or the directory is damaged. Others as of
            `estimate`.
    """
    about = directory.about()
    asked = Specification.saved(about["options"], str(directory.path / ESTIMATE))
    with estimates.alone(directory.path):
        read = sample.read(asked)
        if read.sha256 != about["data"]["sha256"]:
            raise RunError(
                f"{asked.columns.data} is no longer what {directory.path} was estimated from; estimate again."
            )
        return _estimated(asked, read, roles_of(asked, read), directory, stop_signal, say)


def load(directory: EstimateDirectory) -> Effect:
    """What came of an estimate.

    Raises:
        RunError: it is not finished, or damaged.
    """
    about = directory.about()
    if "results" not in about:
        raise RunError(
            f"{directory.path} is not finished ({about['status']}); go on with: {resuming.estimate(directory.path)}"
        )
    return Effect.from_dict(about["results"], str(directory.path))


def _estimated(
    asked: Specification, read: Sample, roles: list[Role], made: EstimateDirectory, stop: Stop, say: Say
) -> Effect:
    with resuming.told(made.path, ESTIMATE, resuming.estimate(made.path)):
        return _made(asked, read, roles, made, stop, say)


def _made(
    asked: Specification, read: Sample, roles: list[Role], made: EstimateDirectory, stop: Stop, say: Say
) -> Effect:
    predicted = list[dict[str, np.ndarray]]()
    folds = [_folds(asked, read, repeat) for repeat in range(1, asked.fitting.repeats + 1)]
    fitters = {role.name: Fitter(asked, read, role, number, folds) for number, role in enumerate(roles)}
    for repeat in range(1, asked.fitting.repeats + 1):
        found = dict[str, np.ndarray]()
        for role in roles:
            values = made.kept(repeat, role.name, read.n)
            if values is None:
                say(f"repeat {repeat} of {asked.fitting.repeats}: {role.name}, {role.of}")
                values = fitters[role.name].predictions(repeat, lambda: stop() is not None)
                if values is None:
                    made.note(status="interrupted")
                    raise InterruptedFitError(_stopped(made, repeat - 1, asked.fitting.repeats), stop())
                made.keep(repeat, role.name, values)
            found[role.name] = values
        predicted.append(found)
        if repeat == 1:
            check_overlap(asked, read, found)
    notes = (*(f for fitter in fitters.values() for f in fitter.notes()),)
    effect = result(asked, read, roles, folds, predicted, notes, str(made.path))
    made.note(status="complete", results=effect.to_dict())
    return effect


def _stopped(made: EstimateDirectory, done: int, repeats: int) -> str:
    return (
        f"Stopped by a signal; {done} of {repeats} repeats are complete in {made.path}; continue with: "
        f"{resuming.estimate(made.path)}"
    )


def _folds(asked: Specification, read: Sample, repeat: int) -> np.ndarray:
    strata = {"irm": read.d, "iivm": read.z}.get(asked.model)
    return folds_of(read.n, asked.fitting.folds, (asked.fitting.seed, repeat), read.clusters, strata)


def roles_of(asked: Specification, read: Sample) -> list[Role]:
    """The nuisances of a model, in the order in which they are fitted.

    Raises:
        ConfigError: the options of their fits are wrong.
    """
    y, d = asked.columns.target, asked.columns.treatment
    everywhere = np.ones(read.n, dtype=bool)
    if asked.model == "plr":
        parts = [("l", f"{y} | x", read.y, everywhere), ("m", f"{d} | x", read.d, everywhere)]
    elif asked.model == "irm":
        arms = [(f"g{k}", f"{y} | {d}={k}, x", read.y, read.d == k) for k in (0, 1)]
        parts = [*arms, ("m", f"{d} | x", read.d, everywhere)]
    else:
        assert read.z is not None
        z, at = asked.instrument, [read.z == k for k in (0, 1)]
        parts = [(f"g{k}", f"{y} | {z}={k}, x", read.y, at[k]) for k in (0, 1)]
        parts += [(f"r{k}", f"{d} | {z}={k}, x", read.d, at[k]) for k in (0, 1)]
        parts += [("m", f"{z} | x", read.z, everywhere)]
    return [_role(asked, *part) for part in parts]


def _role(asked: Specification, name: str, of: str, y: np.ndarray, rows: np.ndarray) -> Role:
    binary = sample.is_binary(y)
    return Role(name, of, y, rows, _config(asked, name, binary), binary)


def _config(asked: Specification, name: str, binary: bool) -> FitConfig:
    fitting = asked.fitting
    options = changes(fitting.with_)
    return nuisance.config_of(fitting.nuisance, options, fitting.seed, asked.columns.data, name, binary)


class Fitter:
    """The fits of one nuisance in all repeats, trained by one program."""

    def __init__(self, asked: Specification, read: Sample, role: Role, number: int, folds: list[np.ndarray]):
        """Nothing is fitted yet.

        Args:
            number: of the nuisance, for its seeds. folds: of each repeat.

        Raises:
            ConfigError: a fold leaves it without rows.
        """
        self._role, self._read = role, read
        self._jobs = [
            [self._job(asked, fold, folds[repeat], (number, repeat)) for fold in range(asked.fitting.folds)]
            for repeat in range(len(folds))
        ]
        jobs = [job for repeat in self._jobs for job in repeat]
        sizes = (max(len(j.train) for j in jobs), max(len(j.val) for j in jobs), max(len(j.test) for j in jobs))
        self._trainable = Trainable(role.config, role.binary, sizes)

    def _job(self, asked: Specification, fold: int, folds: np.ndarray, of: tuple[int, int]) -> Job:
        role, read = self._role, self._read
        rows = np.flatnonzero(role.rows & (folds != fold))
        seed = int(np.random.SeedSequence([asked.fitting.seed, *of, fold]).generate_state(1)[0])
        held = np.zeros(len(rows), dtype=bool)
        if nuisance.needs_validation(role.config) and len(rows) > 1:
            held = held_out(rows, role.config.problem_options.val_fraction, seed, read.clusters)
        if np.count_nonzero(~held) < 2:
            raise ConfigError(
                f"A fold leaves {np.count_nonzero(~held)} rows to fit nuisance {role.name} ({role.of}) to; use fewer "
                "--folds, or more rows."
            )
        return Job(read.x, role.y, rows[~held], rows[held], np.flatnonzero(folds == fold), seed)

    def predictions(self, repeat: int, stop: Callable[[], bool]) -> np.ndarray | None:
        """Of every row, by the fits of a repeat (from 1) that have not seen it, [n]; None where `stop` became true."""
        jobs = self._jobs[repeat - 1]
        found = self._trainable.predictions(jobs, stop)
        if found is None:
            return None
        values = np.empty(self._read.n)
        for job, each in zip(jobs, found, strict=True):
            values[job.test] = each
        return values

    def notes(self) -> list[str]:
        """What is to be known of how it was fitted, a sentence each."""
        role, found = self._role, list[str]()
        if self._trainable.by_squares:
            found.append(
                f"Nuisance {role.name} is a probability; {role.config.model} is solved by least squares, so that it is "
                "a linear probability model (--with solver=gradient trains it by log loss)."
            )
        if np.ptp(role.y[role.rows]) == 0:
            value = role.y[role.rows][0]
            found.append(f"Nuisance {role.name} ({role.of}) is {value:g} in every row, and was not fitted.")
        return found


def check_overlap(asked: Specification, read: Sample, predicted: Mapping[str, np.ndarray]) -> None:
    """Refuse an estimate without overlap, or with a treatment of which nothing is left.

    Raises:
        DataError: it says what the propensities, or the residuals of the treatment, are like.
    """
    columns, m = asked.columns, predicted["m"]
    if asked.model == "plr":
        left = float(np.mean((read.d - m) ** 2) / np.var(read.d))
        if left < 1e-8:
            raise DataError(
                f"The controls explain --treatment '{columns.treatment}' exactly, so that nothing of it is left to "
                "have an effect; leave out the control that it is made of."
            )
        return
    on = read.d if asked.model == "irm" else read.z
    assert on is not None
    what = columns.treatment if asked.model == "irm" else str(asked.instrument)
    outside = float(np.mean((m < asked.overlap.trim) | (m > 1 - asked.overlap.trim)))
    apart = m[on == 1].min() > m[on == 0].max()
    if outside > REFUSED or apart:
        why = (
            f"every row with {what}=1 has a larger propensity than any with {what}=0"
            if apart
            else f"{outside:.0%} of its propensities lie outside [{asked.overlap.trim:g}, {1 - asked.overlap.trim:g}]"
        )
        raise DataError(
            f"There is no overlap: the controls decide '{what}' ({why}), so that no effect can be estimated; leave out "
            "the control that decides it, or restrict the rows to where both values occur."
        )


def result(
    asked: Specification,
    read: Sample,
    roles: list[Role],
    folds: list[np.ndarray],
    predicted: list[dict[str, np.ndarray]],
    notes: tuple[str, ...],
    path: str,
) -> Effect:
    """The effect that follows from predictions of all repeats."""
    columns, trim = asked.columns, asked.overlap.trim
    repeats, compliers = list[Estimated](), list[Estimated]()
    for own, each in zip(folds, predicted, strict=True):
        used = each if asked.model == "plr" else {**each, "m": scores.limited(each["m"], trim)}
        score = scores.SCORES[asked.model](read.y, read.d, read.z, used)
        repeats.append(scores.solve(score, own, read.clusters))
        if asked.model == "iivm":  # the first stage is the reduced form of the treatment
            first = scores.Score(-np.ones(read.n), -score.a)
            compliers.append(scores.solve(first, own, read.clusters))
    overlap = None if asked.model == "plr" else _overlap(asked, read, predicted)
    nuisances = tuple(_quality(role, predicted) for role in roles)
    share = scores.median_of(compliers) if compliers else None
    return Effect(
        model=asked.model, target=columns.target, treatment=columns.treatment, instrument=asked.instrument,
        cluster=columns.cluster, n=read.n, dropped=read.dropped,
        clusters=None if read.clusters is None else int(read.clusters.max()) + 1,
        controls=read.controls, nuisance=asked.fitting.nuisance, folds=asked.fitting.folds,
        estimate=scores.median_of(repeats), repeats=tuple(repeats), nuisances=nuisances, overlap=overlap,
        compliers=share, notes=(*notes, *_notes(asked, read, nuisances, overlap, share)), path=path,
    )  # fmt: skip


def _overlap(asked: Specification, read: Sample, predicted: list[dict[str, np.ndarray]]) -> Overlap:
    on, what = (read.d, asked.columns.treatment) if asked.model == "irm" else (read.z, str(asked.instrument))
    assert on is not None
    m, trim = np.array([each["m"] for each in predicted]), asked.overlap.trim
    groups = tuple(spread(f"{what} = {k}", m[:, on == k].reshape(-1), int(np.count_nonzero(on == k))) for k in (0, 1))
    return Overlap(trim, float(np.mean((m < trim) | (m > 1 - trim))), groups)


def _quality(role: Role, predicted: list[dict[str, np.ndarray]]) -> Nuisance:
    own = [nuisance.quality(role.y[role.rows], each[role.name][role.rows], role.binary) for each in predicted]
    r2, log_loss = (float(np.median(values)) for values in zip(*own, strict=True))
    loss = role.config.problem_options.loss
    return Nuisance(
        role.name, role.of, int(role.rows.sum()), loss,
        None if np.isnan(r2) else r2, None if np.isnan(log_loss) else log_loss,
    )  # fmt: skip


def _notes(
    asked: Specification,
    read: Sample,
    nuisances: tuple[Nuisance, ...],
    overlap: Overlap | None,
    share: Estimated | None,
) -> list[str]:
    """What is to be known of the numbers, a sentence each."""
    found = []
    if read.dropped:
        found.append(f"{read.dropped:,} rows with missing values are left out.")
    if read.clusters is not None and (count := int(read.clusters.max()) + 1) < FEW_CLUSTERS:
        found.append(f"There are {count} clusters; standard errors by so few are too small as a rule.")
    if overlap is not None and overlap.trimmed > NOTED:
        found.append(
            f"{overlap.trimmed:.0%} of the propensities were limited to [{overlap.trim:g}, {1 - overlap.trim:g}]: the "
            "estimate depends on --trim; try another."
        )
    m = nuisances[-1]
    if asked.model == "plr" and m.r2 is not None and m.r2 > EXPLAINED:
        found.append(
            f"The controls explain {m.r2:.1%} of {asked.columns.treatment}: little of it is left to estimate by."
        )
    if share is not None and abs(share.value) < WEAK * share.standard_error:
        found.append(
            f"{asked.instrument} is a weak instrument: the share of compliers over its standard error is small."
        )
    if share is not None and share.value < 0:
        found.append(
            f"The share of compliers is negative: {asked.columns.treatment} is rarer where {asked.instrument} is 1, "
            f"and the effect is on those whose treatment {asked.instrument} prevents."
        )
    for each in nuisances:
        if each.r2 is not None and each.r2 < 0:
            found.append(
                f"Nuisance {each.name} ({each.of}) predicts worse than a constant out of fold (R2 {each.r2:.3f}); try "
                "another --nuisance, or other --with."
            )
    return found
