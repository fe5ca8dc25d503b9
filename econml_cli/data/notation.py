"""How people write numbers, dates and nothing: one list of each, for every format of file."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

#: of any column: the missing marks of Stata, the World Bank and Eurostat
MARKS = frozenset({"", ".", "..", ":", *(f".{letter}" for letter in "abcdefghijklmnopqrstuvwxyz")})
#: of columns of numbers, dates and switches alone: in a column of words they may be words (Namibia is NA)
WORDS = frozenset({
    "NA", "N/A", "n/a", "na", "n.a.", "NaN", "nan", "NAN", "-nan", "-NaN", "null", "NULL", "Null", "None", "none",
    "<NA>", "#N/A", "#N/A N/A", "#NA", "-", "--", "?", "#VALUE!", "#DIV/0!", "#NUM!", "#REF!",
})  # fmt: skip
SWITCHES = ({"True", "False"}, {"TRUE", "FALSE"}, {"true", "false"})

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|Inf|INF|infinity|Infinity)")
_CURRENCY = "$€£¥₹"
#: what a number may have around it; decimal points are points here
WRITTEN: dict[str, re.Pattern[str]] = {
    "thousands": re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?"),
    "percent": re.compile(r"[+-]?(\d+\.?\d*|\.\d+) ?%"),
    "currency": re.compile(rf"[+-]?[{_CURRENCY}] ?[+-]?\d[\d,]*(\.\d*)?|[+-]?\d[\d,]*(\.\d*)? ?[{_CURRENCY}]"),
}
DECIMAL_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+( ?%)?")


#: a whole number; one of more digits than a floating-point number can have is infinite
_WHOLE = re.compile(r"[+-]?\d{1,300}")


def number(text: str, decimal: str = ".", written: Iterable[str] = ()) -> float | int | None:
    """The number that a text is, in one of the ways `written` besides the plain one; None: it is none."""
    if decimal == ",":
        text = text.replace(".", "").replace(",", ".")
    if _PLAIN.fullmatch(text):
        return int(text) if _WHOLE.fullmatch(text) else float(text)
    if any(WRITTEN[way].fullmatch(text) for way in written):
        bare = re.sub(rf"[{_CURRENCY}%, ]", "", text)
        return int(bare) if _WHOLE.fullmatch(bare) else float(bare)
    return None


def ways(texts: Iterable[str], decimal: str = ".") -> tuple[str, ...] | None:
    """In which ways besides the plain one texts are written that are all numbers; None: they are not all numbers."""
    found: dict[str, None] = {}
    for text in texts:
        if number(text, decimal) is not None:
            continue
        way = next((way for way in WRITTEN if number(text, decimal, (way,)) is not None), None)
        if way is None:
            return None
        found[way] = None
    return tuple(found)


_MONTH = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
#: the ways of writing a date: {name: what it looks like}; a name is a format of strptime, or says what it is
DATES: dict[str, re.Pattern[str]] = {
    "%Y-%m-%d": re.compile(r"\d{4}-\d{1,2}-\d{1,2}"),
    "ISO 8601": re.compile(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?( ?(Z|[+-]\d{2}:?\d{2}))?"),
    "%Y/%m/%d": re.compile(r"\d{4}/\d{1,2}/\d{1,2}"),
    "%d/%m/%Y": re.compile(r"(0?[1-9]|[12]\d|3[01])/(0?[1-9]|1[0-2])/\d{4}"),
    "%m/%d/%Y": re.compile(r"(0?[1-9]|1[0-2])/(0?[1-9]|[12]\d|3[01])/\d{4}"),
    "%d.%m.%Y": re.compile(r"(0?[1-9]|[12]\d|3[01])\.(0?[1-9]|1[0-2])\.\d{4}"),
    "%d%b%Y": re.compile(rf"\d{{1,2}}{_MONTH}\d{{4}}", re.I),
    "%d-%b-%Y": re.compile(rf"\d{{1,2}}-{_MONTH}-\d{{4}}", re.I),
    "%d %b %Y": re.compile(rf"\d{{1,2}} {_MONTH} \d{{4}}", re.I),
    "%b %Y": re.compile(rf"{_MONTH} \d{{4}}", re.I),
    "%Y-%m": re.compile(r"\d{4}-(0[1-9]|1[0-2])"),
    "%Ym%m": re.compile(r"\d{4}[mM](0?[1-9]|1[0-2])"),
    "quarter": re.compile(r"\d{4}[ -]?[qQ][1-4]"),
}


def dates(texts: Iterable[str]) -> tuple[str, ...]:
    """The ways of `DATES` in which all of these texts are dates: two where day and month cannot be told apart."""
    texts = list(texts)
    if not texts:
        return ()
    likely = [name for name, pattern in DATES.items() if pattern.fullmatch(texts[0])]
    return tuple(name for name in likely if all(DATES[name].fullmatch(text) for text in texts))


def to_dates(texts: "pd.Series", way: str) -> "pd.Series":
    """Texts as datetime64; NaT where one is no date of that way."""
    import pandas as pd

    if way == "quarter":
        parts = texts.str.extract(r"^(\d{4})[ -]?[qQ]([1-4])$")
        month = pd.to_numeric(parts[1]) * 3 - 2
        return pd.to_datetime(pd.DataFrame({"year": pd.to_numeric(parts[0]), "month": month, "day": 1}))
    if way == "ISO 8601":  # a time is that of the place, as its clocks show it
        texts = texts.str.replace(r"(?<=\d) ?(Z|[+-]\d{2}:?\d{2})$", "", regex=True)
        return pd.to_datetime(texts, format="ISO8601", errors="coerce")
    if way == "%Ym%m":
        return pd.to_datetime(texts.str.lower(), format="%Ym%m", errors="coerce")
    if "%b" in way:
        texts = texts.str.replace(rf"(?i){_MONTH}", lambda m: m[1], regex=True)
    return pd.to_datetime(texts, format=way, errors="coerce")


def mapped(codes: np.ndarray, values: list[float | int | None]) -> tuple[np.ndarray, np.ndarray]:
    """(numbers [n], missing [n]) of rows by the codes of their different texts; int64 where all of them fit."""
    whole = all(value is None or (isinstance(value, int) and abs(value) < 2**63) for value in values)
    numbers = np.array([0 if value is None else value for value in (*values, None)], np.int64 if whole else np.float64)
    absent = np.array([value is None for value in (*values, None)])
    return numbers[codes], absent[codes]
