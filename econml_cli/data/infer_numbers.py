"""What is found of a column of numbers: its range, and whether it numbers the rows."""

import dataclasses
import re
from typing import Any

import numpy as np

from econml_cli.data.asked import Asked
from econml_cli.data.raw import Raw
from econml_cli.data.schema import Column

#: words that take more different values than this, and than half of the rows, name rows
FEW = 20
#: of a column of more numbers than this it is not counted how many different ones there are
COUNTED = 100_000
#: why a column is of the kind that somebody names
AS_ASKED = "as was asked for"
_ID = re.compile(r"(.*[_ .-])?(id|idno|idcode|index|row|rownum|rowid|obs|obsno|uuid|guid|pid|hhid)", re.I)


def value_range(values: np.ndarray) -> dict[str, Any]:
    """The lowest and the highest finite value, and how many different ones there are, as a `Column` has them."""
    import pandas as pd

    count = len(pd.unique(values)) if len(values) <= COUNTED else 0
    if not len(values):
        return {"count": count}
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        finite = values[np.isfinite(values)]
        if not len(finite):
            return {"count": count}
        low, high = finite.min(), finite.max()
    return {"low": low.item(), "high": high.item(), "count": count}


def row_number(raw: Raw, name: str, values: np.ndarray, found: Column, asked: Asked) -> Column:
    """The column as what it is: one that has no name, or the name of an identifier, and says which row it is."""
    nameless = name in raw.nameless or name.startswith("Unnamed: ")
    if nameless and asked.kind_of(name) is None:
        why = "it has no name in the file: row numbers or names that a program wrote"
        return dataclasses.replace(found, kind="identifier", why=why)
    may = values.dtype.kind == "i" and len(values) == raw.rows > FEW and _ID.fullmatch(name)
    if may and asked.kind_of(name) is None and (found.count or len(np.unique(values))) == raw.rows:
        return dataclasses.replace(
            found, kind="identifier", why="a whole number of its own in every row, and so called"
        )
    return found
