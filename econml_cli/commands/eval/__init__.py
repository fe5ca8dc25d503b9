"""`econml eval`: the evaluation of runs, and the questions that are commands of their own, a file each."""

from pathlib import Path
from typing import Any

import typer

from econml_cli.commands.eval import (
    calibration,
    compare,
    effects,
    importance,
    learning_curve,
    partial_dependence,
    risk,
    runs,
)  # fmt: skip
from econml_cli.commands.eval.shared import told
from econml_cli.commands.help_text import Group

#: how the group calls the evaluation itself, which has no name on the command line
ITSELF = "[RUN]..."
QUESTIONS = (
    risk.COMMAND, learning_curve.COMMAND, effects.COMMAND, partial_dependence.COMMAND, importance.COMMAND,
    calibration.COMMAND, compare.COMMAND,
)  # fmt: skip


class EvalGroup(Group):
    """`econml eval risk` is a question; any other first word is a run, or an option, of `econml eval [RUN]...`."""

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """The context of the group where a question follows, else that of the evaluation itself."""
        asked = args[0] if args else ""
        if asked in self.questions():
            if not extra.get("resilient_parsing") and (Path(asked) / "manifest.json").is_file():
                told(f"'{asked}' is read as a question; the run of that name is ./{asked}")
            return super().make_context(info_name, args, parent, **extra)
        if extra.get("resilient_parsing") and not args:  # the word that is completed may become either
            return super().make_context(info_name, args, parent, **extra)
        return self.commands[ITSELF].make_context(info_name, args, parent, **extra)

    def questions(self) -> list[str]:
        """The names of the questions."""
        return [name for name in self.commands if name != ITSELF]

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """Questions, runs, and options of the evaluation itself."""
        itself = self.commands[ITSELF]
        with itself.make_context(ctx.info_name, [], ctx.parent, resilient_parsing=True) as inner:
            options = itself.shell_complete(inner, incomplete)
            runs = itself.get_params(inner)[0].shell_complete(inner, incomplete)
        questions = [found for found in super().shell_complete(ctx, incomplete) if found.value != ITSELF]
        return questions + runs + options


app = typer.Typer(
    add_completion=False, cls=EvalGroup, help="Evaluate fitted runs, and ask them questions of their own."
)
runs.COMMAND.add_to(app, ITSELF)
for command in QUESTIONS:
    command.add_to(app)
