"""What is learnt from a table once and applied to tables ever after; as JSON, so that reading it runs nothing."""

import dataclasses
from collections.abc import Mapping, Sequence
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


def _missing_entities(every: Sequence[Entities], frame: "pd.DataFrame") -> dict[str, np.ndarray]:
    """Where the columns of fixed effects and embeddings are missing: {column: [n] bool}."""
    return {name: gaps for one in every for name, gaps in one.missing(frame).items()}
