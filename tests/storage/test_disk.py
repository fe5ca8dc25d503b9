"""Files that are written: in the place of regular files alone, with their modes, through no link that somebody laid."""

import os
import secrets
import stat
from pathlib import Path

import pytest

from econml_cli.errors import RunError
from econml_cli.storage import disk, json_shape
from tests.support.waiting import never_idle

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
def test_a_file_that_is_replaced_keeps_its_mode_and_a_new_one_has_the_usual(isolated, monkeypatch):
    old, new = isolated / "old.csv", isolated / "new.csv"
    old.write_text("microdata")
    old.chmod(0o600)
    before = os.umask(0o027)
    try:
        disk.write_text(old, "other")
        disk.write_text(new, "other")
    finally:
        os.umask(before)
    assert (mode(old), mode(new)) == (0o600, 0o640) and old.read_text() == "other"


@posix
@pytest.mark.parametrize("kind", ["a link", "a pipe", "a directory"])
def test_what_is_no_regular_file_is_left_alone(isolated, kind):
    target, path = isolated / "target", isolated / "out.html"
    target.write_text("precious")
    {"a link": lambda: path.symlink_to(target), "a pipe": lambda: os.mkfifo(path), "a directory": path.mkdir}[kind]()
    with pytest.raises(RunError, match=kind):
        disk.write_text(path, "x")
    assert target.read_text() == "precious" and {p.name for p in isolated.iterdir()} == {"target", "out.html"}
    assert disk._kind(Path("/dev/null").stat().st_mode) == "a device"


@posix
def test_no_link_that_waits_under_the_name_of_a_temporary_file_is_followed(isolated, monkeypatch):
    """Names cannot be foreseen; where one is all the same, it is not written through."""
    victim, path = isolated / "victim", isolated / "out.csv"
    victim.write_text("precious")
    monkeypatch.setattr(secrets, "token_hex", lambda n: "0" * 2 * n)
    (isolated / f".out.csv.{'0' * 16}.tmp.csv").symlink_to(victim)
    (isolated / f".out.csv.{os.getpid()}.tmp").symlink_to(victim)
    with pytest.raises(FileExistsError):
        disk.write_text(path, "x")
    assert victim.read_text() == "precious" and not path.exists()


def test_an_error_leaves_what_was_there_and_nothing_else(isolated):
    path = isolated / "out.csv"
    path.write_text("before")
    with pytest.raises(KeyError), disk.replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "before" and list(isolated.iterdir()) == [path]


@posix
def test_locks_and_appended_text_follow_no_link(isolated):
    victim, link = isolated / "victim", isolated / ".lock"
    victim.write_text("precious\n")
    link.symlink_to(victim)
    with pytest.raises(OSError), disk.exclusive(link, "taken"):
        pass
    with pytest.raises(OSError):
        disk.append_text(link, "x", sync=False)
    assert victim.read_text() == "precious\n"


@posix
def test_a_pipe_a_device_and_a_giant_are_not_waited_for(isolated):
    pipe, giant = isolated / "pipe", isolated / "giant"
    os.mkfifo(pipe)
    with giant.open("wb") as file:
        file.truncate(2**40)
    with never_idle():
        for path, said in ((pipe, "a pipe"), (Path("/dev/zero"), "a device"), (giant, "more than")):
            with pytest.raises(ValueError, match=said):
                disk.read_bytes(path)
            with pytest.raises(RunError, match="cannot be read"):
                disk.read_json(path, absent="absent", remedy="try again")


def test_whether_a_lock_is_held_is_seen_without_taking_it(isolated):
    lock = isolated / ".lock"
    assert disk.held(lock) is False
    with disk.exclusive(lock, "taken"):
        assert disk.held(lock) is True
    assert disk.held(lock) is False


SHAPE = {
    "schema?": json_shape.at_least(0),
    "shapes": {"x?": json_shape.listed(json_shape.at_least(1))},
    "*_loss?": json_shape.NUMBER,
}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"schema": null, "shapes": {}}', "'schema' is null, expected an integer of at least 0"),
        ('{"schema": true, "shapes": {}}', "'schema' is true"),
        ("{}", "'shapes' is missing"),
        ('{"shapes": []}', "'shapes' is [], expected an object"),
        ('{"shapes": {"x": [1, -1]}}', "'shapes.x' is [1, -1], expected a list, each an integer of at least 1"),
        ('{"shapes": {}, "test_loss": "low"}', "'test_loss' is \"low\", expected a number"),
        ("[]", "it is no JSON object"),
        ('{"shapes": {}, "a": NaN}', "NaN is not JSON"),
        ('{"shapes": {}, "a": ' + "9" * 5000 + "}", "an integer of 5,000 digits"),
        ('{"shapes": {}, "a": ' + "[" * 200 + "]" * 200 + "}", "nested more than 100 deep"),
        ('{"shapes": {}, "a": ' + "[" * 100_000 + "]" * 100_000 + "}", "recursion"),
        ("{", "line 1"),
    ],
)
def test_json_that_is_not_of_its_shape_is_refused_with_key_and_expectation(isolated, text, said):
    path = isolated / "manifest.json"
    path.write_text(text)
    with pytest.raises(RunError) as refused:
        disk.read_json(path, absent="absent", remedy="fit again", shape=SHAPE)
    assert said in str(refused.value) and str(path) in str(refused.value) and "fit again" in str(refused.value)


def test_keys_that_nobody_reads_may_hold_anything(isolated):
    path = isolated / "x.json"
    path.write_text('{"shapes": {"y": null}, "more": [1, {"a": "b"}], "val_loss": 1e-3}')
    assert disk.read_json(path, absent="", remedy="", shape=SHAPE)["more"] == [1, {"a": "b"}]
