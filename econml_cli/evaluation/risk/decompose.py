"""The risk of one fitted model in parts: empirical and population risk, generalisation and approximation error."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from econml_cli.errors import ConfigError
from econml_cli.evaluation.answer import Answer
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.risk import refits
from econml_cli.evaluation.risk.bayes import bayes_risk, excess_loss, loss
from econml_cli.evaluation.risk.measure import HeldOut, Meter, population_of
from econml_cli.evaluation.samples import size, without_weights
from econml_cli.evaluation.standard_errors import around, estimate, groups_of, standard_error, unspread
from econml_cli.models import registry as models
from econml_cli.options.signature import accepted
from econml_cli.output.tables import Grid, cell, flat, interval
from econml_cli.runs import health
from econml_cli.runs.directory import Run

#: the sample that the best in class is estimated from is so many times the run's own, and has at most so many
#: observations; fewer where the model keeps them all (a kernel), which takes time in their cube
LARGER, LARGEST, LARGEST_KEPT = 10, 100_000, 4000
#: names that parts of the risk have had in JSON, and go on having, beside those of the lecture
FORMER = {"generalisation_error": "eps_gen", "generalisation_error_here": "eps_gen_here"}


@dataclass(frozen=True)
class Decomposition(Answer):
    """The risk of a fitted model f_hat in parts, in reported units.

    Attributes:
        over: what the population risk is taken over, "fresh draws" or "test split"; draws: how many observations.
        empirical: R_hat(f_hat, D) on the n training observations. population: R(f_hat).
        generalisation: R_hat - R, with the errors of both samples; generalisation_here: with that of the second alone.
        bayes_risk: R(f*). excess: R(f_hat) - R(f*). None where R(f*) is not known.
        eps_app: R(f_hat) - R(f*), as the difference of the two numbers above; total: R_hat(f_hat, D) - R(f*), which is
            eps_app + generalisation. excess has less noise than eps_app: it is a mean of differences, draw by draw.
        proxy_n: the training sample of f_n, a stand-in for the best in class; None where there is none.
        best_in_class: R(f_n). approximation: R(f_n) - R(f*), of the class. estimation: R(f_hat) - R(f_n). Their errors
            include that of f_n.

    In the lecture's words, where f_hat minimises the empirical risk: eps_gen = R_hat(f_hat) - R(f_hat) is
    `generalisation`, and R_hat(f_hat) = R(f*) + eps_app + eps_gen.
    """

    run: str
    model: str
    problem: str
    epoch: int
    n: int
    over: str
    draws: int
    empirical: Estimate
    population: Estimate
    generalisation: Estimate
    generalisation_here: Estimate
    bayes_risk: float | None
    excess: Estimate | None
    proxy_n: int | None = None
    best_in_class: Estimate | None = None
    approximation: Estimate | None = None
    estimation: Estimate | None = None
    notes: tuple[str, ...] = ()
    eps_app: Estimate | None = None
    total: Estimate | None = None

    def _estimates(self) -> dict[str, tuple[str, Estimate | None]]:
        """{name: (label, estimate)} in the order in which they are shown."""
        return {
            "empirical_risk": ("empirical risk", self.empirical),
            "population_risk": ("population risk", self.population),
            "bayes_risk": ("Bayes risk", None if self.bayes_risk is None else Estimate(self.bayes_risk)),
            "eps_app": ("eps_app (population - Bayes)", self.eps_app),
            "eps_gen": ("eps_gen (empirical - population)", self.generalisation),
            "eps_gen_here": ("  given this training sample", self.generalisation_here),
            "eps_total": ("eps_app + eps_gen", self.total),
            "excess_risk": ("eps_app, pair by pair with f*", self.excess),
            "best_in_class_risk": ("best in class (proxy)", self.best_in_class),
            "class_approximation_error": ("  of the class (proxy)", self.approximation),
            "estimation_error": ("  of estimation (proxy)", self.estimation),
        }

    def grids(self) -> list[Grid]:
        """One table: the parts with their standard errors and 95 % intervals."""
        lines = tuple(
            (label, cell(e.value), "" if e.low is None else cell(e.standard_error), interval(e.low, e.high))
            if e is not None
            else (label, "not available", "", "")
            for label, e in self._estimates().values()
        )
        over = f"{self.draws:,} {'fresh draws' if self.over == 'fresh draws' else 'test rows'}"
        proxy = "" if self.proxy_n is None else f"\nproxy: the same recipe fitted to {self.proxy_n:,} observations"
        title = f"{self.run}: risk of {self.model} on {self.problem}, epoch {self.epoch:,}"
        return [
            Grid(("", "", "s.e.", "95 % interval"), lines, f"{title}\n{self.n:,} training observations, {over}{proxy}")
        ]

    def to_dict(self) -> dict[str, Any]:
        """One JSON object; what is not available is null."""
        head = ("run", "model", "problem", "epoch", "n", "over", "draws", "proxy_n")
        found: dict[str, Any] = {name: getattr(self, name) for name in head}
        found |= {name: None if e is None else e.to_json() for name, (_, e) in self._estimates().items()}
        found |= {former: found[name] for former, name in FORMER.items()}
        return {**found, "notes": list(self.notes)}

    def rows(self) -> list[dict[str, Any]]:
        """One flat dict: empirical_risk, empirical_risk_low, ..."""
        return [flat({key: value for key, value in self.to_dict().items() if key != "notes"})]


def decompose(
    run: Run,
    *,
    draws: int = 10_000,
    draw_seed: int = 0,
    step: int | None = None,
    larger: int = LARGER,
) -> Decomposition:
    """Take the risk of a fitted model apart.

    The population risk R is a mean over fresh draws (simulated problems) or over the test split (files; clustered where
    they have groups), which is independent of the training sample D. Conditional on D, and so on the fitted f_hat, only
    R is uncertain: the interval of `generalisation_here`. That of `generalisation` adds the spread of the losses on D,
    as if D were drawn again, and to first order (few parameters for the observations) covers E_D[R_hat - R].

    The excess risk is taken pair by pair against f* where that is known. For the best in class stands a proxy: the same
    model and recipe fitted to a larger sample (simulated problems). It includes what that fit still lacks: to first
    order an estimation error falls with the size of the sample, so that of the proxy, fitted to N observations, is
    n / (N - n) times R(f_hat) - R(f_n). It is in the standard errors of what the proxy is part of.

    Source: lecture "Machine Learning Fundamentals for Economists", approximation and generalisation error; standard
    errors of the mean by the central limit theorem.

    Args:
        draws: fresh draws, at least 2; draw_seed: theirs, and that of the larger sample.
        step: the epoch of the checkpoint (default: the best or newest).
        larger: times the run's own sample that the proxy is fitted to; 0: no proxy.

    Raises:
        ConfigError: there are neither draws nor a test split, or the run is an ensemble of which no member is chosen
            (`run.of_member(0)`). DataError, RunError, CheckpointError: as `evaluate`.
    """
    if draws < 2:
        raise ConfigError(f"--draws must be at least 2 (a standard error needs two), got {draws}.")
    if larger < 0 or larger == 1:
        raise ConfigError(f"larger must be 0 or at least 2, got {larger}.")
    with open_run(run, step=step) as opened:
        config, loaded, own = opened.config(), opened.loaded(), opened.own_samples()
        without_weights(run, own, "eval risk")
        problem, n = own.problem, size(own.parts["train"])
        seen, values, proxy_n, notes = _measured(opened, draws, draw_seed, larger)
    groups = groups_of(problem, "population" if problem.simulated else "test", len(values["loss"]))
    parts = {name: estimate(each, groups) for name, each in values.items()}
    bayes, seen_groups = bayes_risk(problem), groups_of(problem, "train", n)
    empirical, error = estimate(seen, seen_groups), standard_error(values["loss"], groups)
    gap = empirical.value - parts["loss"].value
    best_found, of_class, estimation = parts.get("best_loss"), parts.get("best_excess"), None
    if proxy_n is not None:
        pair = "excess" if "excess" in values else "loss"  # the same difference, with less noise
        estimation = estimate(values[pair] - values[f"best_{pair}"], groups)
        best_found, of_class, estimation = (
            one if one is None else _with_proxy(one, estimation, n / (proxy_n - n))
            for one in (best_found, of_class, estimation)
        )
    lone = [
        note for split in (("train",) if problem.simulated else ("train", "test"))
        for note in unspread(run.name, problem, split, size(own.parts[split]))
    ]  # fmt: skip
    return Decomposition(
        run=run.name, model=config.model, problem=config.problem, epoch=loaded.epoch,
        n=n, over="fresh draws" if problem.simulated else "test split", draws=len(values["loss"]),
        empirical=empirical, population=parts["loss"],
        generalisation=around(gap, math.hypot(standard_error(seen, seen_groups), error)),
        generalisation_here=around(gap, error),
        bayes_risk=bayes, excess=parts.get("excess"),
        proxy_n=proxy_n, best_in_class=best_found, approximation=of_class, estimation=estimation,
        eps_app=_above(parts["loss"], error, bayes), total=_above(empirical, standard_error(seen, seen_groups), bayes),
        notes=(*own.notes, *health.of_weights(opened, loaded.diverged, loaded.epoch), *lone, *notes),
    )  # fmt: skip


def _measured(
    run: OpenedRun, draws: int, seed: int, larger: int
) -> tuple[np.ndarray, dict[str, np.ndarray], int | None, tuple[str, ...]]:
    """The losses [n] of a fitted model on its training sample; "loss", where f* is known "excess", and "best_" of each
    where there is a proxy, of every observation of the population; the sample of the proxy, and why there is none."""
    own, model = run.own_samples(), run.loaded().model
    population, excess = population_of(run, draws, seed), excess_loss(own.problem)
    of_loss = Meter({"loss": loss(own.problem)})
    meter = of_loss if excess is None else Meter({"loss": loss(own.problem), "excess": excess})
    seen = of_loss.whole([model], HeldOut(own.parts["train"], run.dtype))["loss"][0]
    found = meter.whole([model], population)  # before the proxy is fitted: it may be refused
    best, proxy_n, notes = _best_in_class(run, larger, seed)
    if best is not None:  # on the same draws
        found |= {f"best_{name}": each for name, each in meter.whole([best], population).items()}
    return seen, {name: each[0] for name, each in found.items()}, proxy_n, notes


def _above(risk: Estimate, error: float, bayes: float | None) -> Estimate | None:
    """A risk with its standard error, less the Bayes risk."""
    return None if bayes is None else around(risk.value - bayes, error)


def _with_proxy(one: Estimate, estimation: Estimate, share: float) -> Estimate:
    """An estimate with the error of the proxy, whose mean is a share of the estimation error. Its root mean square is
    sqrt(2) times its mean for a quadratic form in two normals (less for more of them), and its mean is itself estimated
    from such a one: twice the mean is what counts."""
    own = one.standard_error or 0.0
    of_proxy = 2 * share * max(abs(estimation.value), estimation.standard_error or 0.0)
    return around(one.value, math.hypot(own, of_proxy))


def _best_in_class(run: OpenedRun, larger: int, seed: int) -> tuple[Any | None, int | None, tuple[str, ...]]:
    """(a model fitted to a larger sample, of which size, ()); (None, None, why not) where there is none."""
    config, own = run.config(), run.own_samples()
    n, most = size(own.parts["train"]), LARGEST_KEPT if "n" in accepted(models.load(config.model)) else LARGEST
    wanted = min(larger * n, most)
    if larger == 0:
        return None, None, ()
    try:
        if not own.problem.simulated:
            raise ConfigError("it takes more data than the file has.")
        if wanted <= n:
            raise ConfigError(f"its sample would be no larger than the {n:,} observations of the run.")
        samples = refits.new_samples(config, own.problem, wanted, 1, seed)
        found = refits.refit(config, own.problem, own.parts.get("val"), samples, seed)
        if not found.models:
            raise ConfigError(f"its fit to {wanted:,} observations diverged.")
    except ConfigError as error:
        why = f"{run.name}: there is no proxy for the best in class, and no approximation error: {error}"
        return None, None, (why,)
    return found.models[0], wanted, ()
