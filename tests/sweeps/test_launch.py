"""W&B's side of a sweep, with W&B's own client against a small server of ours on 127.0.0.1."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from econml_cli.sweeps.remote import wandb_launch
from tests.support.running import to_be_killed
from tests.support.waiting import wait_until
from tests.support.wandb_server import ENTITY, KEY, SWEEP, serving

SMALL = """
name: small
program: econml
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {min: 1e-4, max: 1}
  width: {value: 8}
command: ["${env}", econml, fit, mlp, "--problem=linear", "--N=50", "--num_epochs=5", "--wandb_mode=online", "${args}"]
"""


@pytest.fixture
def sweep(isolated):
    path = isolated / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def server(monkeypatch):
    """A running W&B server, and the environment of one who is logged in there."""
    with serving() as state:
        monkeypatch.setenv("WANDB_BASE_URL", state.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_ERROR_REPORTING", "false")
        yield state


@pytest.fixture
def nobody(monkeypatch):
    """The address of a server that is not there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    monkeypatch.setenv("WANDB_BASE_URL", url)
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    return url


def test_launch_prints_the_path_alone_and_the_page_on_stderr(server, sweep, econml):
    done = econml("sweep", "launch", sweep, "--project", "lectures")
    assert (done.code, done.stdout) == (0, f"{ENTITY}/lectures/{SWEEP}\n"), done.stderr
    assert done.stderr.splitlines()[-1] == f"econml sweep: {server.url}/{ENTITY}/lectures/sweeps/{SWEEP}"
    assert len(done.stderr.splitlines()) == 2  # the other: 1e-4 is text for W&B
    assert not Path("wandb").exists()


def test_what_is_registered_is_the_file_with_numbers_as_numbers_and_distributions_explicit(server, sweep):
    wandb_launch.register(_load(sweep))
    given = yaml.safe_load(server.sweeps[SWEEP]["config"])
    written = yaml.safe_load(sweep.read_text().replace("1e-4", "1.0e-4"))
    written["parameters"]["lr"]["distribution"] = "uniform"
    assert given == written
    assert server.sweeps[SWEEP]["project"] == "econml"


@pytest.mark.slow
def test_a_projects_name_is_the_one_typed_then_the_environments_then_the_files(server, sweep, monkeypatch):
    sweep.write_text(SMALL + "project: from_the_file\n")
    assert wandb_launch.register(_load(sweep)).path == f"{ENTITY}/from_the_file/{SWEEP}"
    monkeypatch.setenv("WANDB_PROJECT", "from_the_environment")
    assert wandb_launch.register(_load(sweep)).path == f"{ENTITY}/from_the_environment/{SWEEP}"
    assert wandb_launch.register(_load(sweep), "typed", "team").path == f"team/typed/{SWEEP}"


def test_create_launch_writes_the_file_and_prints_the_sweeps_path(server, econml):
    done = econml("sweep", "create", "--launch")
    assert (done.code, done.stdout) == (0, f"{ENTITY}/econml/{SWEEP}\n"), done.stderr
    assert done.stderr.splitlines()[0] == "sweeps/lecture.yaml"
    assert yaml.safe_load(server.sweeps[SWEEP]["config"]) == yaml.safe_load(Path("sweeps/lecture.yaml").read_text())


def test_a_file_with_problems_is_not_registered(server, sweep, econml):
    sweep.write_text(SMALL.replace("width", "widht"))
    done = econml("sweep", "launch", sweep)
    assert done.code == 2 and done.stdout == "" and "widht" in done.stderr
    assert server.operations == []


def test_count_without_start_is_a_usage_error(sweep, econml):
    done = econml("sweep", "launch", sweep, "--count", 3)
    assert done.code == 2 and "add --start" in done.stderr


@pytest.mark.slow
def test_a_sweep_that_wandb_refuses_is_one_sentence_with_its_message(server, sweep, econml):
    server.refuse = "run_cap is too large for this account"
    done = econml("sweep", "launch", sweep)
    assert done.code == 1 and done.stdout == ""
    assert f"W&B refused the sweep {sweep} (" in done.stderr and server.refuse in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_without_a_key_one_sentence_names_wandb_login_and_the_way_without_an_account(
    server, sweep, econml, monkeypatch
):
    monkeypatch.delenv("WANDB_API_KEY")
    for command in (["launch", sweep], ["agent", "a/b/c"]):
        done = econml("sweep", *command)
        assert done.code == 1 and done.stdout == ""
        assert done.stderr.splitlines()[-1] == (
            "econml sweep: W&B has no API key here; run `wandb login`, or: `econml sweep run FILE` runs a sweep "
            "without W&B or an account."
        )


def test_a_server_that_is_not_there_is_one_sentence_in_bounded_time(nobody, sweep, econml):
    started = time.monotonic()
    done = econml("sweep", "launch", sweep)
    assert time.monotonic() - started < 30
    assert done.code == 1 and done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert f"W&B at {nobody} cannot be reached (Connection refused)" in last and "`econml sweep run FILE`" in last


def test_a_server_that_never_answers_is_given_up(monkeypatch, sweep):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setattr(wandb_launch, "ASK_SECONDS", 2.0)
        started = time.monotonic()
        with pytest.raises(wandb_launch.RunError, match=r"cannot be reached \(no answer within 2 s"):
            wandb_launch.register(_load(sweep))
        assert time.monotonic() - started < 10


def test_an_agent_of_a_sweep_that_does_not_exist_is_one_sentence(server, econml):
    done = econml("sweep", "agent", f"{ENTITY}/econml/nosuch")
    assert done.code == 1 and done.stdout == ""
    [line] = done.stderr.splitlines()
    assert f"W&B knows no sweep {ENTITY}/econml/nosuch" in line and "econml sweep launch FILE" in line


@pytest.mark.slow
def test_create_launch_and_agent_fit_what_the_server_hands_out_until_it_says_exit(server, isolated):
    """What a user types, in a shell whose PATH does not know econml; W&B's agent polls every 5 s."""
    server.points = [{"lr": 0.01, "width": 4}, {"lr": 0.02, "width": 6}]
    environment = {**os.environ, "PATH": os.defpath}
    econml = f"{sys.executable} -m econml_cli"
    done = subprocess.run(
        f"{econml} sweep create small --param lr=0.001..0.1 --param width=4,6 --fix N=40 --fix N_test=10"
        f" --fix N_val=20 --fix num_epochs=5 --launch > path && {econml} sweep agent $(cat path)",
        shell=True, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, (done.stderr, server.unknown)
    configs = sorted((yaml.safe_load(path.read_text()) for path in isolated.glob("runs/*/config.yaml")), key=_lr)
    assert [_lr(config) for config in configs] == [0.01, 0.02]
    assert [config["width"] for config in configs] == [4, 6]
    assert server.runs.keys() == {"run1", "run2"}, server.unknown
    for name in server.runs:
        assert server.runs[name]["sweep"] == SWEEP
        assert [row["epoch"] for row in server.history(name)] == [1, 2, 3, 4, 5]
    assert "Received exit command" in done.stderr
    assert server.unknown == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to another process")
def test_launch_start_runs_the_agent_and_ctrl_c_ends_it_with_130(server, sweep, isolated):
    sweep.write_text(re.sub(r"command: .*", 'command: [sleep, "3"]', SMALL))
    server.points = [{"lr": 0.01, "width": 8}] * 9
    process = to_be_killed("sweep", "launch", sweep, "--start", "--count", 9)
    try:
        wait_until(lambda: server.handed_out or process.poll() is not None, 60)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert out.splitlines()[0] == f"{ENTITY}/econml/{SWEEP}"
    assert server.handed_out == 1


def _load(path):
    from econml_cli.sweeps.spec import schema

    return schema.load(path)


def _lr(config):
    return config["lr"]
