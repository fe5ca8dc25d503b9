"""Compare what was fitted again (rerun/) with the numbers of this package (expected/). Python's standard library only.

    python3 compare.py data      whether the data files are there, and are the ones that were used
    python3 compare.py           every number: equal, or how far apart

On the platform of the package (the same processor, device and versions) every number must be equal, to the last bit,
unless expected/NAME/about.json says why not. On another platform the gaps are shown; TOLERANCE=1e-3 in the environment
makes a larger relative gap an error there, too.
"""

import hashlib
import json
import math
import os
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
#: a relative gap that rounding explains, where a run was not trained by itself
ROUNDING = 1e-3
NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TEXTS = (".txt", ".csv", ".json", ".md", ".tex", ".tsv")


def load(path):
    """A JSON document."""
    return json.loads(path.read_text(encoding="utf-8"))


def data():
    """How many data files are missing or others."""
    wrong = 0
    for name, sha in sorted(load(HERE / "expected" / "data.json").items()):
        path = HERE / "data" / name
        if not path.is_file():
            print(f"data/{name} is not in this package: README.md says where it comes from; SHA-256 {sha}")
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha:
            print(f"data/{name} is another file than the one that was used (SHA-256 {sha})")
        else:
            print(f"data/{name}: the file that was used")
            continue
        wrong += 1
    return wrong


def numbers(value, place=""):
    """{place: number} of a JSON value."""
    found = {}
    if isinstance(value, dict):
        for key, each in value.items():
            found.update(numbers(each, f"{place}.{key}" if place else str(key)))
    elif isinstance(value, list):
        for i, each in enumerate(value):
            found.update(numbers(each, f"{place}[{i}]"))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        found[place] = float(value)
    return found


def rows(path):
    """The numbers of metrics.jsonl, by epoch."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return numbers({f"epoch {row['epoch']}": row for row in map(json.loads, lines)})


def of_run(expected, again):
    """(the numbers of the package, those found again), {} of what is not there."""
    was = {**numbers(load(expected / "results.json")), **rows(expected / "metrics.jsonl")}
    kept = "cross_validation.json" if (again / "cross_validation.json").is_file() else "summary.json"
    if not (again / kept).is_file():
        return was, {}
    now = load(again / kept)
    return was, {**numbers(now.get("results", {}) if kept != "summary.json" else now), **rows(again / "metrics.jsonl")}


def words(expected, again):
    """What differs of how the fit ended, its verdicts, and the digest of its weights, in a sentence each."""
    if not (again / "summary.json").is_file():
        return []
    was, now = load(expected / "results.json"), load(again / "summary.json")
    names = [name for name in was if name in ("state_sha256", "stop_reason") or name.startswith("verdict_")]
    return [f"{name} is {now.get(name)}, not {was[name]}" for name in names if now.get(name) != was[name]]


def gaps(was, now):
    """(names that are missing, {name: relative gap} of those that differ)."""
    missing = [name for name in was if name not in now]
    found = {}
    for name in was:
        a, b = was[name], now.get(name, was[name])
        if a != b and not (math.isnan(a) and math.isnan(b)):
            found[name] = abs(a - b) / max(abs(a), abs(b))
    return missing, found


def of_text(text):
    """The numbers of a table, by place."""
    return {f"number {i + 1}": float(each.replace(",", "")) for i, each in enumerate(NUMBER.findall(text))}


def same_platform(expected, again):
    """Whether a run was fitted again where, and with what, it was fitted first."""
    about, manifest = load(expected / "about.json"), again / "manifest.json"
    if not manifest.is_file():
        manifest = again / "fold1" / "manifest.json"
    if not manifest.is_file():
        return False
    now = load(manifest)
    there = {**(now.get("versions") or {}), "econml": now.get("econml"), "device": now.get("device")}
    there["processor"] = (now.get("hardware") or {}).get("processor")
    return all(about["platform"].get(key) == there.get(key) for key in there)


def judge(name, was, now, most):
    """Say how far apart they are; whether that is an error. `most`: the gap that may be, None: any."""
    missing, found = gaps(was, now)
    if missing:
        print(f"{name}: {len(missing)} of {len(was)} numbers are missing, such as {missing[0]}")
        return True
    if not found:
        print(f"{name}: {len(was)} numbers, all equal")
        return False
    worst = max(found, key=found.get)
    told = f"{name}: {len(found)} of {len(was)} numbers differ; the largest relative gap is {found[worst]:.2g}"
    print(f"{told}, of {worst} ({was[worst]:.9g} there, {now[worst]:.9g} here)")
    return most is not None and found[worst] > most


def main():
    """Compare everything; 1 where something is missing, or differs by more than it may."""
    if sys.argv[1:] == ["data"]:
        return data() > 0
    asked = os.environ.get("TOLERANCE")
    wrong = here = runs = 0
    for expected in sorted(path.parent for path in (HERE / "expected").glob("*/about.json")):
        again = HERE / "rerun" / expected.name
        same, exact = same_platform(expected, again), load(expected / "about.json")["exact"]
        most = float(asked) if asked else (0.0 if exact else ROUNDING) if same else None
        was, now = of_run(expected, again)
        wrong += judge(expected.name, was, now, most)
        others = words(expected, again)
        for told in others:
            print(f"{expected.name}: {told}")
        wrong += bool(others) and same and exact
        runs, here = runs + 1, here + same
    for expected in sorted((HERE / "expected" / "exhibits").glob("*/*")):
        again = HERE / "rerun" / "exhibits" / expected.parent.name / expected.name
        name = f"exhibit {expected.parent.name}, {expected.name}"
        if not again.is_file():
            print(f"{name}: it was not made again")
            wrong += 1
        elif expected.suffix not in TEXTS:
            print(f"{name}: {'the same file' if again.read_bytes() == expected.read_bytes() else 'drawn again'}")
        else:
            texts = [path.read_text(encoding="utf-8") for path in (expected, again)]
            most = float(asked) if asked else ROUNDING if here == runs else None
            wrong += judge(name, of_text(texts[0]), of_text(texts[1]), most)
    where = "the platform of the package" if here == runs else "another platform than that of the package"
    print(f"\nThis is {where}: {'numbers differ that should not.' if wrong else 'all as it should be.'}")
    return wrong > 0


if __name__ == "__main__":
    sys.exit(main())
