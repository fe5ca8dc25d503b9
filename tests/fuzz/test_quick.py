"""The first 300 cases whose commands only read, and little: in one copy of what is made, one after the other."""

import itertools
import shutil
from pathlib import Path

import pytest

from tests.fuzz import cases, made

COUNT = 300


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    """A copy of what is made."""
    directory = tmp_path_factory.mktemp("fuzz") / "made"
    shutil.copytree(made.directory(), directory, symlinks=True)
    return directory


def contents(directory):
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_whatever_a_file_holds_is_answered_in_a_sentence(copied):
    before = contents(copied)
    numbers = itertools.islice(filter(cases.is_quick, itertools.count()), COUNT)
    found = [cases.run_quickly(number, copied) for number in numbers]
    wrong = [each.told() for each in found if each.fault]
    assert not wrong, "\n".join(wrong)
    assert len(found) == COUNT and len({each.command.split()[0] for each in found}) == 5
    assert sum(each.code == 0 for each in found) < COUNT  # some are refused
    assert contents(copied) == before  # a case finds what the first one has found


@pytest.mark.parametrize("number", [next(n for n in range(99) if cases.is_quick(n))])
def test_a_quick_case_is_the_case_of_its_number(number, copied, tmp_path):
    alone, quickly = cases.run(number, tmp_path / "alone"), cases.run_quickly(number, copied)
    assert (alone.command, alone.file, alone.code) == (quickly.command, quickly.file, quickly.code)


@pytest.mark.parametrize("number", range(8))
def test_a_case_changes_one_file(number, tmp_path, monkeypatch):
    monkeypatch.setattr(cases, "done", lambda number, words, file, directory: file)
    changed = cases.run(number, tmp_path)
    was = made.directory()
    differ = [
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if path.is_file() and path.read_bytes() != (was / path.relative_to(tmp_path)).read_bytes()
    ]
    assert differ in ([changed], [])  # of few bytes the change may be none
    assert Path(tmp_path, changed).is_file()
