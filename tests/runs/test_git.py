"""The commit that a fit was made with: as git says it, and without running what a repository configures."""

import os
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from econml_cli.runs import git
from tests.support.fits import fitted

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def run(*arguments, **more):
    line = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false", *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True, **more).stdout.strip()


@pytest.fixture
def repository(isolated):
    """A repository of two commits in the working directory, some files in folders."""
    run("init", "-q", "-b", "main", ".")
    for number in range(2):
        for name in ("a.py", "b/c.py", "b-c.py", "b/d/e.txt"):
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(f"{name} {number}\n" * 50)
        run("add", ".")
        run("commit", "-q", "-m", "A message that is long enough to be worth a delta. " * 5 + str(number))
    return isolated


def head():
    return run("rev-parse", "HEAD")


def test_outside_a_repository_and_before_the_first_commit_there_is_none(isolated):
    assert git.commit(isolated) is None
    run("init", "-q", ".")
    assert git.commit(isolated) is None


def test_the_commit_is_that_of_git_in_every_folder_and_however_it_is_kept(repository):
    commit = head()
    assert git.commit(repository) == git.commit(repository / "b" / "d") == commit
    run("gc", "-q", "--aggressive")
    run("pack-refs", "--all")
    assert list(repository.glob(".git/objects/pack/*.pack")) and not (repository / ".git/refs/heads/main").exists()
    assert git.commit(repository) == commit
    run("checkout", "-q", "HEAD~1")
    assert git.commit(repository) == head() != commit
    run("worktree", "add", "-q", str(repository.parent / "other"), "main")
    assert git.commit(repository.parent / "other") == commit


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda: None, False),
        (lambda: os.utime("a.py", (1, 1)), False),  # touched, but the same
        (lambda: Path("new.py").write_text("not tracked"), False),
        (lambda: Path("a.py").write_bytes(Path("a.py").read_bytes().replace(b"\n", b"\r\n")), False),  # as on Windows
        (lambda: Path("a.py").write_text("other\n"), True),
        (lambda: Path("b/d/e.txt").unlink(), True),
        (lambda: (Path("a.py").unlink(), Path("a.py").symlink_to("b-c.py")), True),
        (lambda: (Path("a.py").write_text("other\n"), run("add", "a.py")), True),
        (lambda: run("rm", "-q", "--cached", "a.py"), True),
        (lambda: (Path("new.py").write_text("new"), run("add", "new.py")), True),
        (lambda: (Path("b").rename("moved"), Path("b").symlink_to("moved")), True),
    ],
)
@pytest.mark.parametrize("version", ["2", "4"])
def test_tracked_files_that_differ_are_said(repository, change, changed, version):
    run("update-index", f"--index-version={version}")
    commit = head()
    change()
    assert git.commit(repository) == commit + "+changes" * changed


def test_deltas_of_packed_objects_are_those_of_git(repository):
    for number in range(40):
        run("commit", "-q", "--allow-empty", "-m", "The same words again and again. " * 30 + str(number))
    run("repack", "-adfq", "--depth=50", "--window=50")
    objects = git._Objects(repository / ".git" / "objects", 20)
    names = run("rev-list", "--all").splitlines()
    assert "chain length" in run("verify-pack", "-v", *map(str, repository.glob(".git/objects/pack/*.idx")))
    for name in names:
        kind, body = objects.read(bytes.fromhex(name))
        assert kind == b"commit" and body.decode() == subprocess.check_output(
            ["git", "cat-file", "-p", name], text=True
        )


def test_a_fit_runs_nothing_that_the_repository_configures(repository):
    """An unpacked folder whose .git/config has a file system monitor, filters and hooks."""
    Path("touched").write_text(f"#!/bin/sh\necho run >> {repository}/it_ran\ncat\n")
    Path("touched").chmod(0o700)
    program = str(repository / "touched")
    Path(".gitattributes").write_text("* filter=mine diff=mine\n")
    run("add", ".gitattributes")
    run("commit", "-q", "-m", "attributes")
    for key in ("core.fsmonitor", "filter.mine.clean", "filter.mine.process", "diff.external", "diff.mine.command"):
        run("config", key, program)
    hook = Path(".git/hooks/post-index-change")
    hook.parent.mkdir(exist_ok=True)
    shutil.copy(program, hook)
    Path("a.py").write_text("other\n")
    Path("it_ran").unlink(missing_ok=True)
    run_ = fitted(repository / "r", N=20, N_val=10, N_test=10, num_epochs=1)
    assert run_.manifest()["git_commit"].endswith("+changes")
    assert not Path("it_ran").exists()
    subprocess.run(["git", "status"], check=False, capture_output=True)
    assert Path("it_ran").exists()  # the test would notice


@pytest.mark.parametrize(
    "damage",
    [
        lambda git_: (git_ / "index").write_bytes(b"DIRC" + b"\0" * 3 + b"\2" + b"\xff" * 4),
        lambda git_: (git_ / "index").write_bytes(b""),
        lambda git_: (git_ / "HEAD").write_text("ref: ../../../etc/passwd\n"),
        lambda git_: (git_ / "HEAD").write_text("ref: refs/heads/loop\n"),
        lambda git_: ((git_ / "index").unlink(), os.mkfifo(git_ / "index")),
    ],
)
def test_a_damaged_repository_does_no_harm(repository, damage):
    commit = head()
    (repository / ".git/refs/heads/loop").write_text("ref: refs/heads/loop\n")
    damage(repository / ".git")
    assert git.commit(repository) in (commit, None)


def test_what_is_not_committed_is_a_patch_that_makes_the_commit_what_was_there(repository, tmp_path):
    assert git.diff(repository) is None
    Path("a.py").write_text("a.py 1\n" * 20 + "new\n" + "a.py 1\n" * 30)
    Path("b/c.py").write_text("no end of line")
    Path("b-c.py").unlink()
    Path("with space.py").write_text("x\n")
    run("add", "with space.py")
    Path("b/d/e.txt").write_text(Path("b/d/e.txt").read_text() + "\tone more\n")
    run("add", "b/d/e.txt")
    patch = git.diff(repository)
    run("clone", "-q", str(repository), str(tmp_path / "clean"))
    run("apply", "-", cwd=tmp_path / "clean", input=patch)
    for name in ("a.py", "b/c.py", "b/d/e.txt", "with space.py"):
        assert (tmp_path / "clean" / name).read_bytes() == Path(name).read_bytes()
    assert not (tmp_path / "clean" / "b-c.py").exists()


def test_no_data_and_no_secret_is_in_what_is_not_committed(repository):
    Path("plain.py").write_text("1\n")
    hidden = ("wages.csv", ".env", "server.pem", "image.bin")
    for name in hidden:
        Path(name).write_bytes(b"SECRET\0" if name == "image.bin" else b"SECRET\n")
    run("add", ".")
    told = git.diff(repository)
    assert "SECRET" not in told and "+1" in told
    assert all(f"# {name} differs" in told for name in hidden)


def test_nothing_outside_of_the_repository_is_read(repository):
    """A file that is sent may track what the names of its folders, as links, lead to."""
    outside = repository.parent / "outside"
    outside.mkdir()
    (outside / "c.py").write_text("SECRET\n")
    shutil.rmtree("b")
    Path("b").symlink_to(outside)
    Path("b-c.py").unlink()
    Path("b-c.py").symlink_to(outside / "c.py")
    told = git.diff(repository)
    assert "SECRET" not in told and "# b/c.py differs" in told and "# b-c.py differs" in told
    for path in (b"../outside/c.py", b".git/HEAD", b"./a.py", b"/etc/hostname"):
        assert git._now(os.fsencode(repository), path) == b"\0"


def test_an_object_that_unpacks_to_more_than_anybody_wrote_is_no_object(monkeypatch):
    monkeypatch.setattr(git, "MOST_BYTES", 10_000)
    with pytest.raises(ValueError, match="too large"):
        git._inflate(zlib.compress(bytes(10**6)))
    assert git._inflate(zlib.compress(b"blob 1\0x")) == b"blob 1\0x"


def test_a_large_difference_is_cut(repository):
    for number in range(60):
        Path(f"f{number:02}.py").write_text("x = 1\n" * 2_000)
    run("add", ".")
    told = git.diff(repository)
    assert len(told) < git.MOST_DIFF + git.MOST_FILE * 2 and told.endswith("# there is more, which is left out\n")
