"""The `econml` command: assembles the subcommands, and turns every error into one line on stderr and an exit code."""

import errno
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from econml_cli.commands.help_text import CONTEXT, Group
from econml_cli.commands.lazily import Commands
from econml_cli.commands.leaving import leave
from econml_cli.errors import OUT_OF_MEMORY, EconmlError, out_of_memory, printable
from econml_cli.options import own_code, own_modules
from econml_cli.output import streams, working
from econml_cli.sweeps.study import passwords
from econml_cli.version import __version__

#: Click's ClickException, through a class that Typer exports: which Click Typer uses depends on its version
ClickError: type[Exception] = typer.BadParameter.__mro__[2]


#: the commands, in the order in which one comes to need them, each with its line in the help: `commands/NAME` has it
COMMANDS = {
    "fit": "Fit a model to a table or an economic model; keep everything in a run directory.",
    "eval": "Evaluate fitted runs: losses, errors, intervals.",
    "estimate": "Estimate a treatment effect by double machine learning.",
    "predict": "Write the rows of a file with predictions.",
    "simulate": "Simulate an economic model under its fitted policy.",
    "export": "Write a fitted model for PyTorch, ONNX, NumPy, JAX.",
    "report": "Write fitted runs as one page.",
    "inspect": "Show checkpoints, runs, models and problems.",
    "sweep": "Write, check, run and show hyperparameter sweeps (W&B's YAML).",
    "watch": "Watch a run, a sweep or a directory in the terminal.",
    "package": "Pack fitted runs for replication: README, versions, numbers, verify.sh.",
    "replicate": "Run a published study and compare its figures with ours.",
    "runs": "List, show, label, rename, put away and remove runs.",
}


class RootGroup(Group):
    """All commands."""

    lines = COMMANDS

    def __init__(self, **given: Any):
        super().__init__(**given)
        self.commands: Any = Commands({name: f"econml_cli.commands.{name}" for name in COMMANDS})

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order in which one comes to need them."""
        return list(self.commands)


app = typer.Typer(
    name="econml",
    cls=RootGroup,
    help="Fit neural networks and other function approximators to economic data and economic models.",
    pretty_exceptions_enable=False,
    context_settings=CONTEXT,
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"econml {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show version.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the full trace of an error (any command).")] = False,
    source: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="A Python file of yours whose code may be run (any command)."),
    ] = None,
) -> None:
    """Fit neural networks and other function approximators to economic data and economic models."""


def program() -> NoReturn:
    """The command as a process of its own: the prompt comes back when the result has been printed."""
    try:
        main()
    except SystemExit as ended:
        leave(ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1)
    leave(0)


def main() -> None:
    """Run the command line and raise SystemExit with its exit code."""
    _open_closed_streams()
    streams.guard()
    # --debug may stand anywhere, so that it can be added at the end of the line that failed
    debug = any(arg in ("--debug", "--debug=True", "--debug=true") for arg in sys.argv)
    args, sources = _split_sources([arg for arg in sys.argv[1:] if arg.partition("=")[0] != "--debug"])
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        # there is nothing to save, and jax may lose the signal; a fit or a sweep has handlers of its own once it begins
        signal.signal(signal.SIGINT, _interrupted)
    _show_life(args)
    if not debug:
        # TensorStore's threads may outlive a read that failed, and complain of it after our one sentence
        sys.unraisablehook = lambda *_: None
        # nor does a library's log file on a full disk (W&B's) say more than our one sentence
        logging.raiseExceptions = False
    try:
        for note in passwords.advice(sys.argv[1:]):
            print(f"econml: {note}", file=sys.stderr)  # noqa: T201
        sys.argv[1:] = passwords.masked(sys.argv[1:])  # what is kept of the command line, by us or by W&B
        own_code.name_sources(*sources)
        own_code.name(*own_code.named_in(args))
        code = app(args, prog_name="econml", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            raise
        code = _explain(error, args)
    working.stop()
    _flush()
    sys.exit(code if isinstance(code, int) else 0)


def _interrupted(*_: Any) -> None:
    """End at once, and leave a clean line."""
    working.stop()
    os._exit(130)


def _show_life(args: list[str]) -> None:
    """A spinner on stderr, for commands that may take longer than a moment and whose stderr a person is looking at."""
    quick = {"-h", "--help", "--version", "--json", "--quiet", "--print-config"} & {*args}
    if args and args[0] in COMMANDS and not quick and "_ECONML_COMPLETE" not in os.environ:
        working.start(streams.styled(sys.stderr), f"econml {args[0]}")


def _split_sources(args: list[str]) -> tuple[list[str], list[str]]:
    """The arguments without `--source FILE`, which may stand anywhere, as --debug; and those files."""
    rest, sources, queue = [], list[str](), list(args)
    while queue:
        arg = queue.pop(0)
        flag, equals, value = arg.partition("=")
        if flag != "--source" or not (equals or queue):
            rest.append(arg)
        else:
            sources += (value if equals else queue.pop(0)).split(",")
    return rest, sources


def _explain(error: BaseException, args: list[str]) -> int:
    """One sentence on stderr; returns the exit code."""
    name = f"econml {args[0]}" if args and args[0] in COMMANDS else "econml"
    code: int
    message: str
    if isinstance(error, EconmlError):
        code, message = error.exit_code, str(error)
    elif isinstance(error, ClickError):
        code, message = error.exit_code, error.format_message()  # type: ignore[attr-defined]
        message = message.replace("Value error, ", "")  # pydantic's, with which Typer reads values
        if not message:  # no arguments: the help has been shown
            return code
        message = (
            f"{message if message.endswith(('.', '?')) else message + '.'} `{name} --help` shows what can be given."
        )
    elif isinstance(error, typer.Abort | KeyboardInterrupt):
        code, message = 130, "Interrupted before anything was done."
    elif isinstance(error, BrokenPipeError):
        return 1
    elif isinstance(error, OSError):
        code, where = 1, f" {error.filename}" if error.filename else ""
        hints = {errno.ENOSPC: "; free some space", errno.ENOENT: "; it was there before: was it moved?"}
        message = f"Cannot read or write{where}: {error.strerror or error}{hints.get(error.errno or 0, '')}."
    elif out_of_memory(error):
        code, message = 1, OUT_OF_MEMORY
    elif where := own_modules.where(error):
        code = 1
        message = f"It fails{where}: {own_modules.said(error)}. --debug shows the trace."
    else:
        code = 1
        message = f"Unexpected {type(error).__name__}: {error}. Run it again with --debug to see where, and report it."
    print(f"{name}: {printable(message)}", file=sys.stderr)  # noqa: T201
    return code


def _open_closed_streams() -> None:
    """`econml ... >&-` leaves no stdout at all; what would be printed goes nowhere."""
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115


def _flush() -> None:
    """A reader that left early (`econml ... | head`) must not make the interpreter complain on its way out."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
