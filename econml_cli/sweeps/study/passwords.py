"""Passwords of databases: masked where a storage is shown, left out where it is written. Imports nothing heavy."""

import re
from collections.abc import Sequence

_IN_QUERY = r"(?i)(?<=[?&])(\w*(?:password|passwd|pwd|secret|token))=[^&]*"
#: a scheme, however many slashes were typed behind it, and the rest; a single letter is a drive of Windows
_URL = re.compile(r"([a-z][\w+.-]+:/*)(.*)", re.IGNORECASE | re.DOTALL)


def shown(storage: str) -> str:
    """The storage as it may appear in a message: without a password."""
    scheme, user, password, place = _parts(storage)
    hidden = f"{scheme}{user}{':***' if password else ''}{place}"
    return re.sub(_IN_QUERY, r"\1=***", hidden)


def without_password(storage: str) -> str:
    """The storage as it may be written to a file: libpq finds the password in PGPASSWORD, ~/.pgpass or a service."""
    scheme, user, _, place = _parts(storage)
    return re.sub(_IN_QUERY + "&?", "", f"{scheme}{user}{place}").rstrip("?&")


def _parts(storage: str) -> tuple[str, str, str, str]:
    """(scheme with its slashes, user, ":" and a password, the rest from the last "@" on) of a URL: a password may hold
    any of these signs, although it should not."""
    found = _URL.fullmatch(storage)
    scheme, rest = found.groups() if found else ("", storage)
    authority, at, place = rest.rpartition("@")
    user, colon, password = authority.partition(":") if found else (authority, "", "")
    return scheme, user, colon + password, at + place


def mistyped(storage: str) -> bool:
    """Whether it is the URL of a database, but for the "//" behind its scheme: such a name is none of a file."""
    scheme, _, password, _ = _parts(storage)
    return bool(password) and not scheme.endswith("://")


def masked(words: Sequence[str]) -> list[str]:
    """The words of a command line as they may be shown and kept."""
    out = []
    for before, word in zip(["", *words], words, strict=False):
        flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        is_storage = before == "--storage" or flag == "--storage"
        is_url = re.match(r"[a-z][\w+.-]*://", value, re.IGNORECASE)
        out.append(flag + equals + (without_password(value) if is_url or is_storage else value))
    return out


def in_lines(text: str | None) -> list[str]:
    """The variables of a script whose names say that their values are secret."""
    return re.findall(r"(?i)\b(\w*(?:password|passwd|secret|token|api_?key)\w*)\s*=", text or "")


def advice(words: Sequence[str]) -> list[str]:
    """What is to be said of a command line with a password: a sentence, or none."""
    if masked(words) == list(words):
        return []
    return [
        "the password in --storage can be seen in your shell's history and, while it runs, by `ps`; leave it out, and "
        "put it into PGPASSWORD, ~/.pgpass or a service file (?service=NAME). It is kept nowhere here."
    ]
