"""The order of rows that `--sort` asks for."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from econml_cli.errors import ConfigError, suggest


def order(
    rows: Sequence[Mapping[str, Any]],
    sort: str,
    columns: Iterable[str] = (),
    aliases: Mapping[str, str] | None = None,
) -> list[int]:
    """The places of rows sorted by a column: "NAME" or "NAME:asc"; descending "-NAME" or "NAME:desc".

    Rows without a value come last either way; numbers stand before text. A hyphen may stand for an underscore.

    Args:
        columns: names that are there without any row. aliases: other words for some columns.

    Raises:
        ConfigError: there is no such column; suggests the nearest.
    """
    known = dict.fromkeys([*columns, *(name for row in rows for name in row)])
    bare, _, direction = sort.removeprefix("-").rpartition(":")
    if direction not in ("asc", "desc"):  # a colon may belong to the name: coef_a:b
        bare, direction = sort.removeprefix("-"), ""
    name = (aliases or {}).get(bare, bare)
    name = name if name in known else name.replace("-", "_")
    if name not in known:
        hint = suggest(bare, known) or (" NAME, -NAME and NAME:desc are understood." if ":" in bare else "")
        raise ConfigError(f"--sort {sort}: there is no column '{bare}'.{hint} --json shows what there is.")
    there = [place for place, row in enumerate(rows) if row.get(name) is not None]
    there.sort(key=lambda place: _key(rows[place][name]), reverse=sort.startswith("-") or direction == "desc")
    return there + [place for place, row in enumerate(rows) if row.get(name) is None]


def _key(value: Any) -> tuple[bool, float, str]:
    """Numbers before text, for columns that have both."""
    text = not isinstance(value, int | float)
    return text, 0.0 if text else value, str(value) if text else ""
