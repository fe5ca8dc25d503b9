"""The tables and figures of a paper: the command behind each, and what it printed and wrote when it was packed."""

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from econml_cli.errors import ConfigError, RunError
from econml_cli.options import own_code
from econml_cli.replication import gather
from econml_cli.replication.gather import Part
from econml_cli.sweeps.study import databases

#: the commands that read runs, and change none
COMMANDS = ("eval", "predict", "simulate", "inspect", "report")
#: what a command prints
STDOUT = "stdout.txt"


@dataclass(frozen=True)
class Exhibit:
    """ "Table 2", its folder in the package, and the words of its command after `econml`, with the package's names."""

    title: str
    name: str
    words: tuple[str, ...]

    @property
    def command(self) -> str:
        """As it is typed."""
        return shlex.join(["econml", *self.words])


def read(asked: Sequence[str], parts: Sequence[Part]) -> list[Exhibit]:
    """What "Table 2=econml eval wage --format latex" asks for.

    Raises:
        ConfigError: it is no TITLE=COMMAND, the command is none that reads runs, or two have one name.
    """
    found: list[Exhibit] = []
    names = _names(parts)
    for each in asked:
        title, equals, line = each.partition("=")
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise ConfigError(f"--exhibit {each}: {error}.") from None
        if not equals or not title.strip() or words[:1] != ["econml"]:
            raise ConfigError(f'--exhibit {each}: write "TITLE=econml ...", such as "Table 2=econml eval RUN".')
        if len(words) < 2 or words[1] not in COMMANDS:
            raise ConfigError(f"--exhibit {each}: the command is one of {', '.join(COMMANDS)}.")
        if sign := next((word for word in words if word in ("|", ">", ">>", "<", "&&", ";", "&")), None):
            raise ConfigError(f"--exhibit {each}: {sign} is for a shell; what the command prints is kept anyway.")
        name = gather.plain(title).lower() or "exhibit"
        if any(one.name == name for one in found):
            raise ConfigError(f"--exhibit {each}: there are two called '{name}'; give each a title of its own.")
        found.append(Exhibit(title.strip(), name, tuple(names.get(word, word) for word in words[1:])))
    return found


def _names(parts: Sequence[Part]) -> dict[str, str]:
    """Every way to write a run on the command line -> its name in the package."""
    out: dict[str, str] = {}
    for part in parts:
        path = part.kept.path
        for said in (path.name, str(path), str(path.absolute()), f"{path.parent.name}/{path.name}"):
            out.setdefault(said, part.name)
    return out


def make(exhibits: Sequence[Exhibit], parts: Sequence[Part]) -> Mapping[str, bytes]:
    """Run each command, where verify.sh will, and keep what it prints and writes, by name in the package.

    Raises:
        RunError: a command failed.
    """
    out: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as folder:
        rerun = Path(folder) / "rerun"
        gather.link(parts, rerun)
        for exhibit in exhibits:
            place = rerun / "exhibits" / exhibit.name
            place.mkdir(parents=True)
            variables = {name: value for name, value in os.environ.items() if not name.startswith("ECONML_")}
            sources = {name: os.environ[name] for name in (own_code.VARIABLE, databases.VARIABLE) if name in os.environ}
            done = subprocess.run(  # noqa: S603 - our own program, words that the user typed
                [sys.executable, "-P", "-m", "econml_cli", *exhibit.words],
                cwd=place, env={**variables, **sources, "ECONML_RUNS_DIR": "../.."}, capture_output=True,
            )  # fmt: skip
            if done.returncode not in (0, 5):  # 5: a verdict is FAILED, which the exhibit says
                said = done.stderr.decode(errors="replace").strip().splitlines()
                raise RunError(f"{exhibit.title} ({exhibit.command}) failed: {said[-1] if said else done.returncode}")
            out[f"expected/exhibits/{exhibit.name}/{STDOUT}"] = done.stdout
            for file in sorted(place.rglob("*")):
                if file.is_file() and not file.is_symlink():
                    out[f"expected/exhibits/{exhibit.name}/{file.name}"] = file.read_bytes()
    return out
