"""Passwords of databases: masked where a storage is shown, left out where it is written. Imports nothing heavy."""

import re
from collections.abc import Sequence

_IN_QUERY = r"(?<=[?&])(\w*password)=[^&]*"


def shown(storage: str) -> str:
    """The storage as it may appear in a message: without a password."""
    scheme, separator, rest = storage.partition("://")
    authority, at, place = rest.rpartition("@")
    if at:
        user, colon, _ = authority.partition(":")
        rest = f"{user}{':***' if colon else ''}@{place}"
    return re.sub(_IN_QUERY, r"\1=***", scheme + separator + rest)


def without_password(storage: str) -> str:
    """The storage as it may be written to a file: libpq finds the password in PGPASSWORD, ~/.pgpass or a service."""
    scheme, separator, rest = storage.partition("://")
    authority, at, place = rest.rpartition("@")
    if at:
        rest = f"{authority.partition(':')[0]}@{place}"
    return re.sub(_IN_QUERY + "&?", "", scheme + separator + rest).rstrip("?&")


def masked(words: Sequence[str]) -> list[str]:
    """The words of a command line as they may be shown and kept."""
    out = []
    for word in words:
        flag, equals, value = word.partition("=") if word.startswith("--") else ("", "", word)
        is_url = re.match(r"[a-z][\w+.-]*://", value, re.IGNORECASE)
        out.append(flag + equals + (without_password(value) if is_url else value))
    return out


def advice(words: Sequence[str]) -> list[str]:
    """What is to be said of a command line with a password: a sentence, or none."""
    if masked(words) == list(words):
        return []
    return [
        "the password in --storage can be seen in your shell's history and, while it runs, by `ps`; leave it out, and "
        "put it into PGPASSWORD, ~/.pgpass or a service file (?service=NAME). It is kept nowhere here."
    ]
