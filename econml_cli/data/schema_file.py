"""schema.yaml: what the columns of a file are, written for a person to change, and read as what somebody asks for."""

import json
import re
from pathlib import Path
from typing import Any

from econml_cli.data.asked import Asked
from econml_cli.data.schema import Column, Schema
from econml_cli.data.schema_shape import SCHEMA
from econml_cli.errors import ConfigError, suggest
from econml_cli.options import shell
from econml_cli.storage import json_shape, limited_yaml

#: what a column can be said to be; "drop": it is not there
KINDS = ("number", "category", "boolean", "date", "identifier", "drop")
_OF_FILE = ("delimiter", "decimal", "sheet", "na_values", "columns")
_OF_COLUMN = ("kind", "format", "missing")


def text(found: Schema, source: str) -> str:
    """A schema.yaml that says what a file was taken for, one line a column, with what it holds in comments."""
    lines = [
        f"# What the columns of {_plain(source)} are taken for. Change what is wrong, and fit with --schema THIS_FILE.",
        f"# kind: {', '.join(KINDS)} (not there); format: of dates; missing: marks for missing, as ['.', '-9'].",
    ]
    for key in ("delimiter", "decimal", "sheet"):
        if (value := getattr(found.asked, key)) is not None:
            lines.append(f"{key}: {_quoted(value)}")
    if found.asked.na_values is not None:
        lines.append(f"na_values: [{', '.join(map(_quoted, found.asked.na_values))}]")
    entries = [_entry(column, found.asked) for column in found.columns]
    width = max(map(len, (entry for entry, _ in entries)), default=0)
    return "\n".join([*lines, "columns:", *(f"  {entry:<{width}}  # {about}" for entry, about in entries)]) + "\n"


def _entry(column: Column, asked: Asked) -> tuple[str, str]:
    """(the line of a column, the comment behind it)."""
    kind = "drop" if column.role == "dropped" or column.kind not in KINDS else column.kind
    says = [f"kind: {kind}"]
    if kind == "date" and column.way is not None:
        says.append(f"format: {_quoted(column.way)}")
    if (marks := asked.column_missing.get(column.name)) is not None:
        says.append(f"missing: [{', '.join(map(_quoted, marks))}]")
    name = column.name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", column.name) else _quoted(column.name)
    shown = ", ".join(column.levels[:8]) + (", ..." if column.count > 8 else "")
    extent = f"{column.low} to {column.high}" if column.low is not None else shown
    absent = f"{sum(column.missing.values()):,} missing" if column.missing else ""
    about = "; ".join(part for part in (extent, absent, column.why) if part)
    return f"{name}: {{{', '.join(says)}}}", _plain(about)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _plain(value: str) -> str:
    """Text for a comment: on one line, and no character that a YAML reader refuses."""
    return "".join(c if c.isprintable() else " " for c in value)


def read(file: str) -> Asked:
    """What a schema.yaml asks for; or what was asked for the fit whose preprocessing.json this is.

    Raises:
        ConfigError: there is no such file, or it says what it cannot; names the line or the column.
    """
    path = Path(file).expanduser()
    try:
        contents = limited_yaml.read_text(path)
        if path.suffix == ".json":
            return _of_run(contents, file)
        loaded = limited_yaml.load(contents, frozenset(_OF_FILE), unique=True)
    except FileNotFoundError:
        raise ConfigError(
            f"--schema {file}: no such file; `econml inspect data FILE {shell.option('--out', file)}` writes one."
        ) from None
    except limited_yaml.RefusedError as error:
        where = f" at line {error.line}" if error.line else ""
        raise ConfigError(f"--schema {file} is not valid YAML{where} ({error}).") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"--schema {file} cannot be read: {error}.") from None
    return _asked(loaded, file)


def _of_run(contents: str, file: str) -> Asked:
    saved = json_shape.loads(contents.encode())
    if not isinstance(saved, dict) or not isinstance(saved.get("schema"), dict):
        raise ConfigError(f"--schema {file} is no preprocessing.json with a schema; name a schema.yaml.")
    json_shape.check(saved, {"schema": SCHEMA})
    return Schema.from_json(saved["schema"]).asked


def _asked(loaded: Any, file: str) -> Asked:
    if not isinstance(loaded, dict) or not isinstance(loaded.get("columns", {}), dict):
        raise ConfigError(f"--schema {file} has no `columns:` with a line for each; `econml inspect data` writes one.")
    _check(loaded, _OF_FILE, f"--schema {file} says")
    kinds: dict[str, list[str]] = {kind: [] for kind in KINDS}
    absent: dict[str, tuple[str, ...]] = {}
    for name, said in (loaded.get("columns") or {}).items():
        given = {"kind": said} if isinstance(said, str) else said
        if not isinstance(given, dict):
            raise ConfigError(
                f"--schema {file} says nothing of column '{name}'; write {{kind: number}}, or leave it out."
            )
        _check(given, _OF_COLUMN, f"--schema {file} says of column '{name}'")
        kind = given.get("kind")
        if kind is not None and kind not in KINDS:
            near = suggest(str(kind), KINDS)
            raise ConfigError(
                f"--schema {file}: column '{name}' is of kind '{kind}', none of {', '.join(KINDS)}.{near}"
            )
        if given.get("format") is not None and kind != "date":
            raise ConfigError(f"--schema {file}: column '{name}' has a format, which only dates have.")
        if kind is not None:
            kinds[kind].append(f"{name}={given['format']}" if given.get("format") else str(name))
        if given.get("missing") is not None:
            absent[str(name)] = _list(given["missing"], f"missing of column '{name}'", file)
    marks = None if loaded.get("na_values") is None else _list(loaded["na_values"], "na_values", file)
    one = {key: _one(loaded.get(key), key, file) for key in ("decimal", "delimiter", "sheet")}
    return Asked(
        tuple(kinds["category"]), tuple(kinds["number"]), tuple(kinds["date"]), marks, tuple(kinds["drop"]),
        identifiers=tuple(kinds["identifier"]), booleans=tuple(kinds["boolean"]), column_missing=absent, **one,
    )  # fmt: skip


def _check(given: dict[Any, Any], known: tuple[str, ...], begins: str) -> None:
    if unknown := [key for key in given if key not in known]:
        raise ConfigError(
            f"{begins} '{unknown[0]}', which is none of {', '.join(known)}.{suggest(str(unknown[0]), known)}"
        )


def _list(value: Any, what: str, file: str) -> tuple[str, ...]:
    """Texts: of a list, or one by itself."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(each, str) for each in values):
        raise ConfigError(f"--schema {file}: {what} is no list of marks, such as ['.', '-9'].")
    return tuple(values)


def _one(value: Any, what: str, file: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"--schema {file}: {what} is no text.")
    return value
