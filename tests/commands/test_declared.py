"""Options of commands are declared: flags, variables, a file, --no-X, and the nearest name, in all of them alike."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest
import typer

from econml_cli.cli import app
from econml_cli.commands import estimate, export, package, predict, replicate, report, simulate, watch
from econml_cli.commands import eval as questions
from econml_cli.commands.declared import Argument, Command
from econml_cli.commands.inspect import checkpoint, data, listings
from econml_cli.commands.runs import change, label, listed, shown
from econml_cli.commands.sweep import run as sweep_run
from econml_cli.commands.sweep import show, slurm, wandb, write
from econml_cli.errors import ConfigError
from econml_cli.options.fields import option

COMMANDS = (
    predict.COMMAND,
    simulate.COMMAND,
    export.COMMAND,
    report.COMMAND,
    watch.COMMAND,
    package.COMMAND,
    replicate.COMMAND,
    *(import_module(f"econml_cli.commands.eval.{home}").COMMAND for home in questions.HOMES.values()),
    checkpoint.COMMAND,
    data.COMMAND,
    *listings.COMMANDS,
    *(write.CREATE, write.CHECK, write.SAMPLE, sweep_run.COMMAND, show.COMMAND, slurm.COMMAND),
    *(wandb.LAUNCH, wandb.AGENT),
    *estimate.COMMANDS,
    estimate.RESUME,
    *(listed.COMMAND, shown.COMMAND, shown.DU, label.TAG, label.NOTE, *change.COMMANDS),
)


@dataclass(frozen=True)
class Options:
    """Some of each kind."""

    count: int = option(3, "how many", ge=1)
    loud: bool = option(False, "say more")
    twice: bool | None = option(None, "again (default: as it comes)")
    with_: tuple[str, ...] = option((), "changes", repeated=True)
    runs_dir: str = option("runs", "where")
    config: str | None = option(None, "a file")


@dataclass(frozen=True)
class Needed:
    """What has no default."""

    out: str = option(None, "where it goes", metavar="FILE", required=True)


@pytest.fixture
def line():
    """Type a line of a command; what its function was called with."""
    seen = []
    command = Command(
        "econml try it", lambda *given: seen.extend(given), (("Options", Options),), (Argument("run", "RUN", "r"),)
    )
    made = typer.Typer(add_completion=False)
    command.add_to(made)

    def typed(*words):
        seen.clear()
        typer.main.get_command(made)(list(words), standalone_mode=False)
        return seen

    return typed


def test_what_is_typed_beats_a_variable_which_beats_the_file_which_beats_the_default(line, monkeypatch):
    assert line("r") == ["r", Options()]
    Path("c.yaml").write_text("count: 7\nloud: true\nwith: [N=1, M=2]\n")
    assert line("--config", "c.yaml") == [None, Options(7, True, None, ("N=1", "M=2"), "runs", "c.yaml")]
    monkeypatch.setenv("ECONML_TRY_IT_CONFIG", "c.yaml")
    monkeypatch.setenv("ECONML_TRY_IT_COUNT", "8")
    found = line()[1]
    assert (found.count, found.loud) == (8, True)
    assert line("--count=9", "--no-loud", "--with", "a=1,2", "--with", "b=3")[1] == Options(
        9, False, None, ("a=1,2", "b=3"), "runs", "c.yaml"
    )


def test_runs_dir_is_the_one_variable_that_commands_share_with_a_fit(line, monkeypatch):
    monkeypatch.setenv("ECONML_COUNT", "8")
    monkeypatch.setenv("ECONML_RUNS_DIR", "all")
    assert line()[1] == Options(runs_dir="all")
    monkeypatch.setenv("ECONML_TRY_IT_RUNS_DIR", "own")
    assert line()[1].runs_dir == "own"


@pytest.mark.parametrize(
    ("words", "loud"),
    [
        (["--loud"], True),
        (["--loud=True"], True),
        (["--loud", "true"], True),
        (["--loud=False"], False),
        (["--loud", "False"], False),
        (["--no-loud"], False),
    ],
)
def test_a_switch_is_read_in_every_form_and_what_follows_it_is_not_its_value(line, words, loud):
    assert line(*words, "r") == ["r", Options(loud=loud)]
    assert line("--twice=False")[1].twice is False and line("--loud", "r")[0] == "r"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--cuont", "3"], "There is no option --cuont for econml try it. Did you mean '--count'?"),
        (["--count", "0"], "--count must be an integer >= 1, got '0'"),
        (["--loud=maybe"], "--loud must be true or false"),
        (["--config", "bad.yaml"], "bad.yaml says 'cuont', which econml try it does not have. Did you mean 'count'?"),
    ],
)
def test_what_is_wrong_is_answered_with_the_nearest_name_or_the_bound(line, words, says):
    Path("bad.yaml").write_text("cuont: 3\n")
    with pytest.raises(ConfigError) as caught:
        line(*words)
    assert says in str(caught.value)


def test_a_bad_variable_is_named(line, monkeypatch):
    monkeypatch.setenv("ECONML_TRY_IT_COUNT", "many")
    with pytest.raises(ConfigError, match=r"--count must be .* \(ECONML_TRY_IT_COUNT\)"):
        line()


def test_an_option_without_a_default_has_to_be_given():
    with pytest.raises(ConfigError, match="--out FILE is missing: where it goes"):
        Command("econml try", print, (("Options", Needed),)).read({})


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.line)
def test_no_command_has_two_options_of_one_name_and_every_default_is_in_bounds(command):
    names = [opt.name for section in command.sections for opt in section.options]
    assert len(names) == len(set(names))
    needed = {name: opt.choices[0] if opt.choices else "1" for name, opt in command.options.items() if opt.required}
    command.read(needed)


def test_every_command_is_made_from_a_declaration():
    def leaves(command):
        below = getattr(command, "commands", None)
        return [command] if below is None else [leaf for each in below.values() for leaf in leaves(each)]

    lines = {leaf.command.line for leaf in leaves(typer.main.get_command(app)) if hasattr(leaf, "command")}
    assert lines == {command.line for command in COMMANDS}
    assert len(leaves(typer.main.get_command(app))) == len(lines) + 2  # `fit` and `inspect model` depend on the model


def test_the_first_word_after_eval_is_a_question_or_a_run(econml, monkeypatch):
    for question in questions.QUESTIONS:
        assert question in econml("eval", "--help").stdout
    found = []
    monkeypatch.setattr("econml_cli.runs.directory.find", lambda name, where: found.append(name) or stop())

    def stop():
        raise ConfigError("found.")

    for words in (["risk"], ["risk", "r"], ["./risk"], ["--json", "risk"], ["r"], []):
        assert econml("eval", *words).code == 2
    assert found == [None, "r", "./risk", "risk", "r", None]


def test_a_run_that_is_called_like_a_question_is_told_of(econml):
    Path("risk").mkdir()
    Path("risk/manifest.json").write_text("{}")
    assert "'risk' is read as a question; the run of that name is ./risk" in econml("eval", "risk").stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("econml eval ri", "risk"),
        ("econml eval --boot", "--bootstrap"),
        ("econml eval risk --dr", "--draws"),
        ("econml eval r --format mark", "markdown"),
        ("econml export r --to to", "torch"),
        ("econml sweep run f.yaml --eng", "--engine"),
    ],
)
def test_the_shell_completes_questions_options_and_values(econml, monkeypatch, words, offered):
    monkeypatch.setenv("_ECONML_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert offered in econml().stdout.split()
