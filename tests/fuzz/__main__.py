"""`python -m tests.fuzz --count 3000 --first 0`: run cases, print those that fail, and how many of each command did."""

import argparse
import collections
import faulthandler
import os
import shutil
import tempfile
from pathlib import Path

from tests.support import caches

#: seconds after which a case ends the process, and says where it stands
STUCK = 300


def main() -> int:
    """The exit code is 1 where a case fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=3000, help="cases")
    parser.add_argument("--kept", type=Path, help="a directory for the changed file of each case that fails")
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
            faulthandler.dump_traceback_later(STUCK, exit=True)  # in compiled code, which no signal ends
            found = cases.run(number, directory)
            faulthandler.cancel_dump_traceback_later()
            command = " ".join(found.command.split()[:2])
            tried[command] += 1
            if found.fault:
                failed[command] += 1
                last = (found.said.strip().splitlines() or [""])[-1]
                print(f"{number}: {found.fault}: {found.command} with {found.file}: {last[:300]}", flush=True)
                if asked.kept is not None:
                    (asked.kept / str(number)).mkdir(parents=True, exist_ok=True)
                    shutil.copy(directory / found.file, asked.kept / str(number))
            shutil.rmtree(directory, ignore_errors=True)
            if number % 100 == 99:
                print(f"{number + 1}: {sum(failed.values())} of {sum(tried.values())} have failed", flush=True)
    for command in sorted(tried):
        print(f"{command:20} {tried[command]:6} tried {failed[command]:6} failed")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
