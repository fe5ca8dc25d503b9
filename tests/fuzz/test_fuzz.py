"""The first 300 cases, in three parts that share the time; `python -m tests.fuzz` runs as many as one likes."""

import pytest

from tests.fuzz import cases

COUNT, PARTS = 300, 3


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_a_file_holds_is_answered_in_a_sentence(part, tmp_path):
    wrong = []
    for number in range(part, COUNT, PARTS):
        directory = tmp_path / str(number)
        directory.mkdir()
        found = cases.run(number, directory)
        if found.fault and not found.fault.endswith("GiB"):  # the memory of a worker is that of all its tests
            wrong.append(f"{number}: {found.fault}: {found.command} with {found.file}: {found.said[-300:]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("number", "code", "says"), [(1578, 0, "x is beyond 1e+150"), (1878, 1, "preprocessing.json")])
def test_what_a_longer_run_has_found_is_answered_in_a_sentence(number, code, says, tmp_path):
    found = cases.run(number, tmp_path)
    assert found.code == code and says in found.said, found.said
    assert found.fault is None or found.fault.endswith("GiB"), found.fault
