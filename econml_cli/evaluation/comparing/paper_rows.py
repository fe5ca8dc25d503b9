"""The coefficients that a paper shows, as `--rows` names them. Standard library only."""

import re

from econml_cli.errors import ConfigError

#: a text in quotes, as CSV has it, that ends where a name and its label end
_QUOTED = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?=,|$)')


def parse_rows(text: str) -> dict[str, str]:
    """{coefficient: label} of 'educ=Years of schooling,poly(exper, 2)[1]'; a name alone keeps its label ("").

    A label, or a name with its label, stands in quotes where it has a comma, as in CSV: 'educ="Schooling, in years"',
    with a quote twice for one inside. A quote elsewhere is a character as others are.

    Raises:
        ConfigError: an empty name, or one that stands twice.
    """
    found: dict[str, str] = {}
    for name, label in _pairs(text):
        if not name:
            raise ConfigError(
                f"--rows {text}: expected names of coefficients, such as educ=Years of schooling,exper. A label with a "
                'comma stands in quotes: educ="Schooling, in years".'
            )
        if name in found:
            raise ConfigError(f"--rows names '{name}' twice. A label with a comma stands in quotes: x=\"A, b\".")
        found[name] = label
    return found


def _pairs(text: str) -> list[tuple[str, str]]:
    """(name, label) of each part between commas."""
    pairs, at = list[tuple[str, str]](), 0
    while at <= len(text):
        if quoted := _QUOTED.match(text, at):  # both of them
            pairs.append(_halves(_unquoted(quoted)))
            at = quoted.end() + 1
            continue
        end = _until(text, at, ",")
        equals = _until(text, at, "=")
        label = _QUOTED.match(text, equals + 1) if equals < end else None
        if label is None:
            pairs.append(_halves(text[at:end]))
        else:
            pairs.append((text[at:equals].strip(), _unquoted(label).strip()))
            end = label.end()
        at = end + 1
    return pairs


def _halves(part: str) -> tuple[str, str]:
    """Name and label: cut at the first = that no bracket is around."""
    equals = _until(part, 0, "=")
    return part[:equals].strip(), part[equals + 1 :].strip()


def _unquoted(found: re.Match[str]) -> str:
    return found[1].replace('""', '"')


def _until(text: str, start: int, mark: str) -> int:
    """Where the next such character stands that no bracket is around; the end of the text where there is none."""
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([{") - (text[at] in ")]}")
        if text[at] == mark and depth <= 0:
            return at
    return len(text)


def cut(text: str, mark: str) -> list[str]:
    """The parts between such characters that no bracket is around."""
    parts, at = list[str](), 0
    while at <= len(text):
        end = _until(text, at, mark)
        parts.append(text[at:end])
        at = end + 1
    return parts
