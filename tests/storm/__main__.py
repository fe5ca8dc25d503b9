"""`python -m tests.storm --kills 200 --seed 0`: kill, break, and print by row what was tried and what failed."""

import argparse
import os
import random
import tempfile
from pathlib import Path

from tests.support import caches


def main() -> int:
    """The exit code is 1 where something was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--kills", type=int, default=24, help="how many in all rows together")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments, as far as a machine repeats itself")
    parser.add_argument("--row", help="only this one")
    asked = parser.parse_args()
    caches.use(os.environ)
    from tests.storm.rows import ROWS

    rows = {name: row for name, row in ROWS.items() if asked.row in (None, name)}
    shares = sum(share for share, _ in rows.values()) or 1
    worst = 0
    print(f"{'row':22} {'tried':>6} {'failed':>6} {'skipped':>8}")
    with tempfile.TemporaryDirectory(prefix="econml-storm-") as scratch:
        os.environ["HOME"] = scratch
        for name, (share, row) in rows.items():
            tried = max(1, round(asked.kills * share / shares))
            found = []
            for number in range(tried):
                directory = Path(scratch, name.replace(" ", "_"), str(number))
                directory.mkdir(parents=True)
                found.append(row(directory, random.Random(f"{asked.seed} {name} {number}")))
            skipped = [fault for fault in found if fault and fault.startswith("skipped")]
            faults = [fault for fault in found if fault and not fault.startswith("skipped")]
            print(f"{name:22} {tried - len(skipped):6} {len(faults):6} {len(skipped):8}", flush=True)
            for fault in faults:
                print(f"    {fault}", flush=True)
            worst = max(worst, len(faults))
    return int(worst > 0)


if __name__ == "__main__":
    raise SystemExit(main())
