"""Files that are no text: of types of their own (Parquet, Feather, Stata, SAS, SPSS), and sheets of Excel."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from econml_cli.data import binary, row_groups
from econml_cli.data.asked import Asked
from econml_cli.data.raw import Needed, Raw, named, not_readable, refuse_twice, to_read
from econml_cli.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

EXCEL = (".xlsx", ".xlsm")


def column_names(path: Path, ending: str, sheet: str | None) -> list[str]:
    """The names of the columns of a file of this ending, from its metadata or, of Excel, its first row."""
    if ending in EXCEL:
        return named(binary.sheet_names(path, sheet), path)[0]
    if ending in binary.STATISTICAL:
        return binary.statistical_names(path, ending)
    return {".parquet": _parquet_names, ".feather": _feather_names, ".dta": _stata_names}[ending](path)


def _parquet_names(path: Path) -> list[str]:
    from pyarrow import parquet

    return _without_index(parquet.read_schema(path).names)


def _feather_names(path: Path) -> list[str]:
    import pyarrow as pa

    with pa.OSFile(str(path)) as file:
        return _without_index(pa.ipc.open_file(file).schema.names)


def _stata_names(path: Path) -> list[str]:
    from pandas.io.stata import StataReader

    with StataReader(path) as reader:
        return list(reader.variable_labels())


def variable_labels(path: Path) -> dict[str, str]:
    """What a file calls its variables, {column: label}; {} of one that is no .dta, or has no labels.

    Raises:
        DataError: it cannot be read.
    """
    if path.suffix.lower() != ".dta":
        return {}
    from pandas.io.stata import StataReader

    try:
        with StataReader(path) as reader:
            return {str(name): label for name, label in reader.variable_labels().items() if label}
    except Exception as error:
        raise DataError(not_readable(path, "Stata", error)) from error


def _without_index(names: Sequence[str]) -> list[str]:
    """The names without those of an index of pandas that has none, which is no column."""
    return [str(name) for name in names if not str(name).startswith("__index_level_")]


def _excel(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A sheet of Excel, whose cells are read as text by the rules of a CSV."""
    import pyarrow as pa

    try:
        found = binary.read_sheet(path, asked.sheet)
    except (DataError, MemoryError):
        raise
    except Exception as error:  # openpyxl raises all sorts where a file is damaged
        raise DataError(not_readable(path, "Excel", error)) from error
    names, nameless = named(found.header, path)
    chosen = to_read(names, needed)
    table = pa.table({name: pa.array(found.columns[names.index(name)], pa.string()) for name in chosen})
    return Raw(tuple(names), table, True, nameless=nameless, sheet=found.title)


def _arrow(
    kind: str, names_of: Callable[[Path], list[str]], load: Callable[[Path, list[str]], "pa.Table"]
) -> Callable[..., Raw]:
    """The reader of a format of Arrow's. A named index of pandas is a column, one without a name is none."""

    def read(path: Path, needed: Needed, asked: Asked) -> Raw:
        try:
            names = names_of(path)
            refuse_twice(names, path)
            chosen = to_read(names, needed)
            table = load(path, chosen).select(chosen)
            table.validate(full=True)  # else text that is no UTF-8 shows wherever it is first looked at
        except (DataError, MemoryError):
            raise
        except Exception as error:  # its libraries raise all sorts where a file is damaged
            raise DataError(not_readable(path, kind, error)) from error
        return Raw(tuple(names), table, False)

    return read


def _feather(path: Path, columns: list[str]) -> "pa.Table":
    from pyarrow import feather

    return feather.read_table(path, columns, memory_map=True)


def _stata(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A .dta: values are the codes, labels are beside them; whoever decides on a column's kind puts them together."""
    import pandas as pd

    try:
        opened: Any = pd.read_stata(path, convert_categoricals=False, iterator=True)
        with opened as reader:
            titles = {str(name): title for name, title in reader.variable_labels().items()}
            names = tuple(titles)
            # which variable has which of them is said by no public name of pandas
            pairs = list(zip(reader._varlist, reader._lbllist, strict=True))
            chosen = to_read(names, needed)
            frame = reader.read(columns=chosen)
            every = reader.value_labels()
            labels = {str(name): every[label] for name, label in pairs if label in every}
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(not_readable(path, "Stata", error)) from error
    return Raw(names, frame, False, labels, titles={name: title for name, title in titles.items() if title})


def _statistical(path: Path, needed: Needed, asked: Asked) -> Raw:
    """A file of SAS or SPSS, labels beside the values as in Stata."""
    ending = next(end for end in binary.STATISTICAL if path.name.lower().endswith(end))
    try:
        names, frame, labels, titles = binary.statistical(path, ending, needed)
    except (DataError, MemoryError):
        raise
    except Exception as error:
        raise DataError(not_readable(path, binary.STATISTICAL[ending][0], error)) from error
    return Raw(tuple(names), frame, False, labels, titles=titles)


#: the reader of each ending
READERS: dict[str, Callable[..., Raw]] = {
    ".parquet": _arrow("Parquet", _parquet_names, row_groups.read),
    ".feather": _arrow("Feather", _feather_names, _feather),
    ".dta": _stata,
    **dict.fromkeys(EXCEL, _excel),
    **dict.fromkeys(binary.STATISTICAL, _statistical),
}
