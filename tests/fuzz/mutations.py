"""What may become of a file: one change each, drawn by a generator of random numbers."""

import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

#: what may stand where something else was expected
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3, 10**6, 10**12, 2**63, 10**30, -(10**400), 0.5, -0.0, 1e308, -1e308, 1e-320,
    "", "x", "nan", "1e3", "\0", "\x1b]52;c;eA==\x07", "..", "../../x", "/dev/zero", "é" * 300, "a" * 70_000,
    [], [[]], [None], [1, "a"], [0] * 1000, {}, {"a": {}}, {"": None},
)  # fmt: skip
#: the same for YAML, as text
YAML_VALUES = (
    "", "~", "[]", "{}", "{a: b}", "[1, [2]]", "-1", "0", "1e400", ".inf", ".nan", "9" * 5000, "!!int abc", "!!float x",
    "!!bool maybe", "!!binary AAAA", "!!python/object/apply:os.system [id]", "!mine 1", "2024-01-01", "2024-99-99",
    '"\\0"', "'../../x'", "[" * 2000, "{a: " * 500, "&a [*a]", "*nowhere", "|\n  text\n  more", "? [1, 2]\n: 3",
    "1:2:3:4", "0x" + "f" * 400, "true", "'" + "a" * 70_000 + "'", "./other.py:Net", "nonsense", "1_000", "\t",
)  # fmt: skip
BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 9)}]\n" for i in range(9))


def of_bytes(data: bytes, random_: random.Random) -> bytes:
    """Damage of a disk, a transfer or an editor."""
    at = random_.randrange(len(data) + 1)
    changes: list[Callable[[], bytes]] = [
        lambda: data[:at],
        lambda: data[at:],
        lambda: data[:at] + bytes(random_.randrange(256) for _ in range(random_.randint(1, 8))) + data[at + 1 :],
        lambda: data[:at] + data[at : at + 40] * 3 + data[at:],
        lambda: data.replace(b"\n", b"\r\n"),
        lambda: b"\xef\xbb\xbf" + data,
        lambda: data.decode("utf-8", "replace").encode("utf-16"),
        lambda: b"",
        lambda: b"\0" * len(data),
        lambda: data + b"\xff\xfe",
        lambda: data * 2,
    ]
    return random_.choice(changes)()


def of_json(data: bytes, random_: random.Random) -> bytes:
    """One value of a document is another one, missing, or there twice."""
    if random_.random() < 0.2:
        return of_bytes(data, random_)
    lines = data.decode("utf-8").splitlines() if data.count(b"\n{") else [data.decode("utf-8")]  # .jsonl
    which = random_.randrange(len(lines))
    document = json.loads(lines[which])
    places = list(_places(document))
    if not places or random_.random() < 0.05:
        document = random_.choice(VALUES)
    else:
        holder, key = random_.choice(places)
        if isinstance(holder, dict) and random_.random() < 0.2:
            del holder[key]
        elif isinstance(holder, list) and random_.random() < 0.3:
            holder[key:key] = [holder[key]] * random_.choice((1, 50))
        else:
            holder[key] = random_.choice(VALUES)
    lines[which] = json.dumps(document, ensure_ascii=random_.random() < 0.5)
    if random_.random() < 0.05:
        lines[which] = lines[which].replace("1", random_.choice(("NaN", "Infinity", "9" * 5000, "1" * 30)), 1)
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def _places(value: Any) -> Any:
    """Every (container, key) of a document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(items):
        yield value, key
        yield from _places(inner)


def of_yaml(data: bytes, random_: random.Random) -> bytes:
    """One value of a document of lines is another one, missing, or there twice; or it is a bomb."""
    if random_.random() < 0.15:
        return of_bytes(data, random_)
    lines = data.decode("utf-8").splitlines()
    at = random_.randrange(len(lines))
    name, colon, _ = lines[at].partition(":")
    kind = random_.random()
    if kind < 0.1:
        del lines[at]
    elif kind < 0.15:
        lines.insert(at, lines[at])
    elif kind < 0.2:
        lines.append(BOMB)
    elif kind < 0.25:
        lines.append(f"{random_.choice(('new', 'width', '? x', '1', '~'))}: {random_.choice(YAML_VALUES)}")
    else:
        lines[at] = f"{name}{colon or ' -'} {random_.choice(YAML_VALUES)}"
    return ("\n".join(lines) + "\n").encode()


def of_csv(data: bytes, random_: random.Random) -> bytes:
    """One cell is another one."""
    if random_.random() < 0.3:
        return of_bytes(data, random_)
    rows = [line.split(",") for line in data.decode("utf-8").splitlines()]
    row = random_.choice(rows[:1] * 5 + rows)
    value = random_.choice(
        ("", "1e308", "-1e308", "1e-320", "inf", "nan", "NA", '"', '"a\nb"', "\x1b[2J", "1,2", "9" * 400, "x", "\0",
         "=1+1", "a" * 5000, "1e999", "2024-01-01", "TRUE", "²", "\u202eabc")
    )  # fmt: skip
    for _ in range(random_.choice((1, 1, len(rows)))):
        row[random_.randrange(len(row))] = value
        row = random_.choice(rows)
    return "\n".join(",".join(row) for row in rows).encode("utf-8", "replace")


def of_tsv(data: bytes, random_: random.Random) -> bytes:
    """As a CSV."""
    return of_csv(data.replace(b"\t", b","), random_).replace(b",", b"\t")


def of_gzip(data: bytes, random_: random.Random) -> bytes:
    """What is packed is changed, or the packing."""
    if random_.random() < 0.3:
        return of_bytes(data, random_)
    return gzip.compress(of_csv(gzip.decompress(data), random_))


def of_zip(data: bytes, random_: random.Random) -> bytes:
    """One of the files in it is changed, missing, or a giant of zeros; or the packing is."""
    if random_.random() < 0.3:
        return of_bytes(data, random_)
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    name, kind = random_.choice(sorted(files)), random_.random()
    if kind < 0.15:
        del files[name]
    elif kind < 0.25:
        files[name] = BILLION_LAUGHS
    elif kind < 0.6:
        text = files[name].decode("utf-8")
        old = random_.choice(re.findall(r'"[^"]*"|>[^<]+<', text) or [text])
        new = str(random_.choice(("", "x", -1, 0, 10**12, "9" * 400, "../../x", "\x1b[2J", "XFD1048576", "1e308")))
        files[name] = text.replace(old, old[0] + new + old[-1], 1).encode()
    else:
        files[name] = of_bytes(files[name], random_)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for each, contents in files.items():
            packed.writestr(each, contents)
    return out.getvalue()


#: XML that stands for a billion of words
BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{i + 1} "{f"&a{i};" * 10}">' for i in range(9))
    + "]><x>&a9;</x>"
).encode()


def of_binary(data: bytes, random_: random.Random) -> bytes:
    """A few bytes are others, which may be a length; or as `of_bytes`."""
    if random_.random() < 0.4:
        return of_bytes(data, random_)
    at, width = random_.randrange(len(data)), random_.choice((1, 2, 4, 8))
    value = random_.choice((b"\xff" * width, b"\0" * width, b"\x7f" + b"\xff" * (width - 1), random_.randbytes(width)))
    return data[:at] + value + data[at + width :]


#: by suffix; of any other `of_binary`
BY_SUFFIX = {
    ".json": of_json, ".jsonl": of_json, ".yaml": of_yaml, ".csv": of_csv, ".tsv": of_tsv, ".gz": of_gzip,
    ".xlsx": of_zip,
}  # fmt: skip
