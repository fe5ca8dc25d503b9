"""A fit on several devices, of one process and of several, is the fit on one."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from econml_cli.errors import ConfigError
from econml_cli.options.devices import DeviceOptions
from econml_cli.training.devices import devices_of
from tests.support import running
from tests.support.on_devices import CASES
from tests.support.running import Ran

FIT = ["fit", "mlp", "--width=8", "--N=61", "--num-epochs=6", "--lr=1e-2", "--batch-size=18", "--sigma=.5"]


@pytest.mark.parametrize(
    "options, said",
    [
        ({"devices": "0"}, "--devices 0: expected a number from 1 on, or all"),
        ({"devices": "many"}, "--devices many"),
        ({"coordinator": "here"}, "--coordinator here is no address"),
        ({"coordinator": "here:1"}, "needs --num-processes and --process-id"),
        ({"coordinator": "here:1", "num_processes": 2, "process_id": 2}, "the 2 processes are 0 to 1"),
        ({"num_processes": 2}, "add --coordinator HOST:PORT"),
        ({"coordinator": "auto", "process_id": 1}, "add --coordinator HOST:PORT"),
    ],
)
def test_what_says_not_which_processes_they_are_is_refused(options, said):
    with pytest.raises(ConfigError) as refused:
        DeviceOptions(**options)
    assert said in str(refused.value)


def test_one_device_is_the_default_of_one_process_and_all_are_that_of_several():
    assert (DeviceOptions().count, DeviceOptions().several) == (1, False)
    assert (DeviceOptions(devices="1").count, DeviceOptions(devices="1").several) == (1, False)
    assert (DeviceOptions(devices="all").count, DeviceOptions(devices="all").several) == (None, True)
    assert DeviceOptions(coordinator="here:1", num_processes=2, process_id=0).count is None


def test_more_devices_than_there_are_are_refused():
    with pytest.raises(ConfigError, match="--devices 99: this host has"):
        devices_of(DeviceOptions(devices="99"))


def test_devices_are_no_part_of_a_run_and_do_not_go_with_folds(econml: Callable[..., Ran], isolated: Path):
    shown = econml(*FIT, "--devices", 1, "--print-config")
    assert shown.code == 0
    assert "devices" not in shown.stdout
    table = isolated / "t.csv"
    table.write_text("x,y\n" + "".join(f"{i},{i}\n" for i in range(20)))
    refused = econml("fit", "mlp", "--data", table, "--target", "y", "--folds", 2, "--devices", 2)
    assert refused.code == 2
    assert "leave out --devices" in refused.stderr


@pytest.mark.slow
def test_four_devices_find_what_one_finds_member_for_member(tmp_path: Path):
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    line = [sys.executable, "-m", "tests.support.on_devices", str(tmp_path)]
    done = subprocess.run(line, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["devices"] == 4
    assert set(told["found"]) == set(CASES)
    for (columns, params), (on_four, params_on_four) in told["found"].values():
        assert len(on_four["train_loss"]) > 4
        for name, values in columns.items():
            np.testing.assert_allclose(on_four[name], values, rtol=1e-5 if name.endswith("_sd") else 1e-6, err_msg=name)
        for mine, theirs in zip(params, params_on_four, strict=True):
            np.testing.assert_allclose(theirs, mine, atol=1e-6)
    on_one, on_four = told["trials"]
    assert len(on_one) == len(on_four) == 6  # trials of a sweep, which four devices cannot share equally
    for mine, theirs in zip(on_one, on_four, strict=True):
        assert [list(row) for row in theirs] == [list(row) for row in mine] and len(mine) > 4
        for row, other in zip(mine, theirs, strict=True):
            assert other == {name: pytest.approx(value, rel=1e-6) for name, value in row.items()}


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        return int(taken.getsockname()[1])


def processes(count: int, *words: str) -> list[Ran]:
    """The same command in several processes that meet each other."""
    meet = ["--coordinator", f"localhost:{free_port()}", "--num-processes", str(count)]
    started = [running.to_be_killed(*words, *meet, "--process-id", str(k)) for k in range(count)]
    try:
        ended = [process.communicate(timeout=500) for process in started]
    finally:
        for process in started:
            process.kill()
    return [Ran(process.returncode, *streams) for process, streams in zip(started, ended, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_several_processes_make_one_run_which_goes_on_in_one(count: int, isolated: Path, econml: Callable[..., Ran]):
    first, *others = processes(count, *FIT, "--name", "several", "--json")
    assert [ran.code for ran in (first, *others)] == [0] * count, first.stderr + others[-1].stderr
    assert [ran.stdout for ran in others] == [""] * (count - 1)
    told = json.loads(first.stdout)
    assert econml(*FIT, "--name", "one", "--quiet").code == 0
    alone = json.loads((isolated / "runs/one/summary.json").read_text())
    assert told["train_loss"] == pytest.approx(alone["train_loss"], rel=1e-6)
    assert [path.name for path in (isolated / "runs").iterdir() if path.name != "one"] == ["several"]

    # the position of several processes is gone on from in one, and is that of a fit in one all along
    assert econml("fit", "--resume", "several", "--num-epochs", 9, "--quiet").code == 0
    assert econml(*FIT, "--num-epochs", 9, "--name", "longer", "--quiet").code == 0
    ends = [json.loads((isolated / f"runs/{name}/summary.json").read_text()) for name in ("several", "longer")]
    assert ends[0]["epochs"] == 9
    assert ends[0]["train_loss"] == pytest.approx(ends[1]["train_loss"], rel=1e-6)


@pytest.mark.slow
def test_what_the_first_process_refuses_ends_the_second_too(isolated: Path):
    (isolated / "runs/there").mkdir(parents=True)
    (isolated / "runs/there/manifest.json").write_text("{}")
    first, second = processes(2, *FIT, "--name", "there")
    assert (first.code, second.code) == (1, 1)
    assert "runs/there exists" in first.stderr
    assert "The first process could not go on" in second.stderr
