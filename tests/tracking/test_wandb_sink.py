"""W&B may be absent, broken, slow or killed: a fit goes on, and says so once."""

import contextlib
import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from econml_cli.tracking import wandb_client, wandb_sink
from econml_cli.tracking.wandb_sink import WandbSink, open_sink, resolve_mode
from tests.support import ROOT
from tests.support.waiting import wait_until
from tests.support.wandb_client import Broken, records

KEY = "a" * 40


@pytest.fixture(autouse=True)
def isolated(monkeypatch, tmp_path):
    """No W&B variable, key or settings file of whoever runs the tests; wandb/ lands in tmp_path."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.delenv("NETRC", raising=False)
    monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def dead_server(monkeypatch):
    """A W&B server that refuses connections, and a key for it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("WANDB_API_KEY", KEY)


def rows(n, start=1):
    return [{"epoch": e, "train_loss": 1.0 / e, "val_loss": 2.0 / e, "lr": 0.1} for e in range(start, start + n)]


def sink(mode, warn, directory=Path("run"), **more):
    arguments = {"project": None, "name": "mlp-linear", "config": {"lr": 0.1, "width": 64}, "directory": directory}
    return open_sink(given_mode=mode, warn=warn, **arguments | more)


def offline_file():
    [path] = Path("wandb").glob("offline-run-*/*.wandb")
    return path


@pytest.mark.parametrize(
    ("given", "environ", "mode"),
    [
        (None, {}, "disabled"),
        (None, {"WANDB_MODE": ""}, "disabled"),
        (None, {"WANDB_MODE": "offline"}, "offline"),
        (None, {"WANDB_MODE": "dryrun"}, "offline"),
        (None, {"WANDB_MODE": "run"}, "online"),
        (None, {"WANDB_MODE": "shared"}, "online"),
        (None, {"WANDB_SWEEP_ID": "abc"}, "online"),
        (None, {"WANDB_SWEEP_ID": "abc", "WANDB_MODE": "disabled"}, "disabled"),
        ("disabled", {"WANDB_SWEEP_ID": "abc"}, "disabled"),
        ("offline", {"WANDB_MODE": "online"}, "offline"),
        ("online", {"WANDB_MODE": "nonsense"}, "online"),
    ],
)
def test_the_mode_is_what_was_typed_then_what_the_environment_says(given, environ, mode):
    assert resolve_mode(given, environ) == (mode, None)


def settings_file(path, **said):
    path.parent.mkdir(parents=True)
    path.write_text("[default]\n" + "".join(f"{key} = {value}\n" for key, value in said.items()))


def test_a_settings_file_alone_sends_nothing(econml):
    settings_file(Path("wandb/settings"), mode="online", base_url="http://localhost:9", project="theirs")
    for said in ("online", "run", "shared"):
        Path("wandb/settings").write_text(f"[default]\nmode = {said}\nbase_url = http://localhost:9\n")
        assert resolve_mode(None, {}) == ("disabled", None)
    assert resolve_mode(None, {"WANDB_MODE": "online"}) == ("online", None)
    ran = econml("fit", "linear", "--N", 20, "--num-epochs", 2, "--out", "r", "--quiet")
    assert (ran.code, ran.stderr) == (0, "") and [path.name for path in Path("wandb").iterdir()] == ["settings"]


def test_mode_and_project_of_wandbs_settings_files_hold_where_nothing_else_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "users"))
    settings_file(tmp_path / "users" / "settings", mode="offline", project="mine")
    assert resolve_mode(None, os.environ) == ("offline", None)
    settings_file(Path("wandb/settings"), mode="offline", project="ours")
    assert resolve_mode(None, {**os.environ, "WANDB_SWEEP_ID": "abc"}) == ("offline", None)
    assert resolve_mode(None, {**os.environ, "WANDB_MODE": "disabled"}) == ("disabled", None)
    run = sink(None, pytest.fail)
    run.finish({})
    [opened] = [r.run for r in records(offline_file()) if r.HasField("run")]
    assert opened.project == "ours"
    Path("wandb/settings").write_text("[default]\nmode = oflline\n")
    mode, warning = resolve_mode(None, os.environ)
    assert mode == "disabled" and "settings file" in warning and "Did you mean 'offline'" in warning
    Path("wandb/settings").write_text("no section")
    assert resolve_mode(None, {**os.environ, "WANDB_CONFIG_DIR": "nowhere"}) == ("disabled", None)


def test_a_bad_wandb_mode_is_one_warning_and_no_sink(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "oflline")
    warnings = []
    assert sink(None, warnings.append) is None
    assert warnings == [
        "W&B logging is off: WANDB_MODE='oflline' is not a mode; set it to online, offline or disabled, "
        "or add --wandb_mode. Did you mean 'offline'?"
    ]


def run_script(body, **popen):
    head = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(body)], capture_output=True, text=True, timeout=60, **popen
    )
    return done, time.monotonic() - started


OPEN = """
    from pathlib import Path
    from econml_cli.tracking.wandb_sink import open_sink
    warn = lambda message: print("WARN", message, file=sys.stderr)
    sink = open_sink(given_mode={mode!r}, project=None, name="r", config={{}}, directory=Path("r"), warn=warn)
"""


def test_disabled_imports_no_wandb_and_starts_no_thread():
    check = (
        "\n    import threading; assert sink is None and threading.active_count() == 1 and 'wandb' not in sys.modules"
    )
    for mode in (None, "disabled"):
        done, _ = run_script(OPEN.format(mode=mode) + check)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_offline_run_can_be_read_back_and_prints_nothing(capfd):
    warnings, before = [], (sys.exit, sys.excepthook, signal.getsignal(signal.SIGINT))
    run = sink("offline", warnings.append)
    run.log(rows(3))
    run.log(rows(2, start=4))
    run.finish({"test_loss": 0.25, "val_loss": 0.125, "num_params": 7})
    run.finish({"test_loss": 0.0})  # a second time: nothing
    assert (sys.exit, sys.excepthook, signal.getsignal(signal.SIGINT)) == before
    assert warnings == [] and run.url is None and capfd.readouterr() == ("", "")
    found = records(offline_file())
    [opened] = [r.run for r in found if r.HasField("run")]
    assert opened.project == "econml" and opened.display_name == "mlp-linear"
    assert {item.key: item.value_json for item in opened.config.update}.items() >= {"lr": "0.1", "width": "64"}.items()
    history = [
        {(i.key or i.nested_key[0]): i.value_json for i in r.history.item} for r in found if r.HasField("history")
    ]
    assert [row["epoch"] for row in history] == ["1", "2", "3", "4", "5"] == [row["_step"] for row in history]
    assert history[1]["train_loss"] == "0.5" and history[1]["lr"] == "0.1"
    summary = {(i.key or i.nested_key[0]): i.value_json for r in found for i in r.summary.update}
    assert summary["test_loss"] == "0.25" and summary["num_params"] == "7"
    assert summary["val_loss"] == "0.125"  # the summary's (of the best epoch, say), not the last row's
    [left] = [r.exit for r in found if r.HasField("exit")]
    assert left.exit_code == 0


def test_two_thousand_rows_are_handed_over_at_once_and_all_arrive():
    run = sink("offline", pytest.fail)
    started = time.monotonic()
    run.log(rows(2000))
    assert time.monotonic() - started < 1
    run.finish({})
    assert sum(r.HasField("history") for r in records(offline_file())) == 2000


def test_a_failed_fit_is_a_failed_run():
    run = sink("offline", pytest.fail)
    run.finish({}, exit_code=1)
    [left] = [r.exit for r in records(offline_file()) if r.HasField("exit")]
    assert left.exit_code == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
def test_no_key_is_one_warning_and_no_question_even_at_a_terminal():
    import pty

    terminal, end = pty.openpty()  # wandb.init asks for a key where stdin and stderr are a terminal
    body = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + textwrap.dedent(OPEN.format(mode="online"))
    process = subprocess.Popen([sys.executable, "-c", body + "sink.finish({})"], stdin=end, stdout=end, stderr=end)
    assert process.wait(timeout=30) == 0
    said = os.read(terminal, 65536).decode()
    os.close(terminal)
    os.close(end)
    assert said.strip() == "WARN W&B logging is off: no API key; run `wandb login`, or add --wandb_mode offline."


@pytest.mark.slow
def test_a_dead_server_costs_bounded_time_and_one_warning_and_the_run_is_kept_offline(dead_server):
    body = (
        OPEN.format(mode="online") + "    sink.log([{'epoch': 1, 'train_loss': 0.5}]); sink.finish({'test_loss': 1.0})"
    )
    done, seconds = run_script(body)
    assert done.returncode == 0 and done.stdout == "" and seconds < 20
    [line] = done.stderr.splitlines()
    assert "W&B could not be opened online" in line and f"wandb sync {offline_file().parent.resolve()}`" in line
    assert sum(r.HasField("history") for r in records(offline_file())) == 1


@pytest.mark.slow
def test_past_the_deadline_finish_gives_up_and_the_process_can_end(dead_server):
    body = OPEN.format(mode="online").replace("warn=warn", "warn=warn, finish_timeout=2.0")
    body = "import os; os.environ['WANDB_INIT_TIMEOUT'] = '60'\n" + textwrap.dedent(body)  # wandb would wait a minute
    done, seconds = run_script(body + "sink.log([{'epoch': 1}]); sink.finish({})")
    assert done.returncode == 0 and seconds < 6
    [line] = done.stderr.splitlines()
    assert line.startswith("WARN W&B was not done after 2 s; every epoch is in r") and "metrics.jsonl" in line


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_killed_wandb_core_is_one_warning_and_what_it_wrote_is_named():
    psutil = pytest.importorskip("psutil")
    warnings = []
    run = sink("offline", warnings.append)
    run.log(rows(5))
    wait_until(lambda: run._client.kept)
    for child in psutil.Process().children():
        if "wandb-core" in child.name():
            child.kill()
    started = time.monotonic()
    for epoch in range(6, 26):
        run.log(rows(1, start=epoch))
        time.sleep(0.05)
    run.finish({"test_loss": 1.0})
    assert time.monotonic() - started < 10
    [warning] = warnings
    assert warning.startswith("W&B stopped (") and f"wandb sync {run._client.kept}" in warning
    run.log(rows(1, start=26))
    assert len(warnings) == 1
    assert "WANDB_SERVICE" not in os.environ


def test_wandb_that_cannot_be_imported_is_one_warning(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    warnings = []
    run = sink("offline", warnings.append)
    wait_until(run._done.is_set)
    run.log(rows(1))
    run.log(rows(1))
    run.finish({})
    [warning] = warnings
    assert warning.startswith("W&B logging is off: wandb cannot be imported (") and "pip install wandb" in warning


@pytest.mark.parametrize("where", ["setup", "init", "log", "finish"])
def test_an_exception_anywhere_is_one_warning(monkeypatch, where):
    broken, warnings = Broken(where), []
    monkeypatch.setitem(sys.modules, "wandb", broken)
    run = sink("online", warnings.append)
    for _ in range(3):
        run.log(rows(2))
    run.finish({"test_loss": 1.0})
    run.log(rows(1))
    [warning] = warnings
    assert f"({where} broke. Badly)" in warning or f"W&B logging is off: {where} broke. Badly; try" in warning
    assert broken.torn_down == 1


def test_a_warn_that_raises_does_not_reach_the_fit(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    run = sink("offline", pytest.fail)
    wait_until(run._done.is_set)

    tried = []

    def warn(message):
        tried.append(message)
        raise OSError("stderr is closed")

    run._warn = warn
    run.log(rows(1))
    run.finish({})
    assert len(tried) == 1


def test_under_an_agent_which_run_it_is_stays_as_the_agent_says(monkeypatch):
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    monkeypatch.setenv("WANDB_RUN_ID", "r1")
    assert wandb_sink._identity("mine", "mlp", Path("run")) == {"name": "mlp"}


@pytest.mark.parametrize(
    ("sweep", "verdict", "code"), [("s1", "FAILED", 1), ("s1", "passed", 0), ("", "FAILED", 0), ("s1", None, 0)]
)
def test_an_unstable_solution_is_a_failed_run_of_a_sweep_that_keeps_its_metric(monkeypatch, sweep, verdict, code):
    monkeypatch.setenv("WANDB_SWEEP_ID", sweep)
    told: queue.SimpleQueue = queue.SimpleQueue()
    ended = object.__new__(wandb_sink.WandbSink)
    ended.__dict__ |= {"_finished": False, "_queue": told, "_done": threading.Event(), "_timeout": 1.0}
    ended.__dict__ |= {"_warning": None, "_warned": False}
    ended._done.set()
    summary = {"val_loss": 0.1, "verdict_loss": "FAILED"} | ({"verdict_stability": verdict} if verdict else {})
    ended.finish(summary)
    assert told.get() == (summary, code)


def test_the_environment_names_project_run_and_resumption(monkeypatch):
    assert wandb_sink._identity("mine", "mlp", Path("run")).keys() == {"name", "project", "id", "resume"}
    monkeypatch.setenv("WANDB_PROJECT", "theirs")
    assert "project" not in wandb_sink._identity(None, "mlp", Path("run"))
    assert wandb_sink._identity("mine", "mlp", Path("run"))["project"] == "mine"
    monkeypatch.setenv("WANDB_RUN_ID", "r1")
    monkeypatch.setenv("WANDB_NAME", "n1")
    assert wandb_sink._identity("mine", "mlp", Path("run")) == {"project": "mine"}


def test_a_resumed_run_keeps_its_id_and_a_replaced_one_gets_another(tmp_path):
    manifest = tmp_path / "manifest.json"
    manifest.write_text('{"created": "2026-01-01T00:00:00"}')
    first = wandb_client.run_id("my run/1", tmp_path)
    assert first.startswith("my-run-1-") and wandb_client.run_id("my run/1", tmp_path) == first
    manifest.write_text('{"created": "2026-01-02T00:00:00"}')
    assert wandb_client.run_id("my run/1", tmp_path) != first


def test_where_wandb_cannot_write_its_files_go_to_the_run_directory(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "file" / "below"))
    run_directory = tmp_path / "run"
    run_directory.mkdir()
    run = sink("offline", pytest.fail, directory=run_directory)
    run.log(rows(1))
    run.finish({})
    assert len(list(run_directory.glob("wandb/offline-run-*/*.wandb"))) == 1


@pytest.mark.slow
def test_a_full_disk_of_wandbs_is_one_sentence_and_the_fit_goes_on(tmp_path, monkeypatch, shell):
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        with contextlib.suppress(OSError):
            (disk / "full").write_bytes(bytes(2**20))
        monkeypatch.setenv("WANDB_DIR", str(disk))
        line = ("fit", "linear", "--N", 20, "--num-epochs", 300, "--wandb_mode", "offline", "--out", "r", "--quiet")
        ran = shell(*line)
        assert ran.code == 0 and Path("r/summary.json").exists()
        assert len(ran.stderr.splitlines()) == 1 and "W&B" in ran.stderr, ran.stderr
    finally:
        subprocess.run(["umount", str(disk)], check=True, capture_output=True)


def test_two_fits_in_one_process_are_two_runs():
    for name in ("one", "two"):
        run = sink("offline", pytest.fail, name=name)
        run.log(rows(1))
        run.finish({})
    assert len(list(Path("wandb").glob("offline-run-*/*.wandb"))) == 2


def test_a_typed_mode_wins_over_a_bad_wandb_mode(monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "nonsense")
    run = sink("offline", pytest.fail)
    assert isinstance(run, WandbSink)
    run.finish({})
    assert offline_file().exists()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_wandb_is_told_the_commit_and_asks_git_for_no_changes(monkeypatch, tmp_path):
    """A git that is started, of whatever repository, may run what that repository configures."""
    words = (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "x"))
    for each in words:
        subprocess.run(["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *each], check=True, capture_output=True)
    head = subprocess.check_output(["git", "rev-parse", "HEAD"], text=True).strip()
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/it_ran\nexit 1\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    run = sink("offline", lambda message: None)
    run.log(rows(1))
    run.finish({})
    ran = (tmp_path / "it_ran").read_text().split() if (tmp_path / "it_ran").exists() else []
    assert set(ran) <= {"--version", "rev-parse"}  # which look at no file, and run nothing of a configuration
    [opened] = [r.run for r in records(offline_file()) if r.HasField("run")]
    assert opened.git.commit == head
