"""A file that has moved is suggested with the folder that it is in now."""

from pathlib import Path

import pytest

from econml_cli.data import files
from econml_cli.errors import DataError


def lay(*names):
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("a,b\n1,2\n")


@pytest.mark.parametrize(
    ("there", "asked", "meant"),
    [
        ("data/raw/wage.csv", "wage.csv", "data/raw/wage.csv"),
        ("data/raw/wage.csv", "data/wage.csv", "data/raw/wage.csv"),
        ("wage.csv", "data/wage.csv", "wage.csv"),
        ("data/wages.csv", "data/wage.csv", "data/wages.csv"),
        ("data/.hidden/wage.csv", "wage.csv", None),
        ("a/b/c/d/wage.csv", "wage.csv", None),
        ("other.txt", "wage.csv", None),
    ],
)
def test_the_nearest_file_is_suggested(isolated, there, asked, meant):
    lay(there)
    with pytest.raises(DataError) as said:
        files.find(asked)
    if meant is None:
        assert "Did you mean" not in str(said.value) and "check the path" in str(said.value)
    else:
        assert f"Did you mean '{meant}'?" in str(said.value)


def test_one_of_the_name_in_another_project_is_found_from_its_old_folder(isolated):
    lay("project/clean/wage.csv")
    with pytest.raises(DataError, match=r"Did you mean '.*project/clean/wage\.csv'"):
        files.find(str(isolated / "project" / "raw" / "wage.csv"))
