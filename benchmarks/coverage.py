"""How often 95 % intervals cover, and how long they are, by case and method; how often tests of equal accuracy reject.

    uv run python benchmarks/coverage.py                   # all cases, 1,000 samples each
    uv run python benchmarks/coverage.py --only auc paired # some of them
    uv run python benchmarks/coverage.py --samples 200     # a quick look
    uv run python benchmarks/coverage.py --size            # how often paired tests reject, 5,000 samples each
    uv run python benchmarks/coverage.py --size series     # those of series alone
    uv run python benchmarks/coverage.py --size series --samples 2000 --json FILE  # goes on where it was ended

NumPy alone: no model is fitted but least squares by a formula. `econml` is what the package does; `percentile` is what
it did before. The share that covers has a standard error of 0.7 points at 95 % and 1,000 samples.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from econml_cli.evaluation import bootstrap, intervals
from econml_cli.evaluation.comparing.accuracy_tests import diebold_mariano, in_series, paired_bootstrap
from econml_cli.evaluation.comparing.sign_flips import Flips
from econml_cli.evaluation.conformal import radius_of
from econml_cli.evaluation.cross_validation import over_folds
from econml_cli.problems import metrics

Array = np.ndarray
#: the ends of an interval by the name of its method
Ends = dict[str, tuple[float, float]]
#: (case, sampler: rng -> ends by method, the truth)
Case = tuple[str, Callable[[np.random.Generator], Ends], float]

REPLICATIONS = 999
#: of tests of series, whose p-values are then known to 1.5 points at 5 %
SIGNS = 199
HORIZONS = (2, 4)
SIZES = (50, 100, 200)
#: of the regressions that are cross-validated
FEATURES = 5
#: errors of mean 0, and their variance
ERRORS: dict[str, tuple[Callable[[np.random.Generator, int], Array], float]] = {
    "normal": (lambda rng, n: rng.normal(size=n), 1.0),
    "t5": (lambda rng, n: rng.standard_t(5, size=n), 5 / 3),
    "lognormal": (lambda rng, n: np.exp(rng.normal(size=n)) - np.exp(0.5), (np.e - 1) * np.e),
}


def percentile(of: metrics.Moments, name: str, groups: Array | None = None) -> tuple[float, float]:
    """The central 95 % of the bootstrap values."""
    drawn = of.at(bootstrap.resampled_means(bootstrap.units_of(of.columns, groups), REPLICATIONS, 0))[name]
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def ours(of: metrics.Moments, name: str, groups: Array | None = None) -> tuple[float, float]:
    """What the package gives."""
    found = intervals.intervals(of, replications=REPLICATIONS, seed=0, groups=groups)[name]
    return found.low, found.high


def student(values: Array) -> tuple[float, float]:
    """The mean plus and minus t standard errors."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)


def loss_cases() -> Iterator[Case]:
    """The mean of squared errors."""
    for name, (draw, variance) in ERRORS.items():
        for n in SIZES:

            def sample(rng: np.random.Generator, draw: object = draw, n: int = n) -> Ends:
                loss = np.square(draw(rng, n))  # type: ignore[operator]
                of = metrics.mean("loss", loss)
                return {"econml": ours(of, "loss"), "percentile": percentile(of, "loss"), "Student": student(loss)}

            yield f"loss, {name} errors, n {n}", sample, variance


def r2_cases() -> Iterator[Case]:
    """R2 of y = x + e, x standard normal, predicted by x."""
    for name, (draw, variance) in ERRORS.items():
        for n in SIZES:

            def sample(rng: np.random.Generator, draw: object = draw, n: int = n) -> Ends:
                x = rng.normal(size=n)
                of = metrics.regression(x + draw(rng, n), x)  # type: ignore[operator]
                return {"econml": ours(of, "r2"), "percentile": percentile(of, "r2")}

            yield f"R2, {name} errors, n {n}", sample, 1 - variance / (1 + variance)


def auc_cases() -> Iterator[Case]:
    """The AUC of a score that is N(1, 1) of positives, N(0, 1) of negatives."""
    for n in (*SIZES, 400):

        def sample(rng: np.random.Generator, n: int = n) -> Ends:
            y = (rng.random(n) < 0.1).astype(float)
            while not 1 < y.sum() < n:
                y = (rng.random(n) < 0.1).astype(float)
            score = rng.normal(size=n) + y
            of = metrics.binary(y[:, None], stats.norm.cdf(score)[:, None])
            return {"econml": ours(of, "auc"), "percentile": percentile(of, "auc")}

        yield f"AUC, 10 % positives, n {n}", sample, float(stats.norm.cdf(1 / np.sqrt(2)))


def accuracy_cases() -> Iterator[Case]:
    """A share of 90 %."""
    for n in SIZES:

        def sample(rng: np.random.Generator, n: int = n) -> Ends:
            right = rng.random(n) < 0.9
            y = np.arange(n) % 2
            p = np.where(right == (y == 1), 0.9, 0.1)
            of = metrics.binary(y[:, None], p[:, None])
            return {"econml": ours(of, "accuracy"), "percentile": percentile(of, "accuracy")}

        yield f"accuracy of 90 %, n {n}", sample, 0.9


def group_cases() -> Iterator[Case]:
    """Squared errors that share an effect within groups of 10, or of 2 to 18."""
    for count in (3, 5, 8, 10, 20, 50):
        for equal in (True, False):

            def sample(rng: np.random.Generator, count: int = count, equal: bool = equal) -> Ends:
                sizes = np.full(count, 10) if equal else rng.integers(2, 19, size=count)
                groups = np.repeat(np.arange(count), sizes)
                of = metrics.mean("loss", np.square(rng.normal(size=count)[groups] + rng.normal(size=len(groups))))
                return {"econml": ours(of, "loss", groups), "percentile": percentile(of, "loss", groups)}

            yield f"loss, {count} groups{'' if equal else ' of unequal size'}", sample, 2.0


def paired_cases() -> Iterator[Case]:
    """Differences of squared errors of equal mean; the share that covers 0 is 100 % less the size of the test."""
    for name, draw in DIFFERENCES.items():
        for n in (20, 50, 200):

            def sample(rng: np.random.Generator, draw: object = draw, n: int = n) -> Ends:
                return _tests(draw(rng, n))  # type: ignore[operator]

            yield f"paired, {name}, n {n}", sample, 0.0


def squares(draw: Callable[[np.random.Generator, int], Array]) -> Callable[[np.random.Generator, int], Array]:
    """Differences of the squared errors of two models that share a part of their errors."""

    def differences(rng: np.random.Generator, n: int) -> Array:
        common, a, b = (draw(rng, n) for _ in range(3))
        return np.asarray(np.square(common + a) - np.square(common + b))

    return differences


#: of mean 0
DIFFERENCES: dict[str, Callable[[np.random.Generator, int], Array]] = {
    **{f"{name} errors": squares(draw) for name, (draw, _) in ERRORS.items()},
    "skewed (chi2, 4)": lambda rng, n: rng.chisquare(4, size=n) - 4,
    "skewed (exponential)": lambda rng, n: rng.exponential(size=n) - 1,
}


#: percent of samples in which a test rejects at 5 %, by its name
Rejected = dict[str, float]


def paired_sizes(samples: int) -> Iterator[tuple[str, Callable[[], Rejected]]]:
    """(case, what measures it), of differences and of groups of 5 of them."""
    for name, draw in DIFFERENCES.items():
        for n, each in ((20, 1), (50, 1), (200, 1), (20, 5)):
            what = f"{n} groups of {each}" if each > 1 else f"n {n}"
            yield f"{name}, {what}", partial(_paired_size, draw, n, each, samples)


def _paired_size(draw: Callable[[np.random.Generator, int], Array], n: int, each: int, samples: int) -> Rejected:
    found: dict[str, list[float]] = {"econml": [], "signs of the mean": [], "Diebold-Mariano": []}
    for i in range(samples):
        d = draw(np.random.default_rng([21, i]), n)
        if each > 1:  # a common part, and one of each row
            d = np.repeat(d, each) + draw(np.random.default_rng([22, i]), n * each)
        found["econml"].append(Flips(*_sums(d, each), REPLICATIONS, i).p_value(0.0))
        found["signs of the mean"].append(_of_the_mean(d.reshape(-1, each).sum(axis=1), i))
        if each == 1:
            found["Diebold-Mariano"].append(diebold_mariano(d).p_value or 0.0)
    return {test: 100 * float(np.mean(np.array(p) <= 0.05)) for test, p in found.items() if p}


def serial_sizes(samples: int) -> Iterator[tuple[str, Callable[[], Rejected]]]:
    """The same of differences that are correlated over the horizon: squares of the averages of two models' errors over
    so many periods, or averages of skewed shocks."""
    for n in (20, 50, 200):
        for horizon in HORIZONS:
            for name, (draw, _) in ERRORS.items():
                of = squares(averaged(draw, horizon))
                yield f"horizon {horizon}: {name} errors, n {n}", partial(_serial_size, of, n, horizon, samples)
            for name, skewed in DIFFERENCES.items():
                if name.startswith("skewed"):
                    of = averaged(skewed, horizon)
                    yield f"horizon {horizon}: {name}, n {n}", partial(_serial_size, of, n, horizon, samples)


def _serial_size(of: Callable[[np.random.Generator, int], Array], n: int, horizon: int, samples: int) -> Rejected:
    p = np.empty((samples, 2))
    for i in range(samples):
        d = of(np.random.default_rng([23, i]), n)
        found = in_series(d, horizon=horizon, replications=SIGNS, seed=i, interval=False)
        p[i] = found.p_value, found.classical_p_value
    share = 100 * np.mean(p <= 0.05, axis=0)
    return dict(zip(("econml", "Harvey, Leybourne and Newbold"), share.tolist(), strict=True))


def averaged(
    draw: Callable[[np.random.Generator, int], Array], periods: int
) -> Callable[[np.random.Generator, int], Array]:
    """Sums of what is drawn over so many periods."""
    return lambda rng, n: np.convolve(draw(rng, n + periods - 1), np.ones(periods), mode="valid")


def _sums(d: Array, each: int) -> tuple[Array, Array]:
    return d.reshape(-1, each).sum(axis=1), np.full(len(d) // each, float(each))


def _of_the_mean(d: Array, seed: int) -> float:
    """The p-value of random signs where skewness is let alone."""
    flipped = (2.0 * np.random.default_rng(seed).integers(0, 2, size=(REPLICATIONS, len(d))) - 1) @ d
    return float(1 + np.sum(np.abs(flipped) >= abs(d.sum()) * (1 - 1e-12))) / (REPLICATIONS + 1)


def _tests(d: Array) -> Ends:
    wild, dm = paired_bootstrap(d, replications=REPLICATIONS, seed=0), diebold_mariano(d)
    of = metrics.Moments(d[:, None], lambda means: {"d": means[..., 0]})
    assert wild.low is not None and wild.high is not None and dm.low is not None and dm.high is not None
    found = {"econml": (wild.low, wild.high), "Diebold-Mariano": (dm.low, dm.high)}
    return found | {"studentised": ours(of, "d"), "percentile": percentile(of, "d")}


def fold_cases() -> Iterator[Case]:
    """The expected squared error of least squares on n (1 - 1/K) rows, from K folds."""
    for n, k in ((50, 5), (50, 10), (200, 5), (200, 10)):

        def sample(rng: np.random.Generator, n: int = n, k: int = k) -> Ends:
            x, y = rng.normal(size=(n, FEATURES)), rng.normal(size=n)
            fold, loss = np.arange(n) % k, np.empty(n)
            for j in range(k):
                fitted = np.linalg.lstsq(x[fold != j], y[fold != j], rcond=None)[0]
                loss[fold == j] = np.square(y[fold == j] - x[fold == j] @ fitted)
            means = np.array([loss[fold == j].mean() for j in range(k)])
            own = over_folds(means, 1 / (k - 1))
            assert own.low is not None and own.high is not None
            pooled = ours(metrics.mean("loss", loss), "loss")
            return {"econml": (own.low, own.high), "Student": student(means), "pooled": pooled}

        yield f"{k} folds of {n} rows", sample, 1 + FEATURES / (n - n // k - FEATURES - 1)


def conformal_cases() -> Iterator[Case]:
    """An outcome whose spread grows with x and is of long tails, of a predicted mean and sd that know the first alone:
    `econml` is split conformal in predicted standard deviations, `normal` the normal distribution's interval; the truth
    that is covered is a new outcome less the one that is drawn, 0."""
    for n in (50, 200):

        def draw(rng: np.random.Generator, n: int = n) -> Ends:
            x = rng.uniform(-1, 1, n + 1)
            sd = np.exp(x)
            y = sd * rng.standard_t(3, n + 1)
            radius = float(radius_of((np.abs(y[:n]) / sd[:n])[:, None], 95)[0])
            wide = {"econml": radius * sd[n], "normal": 1.96 * sd[n]}
            return {method: (float(-half - y[n]), float(half - y[n])) for method, half in wide.items()}

        yield f"outcome, conformal from n {n}", draw, 0.0


CASES: dict[str, Callable[[], Iterator[Case]]] = {
    "loss": loss_cases, "r2": r2_cases, "auc": auc_cases, "accuracy": accuracy_cases, "groups": group_cases,
    "paired": paired_cases, "folds": fold_cases, "conformal": conformal_cases,
}  # fmt: skip


def measured(case: Case, samples: int) -> dict[str, dict[str, float]]:
    """{method: coverage in percent, of misses those below and above, and the mean and median length}."""
    _, sample, truth = case
    drawn = [sample(np.random.default_rng([20, i])) for i in range(samples)]
    found = {}
    for method in drawn[0]:
        low, high = np.array([ends[method] for ends in drawn]).T
        found[method] = {
            "covers": 100 * float(np.mean((low <= truth) & (truth <= high))),
            "below": 100 * float(np.mean(high < truth)),
            "above": 100 * float(np.mean(low > truth)),
            "length": float(np.median(high - low)),
            "mean_length": float(np.mean(high - low)),
        }
    return found


SIZES_OF = {"paired": paired_sizes, "series": serial_sizes}


def tell_sizes(kinds: list[str], samples: int, file: Path | None) -> None:
    """Print how often each test rejects, case by case; what the file has of as many samples is not measured again."""
    there: dict[str, Any] = json.loads(file.read_text()) if file and file.exists() else {}
    kept: dict[str, Rejected] = there.setdefault(f"{samples} samples", {})
    for kind in kinds:
        for case, measure in SIZES_OF[kind](samples):
            kept[case] = kept.get(case) or measure()
            print(f"{case:50s}" + "  ".join(f"{test} {share:.1f}" for test, share in kept[case].items()), flush=True)
            if file:
                file.write_text(json.dumps(there, indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="which cases")
    parser.add_argument("--samples", type=int, help="samples of each (1,000; of --size 5,000)")
    parser.add_argument("--size", nargs="*", choices=SIZES_OF, help="how often paired tests reject (alone: all tests)")
    parser.add_argument("--json", type=Path, help="keep the figures in a file; those of --size that are there are kept")
    asked = parser.parse_args()
    if asked.size is not None:
        tell_sizes(asked.size or list(SIZES_OF), asked.samples or 5000, asked.json)
        return
    kept = {}
    print(f"{'case':36s} {'method':16s} covers  below  above  length (median)  (mean)")
    for kind in asked.only:
        for case in CASES[kind]():
            kept[case[0]] = measured(case, asked.samples or 1000)
            for i, (method, m) in enumerate(kept[case[0]].items()):
                label = "" if i else case[0]
                print(
                    f"{label:36s} {method:16s} {m['covers']:6.1f} {m['below']:6.1f} {m['above']:6.1f}"
                    f" {m['length']:14.3g} {m['mean_length']:9.3g}",
                    flush=True,
                )
    if asked.json:
        asked.json.write_text(json.dumps(kept, indent=2))


if __name__ == "__main__":
    main()
