"""`python -m tests.fuzz --count 3000 --first 0`: run cases, print those that fail, and how many of each command did."""

import argparse
import collections
import os
import tempfile
from pathlib import Path

from tests.support import caches


def main() -> int:
    """The exit code is 1 where a case fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="cases")
    parser.add_argument("--first", type=int, default=0, help="the number of the first; a number always means one case")
    asked = parser.parse_args()
    caches.use(os.environ)
    from tests.fuzz import cases

    tried, failed = collections.Counter[str](), collections.Counter[str]()
    with tempfile.TemporaryDirectory(prefix="econml-fuzz-") as scratch:
        os.environ["HOME"] = scratch
        for number in range(asked.first, asked.first + asked.count):
            directory = Path(scratch, str(number))
            directory.mkdir()
            found = cases.run(number, directory)
            command = " ".join(found.command.split()[:2])
            tried[command] += 1
            if found.fault:
                failed[command] += 1
                last = (found.said.strip().splitlines() or [""])[-1]
                print(f"{number}: {found.fault}: {found.command} with {found.file}: {last[:300]}", flush=True)
    for command in sorted(tried):
        print(f"{command:20} {tried[command]:6} tried {failed[command]:6} failed")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
