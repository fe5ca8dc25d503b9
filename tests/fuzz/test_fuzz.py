"""Of the first 300 cases those that fit, report or read much, in three parts that share the time; the others are
those of test_quick.py. `python -m tests.fuzz` runs as many as one likes."""

import json
import shutil

import pytest

from tests.fuzz import cases, made

COUNT, PARTS = 300, 3


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_a_file_holds_is_answered_in_a_sentence(part, tmp_path):
    wrong = []
    for number in [number for number in range(COUNT) if not cases.is_quick(number)][part::PARTS]:
        directory = tmp_path / str(number)
        directory.mkdir()
        found = cases.run(number, directory)
        shutil.rmtree(directory)
        if found.fault:
            wrong.append(found.told())
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
def test_what_is_not_changed_is_read(tmp_path):
    """Else the cases would say nothing of how a changed file is read."""
    wrong = []
    for number, (_, patterns, command) in enumerate(cases.COMMANDS):
        directory = tmp_path / str(number)
        shutil.copytree(made.directory(), directory)
        words = [patterns[0] if word == "{}" else word for word in command]
        here = directory / "repository" if patterns[0].startswith("repository") else directory
        found = cases.done(number, words, "", here)
        if found.code != 0 or found.fault:
            wrong.append(f"{found.code}: {found.command}: {found.said[-300:]}")
    assert not wrong, "\n".join(wrong)


def _of_run(change, *words):
    def changed(directory):
        path = directory / "table" / "preprocessing.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
        return words

    return changed


def _one_more_mean(document):
    document["features"]["mean"] = [*document["features"]["mean"], 0.5]
    return document


def _beyond(directory):
    path = directory / "table.csv"
    *rows, last = path.read_text().splitlines()  # of what is said the end is kept
    path.write_text("\n".join([*rows, ",".join([last.split(",")[0], "1e308", last.split(",")[2]])]) + "\n")
    return ("predict", "table", "--data", "table.csv", "--out", "-")


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        (_beyond, 0, "x is beyond 1e+150"),
        (_of_run(_one_more_mean, "report", "table", "--out", "page.html"), 1, "preprocessing.json"),
    ],
)
def test_what_a_longer_run_has_found_is_answered_in_a_sentence(change, code, says, tmp_path):
    shutil.copytree(made.BY_0_1, tmp_path / "made")
    found = cases.done(0, list(change(tmp_path / "made")), "", tmp_path / "made")
    assert found.code == code and says in found.said and found.fault is None, found
