"""The files that a model or a problem of one's own starts from: `econml inspect models --template` prints mymodel.py.

They are run as they are by the tests, and copied out whole; nothing imports them. Imports neither jax nor flax.
"""

from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Literal

FILES = {"model": "mymodel.py", "problem": "myproblem.py"}


@dataclass(frozen=True)
class Template:
    """A file to start from: the name that it should get, and its text."""

    file: str
    text: str

    def to_json(self) -> dict[str, str]:
        """The template as JSON values."""
        return asdict(self)


def template(kind: Literal["model", "problem"]) -> Template:
    """The file that a model, or a problem, of one's own starts from."""
    name = FILES[kind]
    return Template(name, files(__name__).joinpath(name).read_text(encoding="utf-8"))
