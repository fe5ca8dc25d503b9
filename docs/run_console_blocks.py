"""Run the commands of the ```console blocks of a page, in one scratch directory, and put in what they print.

`python docs/run_console_blocks.py README.md docs/tutorial.md` rewrites the pages: in the blocks only the lines that
start with "$ " are typed by hand. `tests/test_docs.py` runs the same commands and compares.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path


def run_page(text: str, directory: Path) -> str:
    """The page with the output of each command below it.

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
            out += _output(line[2:], directory)
    return "\n".join(out) + "\n"


def _output(command: str, directory: Path) -> list[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "ECONML_"))}
    environment |= {"COLUMNS": "96", "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        command, shell=True, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{command} exited with {done.returncode}:\n{done.stdout}")
    return [line.rstrip() for line in done.stdout.strip("\n").splitlines()]


def main() -> None:
    """Rewrite the pages named."""
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as directory:
            Path(name).write_text(run_page(Path(name).read_text(encoding="utf-8"), Path(directory)), encoding="utf-8")


if __name__ == "__main__":
    main()
