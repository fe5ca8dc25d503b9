"""A directory that is made beside its place: there whole, or not at all."""

from pathlib import Path

import pytest

from econml_cli.errors import RunError
from econml_cli.storage import directories


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def made(path, text="new", **options):
    with directories.making(path, **options) as inside:
        (inside / "file").write_text(text)


def test_a_directory_is_there_when_the_context_ends_and_no_sooner(folder):
    path = folder / "deep" / "there"
    with directories.making(path) as inside:
        (inside / "file").write_text("new")
        assert not path.exists()
    assert (path / "file").read_text() == "new" and [p.name for p in path.parent.iterdir()] == ["there"]
    made(path, "newer")
    assert (path / "file").read_text() == "newer" and [p.name for p in path.parent.iterdir()] == ["there"]


def test_after_an_error_there_is_no_trace_and_what_was_there_is_there(folder):
    made(folder / "there", "old")
    for error in (KeyboardInterrupt, ValueError):
        with pytest.raises(error), directories.making(folder / "there") as inside:
            (inside / "file").write_text("new")
            raise error
    assert [str(p.relative_to(folder)) for p in sorted(folder.rglob("*"))] == ["there", "there/file"]
    assert (folder / "there" / "file").read_text() == "old"


def test_where_the_disk_refuses_the_earlier_directory_stays(folder, monkeypatch):
    made(folder / "there", "old")
    rename = Path.rename

    def refuse(self, target):
        if self.name.endswith(".new"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(RunError, match="there cannot be written: No space left on device; choose another --out"):
        made(folder / "there")
    assert [p.name for p in folder.iterdir()] == ["there"] and (folder / "there" / "file").read_text() == "old"


def test_without_replacing_only_an_empty_directory_is_taken(folder):
    (folder / "empty").mkdir()
    made(folder / "empty", replace=False)
    made(folder / "full", "old")
    with pytest.raises(RunError, match="full cannot be written"):
        made(folder / "full", replace=False)
    assert (folder / "full" / "file").read_text() == "old" and (folder / "empty" / "file").read_text() == "new"


def test_the_directory_that_one_stands_in_has_a_name_too(folder, monkeypatch):
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    made(Path())
    assert (folder / "here" / "file").read_text() == "new"
