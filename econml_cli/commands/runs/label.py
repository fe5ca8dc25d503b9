"""`econml runs tag` and `note`: words on a run, which no fit touches."""

import sys
from dataclasses import dataclass
from pathlib import Path

from econml_cli.commands.common import ONE_RUN, OPTIONS, RunsDirOption, say
from econml_cli.commands.declared import Argument, Command
from econml_cli.errors import ConfigError, printable
from econml_cli.options.fields import option

TAGS = Argument("tags", "TAG", "Words to put on it (none: its tags are printed).", many=True)
TEXT = Argument("text", "TEXT", 'The note ("-": from stdin; "": take it away; none: it is printed).')


@dataclass(frozen=True)
class TagOptions:
    """What becomes of the tags."""

    remove: bool = option(False, "take these tags away")


@dataclass(frozen=True)
class NoteOptions:
    """Where the note goes."""

    append: bool = option(False, "below what is there, not in its place")


def tag(run: str, tags: list[str] | None, options: TagOptions, lookup: RunsDirOption) -> None:
    """Put tags on a run, a sweep or the like, or take them away; print those that it has then, one a line.

    econml runs tag wage-mlp paper table-2
    econml runs list --tag paper
    """
    from econml_cli.runs import kinds, labels

    found, words = kinds.find(run, Path(lookup.runs_dir)), tuple(tags or ())
    if options.remove and not words:
        raise ConfigError("--remove: name the tags to take away.")
    if not words:
        has = labels.read(found.path)
    else:
        has = labels.tag(found.path, **{"remove" if options.remove else "add": words})
    for word in has.tags:
        print(printable(word))  # noqa: T201
    if not has.tags:
        say("runs", f"{found.path} has no tags.")


def note(run: str, text: str | None, options: NoteOptions, lookup: RunsDirOption) -> None:
    """Write a note on a run, a sweep or the like, or print it.

    econml runs note wage-mlp "Table 2, column 3; lr from the sweep"
    """
    from econml_cli.runs import kinds, labels

    found = kinds.find(run, Path(lookup.runs_dir))
    if text is None:
        if options.append:
            raise ConfigError('--append: give the text, or "-" for what stands on stdin.')
        there = labels.read(found.path).note
        if there is None:
            say("runs", f"{found.path} has no note.")
        else:
            print(printable(there))  # noqa: T201
        return
    labels.note(found.path, sys.stdin.read() if text == "-" else text, append=options.append)


TAG = Command("econml runs tag", tag, ((OPTIONS, TagOptions), (OPTIONS, RunsDirOption)), (ONE_RUN, TAGS))
NOTE = Command("econml runs note", note, ((OPTIONS, NoteOptions), (OPTIONS, RunsDirOption)), (ONE_RUN, TEXT))
