"""Run the commands of the ```console blocks of a page, in one scratch directory, and put in what they print.

`python docs/run_console_blocks.py README.md docs/tutorial.md` rewrites the pages: in the blocks only the lines that
start with "$ " are typed by hand. `tests/docs/test_pages.py` runs the same commands and compares.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

#: the columns of the terminal that a page shows
WIDTH = "96"


def in_a_shell(command: str, directory: Path) -> tuple[int, str]:
    """Run a command there as a user would; its exit code, and what it writes to stdout and stderr."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "ECONML_"))}
    environment |= {"COLUMNS": WIDTH, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, shell=True, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def run_page(text: str, directory: Path, run: Callable[[str, Path], tuple[int, str]] = in_a_shell) -> str:
    """The page with the output of each command below it; `run` runs one.

    Raises:
        RuntimeError: a command failed.
    """
    out, inside = [], False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = line == "```console"
            out.append(line)
        elif not inside:
            out.append(line)
        elif line.startswith("$ "):
            out.append(line)
            code, printed = run(line[2:], directory)
            if code:
                raise RuntimeError(f"{line[2:]} exited with {code}:\n{printed}")
            out += [shown.rstrip() for shown in printed.strip("\n").splitlines()]
    return "\n".join(out) + "\n"


def main() -> None:
    """Rewrite the pages named."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            Path(name).write_text(run_page(Path(name).read_text(encoding="utf-8"), Path(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
