"""Why rows of a new table cannot be predicted: what is missing, not of its column's kind, or new to the fit."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from econml_cli.data import columns, design, entities, expression, missing
from econml_cli.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    import pandas as pd


def of(encoder: Preprocessing, frame: "pd.DataFrame", where: str, wrong: Mapping[str, Mapping[int, str]]) -> np.ndarray:
    """Why each row cannot be predicted, "" where it can: text [n]. `wrong` is what is not of its column's kind.

    Raises:
        DataError: a column is not there, or is not of the kind of the fit throughout.
    """
    frame = encoder.filled(frame, where)
    columns.require(encoder.entity_columns, frame, where)
    found = np.full(len(frame), "", dtype=object)

    def say(rows: np.ndarray, text: str, values: Mapping[int, Any] | None = None) -> None:
        for row in map(int, np.flatnonzero(rows)):
            value = "" if values is None or row not in values else repr(columns.level_name(values[row])[:40])
            found[row] = found[row] or text.format(value)

    for factor, levels in encoder.features.levels.items():
        node = encoder.formula.features[factor]
        values = columns.labelled(node, frame)
        unseen = columns.codes(values, levels) == -2
        name = expression.columns(node)[0].replace("{", "{{").replace("}", "}}")
        say(unseen, f"{name} is {{}}, not in the fit", {int(i): values.iloc[i] for i in np.flatnonzero(unseen)})
    for column in dict.fromkeys([*encoder.formula.feature_columns, *encoder.entity_columns]):
        name, odd = column.replace("{", "{{").replace("}", "}}"), wrong.get(column, {})
        say(np.isin(np.arange(len(frame)), list(odd)), f"{name} is {{}}", odd)
        say(frame[column].isna().to_numpy(dtype=bool), f"{name} is missing")
    for factor, value in missing.computed(encoder.formula.features, frame, encoder.features.learnt).items():
        bad = ~np.isfinite(value.reshape(len(frame), -1)).all(axis=1)
        what = "missing" if expression.shifts(encoder.formula.features[factor]) else "no finite number"
        say(bad, factor.replace("{", "{{").replace("}", "}}") + f" is {what}")
    for name, large in design.too_large(encoder.formula, encoder.features, frame).items():
        said = f"{name} is beyond {columns.LARGEST:g} in absolute value"
        say(large, said.replace("{", "{{").replace("}", "}}"))
    for one in encoder.entities:
        unseen = one.codes(frame) == entities.UNSEEN
        if one.absorbed and unseen.any():
            values = one.values(frame)
            name = one.name.replace("{", "{{").replace("}", "}}")
            texts = {int(i): values.iloc[i] for i in np.flatnonzero(unseen)}
            say(unseen, f"{name} is {{}}, whose fixed effect no training row tells", texts)
    return found.astype(str)
