"""What is saved stays: runs that --force replaces, unreadable checkpoints, what links lead to, reports, the cache."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from econml_cli.errors import CheckpointError, ConfigError, RunError
from econml_cli.runs import directory
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint, directories, disk
from econml_cli.storage.steps import steps
from econml_cli.training import compilation_cache
from econml_cli.training.fit import fit, resume
from tests.support.fits import fitted

SMALL = {"N": 20, "N_val": 10, "N_test": 10, "num_epochs": 6, "checkpoint_every": 2}


@pytest.fixture
def run(isolated):
    """A run with checkpoints of epochs 2, 4 and 6."""
    return fitted(isolated / "r", keep=3, **SMALL)


def contents(run):
    return {str(p.relative_to(run.path)): p.read_bytes() for p in run.path.rglob("*") if p.is_file()}


def no_space(*_):
    raise CheckpointError("The checkpoint of epoch 1 could not be saved: the disk is full; free some space.")


@pytest.mark.slow
def test_force_on_a_full_disk_gives_the_old_run_back(run, monkeypatch, econml):
    before = contents(run)
    monkeypatch.setattr(checkpoint.CheckpointWriter, "save", no_space)
    ran = econml("fit", "linear", "--N", 20, "--num-epochs", 2, "--out", "r", "--force", "--quiet")
    assert ran.code == 1 and "the disk is full" in ran.stderr
    assert contents(run) == before and [p.name for p in Path().iterdir()] == ["r"]


def test_a_kill_before_the_new_run_has_a_checkpoint_gives_the_old_one_back(run, econml):
    before = contents(run)
    files = {name: before[name].decode() for name in ("manifest.json", "config.yaml")}
    new = directory.create(run.path, files, force=True, keep=True)  # here it is killed
    assert not steps(new.checkpoints) and directories.aside(run.path)
    assert econml("eval", "r", "--json").code == 0
    assert contents(run) == before and [p.name for p in Path().iterdir()] == ["r"]


def test_while_the_new_run_is_trained_nothing_is_given_back(run):
    before = contents(run)
    files = {name: before[name].decode() for name in ("manifest.json", "config.yaml")}
    new = directory.create(run.path, files, force=True, keep=True)
    with directory.training_lock(new):
        directory.recover(run.path)
        assert not steps(run.checkpoints) and len(directories.aside(run.path)) == 1
    directory.recover(run.path)
    assert steps(run.checkpoints) == [2, 4, 6] and not directories.aside(run.path)


def test_a_run_that_is_being_trained_is_not_resumed_beside_it(run, econml):
    before = contents(run)
    with directory.training_lock(run):
        ran = econml("fit", "--resume", "r", "--num-epochs", 8, "--quiet")
        assert ran.code == 1 and "r is being trained by another process; wait for it" in ran.stderr
        assert {name: text for name, text in contents(run).items() if name in before} == before
    assert econml("fit", "--resume", "r", "--num-epochs", 8, "--quiet").code == 0


def test_once_the_new_run_has_a_checkpoint_the_old_one_goes(run, econml):
    ran = econml("fit", "linear", "--N", 20, "--num-epochs", 2, "--out", "r", "--force", "--quiet")
    assert ran.code == 0 and steps(run.checkpoints) == [2] and [p.name for p in Path().iterdir()] == ["r"]


def test_a_damaged_checkpoint_is_put_aside_and_said(run):
    digest = run.summary()["state_sha256"]
    for file in (run.checkpoints / "6").rglob("*"):
        if file.is_file():
            file.write_bytes(file.read_bytes()[:-3] + b"xyz")
    said = []
    result = resume(run, say=said.append)
    assert result.summary["state_sha256"] == digest  # computed again from epoch 4
    (aside,) = run.checkpoints.glob(".damaged-6-*")
    assert any(aside.rglob("*")) and said == [
        f"the checkpoint of epoch 6 is damaged; it is kept as {aside}, and computed again."
    ]
    assert steps(run.checkpoints) == [2, 4, 6] and checkpoint.load(run.checkpoints)[0] == 6


@pytest.mark.parametrize("code", [errno.EIO, errno.EACCES])
def test_a_disk_that_does_not_answer_costs_nothing(run, monkeypatch, code):
    before = contents(run)
    opened = Path.open

    def fails(self, mode="r", *more, **further):
        if "checkpoints/6/" in self.as_posix() and mode == "rb":  # an older one can be read
            raise OSError(code, os.strerror(code))
        return opened(self, mode, *more, **further)

    def restore(*_, **__):
        raise ValueError(f"[os_error_code='{code}'] UNKNOWN: Error reading")

    monkeypatch.setattr(Path, "open", fails)
    monkeypatch.setattr(checkpoint._orbax().CheckpointManager, "restore", restore)
    with pytest.raises(CheckpointError, match=f"cannot be read now .{os.strerror(code)}.; nothing was changed"):
        resume(run)
    monkeypatch.undo()
    after = contents(Run(run.path.absolute()))
    assert {k: v for k, v in after.items() if "checkpoints" in k} == {
        k: v for k, v in before.items() if "checkpoints" in k
    }


def test_what_links_in_a_run_lead_to_is_left_alone(run, isolated):
    elsewhere = isolated / "elsewhere"
    run.checkpoints.rename(elsewhere)
    (elsewhere / "2019").mkdir()
    (elsewhere / "2019" / "data.csv").write_text("precious")
    run.checkpoints.symlink_to(elsewhere)
    for act in (lambda: resume(run), lambda: checkpoint.load(run.checkpoints)):
        with pytest.raises((RunError, CheckpointError), match="is a link"):
            act()
    assert sorted(p.name for p in elsewhere.iterdir()) == ["2", "2019", "4", "6"]
    run.checkpoints.unlink()
    elsewhere.rename(run.checkpoints)
    victim = isolated / "victim"
    victim.write_text("precious")
    run.metrics_path.unlink()
    run.metrics_path.symlink_to(victim)
    with pytest.raises(RunError, match="is a link"):
        resume(run, {"num_epochs": 8})
    assert victim.read_text() == "precious"


def test_directories_that_are_no_epochs_are_no_checkpoints(run):
    for name in ("²", "٣", "007", "-1", "1" * 30):
        (run.checkpoints / name).mkdir()
    assert steps(run.checkpoints) == [2, 4, 6] and resume(run).summary["epochs"] == 6


def test_a_checkpoint_that_claims_what_its_files_cannot_hold_is_refused_before_anything_is_allocated(run):
    class Leaf:
        shape, dtype, storage = (10**6, 10**6), "float32", None

    with pytest.raises(ValueError, match=r"claims arrays of 4,000\.0 GB in files of 0\.0 MB"):
        checkpoint._check_sizes({"model": {"kernel": Leaf()}}, 1000)
    metadata = checkpoint._orbax().StandardCheckpointHandler().metadata(run.checkpoints.absolute() / "6" / "default")
    checkpoint._check_sizes(metadata, checkpoint._bytes_of(run.checkpoints / "6"))


def test_a_solved_run_that_is_resumed_keeps_what_the_solver_said(isolated):
    solved = fitted(isolated / "s", "polynomial", **{k: v for k, v in SMALL.items() if k[0] in "N"})
    before = solved.summary()
    told = {name for name in before if "condition" in name or "rank" in name}
    assert told
    assert {name: resume(solved).summary[name] for name in told} == {name: before[name] for name in told}


@pytest.fixture
def cache(isolated, monkeypatch):
    """A cache of compiled programs of the test's own, enabled as commands do."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache as jax_cache

    where, before = isolated / "cache", jax.config.jax_compilation_cache_dir
    where.mkdir()
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(where))
    try:
        jax.config.update("jax_compilation_cache_dir", str(where))
        jax_cache.reset_cache()
        with warnings.catch_warnings():
            compilation_cache.enable()
            yield where
    finally:
        jax.config.update("jax_compilation_cache_dir", before)
        jax_cache.reset_cache()


def compiled(add=1):
    """Compile a program that no other test has, as a new process would."""
    import jax

    def some_program(x):
        return x * 3 + add

    return float(jax.jit(some_program)(2.0))


DAMAGE = {
    "truncated": lambda whole: whole[: len(whole) // 2],
    "empty": lambda whole: b"",
    "one byte": lambda whole: whole[:100] + bytes([whole[100] ^ 1]) + whole[101:],
    "zeros": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_of_the_cache_is_deleted_and_written_again_without_a_word(cache, capfd, damage):
    compiled()
    (entry,) = cache.glob("jit_some_program-*-cache")
    entry.write_bytes(broken := DAMAGE[damage](entry.read_bytes()))
    capfd.readouterr()
    assert compiled() == 7.0
    mended = entry.read_bytes()
    assert mended != broken and len(mended) > 100
    assert compiled() == 7.0
    assert entry.read_bytes() == mended and capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_a_cache_on_a_full_disk_is_done_without(cache, capfd):
    """The system takes the first 100 bytes of a file, as a disk does that has no more."""
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    capfd.readouterr()
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        assert [compiled(), compiled(2)] == [7.0, 8.0]
        left = sorted(path.name for path in cache.iterdir())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not left and capfd.readouterr() == ("", "")
    assert compiled() == 7.0 and len(list(cache.glob("jit_some_program-*-cache"))) == 1


@pytest.mark.skipif(os.name != "posix", reason="limits of POSIX")
def test_what_goes_wrong_with_one_entry_of_the_cache_leaves_the_good_ones(cache):
    """A program has an entry for each of its shapes; JAX says only of which program the trouble is."""
    import resource

    assert [compiled(), compiled(2)] == [7.0, 8.0]
    good = {path.name: path.read_bytes() for path in cache.glob("jit_some_program-*-cache")}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
        assert compiled(3) == 9.0  # which cannot be written
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert {path.name: path.read_bytes() for path in cache.glob("jit_some_program-*-cache")} == good
    first, second = (cache / name for name in sorted(good))
    first.write_bytes(good[first.name][:200])
    changed = second.stat().st_mtime_ns
    assert sorted([compiled(), compiled(2)]) == [7.0, 8.0]
    assert len(first.read_bytes()) > 200 and second.stat().st_mtime_ns == changed


@pytest.mark.parametrize(
    ("trouble", "left"),
    [
        ("reading persistent compilation cache entry for 'jit_f': error: incomplete or truncated stream", 2),
        ("reading persistent compilation cache entry for 'jit_f': OSError: [Errno 5] Input/output error", 2),
        ("writing persistent compilation cache entry for 'jit_f': OSError: [Errno 28] No space left on device", 2),
        ("reading persistent compilation cache entry for 'jit_f': XlaRuntimeError: INTERNAL: no such code", 1),
        ("reading persistent compilation cache entry for 'jit_g': XlaRuntimeError: INTERNAL: no such code", 1),
    ],
)
def test_an_entry_that_xla_refuses_goes_and_one_that_another_process_was_writing_stays(cache, trouble, left):
    import zlib

    for name in ("jit_f", "jit_g"):
        (cache / f"{name}-0-cache").write_bytes(zlib.compress(b"whole"))
    warnings.warn(f"Error {trouble}", stacklevel=1)
    assert len(list(cache.glob("jit_?-0-cache"))) == left


def test_a_cache_that_others_can_write_to_is_not_used(isolated):
    private, shared = isolated / "a", isolated / "b"
    for path, mode in ((private, 0o700), (shared, 0o777)):
        path.mkdir()
        path.chmod(mode)
    assert compilation_cache._private(private) and not compilation_cache._private(shared)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"])
def test_every_signal_of_a_cluster_and_a_terminal_saves(name, econml, monkeypatch):
    from econml_cli.training.run import recorder

    log = recorder.Recording.log

    def killed(self, chunk, *more):
        log(self, chunk, *more)
        if chunk.epoch == 1:
            os.kill(os.getpid(), getattr(signal, name))

    monkeypatch.setattr(recorder.Recording, "log", killed)
    ran = econml("fit", "linear", "--N", 20, "--num-epochs", 300, "--out", "r", "--quiet")
    assert ran.code == (130 if name == "SIGINT" else 143) and "continue with: econml fit --resume r" in ran.stderr
    assert 0 < json.loads(Path("r/summary.json").read_text())["epochs"] < 300
    assert signal.getsignal(getattr(signal, name)) in (signal.SIG_DFL, signal.default_int_handler)


def test_a_run_whose_hangup_is_ignored_goes_on(econml, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup has it
    try:
        from econml_cli.commands.signals import stop_signals

        with stop_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert stop() is None
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.slow
@pytest.mark.parametrize("act", ["moved", "deleted"])
def test_a_directory_that_goes_in_mid_run_is_said_in_a_sentence_that_names_it(act, econml, monkeypatch):
    from econml_cli.training.run import recorder

    log = recorder.Recording.log

    def lose(self, chunk, *more):
        log(self, chunk, *more)
        if self.run.path.exists() and chunk.epoch > 1:
            self.run.path.rename("elsewhere") if act == "moved" else shutil.rmtree(self.run.path)

    monkeypatch.setattr(recorder.Recording, "log", lose)
    line = ["fit", "linear", "--N", 20, "--num-epochs", 12, "--checkpoint-every", 1, "--out", "r", "--quiet"]
    ran = econml(*line)
    assert ran.code == 1 and ran.stderr.count("\n") == 1 and "os_error" not in ran.stderr
    assert "r was moved or deleted while it was trained" in ran.stderr and "econml fit --resume r" in ran.stderr
    assert not Path("r").exists()
    if act == "moved":
        monkeypatch.setattr(recorder.Recording, "log", log)
        Path("elsewhere").rename("r")
        assert econml("fit", "--resume", "r", "--quiet").code == 0 and Run(Path("r")).status() == "max_epochs"


def test_a_full_disk_says_how_to_go_on(econml, monkeypatch):
    save = checkpoint.CheckpointWriter.save

    def full(self, step, sections):
        return save(self, step, sections) if step < 4 else no_space()

    monkeypatch.setattr(checkpoint.CheckpointWriter, "save", full)
    ran = econml("fit", "linear", "--N", 20, "--num-epochs", 6, "--checkpoint-every", 1, "--out", "r", "--quiet")
    assert ran.code == 1 and "the disk is full" in ran.stderr and "econml fit --resume r" in ran.stderr


def test_resuming_on_a_full_disk_changes_nothing_and_says_how_to_go_on(run, econml, monkeypatch):
    before = contents(run)

    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(disk, "replacing", full)
        ran = econml("fit", "--resume", "r", "--num-epochs", 8, "--quiet")
    said = "What was saved of r is kept; continue with: econml fit --resume r"
    assert ran.code == 1 and ran.stderr == f"econml fit: r cannot be written: No space left on device. {said}\n"
    assert contents(run) == before


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.\npages", "Out of memory; try a smaller --batch-size"),
        ("INTERNAL: a kernel failed\npages\nof it", "The compiled program of r failed (INTERNAL: a kernel failed)."),
    ],
)
def test_a_member_that_fails_is_said_in_a_sentence_that_names_the_run(econml, monkeypatch, error, says):
    import jax

    from econml_cli.training.loop.ensemble import Ensemble

    advance = Ensemble._advance

    def fails(self, stack, stop):
        if stop > 2:
            raise jax.errors.JaxRuntimeError(error)
        return advance(self, stack, stop)

    monkeypatch.setattr(Ensemble, "_advance", fails)
    line = ("--N", 20, "--num-epochs", 6, "--members", 2, "--checkpoint-every", 1, "--out", "r", "--quiet")
    ran = econml("fit", "linear", *line)
    assert ran.code == 1 and says in ran.stderr and "pages" not in ran.stderr and ran.stderr.count("\n") == 1
    assert ran.stderr.endswith("What was saved of r is kept; continue with: econml fit --resume r\n")
    monkeypatch.setattr(Ensemble, "_advance", advance)
    assert Run(Path("r")).status() == "failed" and resume(Run(Path("r"))).summary["epochs"] == 6


STUCK = """
import hashlib
from econml_cli.commands import signals
signals.PATIENCE = 0.5
with signals.stop_signals():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"x", b"y", 10**9)  # compiled code that looks at no signal
"""


@pytest.mark.slow
def test_a_second_sigterm_ends_what_is_stuck_in_compiled_code():
    process = subprocess.Popen([sys.executable, "-c", STUCK], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    time.sleep(1.5)  # until it is in there
    try:
        for _ in range(2):
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
        assert process.wait(timeout=20) == 143
    finally:
        process.kill()


COMPILING = """
import sys, time
from jax._src import compiler
from econml_cli.cli import program

def compiles(*args, **more):  # as long as a large network takes
    print("compiling", flush=True)
    while True:
        time.sleep(0.05)

compiler.backend_compile_and_load = compiler.compile_or_get_cached = compiles
sys.argv = ["econml", "fit", "linear", "--N", "20", "--num-epochs", "5", "--out", "r"]
program()
"""


@pytest.mark.slow
@pytest.mark.parametrize("times", [2, 3])
def test_ctrl_c_again_during_compilation_ends_with_a_clean_line(times, isolated):
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", COMPILING], text=True, start_new_session=True, **streams)
    try:
        assert process.stdout.readline() == "compiling\n"
        for _ in range(times):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                time.sleep(0.3)
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()  # one that does not end would outlive the tests
    assert process.returncode == 130 and "Traceback" not in err and err.count("\n") <= 1, (out, err)


def test_the_patience_of_a_second_sigterm_is_less_than_ten_seconds():
    from econml_cli.commands import signals

    assert 0 < signals.PATIENCE < 10


def test_an_export_that_is_interrupted_leaves_nothing(run, econml, monkeypatch):
    from econml_cli.export import write

    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(write, "verify", interrupted)
    ran = econml("export", "r", "--to", "numpy", "--out", "out")
    assert ran.code == 130 and [path.name for path in Path().iterdir()] == ["r"]


def test_a_fit_ends_with_its_summary_although_its_metrics_are_damaged_while_it_trains(run):
    class Damaging:
        def __init__(self, run):
            self.run = run

        def log(self, rows):
            text = self.run.metrics_path.read_bytes()
            self.run.metrics_path.write_bytes(b"{" * text.index(b"\n") + text[text.index(b"\n") :])

        def finish(self, summary, *, exit_code=0): ...

    ended = fit(run.config(), Path("damaged"), open_sinks=lambda run, config, done: [Damaging(run)])
    assert ended.stop_reason == "max_epochs" and ended.summary["gradient_norm"] == run.summary()["gradient_norm"]
    with pytest.raises(RunError, match="damaged in line 1"):
        ended.run.metrics()


def test_a_run_that_is_resumed_has_its_metrics_read_once(run, monkeypatch):
    read, asked = disk.read_bytes, []

    def counted(path, *more):
        asked.append(path.name)
        return read(path, *more)

    monkeypatch.setattr(disk, "read_bytes", counted)
    resume(run, {"num_epochs": 8})
    assert asked.count("metrics.jsonl") == 1
    with pytest.raises(ConfigError, match="--num-epochs 4 is less than the 8 epochs"):
        resume(run, {"num_epochs": 4})
    assert [row["epoch"] for row in run.metrics()] == list(range(1, 9))
