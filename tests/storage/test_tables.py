"""The cache of encoded tables: what was used last stays, within its numbers and bytes."""

import os
import time

import pytest

from econml_cli.storage import tables


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty one, in which three tables of 1,000 bytes are allowed, and four of any size."""
    monkeypatch.setattr(tables, "place", lambda: tmp_path / "tables")
    monkeypatch.setattr(tables, "MOST_BYTES", 3_100)
    return tmp_path / "tables"


def table(name, size=1_000, age=0.0):
    """The folder of a table of so many bytes (with what it says of itself about ten more), used so long ago."""

    def make(folder):
        (folder / "x").write_bytes(b"\1" * size)
        return {"n": 1}

    folder, _ = tables.kept({"name": name}, make)
    os.utime(folder, (time.time() - age,) * 2)
    return folder


def never(folder):
    raise AssertionError("it is there")


def test_the_tables_used_longest_ago_go_when_there_is_no_room_for_their_bytes(cache):
    old, used, newer = (table(name, age=age) for name, age in (("old", 30), ("used", 20), ("newer", 10)))
    assert tables.kept({"name": "old"}, never)[0] == old  # which is now the one used last
    last = table("last")
    assert sorted(cache.iterdir()) == sorted([old, newer, last]) and not used.exists()


def test_a_table_larger_than_the_cache_is_kept_alone(cache):
    table("small", age=10)
    large = table("large", size=5_000)
    assert list(cache.iterdir()) == [large]


def test_small_tables_are_counted(cache):
    folders = [table(str(i), size=1, age=100 - i) for i in range(6)]
    assert sorted(cache.iterdir()) == sorted(folders[2:])


def test_what_a_killed_process_has_left_half_made_goes_after_a_day(cache):
    table("whole", age=10)
    for name, age in ((".making-left", tables.ABANDONED + 60), (".making-now", 60)):
        (cache / name).mkdir()
        (cache / name / "x").write_bytes(b"1")
        for path in (cache / name / "x", cache / name):
            os.utime(path, (time.time() - age,) * 2)
    table("another")
    assert not (cache / ".making-left").exists() and (cache / ".making-now/x").exists()


def test_a_digest_is_computed_once_and_again_when_a_file_was_changed(cache):
    folder, made = table("one"), []

    def digest():
        made.append((folder / "x").read_bytes())
        return f"digest {len(made)}"

    def told():
        return tables.remembered([folder / "x"], digest)

    assert [told(), told()] == ["digest 1"] * 2 and len(made) == 1
    before = (folder / "x").stat()
    (folder / "x").write_bytes(b"\2" * before.st_size)  # of the same size
    os.utime(folder / "x", ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert told() == "digest 2"
    (folder / tables.DIGEST).write_text('{"files": 1')
    assert [told(), told()] == ["digest 3"] * 2
    (folder / "x").write_bytes(b"\2")
    assert told() == "digest 4"
