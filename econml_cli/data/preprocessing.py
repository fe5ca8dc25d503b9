"""What is learnt from a table once and applied to tables ever after; as JSON, so that reading it runs nothing."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, design, entities, expression, fills, missing, target
from econml_cli.data import panel as panels
from econml_cli.data import weights as weighting
from econml_cli.data.entities import Entities
from econml_cli.data.expression import Node
from econml_cli.data.formula import Formula
from econml_cli.data.schema import Schema
from econml_cli.data.specification import Specification
from econml_cli.data.weights import RowWeights
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

VERSION = 1
#: the columns of units and of time
Panel = tuple[str | None, str | None]


@dataclass(frozen=True)
class Preprocessing:
    """How to encode any table like the one of the fit.

    `binary` are the columns of the features that hold zeros and ones alone in the rows of the fit; None in a run that
    an older econml wrote. `loss` is the name of a loss that the task of the target does not say; None where it does.
    `constant` says whether there is one; None in a run that an older econml wrote, which had one in any case. `weights`
    is the column of weights, where there is one. `schema` says what the columns of the file are, and how any other file
    is read; None in a run that an older econml wrote. `filled_with` is what stands for missing values of features, and
    the `formula` has the indicators of these columns, too. `entities` are the columns of fixed effects and of
    embeddings, `of_levels` what is to be known of their rows, in sentences (of the fit itself: it is not saved).
    """

    specification: Specification
    formula: Formula
    missing: missing.Rule
    features: design.Encoding
    target: target.TargetEncoding
    binary: list[str] | None = None
    loss: str | None = None
    constant: bool | None = True
    weights: RowWeights | None = None
    schema: Schema | None = None
    filled_with: fills.Fills = field(default_factory=dict)
    entities: tuple[Entities, ...] = ()
    of_levels: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON values only; `from_json` gives the same again, to the last digit."""
        return {
            "version": VERSION,
            "specification": dataclasses.asdict(self.specification) | {"features": list(self.specification.features)},
            "missing": self.missing,
            **({"fills": dict(self.filled_with)} if self.filled_with else {}),
            # as an older econml wrote them, where nothing is idle
            "features": {k: v for k, v in dataclasses.asdict(self.features).items() if k != "idle" or v},
            "target": dataclasses.asdict(self.target),
            "binary": self.binary,
            **({} if self.constant is None else {"constant": self.constant}),
            **({} if self.loss is None else {"loss": self.loss}),
            **({} if self.weights is None else {"weights": self.weights.to_json()}),
            **({} if self.schema is None else {"schema": self.schema.to_json()}),
            **({"entities": [one.to_json() for one in self.entities]} if self.entities else {}),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> "Preprocessing":
        """Read what `to_json` wrote.

        Raises:
            DataError: it is not that. ConfigError: its formula is not admitted.
        """
        try:
            given = saved["specification"]
            specification = Specification(given["text"], given["target"], tuple(given["features"]))
            features, aim = design.Encoding(**saved["features"]), target.TargetEncoding(**saved["target"])
            version, rule = saved["version"], saved["missing"]
            weights, filled_with = weighting.from_json(saved.get("weights")), fills.from_json(saved.get("fills", {}))
            levels = entities.from_json(saved.get("entities"))
        except (KeyError, TypeError) as error:
            raise DataError(f"preprocessing.json is damaged ({error} is amiss); fit again.") from None
        if version != VERSION:
            raise DataError(f"preprocessing.json is of version {version}, this is version {VERSION}; fit again.")
        constant = saved.get("constant")
        formula = dataclasses.replace(specification.formula(), constant=constant is not False)
        formula = fills.extended(formula, filled_with)
        schema = None if saved.get("schema") is None else Schema.from_json(saved["schema"])
        named = (saved.get("binary"), saved.get("loss"), constant, weights, schema, filled_with, levels)
        return cls(specification, formula, rule, features, aim, *named)

    def encode(
        self, frame: "pd.DataFrame", where: str, *, need_target: bool, part: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """(rows that can be used [n] bool, x [n, p], y or None), all rows of the table; use `x[rows]`. y is x, or as
        `target.apply` has it. Of a `part` of a table no row may be usable.

        The columns of the target are looked at only if it is needed, or every row used has them. Rows of a level of a
        fixed effect that no training row has are left out where rows with missing values are, else refused.

        Raises:
            DataError: a column is not there, a value is missing (unless dropped), infinite, or unlike those of the fit.
        """
        factors, frame = self.formula.features, self.filled(frame, where)
        columns.require(self.entity_columns, frame, where)
        without = missing.columns_missing(self._read_target() if need_target else {}, frame, where)
        without |= _missing_entities(self.entities, frame)
        if need_target and self.weights is not None and (gaps := self.weights.missing(frame, where)).any():
            without[self.weights.column] = gaps
        absent = missing.missing_by(factors, frame, self.features.learnt, None, where, without)
        if need_target:
            absent |= self._missing_target(frame, where, absent | without)
        apart = (self._weighed() if need_target else None, *self.entity_columns)
        absent |= {name: gaps for name, gaps in without.items() if name in apart}
        rows = missing.keep(absent, len(frame), self.missing, where, part=part)
        design.refuse_unseen(self.formula, self.features, frame, rows, where)
        if self.missing == "error":
            entities.refuse_unseen(self.entities, frame, rows, where)
        else:
            rows = rows & entities.known(self.entities, frame)
        x = entities.with_codes(design.apply(self.formula, self.features, frame, rows), self.entities, frame)
        if self.formula.target is None:
            return rows, x, x
        return rows, x, self._target(frame, where, rows, needed=need_target)

    def samples(
        self, frame: "pd.DataFrame", kept: np.ndarray, parts: Mapping[str, np.ndarray], where: str
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """({split: x of its rows}, y of all rows of the table) of the table of the fit, of whose rows `learn` kept some
        [n] bool and found positions of `parts` usable. y is None where the features themselves are the target.

        Raises:
            DataError: a number is too large.
        """
        filled, name, y = fills.apply(self.filled_with, frame), self.formula.target, None
        if name is not None:
            y = target.apply(name, self.formula.factors[name], self.target, filled, kept, where)
        encoder = design.Encoder(self.formula, self.features, filled)
        x = {split: encoder.at(rows, kept) for split, rows in parts.items() if len(rows)}
        if self.entities:
            codes = [one.codes(filled) for one in self.entities]
            x = {split: np.column_stack([x[split], *(c[parts[split]] for c in codes)]) for split in x}
        return x, y

    def filled(self, frame: "pd.DataFrame", where: str) -> "pd.DataFrame":
        """A table with what stands for missing values, and the indicators of the columns that are filled.

        Raises:
            DataError: a column of the features is not there.
        """
        made = {fills.indicator(name) for name in self.filled_with}
        columns.require(self._shifted_by(), frame, where)
        columns.require([name for name in self.formula.feature_columns if name not in made], frame, where)
        return fills.apply(self.filled_with, frame)

    def weights_of(self, frame: "pd.DataFrame", rows: np.ndarray, where: str) -> np.ndarray | None:
        """The weights of all rows of a table whose `rows` [n] bool are used; None where the fit has none.

        Raises:
            DataError: the column is not there, or holds no weights.
        """
        if self.weights is None:
            return None
        columns.require([self.weights.column], frame, where)
        return self.weights.values(frame, rows, where)

    def _weighed(self) -> str | None:
        """The column of weights."""
        return None if self.weights is None else self.weights.column

    @property
    def entity_columns(self) -> list[str]:
        """The columns of fixed effects and of embeddings."""
        return list(dict.fromkeys(column for one in self.entities for column in one.columns))

    def inputs(self, frame: "pd.DataFrame", rows: np.ndarray, where: str) -> np.ndarray:
        """The standardised design [n, p], behind it the numbers of levels (`entities.with_codes`); of others than
        `rows` [n] bool, for which there are `reasons`, it holds anything."""
        x = design.apply(self.formula, self.features, self.filled(frame, where), rows)
        return entities.with_codes(x, self.entities, frame)

    def _shifted_by(self) -> list[str]:
        """The columns of units and time that lag(...) needs."""
        known = self.features.learnt.get(panels.KEY, {})
        return [known[what] for what in ("unit", "time") if known.get(what) is not None]

    def _read_target(self) -> dict[str, Node]:
        name = self.formula.target
        return {} if name is None else {name: self.formula.factors[name]}

    def _missing_target(
        self, frame: "pd.DataFrame", where: str, also: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        left = self._read_target()
        columns.require([column for node in left.values() for column in expression.columns(node)], frame, where)
        return missing.missing_by(left, frame, self.target.learnt, None, where, also)

    def _target(self, frame: "pd.DataFrame", where: str, rows: np.ndarray, *, needed: bool) -> np.ndarray | None:
        name = self.formula.target
        assert name is not None
        try:
            others = {"": ~rows}
            if not needed and any(gaps[rows].any() for gaps in self._missing_target(frame, where, others).values()):
                return None
            return target.apply(name, self.formula.factors[name], self.target, frame, rows, where)
        except DataError:
            if needed:
                raise
            return None


def learn(
    frame: "pd.DataFrame",
    where: str,
    specification: Specification,
    rule: missing.Rule,
    choose: target.Choose,
    split: Callable[..., dict[str, np.ndarray]],
    parted_by: str | None,
    constant: bool | None = None,
    panel: Panel | None = None,
    weights: RowWeights | None = None,
    embed: Mapping[tuple[str, ...], int] | None = None,
) -> tuple[Preprocessing, target.Loss, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Learn from the training rows of a table: (preprocessing, the loss that `choose` gives the target, usable
    positions of each split, rows that `encode` keeps when it needs no target [n] bool, rows without missing values
    [n] bool).

    `parted_by` is the column of groups, or of time, by which rows are parted: those without it are left out.
    `panel` are the columns of units and of time by which lag(...) goes. `split` gives {split: positions}; it is told
    the rows `kept` once they are known. `constant`: whether there is one; None: as the formula says. `weights`: of the
    rows, by which means and standard deviations are taken. `embed`: {columns: width} of the embeddings. Rows for
    validation and testing of a level of a fixed effect that no training row has are not usable.

    Raises:
        ConfigError: the formula is not admitted. DataError: the table cannot be used; says why.
    """
    read = specification.formula()
    if constant is not None:
        read = dataclasses.replace(read, constant=constant)
    left = {} if read.target is None else {read.target: read.factors[read.target]}
    explained = [column for node in left.values() for column in expression.columns(node)]
    wanted: dict[tuple[str, ...], int | None] = {**dict.fromkeys(read.absorbed), **(embed or {})}
    named = [column for names in wanted for column in names]
    columns.require([*read.feature_columns, *explained, *named], frame, where)
    train = _mask(split()["train"], len(frame))
    without = _without(frame, where, left, parted_by, weights, named)
    known = _panel(read, frame, panel, where)
    filled_with: fills.Fills = {}
    if rule == "indicate":
        filled_with = _fills(read, frame, known, without, split, weights, where)
        read, frame = fills.extended(read, filled_with), fills.apply(filled_with, frame)
    absent = missing.missing_by(read.features, frame, known, train, where, without)
    gone = [gaps for name, gaps in without.items() if name in named]
    with_features = ~missing.any_of([*gone, *absent.values()], len(frame))
    absent |= missing.missing_by(left, frame, known, train, where, absent | without)
    apart = (parted_by, None if weights is None else weights.column, *named)
    absent |= {name: gaps for name, gaps in without.items() if name in apart}
    filling = "; or fill the gaps of features, beside columns that say so: --missing indicate"
    kept = missing.keep(absent, len(frame), rule, where, filling if absent.keys() - without.keys() else "")
    parts = split(kept=kept)
    train = _mask(parts["train"], len(frame))
    levels = entities.learn(wanted, frame, kept, train & kept)
    told = entities.known(levels, frame)
    with_features &= told
    usable = _usable(parts, kept, told, where)
    w = None
    if weights is not None:
        w = weights.values(frame, kept, where)
        weighting.check_each_split(w, usable, weights.column, where)
    encoding = design.learn(read, frame, kept, train & kept, read.constant, known, w)
    binary = columns.zeros_and_ones(frame, read.feature_columns, kept)
    exposed = w if weights is not None and weights.is_exposure else None
    aims, loss = _learn_target(read, frame, kept, train & kept, choose, known, w, exposed, where)
    about: dict[str, Any] = {"constant": read.constant, "weights": weights, "entities": levels}
    about["of_levels"] = tuple(entities.notes(levels, frame, {name: rows[kept[rows]] for name, rows in parts.items()}))
    found = Preprocessing(specification, read, rule, encoding, aims, binary, filled_with=filled_with, **about)
    return found, loss, usable, with_features, kept


def _without(
    frame: "pd.DataFrame",
    where: str,
    explained: Mapping[str, Node],
    parted_by: str | None,
    weights: RowWeights | None,
    levels: Sequence[str],
) -> dict[str, np.ndarray]:
    """Where a column is missing that is no feature: what is explained, what rows are parted by, weights, and those of
    fixed effects and embeddings; {column: [n] bool} of those that are missing anywhere."""
    found = missing.columns_missing(explained, frame, where)
    if parted_by is not None and (gaps := frame[parted_by].isna().to_numpy(dtype=bool)).any():
        found[parted_by] = gaps
    if weights is not None and (gaps := weights.missing(frame, where)).any():
        found[weights.column] = gaps
    return found | {name: gaps for name in levels if (gaps := frame[name].isna().to_numpy(dtype=bool)).any()}


def _learn_target(
    read: Formula,
    frame: "pd.DataFrame",
    kept: np.ndarray,
    train: np.ndarray,
    choose: target.Choose,
    known: dict[str, Any],
    w: np.ndarray | None,
    exposure: np.ndarray | None,
    where: str,
) -> tuple[target.TargetEncoding, target.Loss]:
    """How the target of a formula is encoded, or the features where there is none, and the loss that is chosen."""
    if read.target is None:
        loss = choose(None, False)
        return target.of_features(loss), loss
    own = (frame, kept, train, choose, read.constant, known, w)
    return target.learn(read.target, read.factors[read.target], *own, exposure=exposure, where=where)


def _fills(
    read: Formula,
    frame: "pd.DataFrame",
    known: dict[str, Any],
    without: Mapping[str, np.ndarray],
    split: Callable[..., dict[str, np.ndarray]],
    weights: RowWeights | None,
    where: str,
) -> fills.Fills:
    """What stands for missing values: learnt from the training rows that are not left out `without` something else."""
    shifting = {name: node for name, node in read.features.items() if expression.shifts(node)}
    gone = missing.missing_by(shifting, frame, known, None, where, without)
    kept = ~missing.any_of([*without.values(), *gone.values()], len(frame))
    train = _mask(split(kept=kept)["train"], len(frame)) & kept
    return fills.learn(read, frame, kept, train, None if weights is None else weights.values(frame, kept, where))


def _missing_entities(every: Sequence[Entities], frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Where the columns of fixed effects and embeddings are missing: {column: [n] bool}."""
    return {name: gaps for one in every for name, gaps in one.missing(frame).items()}


def _panel(read: Formula, frame: "pd.DataFrame", panel: Panel | None, where: str) -> dict[str, Any]:
    """What is known of units and time where a factor asks for it."""
    shifts = any(expression.shifts(node) for node in read.factors.values())
    return {panels.KEY: panels.learn(frame, *panel, where)} if shifts and panel is not None else {}


def _mask(rows: np.ndarray, n: int) -> np.ndarray:
    found = np.zeros(n, dtype=bool)
    found[rows] = True
    return found


def _usable(parts: dict[str, np.ndarray], kept: np.ndarray, told: np.ndarray, where: str) -> dict[str, np.ndarray]:
    """The positions of each split that are kept and whose fixed effects are known.

    Raises:
        DataError: a split has none of these, or too few.
    """
    there = kept & told
    usable = parts if there.all() else {name: rows[there[rows]] for name, rows in parts.items()}
    _check_told(parts, kept, told, where)
    _check_sizes(parts, usable, where)
    return usable


def _check_told(parts: dict[str, np.ndarray], kept: np.ndarray, told: np.ndarray, where: str) -> None:
    """Refuse a split none of whose rows has the fixed effects of a training row."""
    for split, rows in parts.items():
        if kept[rows].any() and not (kept & told)[rows].any():
            raise DataError(
                f"{where}: every row of the {split} split has a level of a fixed effect that no training row has, so "
                "none can be predicted; use another split (groups and times are new to it by design), or "
                "--val-fraction 0 --test-fraction 0."
            )


def _check_sizes(parts: dict[str, np.ndarray], usable: dict[str, np.ndarray], where: str) -> None:
    for split, rows in usable.items():
        least = 2 if split == "train" else min(1, len(parts[split]))
        if len(rows) < least:
            sizes = ", ".join(f"{len(r):,} {s}" for s, r in usable.items())
            raise DataError(
                f"{where} has too few rows for its splits ({sizes}, where {split} needs {least}); use other "
                "--val-fraction and --test-fraction, or another --split-seed."
            )
