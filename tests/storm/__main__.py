"""`python -m tests.storm --kills 200 --seed 0`: kill, break, and print by row what was tried and what failed.

With --results FILE every attempt is a line of that file, and those that are in it are not made again: a storm that was
ended goes on, and several, of other seeds, are told together. The rows take turns, so that one that is ended has tried
all of them.
"""

import argparse
import collections
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.support import caches


def main() -> int:
    """The exit code is 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=24, help="how many in all rows together")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments, as far as a machine repeats itself")
    parser.add_argument("--row", action="append", help="only this one; may be repeated")
    parser.add_argument("--results", type=Path, help="a file that keeps what was tried")
    parser.add_argument("--tell", action="store_true", help="only tell what is in --results")
    asked = parser.parse_args()
    caches.use(os.environ)
    from tests.storm.rows import ROWS

    rows = {name: row for name, row in ROWS.items() if not asked.row or name in asked.row}
    found = _kept(asked.results)
    made = {(each["row"], each["seed"], each["number"]) for each in found}
    signal.signal(signal.SIGTERM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with tempfile.TemporaryDirectory(prefix="econml-storm-", ignore_cleanup_errors=True) as scratch:
        os.environ["HOME"] = scratch
        try:
            shares = {} if asked.tell else {name: share for name, (share, _) in rows.items()}
            for name, number in _attempts(asked.kills, shares):
                if (name, asked.seed, number) in made:
                    continue
                directory = Path(scratch, name.replace(" ", "_").replace("/", "_"), str(number))
                directory.mkdir(parents=True)
                try:
                    fault = rows[name][1](directory, random.Random(f"{asked.seed} {name} {number}"))
                except (subprocess.TimeoutExpired, AssertionError, ValueError) as error:
                    fault = f"{type(error).__name__}: {error}"
                found.append({"row": name, "seed": asked.seed, "number": number, "fault": fault})
                if asked.results is not None:
                    with asked.results.open("a") as file:
                        file.write(json.dumps(found[-1]) + "\n")
                shutil.rmtree(directory, ignore_errors=True)
        except KeyboardInterrupt:
            print("ended before all were tried")
    return _told(found)


def _kept(results: Path | None) -> list[dict[str, Any]]:
    there = results is not None and results.exists()
    return [json.loads(line) for line in results.read_text().splitlines()] if results is not None and there else []


def _attempts(kills: int, shares: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """(row, number) of each attempt, the rows in turns by their shares."""
    whole = sum(shares.values()) or 1
    wanted = {name: max(1, round(kills * share / whole)) for name, share in shares.items()}
    turns = sorted((number / wanted[name], name, number) for name in wanted for number in range(wanted[name]))
    yield from ((name, number) for _, name, number in turns)


def _told(found: list[dict[str, Any]]) -> int:
    """Print the sums by row; 1 where something was lost."""
    kinds = [(each["row"], _kind(each["fault"])) for each in found]
    counts = {kind: collections.Counter(row for row, of in kinds if of == kind) for kind in KINDS}
    tried = collections.Counter(row for row, of in kinds if of in ("held", "failed"))
    print(f"{'row':22} {'tried':>6} {'failed':>6} {'missed':>7} {'skipped':>8}")
    for name in dict.fromkeys(row for row, _ in kinds):
        print(f"{name:22} {tried[name]:6} {counts['failed'][name]:6} {counts['missed'][name]:7} "
              f"{counts['skipped'][name]:8}")  # fmt: skip
        for each in found:
            if each["row"] == name and _kind(each["fault"]) == "failed":
                print(f"    {each['number']} of seed {each['seed']}: {each['fault']}")
    print(f"{'all':22} {tried.total():6} {counts['failed'].total():6} {counts['missed'].total():7} "
          f"{counts['skipped'].total():8}")  # fmt: skip
    return int(counts["failed"].total() > 0)


#: what an attempt can be
KINDS = ("held", "failed", "missed", "skipped")


def _kind(fault: str | None) -> str:
    """What became of an attempt."""
    return next(
        (kind for kind in ("missed", "skipped") if (fault or "").startswith(kind)), "failed" if fault else "held"
    )


if __name__ == "__main__":
    raise SystemExit(main())
