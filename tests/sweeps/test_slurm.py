"""The script for Slurm: what it says, that a shell runs it, and that sbatch gets it."""

import itertools
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from econml_cli.errors import ConfigError, RunError
from econml_cli.runs.slurm import seconds as seconds_of
from econml_cli.sweeps.remote import slurm
from tests.support import slurm as real
from tests.support.waiting import wait_until

SMALL = """
name: small
method: random
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {min: 0.0001, max: 1.0}
command: ["${env}", econml, fit, mlp, "--problem=linear", "${args}"]
"""


@pytest.fixture
def sweep(isolated):
    path = isolated / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture
def on_path(isolated, monkeypatch):
    """Put a program on PATH: on_path("sbatch", "echo 17")."""
    directory = isolated / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")

    def add(name, *lines):
        program = directory / name
        program.write_text("\n".join(["#!/bin/bash", *lines]) + "\n")
        program.chmod(0o755)

    return add


def directives(text):
    head = itertools.takewhile(lambda line: line.startswith("#"), text.splitlines())  # as sbatch reads it
    pairs = [line.removeprefix("#SBATCH --").partition("=") for line in head if line.startswith("#SBATCH ")]
    return {name: value for name, _, value in pairs}


def check_syntax(text):
    """Whether bash reads it, and shellcheck (where there is one) finds nothing."""
    done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    if shutil.which("shellcheck"):
        done = subprocess.run(["shellcheck", "-"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


def test_the_script_asks_slurm_for_what_was_typed(econml, sweep):
    done = econml(
        "sweep", "slurm", sweep, "--workers", 8, "--time", "2:00:00", "--cpus", 4, "--memory", "8G", "--gpus", 1,
        "--partition", "econ", "--account", "ec123",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    check_syntax(done.stdout)
    assert directives(done.stdout) == {
        "job-name": "small", "array": "1-8", "time": "2:00:00", "cpus-per-task": "4", "gres": "gpu:1", "mem": "8G",
        "partition": "econ", "account": "ec123", "output": "small-%A_%a.log", "open-mode": "append",
        "signal": "B:TERM@60", "requeue": "",
    }  # fmt: skip
    assert 'JAX_PLATFORMS="${JAX_PLATFORMS:-cuda}"' in done.stdout


def test_what_was_not_typed_is_left_to_the_cluster(econml, sweep):
    done = econml("sweep", "slurm", sweep)
    assert directives(done.stdout).keys() == {
        "job-name", "array", "cpus-per-task", "output", "open-mode", "signal", "requeue",
    }  # fmt: skip
    assert 'JAX_PLATFORMS="${JAX_PLATFORMS:-cpu}"' in done.stdout


def started(text, on_path, **environment):
    """What the script starts: (arguments, directory, JAX_PLATFORMS), by running it."""
    code = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), os.environ['JAX_PLATFORMS']]))"
    on_path("econml", f'exec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"')
    inherited = {k: v for k, v in os.environ.items() if k != "JAX_PLATFORMS"}
    done = subprocess.run(
        ["bash"], input=text, capture_output=True, text=True, cwd="/", env=inherited | environment, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_worker_runs_the_sweep_on_one_journal_wherever_it_starts(econml, sweep, on_path, isolated):
    done = econml("sweep", "slurm", "small.yaml", "--setup", ":", "--trials", 40, "--seed", 3, "--", "--keep", "best")
    arguments, directory, platforms = started(done.stdout, on_path)
    home = isolated / "runs" / "small"
    assert arguments == [
        "sweep", "run", str(sweep), "--out", str(home), "--storage", str(home / "study.journal"),
        "--trials", "40", "--seed", "3", "--keep", "best",
    ]  # fmt: skip
    assert (directory, platforms) == (str(isolated), "cpu")
    assert started(done.stdout, on_path, JAX_PLATFORMS="rocm")[2] == "rocm"


def test_names_with_spaces_and_quotes_arrive_whole(econml, isolated, monkeypatch, on_path):
    place = isolated / "it's mine; rm"
    place.mkdir()
    monkeypatch.chdir(place)
    Path("my sweep.yaml").write_text(SMALL.replace("name: small", 'name: "a b $HOME\\n#SBATCH --array=1-999"'))
    url = "postgresql://me@db/econ?application_name=a b"
    done = econml("sweep", "slurm", "my sweep.yaml", "--setup", "true\nexport A=1; B=2", "--storage", url)
    assert done.code == 0, done.stderr
    check_syntax(done.stdout)
    assert directives(done.stdout)["array"] == "1-4"
    arguments, directory, _ = started(done.stdout, on_path)
    assert arguments[4] == str(place / "runs" / "a-b-HOME-SBATCH---array-1-999")
    assert arguments[2] == str(place / "my sweep.yaml") and arguments[-1] == url
    assert directory == str(place)


def test_without_setup_this_very_econml_is_started(econml, sweep):
    last = econml("sweep", "slurm", sweep).stdout.splitlines()[-1]
    program = shlex.split(last)[1]
    assert Path(program).is_absolute() and Path(program).parent == Path(sys.executable).parent


def test_the_signal_of_slurm_reaches_the_worker_itself(econml, sweep, on_path, isolated):
    """Slurm signals the process that it started, the shell; exec makes that econml."""
    on_path("econml", 'trap "echo told > told; exit 143" TERM', "touch ready", "while true; do sleep 0.05; done")
    script = isolated / "job.sh"
    script.write_text(econml("sweep", "slurm", sweep, "--setup", ":").stdout)
    process = subprocess.Popen(["bash", script])
    try:
        wait_until(lambda: Path("ready").exists() or process.poll() is not None)
        process.terminate()
        assert process.wait(timeout=10) == 143
    finally:
        process.kill()
    assert Path("told").exists()


def test_submit_hands_the_script_to_sbatch_and_prints_the_number_alone(econml, sweep, on_path):
    on_path("sbatch", 'echo "$@" > arguments', "cat > script", "echo '4711;cluster'")
    done = econml("sweep", "slurm", sweep, "--submit")
    assert (done.code, done.stdout) == (0, "4711\n"), done.stderr
    assert Path("arguments").read_text() == "--parsable\n"
    assert "#SBATCH --array=1-4" in Path("script").read_text()


def test_out_writes_the_script_and_submit_hands_over_that_file(econml, sweep, on_path):
    done = econml("sweep", "slurm", sweep, "--out", "jobs/small.sh")
    assert (done.code, done.stdout) == (0, "jobs/small.sh\n")
    check_syntax(Path("jobs/small.sh").read_text())
    on_path("sbatch", 'echo "$@" > arguments', "echo 12")
    done = econml("sweep", "slurm", sweep, "--out", "jobs/small.sh", "--submit")
    assert done.stdout == "12\n" and Path("arguments").read_text() == "--parsable jobs/small.sh\n"


def test_an_sbatch_that_is_missing_or_refuses_is_one_sentence(econml, sweep, on_path, isolated, monkeypatch):
    on_path("sbatch", "echo 'sbatch: error: invalid partition specified: econ' >&2", "exit 1")
    done = econml("sweep", "slurm", sweep, "--submit")
    assert done.code == 1 and done.stdout == ""
    assert "sbatch refused the job (error: invalid partition specified: econ)" in done.stderr
    monkeypatch.setenv("PATH", str(isolated))
    with pytest.raises(RunError, match="There is no sbatch here; run it on a login node"):
        slurm.submit("#!/bin/bash\n")


@pytest.mark.parametrize(
    ("flag", "value"), [("--time", "2h"), ("--time", "1:2"), ("--memory", "8 GB"), ("--account", "a b\n#SBATCH")]
)
def test_what_slurm_would_refuse_is_refused_now(econml, sweep, flag, value):
    done = econml("sweep", "slurm", sweep, flag, value)
    assert done.code == 2 and flag in done.stderr and done.stdout == ""


@pytest.mark.parametrize(("time", "seconds"), [("1", 60), ("4:59", 299), ("0:01:00", 60), ("0-0:03", 180)])
def test_a_limit_that_leaves_no_time_to_train_is_refused(time, seconds):
    assert seconds_of(time) == seconds
    with pytest.raises(ConfigError, match=r"leaves no time to train.*give 5 minutes or more"):
        slurm.Job("a", 1, time=time)
    assert seconds_of("1-02:03:04") == 93784 and seconds_of("2-1") == 176400 and seconds_of("1:00:00") == 3600


@pytest.mark.parametrize("time", ["90", "2:00:00", "30:00", "1-12", "1-12:00", "1-12:00:00"])
def test_every_way_in_which_slurm_writes_a_time_is_taken(time):
    assert f"#SBATCH --time={time}\n" in slurm.script(slurm.Job("a", 1, time=time), ["f"], Path("/"))


def test_an_option_that_sweep_run_does_not_know_fails_now(econml, sweep):
    done = econml("sweep", "slurm", sweep, "--", "--sede", "3")
    assert done.code == 2 and "--sede" in done.stderr and done.stdout == ""


@pytest.mark.slow
def test_two_tasks_of_one_script_share_the_trials_and_the_script_run_again_goes_on(econml, sweep, isolated):
    sweep.write_text(
        SMALL.replace('"${args}"', '"--N=40", "--N_val=20", "--N_test=10", "--width=4", "--num_epochs=100", "${args}"')
    )
    for trials, tasks, workers in ((12, 2, 2), (13, 1, 3)):
        script = econml("sweep", "slurm", sweep, "--trials", trials, "--", "--engine", "serial", "--quiet").stdout
        started = [subprocess.Popen(["bash", "-c", script], stderr=subprocess.PIPE, text=True) for _ in range(tasks)]
        said = [process.communicate(timeout=120)[1] for process in started]
        assert [process.returncode for process in started] == [0] * tasks, said
        results = json.loads(econml("sweep", "show", "small", "--json").stdout)
        assert sorted(trial["index"] for trial in results["trials"]) == list(range(trials))
        assert {trial["state"] for trial in results["trials"]} == {"complete"}
        assert len({trial["worker"] for trial in results["trials"]}) == workers
        assert all(trial["epochs"] == 100 for trial in results["trials"])


def test_a_job_that_makes_no_sense_names_the_option():
    with pytest.raises(ConfigError, match=r"--time soon is no time of Slurm"):
        slurm.Job("a", 1, time="soon")
    for said, wrong in (
        ("--partition", {"partition": "short\n#SBATCH --account=theirs"}),
        ("--account", {"account": "$(id)"}),
        ("--memory", {"memory": "8G\nexit"}),
        ("--time", {"time": "90\n90"}),
    ):
        with pytest.raises(ConfigError, match=said):
            slurm.Job("a", 1, **wrong)


@pytest.mark.parametrize(("signals", "code", "asked"), [("USR1", 0, True), ("TERM", 143, False), ("", 4, False)])
def test_requeue_saves_at_the_time_limit_and_asks_for_another_turn(
    econml, sweep, on_path, isolated, monkeypatch, signals, code, asked
):
    """USR1 comes from Slurm before the limit; a worker that ends by itself, or is cancelled, asks for nothing."""
    last = ["while true; do sleep 0.05; done"] if signals else ["exit 4"]
    on_path("econml", 'trap "echo saved > saved; exit 143" TERM', "touch ready", *last)
    on_path("scontrol", 'echo "$@" > asked')
    script = isolated / "job.sh"
    script.write_text(econml("sweep", "slurm", sweep, "--setup", ":", "--requeue").stdout)
    check_syntax(script.read_text())
    assert directives(script.read_text())["signal"] == "B:USR1@60"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "17")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "3")
    process = subprocess.Popen(["bash", script])
    try:
        wait_until((isolated / "ready").exists)
        if signals:
            process.send_signal(getattr(signal, f"SIG{signals}"))
        assert process.wait(timeout=30) == code
    finally:
        process.kill()
    assert (isolated / "saved").exists() == bool(signals)
    assert (isolated / "asked").exists() == asked
    assert not asked or (isolated / "asked").read_text() == "requeue 17_3\n"


def test_a_program_that_was_not_named_is_refused_before_it_waits_in_the_queue(econml, isolated):
    Path("s.yaml").write_text("program: mine.py\nmethod: random\nparameters: {lr: {min: 0.1, max: 0.2}}\n")
    Path("mine.py").write_text("print(1)\n")
    refused = econml("sweep", "slurm", "s.yaml")
    assert refused.code == 2 and "add --source mine.py" in refused.stderr
    assert econml("sweep", "slurm", "s.yaml", "--source", "mine.py").code == 0


@pytest.mark.slow
def test_a_real_slurm_starts_a_worker_again_until_the_sweep_is_done(econml, sweep, isolated, tmp_path):
    """USR1 as before a time limit (which is five minutes at least, so that the test sends it as Slurm would)."""
    if why := real.missing():
        pytest.skip(why)
    sweep.write_text(
        SMALL.replace('"${args}"', '"--width=4", "--N=50", "--num_epochs=60000", "--checkpoint_every=1000", "${args}"')
    )
    (tmp_path / "slurm").mkdir()
    with real.running(tmp_path / "slurm"):
        submitted = econml(
            "sweep", "slurm", sweep, "--workers", 1, "--requeue", "--submit", "--trials", 1, "--", "--engine", "serial"
        )  # fmt: skip
        assert submitted.code == 0, submitted.stderr
        job = f"{submitted.stdout.strip()}_1"
        wait_until(lambda: list(isolated.glob("runs/small/0000/checkpoints/*")), 120)
        real.asked("scancel", "--batch", "--signal=USR1", job)
        wait_until(lambda: "Restarts=1" in real.asked("scontrol", "show", "job", job), 60)
        [trial] = json.loads(econml("sweep", "show", "small", "--json").stdout)["trials"]
        assert trial["state"] == "waiting", trial
        # its second turn: the trial goes on where it was, and ends
        wait_until(lambda: "JobState=COMPLETED" in real.asked("scontrol", "show", "job", job), 240)
    [trial] = json.loads(econml("sweep", "show", "small", "--json").stdout)["trials"]
    assert (trial["number"], trial["state"], trial["epochs"]) == (0, "complete", 60000)


@pytest.mark.parametrize("url", ["postgresql://me:hunter2@host/db", "postgresql://host/db?user=me&password=hunter2"])
@pytest.mark.parametrize("spelt", ["{} {}", "{}={}"])
def test_no_password_is_in_the_script_not_even_in_the_line_that_made_it(econml, sweep, url, spelt, monkeypatch):
    typed = spelt.format("--storage", url).split()
    argv = ["sweep", "slurm", sweep, *typed, "--out", "job.sh"]
    ran = econml(*argv)
    text = Path("job.sh").read_text()
    assert ran.code == 0 and "hunter2" not in text + ran.stdout and text.count("--storage") == 2
    assert "hunter2" not in ran.stderr and "PGPASSWORD" in ran.stderr  # it is warned of
    further = econml("sweep", "slurm", sweep, "--out", "other.sh", "--", *typed)
    assert further.code == 0 and "hunter2" not in Path("other.sh").read_text() + further.stdout + further.stderr
    assert econml(*[word for word in argv if "hunter2" not in str(word) and word != "--storage"]).stderr == ""


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_script_that_sets_a_secret_is_for_its_owner_alone(econml, sweep):
    before = os.umask(0o022)
    try:
        plain = econml("sweep", "slurm", sweep, "--setup", "module load python", "--out", "plain.sh")
        secret = econml("sweep", "slurm", sweep, "--setup", "export WANDB_API_KEY=abc", "--out", "secret.sh")
    finally:
        os.umask(before)
    assert (Path("plain.sh").stat().st_mode & 0o777, Path("secret.sh").stat().st_mode & 0o777) == (0o644, 0o600)
    assert plain.stderr == "" and "WANDB_API_KEY" in secret.stderr and "abc" not in secret.stderr
