"""`python -m tests.storm.faulty WHAT NUMBER DIRECTORY ARGS...`: `econml ARGS`, and one call to the system goes wrong.

The calls are those of Python that name a file in DIRECTORY (open, rename, mkdir, remove, listdir ...), as its audit
hooks tell them before they are made. The NUMBER-th, counted from 1, fails with the error WHAT (`EIO`, `ENOSPC`, ...;
`EIO+`: it and all later ones), or is the process's last (`kill`). With `count`, none does, and their number is written
to the file that NUMBER names. What is not audited (writing to a file that is open, what TensorStore does) is left to a
small disk that runs full.
"""

import errno
import os
import signal
import sys
from typing import Any

#: the audited calls whose first words are paths
CALLS = frozenset(("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.listdir", "os.scandir", "os.truncate"))


def main() -> None:
    """Install the hook and run the command."""
    what, number, directory, *args = sys.argv[1:]
    within = os.path.realpath(directory) + os.sep
    made = 0

    def hook(event: str, words: tuple[Any, ...]) -> None:
        nonlocal made
        if event not in CALLS or not any(_within(word, within) for word in words[:2]):
            return
        made += 1
        if what == "count":
            return
        if made == int(number) or (what.endswith("+") and made > int(number)):
            if what == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            code = getattr(errno, what.rstrip("+"))
            raise OSError(code, os.strerror(code), str(words[0]))

    from econml_cli.__main__ import program

    sys.argv = ["econml", *args]
    sys.addaudithook(hook)
    if what == "count":
        import atexit

        atexit.register(lambda: open(number, "w").write(str(made)))  # noqa: PTH123, SIM115
    program()


def _within(word: Any, within: str) -> bool:
    path = os.fsdecode(word) if isinstance(word, str | bytes | os.PathLike) else ""
    return bool(path) and (os.path.abspath(path) + os.sep).startswith(within)  # noqa: PTH100


if __name__ == "__main__":
    main()
