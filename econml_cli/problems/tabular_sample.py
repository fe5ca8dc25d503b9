"""The table of a fit: read, encoded by what its training rows teach, and parted into splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from econml_cli.errors import ConfigError
from econml_cli.problems import losses, tabular_columns, tabular_options, tabular_split
from econml_cli.problems.lazily import base, np
from econml_cli.problems.losses import Loss
from econml_cli.problems.tabular_options import TabularOptions

if TYPE_CHECKING:
    from econml_cli.data.formula import Formula
    from econml_cli.data.preprocessing import Preprocessing
    from econml_cli.data.read import Table
    from econml_cli.data.schema import Schema
    from econml_cli.data.specification import Specification
    from econml_cli.data.weights import RowWeights
    from econml_cli.problems.base import Batch


@dataclass(frozen=True)
class Found:
    """What a fit has of its table.

    Attributes:
        preprocessing: what encodes any table like it. loss: the row of its loss. batches: of each split that has rows.
        file_rows: the rows of the file that each split has; split_rows: their positions among the rows that `encode`
            keeps when it needs no target; groups: the number of the group of each (with --group).
        about: of the file, for `describe`. total: how many rows it has.
        autocorrelation, along: see `Tabular`. class_weights: by the name of the class; {} where all weigh the same.
    """

    preprocessing: Preprocessing
    loss: Loss
    batches: dict[str, Batch]
    file_rows: Mapping[str, np.ndarray]
    split_rows: Mapping[str, np.ndarray]
    groups: dict[str, np.ndarray]
    about: dict[str, Any]
    total: int
    autocorrelation: float | None
    along: tuple[str, float] | None
    class_weights: dict[str, float]


def read(p: TabularOptions, row: Loss | None, table: Table | None = None) -> Found:
    """Read a table that fits into memory (`table`, where that was done already).

    Raises:
        ConfigError: a formula or an option that is not admitted. DataError: the file cannot be read, or holds what
            cannot be fitted.
    """
    from econml_cli.problems import fixed_counts

    weights = tabular_options.row_weights(p)
    assert p.data is not None
    table, said = _specified(p, table, weights)
    formula = said.formula()
    parted = tabular_split.splits_of(p, table, formula, row)
    learnt, chosen, usable, with_features, kept = _learnt(p, row, table, said, parted, weights)
    x, aim = learnt.samples(table.frame, kept, usable, p.data)
    w = learnt.weights_of(table.frame, kept, p.data)
    y = over_exposure(weights, None if aim is None else chosen.target.encoded(aim), w)
    if formula.absorbed and not chosen.least_squares and y is not None:
        learnt, usable, with_features, x = fixed_counts.without_separated(
            learnt, table.frame, usable, with_features, x, y[:, 0], w, p.data
        )
    split_rows, groups = _places(usable, with_features), _groups(p.group, table, usable)
    about, total = _about(table, usable, *_left_out(p, table, parted, kept, usable, formula)), len(table.frame)
    weighed = _class_weights(p.class_weights, learnt, chosen, y, w, usable["train"])
    autocorrelation, along = None, None
    if p.time is None and p.group is None and y is not None:
        autocorrelation, along = tabular_split.of_a_series(y, usable, chosen, table.frame, formula.feature_columns)
    # before the target is parted, and anything is put on a device: a table may be most of the memory
    del table, parted
    batches = {split: _batch(own, y, w, usable[split]) for split, own in x.items()}
    return Found(learnt, chosen, batches, usable, split_rows, groups, about, total, autocorrelation, along, weighed)


def _specified(p: TabularOptions, table: Table | None, weights: RowWeights | None) -> tuple[Table, Specification]:
    """The table, read where it was not, and what of it explains what; refused where that does not suit the options."""
    from econml_cli.data import specification
    from econml_cli.data.read import read_table

    asked, embedded = p.asked(), tabular_options.embedded(p)
    assert p.data is not None
    if table is None:
        table = read_table(p.data, asked, needed=partial(tabular_columns.needed, p, asked))
    apart = (*tabular_options.apart(p), *table.schema.left_out)
    names = [name for name in table.names if name not in asked.drop_columns]
    said = specification.specify(names, p.data, p.target, p.features, p.formula, apart)
    formula = said.formula()
    tabular_columns.check_embedded(formula, embedded)
    tabular_columns.refuse_unsuited(formula, table, embedded, None if weights is None else weights.column)
    return table, said


def _learnt(
    p: TabularOptions,
    row: Loss | None,
    table: Table,
    said: Specification,
    parted: Callable[..., dict[str, np.ndarray]],
    weights: RowWeights | None,
) -> tuple[Preprocessing, Loss, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """What `learning.learn` gives, with the loss and the schema."""
    from econml_cli.data import learning

    assert p.data is not None
    learnt, chosen, usable, with_features, kept = learning.learn(
        table.frame,
        p.data,
        said,
        p.missing,
        tabular_split.chosen(row),
        parted,
        p.time if p.group is None else p.group,
        p.constant,
        tabular_options.panel(p),
        weights,
        {(column,): width for column, width in tabular_options.embedded(p).items()},
    )
    assert isinstance(chosen, Loss)
    formula = said.formula()
    tabular_columns.check_entities(formula, p, chosen)
    schema = table.schema.with_roles(tabular_columns.roles(p, formula))
    learnt = dataclasses.replace(learnt, loss=losses.beside_task(chosen), schema=schema)
    return learnt, chosen, usable, with_features, kept


def stream(p: TabularOptions, row: Loss | None) -> Found:
    """The same of a table that is not read whole.

    Raises:
        ConfigError: an option or a loss that needs all rows at once. DataError: as `read`.
    """
    from econml_cli.data import specification, streaming
    from econml_cli.problems import streamed

    assert p.data is not None
    data, asked = p.data, p.asked()
    streamed.check(p)
    if row is not None:
        streamed.admit(row)

    def specify(names: Sequence[str], schema: Schema) -> Specification:
        there = [name for name in names if name not in asked.drop_columns]
        return specification.specify(there, data, p.target, p.features, p.formula, tuple(schema.left_out))

    def refuse(read: Formula, schema: Schema, rows: int) -> None:
        tabular_columns.refuse_columns(read, schema, rows, data, ())

    own = (p.val_fraction, p.test_fraction, p.split_seed)
    plan = streaming.Plan(specify, refuse, tabular_split.chosen(row), streamed.admit, p.constant, *own)
    said = {name: value for name, value in dataclasses.asdict(p).items() if name not in ("data", "schema")}
    found = streamed.read(
        data, said, asked, partial(tabular_columns.needed, p, asked), plan,
        lambda learnt, schema: schema.with_roles(tabular_columns.roles(p, learnt.formula)),
    )  # fmt: skip
    return Found(
        found.preprocessing, found.loss, found.batches, found.rows, found.rows, {}, found.about, found.total,
        found.autocorrelation, None, {},
    )  # fmt: skip


def _class_weights(
    asked: tuple[str, ...] | None,
    learnt: Preprocessing,
    row: Loss,
    y: np.ndarray | None,
    w: np.ndarray | None,
    train: np.ndarray,
) -> dict[str, float]:
    """The weights of the classes in the loss, of mean 1 over the training rows; {} where none are asked for."""
    from econml_cli.data import class_weights

    if asked is None:
        return {}
    if not row.classifies:
        raise ConfigError(
            f"--class-weights is of classes, and the loss of '{learnt.formula.target}' is {row.called}; leave it out."
        )
    assert y is not None  # of classes
    codes = y[train].reshape(-1).astype(int)
    return class_weights.read(asked, learnt.target.classes or [], codes, None if w is None else w[train])


def over_exposure(weights: RowWeights | None, y: Any, w: np.ndarray | None) -> Any:
    """The target [n, 1] over what it is counted over, where there is such a column."""
    if y is None or w is None or weights is None or not weights.is_exposure:
        return y
    return y / w[:, None]


def _batch(x: np.ndarray, y: np.ndarray | None, w: np.ndarray | None, rows: np.ndarray) -> Batch:
    """Some of the rows, of which x is given; without y the features are the target."""
    return base.Batch(x, x if y is None else y[rows], None if w is None else w[rows])


def _places(usable: dict[str, np.ndarray], with_features: np.ndarray) -> dict[str, np.ndarray]:
    """The positions of rows among those with features."""
    if with_features.all():
        return dict(usable)
    place = np.cumsum(with_features) - 1
    return {split: place[rows] for split, rows in usable.items()}


def _groups(column: str | None, table: Table, usable: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The number of the group of each row; {} without groups."""
    if column is None:
        return {}
    codes = table.frame[column].astype("category").cat.codes.to_numpy()
    return {split: codes[rows] for split, rows in usable.items()}


def _rows_in(parts: dict[str, np.ndarray]) -> int:
    return sum(map(len, parts.values()))


def _left_out(
    p: TabularOptions,
    table: Table,
    parted: Callable[..., dict[str, np.ndarray]],
    kept: np.ndarray,
    usable: dict[str, np.ndarray],
    formula: Formula,
) -> tuple[int, int]:
    """How many rows a split in time leaves out on purpose, and how many are of levels whose fixed effect no training
    row tells, or separated."""
    outside = 0 if p.time is None else int(table.frame[p.time].notna().sum()) - _rows_in(parted())
    untold = sum(int(kept[rows].sum()) for rows in parted(kept=kept).values()) - _rows_in(usable)
    return outside, untold if formula.absorbed else 0


def _about(table: Table, usable: dict[str, np.ndarray], outside: int, untold: int) -> dict[str, Any]:
    """`outside`, `untold`: as `_left_out` has them."""
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
