"""`econml eval`: the evaluation of runs, and the questions that are commands of their own, a file each.

Each is imported when it is asked: an evaluation does not wait for the options of seven questions to be made.
"""

from pathlib import Path
from typing import Any

import typer

from econml_cli.commands.eval.shared import told
from econml_cli.commands.help_text import Group
from econml_cli.commands.lazily import Commands

#: how the group calls the evaluation itself, which has no name on the command line
ITSELF = "[RUN]..."
#: the questions, each in the file of its name
QUESTIONS = ("risk", "learning-curve", "effects", "partial-dependence", "importance", "calibration", "compare")
HOMES = {ITSELF: "runs"} | {question: question.replace("-", "_") for question in QUESTIONS}


class EvalGroup(Group):
    """`econml eval risk` is a question; any other first word is a run, or an option, of `econml eval [RUN]...`."""

    def __init__(self, **given: Any):
        super().__init__(**given)
        self.commands: Any = Commands({name: f"{__name__}.{home}" for name, home in HOMES.items()})

    def list_commands(self, ctx: Any) -> list[str]:
        """The evaluation itself, and the questions, in the order in which one comes to ask them."""
        return list(self.commands)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the group where a question follows, else that of the evaluation itself."""
        asked = args[0] if args else ""
        if asked in QUESTIONS:
            if not extra.get("resilient_parsing") and (Path(asked) / "manifest.json").is_file():
                told(f"'{asked}' is read as a question; the run of that name is ./{asked}")
            return super().make_context(info_name, args, parent, **extra)
        if extra.get("resilient_parsing") and not args:  # the word that is completed may become either
            return super().make_context(info_name, args, parent, **extra)
        return self.commands[ITSELF].make_context(info_name, args, parent, **extra)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Questions, runs, and options of the evaluation itself."""
        itself = self.commands[ITSELF]
        with itself.make_context(ctx.info_name, [], ctx.parent, resilient_parsing=True) as inner:
            options = itself.shell_complete(inner, incomplete)
            runs = itself.get_params(inner)[0].shell_complete(inner, incomplete)
        offered = [found for found in super().shell_complete(ctx, incomplete) if found.value != ITSELF]
        return [*offered, *runs, *options]


app = typer.Typer(
    add_completion=False, cls=EvalGroup, help="Evaluate fitted runs, and ask them questions of their own."
)


@app.callback()
def _group() -> None:  # without one Typer makes no group of an app to which no command was added
    """The questions come with `EvalGroup`."""
