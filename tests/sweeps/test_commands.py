"""`econml sweep create`, `check` and `sample` from the shell."""

import csv
import io
import json
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from econml_cli.commands.sweep import app
from econml_cli.config import choose
from econml_cli.errors import EconmlError
from econml_cli.sweeps.spec import sample, schema
from tests.support import ROOT

LECTURE = ROOT / "sweeps/lecture.yaml"


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: str
    stderr: str


def sweep(*args):
    """Run `econml sweep ARGS`; what `main` would print of an error is in stderr."""
    done = CliRunner().invoke(app, [str(arg) for arg in args])
    if isinstance(done.exception, EconmlError):
        return Ran(done.exception.exit_code, done.stdout, done.stderr + str(done.exception))
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return Ran(done.exit_code, done.stdout, done.stderr)


def created(*args):
    ran = sweep("create", "--out", "-", *args)
    assert ran.code == 0, ran.stderr
    return yaml.safe_load(ran.stdout)


def test_without_flags_it_is_the_lectures_sweep():
    ran = sweep("create")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "sweeps/lecture.yaml\n", "")
    written = yaml.safe_load(Path("sweeps/lecture.yaml").read_text())
    assert written == {
        "name": "lecture",
        "program": "econml",
        "method": "bayes",
        "metric": {"name": "val_loss", "goal": "minimize"},
        "parameters": {
            "lr": {"distribution": "uniform", "min": 0.0001, "max": 0.01},
            "width": {"distribution": "categorical", "values": [64, 128, 256]},
            "num_epochs": {"distribution": "constant", "value": 300},
        },
        "command": ["${env}", "econml", "fit", "mlp", "--problem=linear", "${args}"],
    }
    shipped = yaml.safe_load(LECTURE.read_text())
    assert shipped.pop("run_cap") == 30 and shipped == written


def test_what_is_there_is_replaced_only_with_force():
    sweep("create")
    Path("sweeps/lecture.yaml").write_text("mine")
    ran = sweep("create")
    assert ran.code == 2 and "sweeps/lecture.yaml exists; add --force" in ran.stderr
    assert Path("sweeps/lecture.yaml").read_text() == "mine"
    assert sweep("create", "--force").code == 0 and sweep("check", "sweeps/lecture.yaml").code == 0


def test_a_file_that_cannot_be_written_is_one_sentence():
    Path("taken").write_text("")
    ran = sweep("create", "--out", "taken/x.yaml")
    assert ran.code == 1 and "taken/x.yaml cannot be written" in ran.stderr


@pytest.mark.parametrize(
    ("param", "means"),
    [
        ("lr=0.0001..0.01", {"distribution": "uniform", "min": 0.0001, "max": 0.01}),
        ("lr=log:1e-5..1e-2", {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.01}),
        ("lr=1", {"distribution": "constant", "value": 1.0}),
        ("width=16..64", {"distribution": "int_uniform", "min": 16, "max": 64}),
        ("width=log:16..512", {"distribution": "q_log_uniform_values", "min": 16, "max": 512, "q": 1}),
        ("width=64,128.0,1e2", {"distribution": "categorical", "values": [64, 128, 100]}),
        ("activation=relu,tanh", {"distribution": "categorical", "values": ["relu", "tanh"]}),
        ("sigma=[0, 0.5]", {"distribution": "categorical", "values": [0.0, 0.5]}),
    ],
)
def test_a_param_becomes_an_explicit_distribution_with_the_types_of_its_option(param, means):
    ((name, settings),) = created("--method", "random", "--param", param)["parameters"].items()
    assert name == param.partition("=")[0] and settings == means
    assert [type(v) for v in settings.values()] == [type(v) for v in means.values()]


def test_hyphens_in_names_are_underscores():
    written = created("--param", "batch-size=32, 64", "--fix", "num-epochs=3")
    assert written["parameters"] == {"batch_size": {"distribution": "categorical", "values": [32, 64]}}
    assert "--num_epochs=3" in written["command"]


def test_text_with_commas_is_given_as_a_list():
    written = created("--param", "formula=['y ~ a', 'y ~ I(a, 2)']", "--fix", "data=../x.csv")
    assert written["parameters"]["formula"]["values"] == ["y ~ a", "y ~ I(a, 2)"]
    assert written["command"][3:] == ["mlp", "--problem=tabular", "--data=../x.csv", "${args}"]
    columns = created("--fix", "data=x.csv", "--param", "features=a,b", "--param", "lr=0.1..0.2")
    assert columns["parameters"]["features"] == {"distribution": "constant", "value": "a,b"}


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("--param", "widht=3"), "--param widht=3: there is no such option. Did you mean 'width'?"),
        (("--param", "lr"), "--param lr: is not NAME=VALUE"),
        (("--param", "lr=0..1"), "--param lr=0..1: is out of range: each end must be a number > 0, got '0'"),
        (("--param", "lr=1..-1"), "each end must be a number > 0, got '-1'"),
        (("--param", "lr=0.2..0.1"), "lr: min 0.2 is not less than max 0.1"),
        (("--param", "momentum=0..1"), "each end must be a number >= 0 and < 1, got '1'"),
        (("--param", "sigma=log:0..1"), "log_uniform_values needs min > 0"),
        (("--param", "lr=ln:1..2"), "unknown prefix 'ln:'"),
        (("--param", "width=16..big"), "each end must be an integer >= 1, got 'big'"),
        (("--param", "width=1.5,2"), "must be an integer >= 1, got '1.5'"),
        (("--param", "activation=tahn,relu"), "got 'tahn'. Did you mean 'tanh'?"),
        (("--param", "formula=[a", "--problem", "tabular"), "opens a list that YAML cannot read"),
        (("--param", "lr=1,2", "--param", "lr=3,4"), "lr is given twice"),
        (("--param", "lr=1"), "method bayes needs a parameter that varies"),
        (("--method", "grid"), "lr is uniform: method grid cannot enumerate it"),
        (("--metric", "val_los"), "--metric val_los: econml fit logs no metric 'val_los'. Did you mean 'val_loss'?"),
        (("--fix", "N"), "--fix N is not NAME=VALUE"),
        (("--fix", "N=0"), "--N must be an integer >= 1, got '0'"),
        (("--fix", "lr=0.1"), "lr is a parameter and in the command too"),
        (("--model", "mpl"), "Unknown model 'mpl'"),
        (("--early-terminate", "median"), "write hyperband, or hyperband:EPOCHS"),
        (("--early-terminate", "hyperband:0"), "write hyperband, or hyperband:EPOCHS"),
    ],
)
def test_what_would_fail_in_trial_37_fails_now(args, says):
    ran = sweep("create", *args)
    assert ran.code == 2 and says in ran.stderr and not Path("sweeps").exists()


def test_all_wrong_flags_are_listed_at_once():
    lines = sweep("create", "--param", "lr=0..1", "--param", "widht=3", "--metric", "val_los").stderr.splitlines()
    assert len(lines) == 4 and lines[0].endswith("has 3 problems.")


def test_tuning_on_the_test_set_warns_on_stderr_and_writes_the_file():
    ran = sweep("create", "--metric", "test_loss")
    assert ran.code == 0 and "tunes on the test set" in ran.stderr and ran.stdout == "sweeps/lecture.yaml\n"


def test_hyperband_first_looks_at_a_27th_of_the_epochs_or_where_it_is_told():
    assert created("--early-terminate", "hyperband")["early_terminate"] == {
        "type": "hyperband", "min_iter": 11, "eta": 3,
    }  # fmt: skip
    assert created("--early-terminate", "hyperband:5")["early_terminate"]["min_iter"] == 5
    epochs = ("--param", "num_epochs=270..900", "--early-terminate", "hyperband")
    assert created(*epochs)["early_terminate"]["min_iter"] == 10


def test_small_numbers_are_written_so_that_yaml_reads_numbers():
    text = sweep("create", "--out", "-", "--param", "lr=1e-7..1e-5").stdout
    assert "min: 1.0e-07\n" in text and yaml.safe_load(text)["parameters"]["lr"]["min"] == 1e-7


def test_check_says_what_a_good_sweep_is_in_one_line():
    ran = sweep("check", LECTURE)
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.stdout == f"{LECTURE}: ok, mlp on linear, bayes, 3 parameters (lr, width, num_epochs)\n"
    assert "ok, mlp on linear, 20 points, 2 parameters" in sweep("check", ROOT / "sweeps/seeds.yaml").stdout


def test_check_of_a_bad_sweep_is_exit_code_2_and_prints_nothing_on_stdout():
    Path("bad.yaml").write_text("method: baye\nparameters:\n  lr: 3\n")
    ran = sweep("check", "bad.yaml")
    assert (ran.code, ran.stdout) == (2, "") and len(ran.stderr.splitlines()) == 3
    assert "bad.yaml:3: lr: write `lr: {value: 3}`" in ran.stderr


def test_sampled_commands_are_shell_lines_that_fit_accepts():
    ran = sweep("sample", ROOT / "sweeps/wage.yaml", "-n", 20)
    lines = ran.stdout.splitlines()
    assert len(set(lines)) == 20
    for line in lines:
        words = shlex.split(line)
        assert words[:3] == ["econml", "fit", "mlp"]
        choice, _ = choose.from_arguments(words[2:])
        config = choice.config()
        assert choice.problem == "tabular" and config.problem_options.formula == "log(wage) ~ educ + exper + tenure"
        assert config.model_options.width in [(8,), (16,), (32,), (64,)] and 1e-4 <= config.trainer.lr <= 0.1


def test_the_same_seed_samples_the_same_points_and_more_points_begin_with_fewer():
    ten = sweep("sample", LECTURE, "-n", 10, "--seed", 3).stdout
    assert ten == sweep("sample", LECTURE, "-n", 10, "--seed", 3).stdout
    assert sweep("sample", LECTURE, "-n", 20, "--seed", 3).stdout.startswith(ten)
    assert ten != sweep("sample", LECTURE, "-n", 10, "--seed", 4).stdout
    assert len(sweep("sample", LECTURE).stdout.splitlines()) == 30  # its run_cap


def test_the_formats_hold_the_same_points():
    points = json.loads(sweep("sample", LECTURE, "-n", 4, "--format", "json").stdout)
    assert points == yaml.safe_load(sweep("sample", LECTURE, "-n", 4, "--format", "yaml").stdout)
    rows = list(csv.DictReader(io.StringIO(sweep("sample", LECTURE, "-n", 4, "--format", "csv").stdout)))
    assert [float(row["lr"]) for row in rows] == [point["lr"] for point in points]
    lines = sweep("sample", LECTURE, "-n", 4).stdout.splitlines()
    for line, point in zip(lines, points, strict=True):
        assert line == f"econml fit mlp --problem=linear --lr={point['lr']} --width={point['width']} --num_epochs=300"


def test_a_grid_is_enumerated_once_in_the_order_of_the_seed():
    def seeds(*args):
        ran = sweep("sample", ROOT / "sweeps/seeds.yaml", "--format", "json", *args)
        return [point["seed"] for point in json.loads(ran.stdout)]

    assert sorted(seeds()) == list(range(20)) != seeds()
    assert seeds("-n", 5) == seeds()[:5] and seeds("-n", 100) == seeds() and seeds("--seed", 1) != seeds()


def test_a_program_of_others_is_started_as_an_agent_would():
    Path("s.yaml").write_text(
        "program: train me.py\nmethod: grid\nparameters:\n"
        "  opt: {parameters: {lr: {value: 0.1}}}\n  fast: {value: false}\n"
    )
    assert sweep("sample", "s.yaml").stdout == "python 'train me.py' '--opt={'\"'\"'lr'\"'\"': 0.1}' --fast=False\n"
    command = 'command: [run, "${args_no_boolean_flags}", "${args_no_equals}", "${args_json}"]\n'
    Path("s.yaml").write_text(f"method: grid\n{command}parameters: {{a: {{value: true}}, b: {{value: 2}}}}\n")
    words = shlex.split(sweep("sample", "s.yaml").stdout)
    assert words == ["run", "--a", "--b=2", "--a", "True", "--b", "2", '{"a": true, "b": 2}']


@pytest.mark.slow
def test_the_arguments_are_those_of_wandbs_own_agent():
    utils = pytest.importorskip("wandb.sdk.launch.sweeps.utils")
    found = schema.load(ROOT / "sweeps/wage.yaml")
    for point in sample.sample(found, 5):
        given = utils.create_sweep_command_args({"args": {name: {"value": value} for name, value in point.items()}})
        words = [given["args"] if word == "${args}" else [word] for word in found.command[1:]]
        assert sample.command(found, point) == [word for part in words for word in part]


def test_what_only_an_agent_knows_is_refused_with_another_format_to_try():
    Path("s.yaml").write_text('method: grid\ncommand: [run, "${args_json_file}"]\nparameters: {a: {value: 1}}\n')
    ran = sweep("sample", "s.yaml")
    assert ran.code == 2 and "exists only under a W&B agent; use --format json" in ran.stderr
    assert json.loads(sweep("sample", "s.yaml", "--format", "json").stdout) == [{"a": 1}]
    Path("s.yaml").write_text("method: grid\nparameters: {a: {value: 1}}\n")
    assert "there is no `program` to start" in sweep("sample", "s.yaml").stderr


def test_sampling_commands_imports_neither_jax_nor_numpy_nor_scipy():
    script = (
        "import sys; from econml_cli.commands.sweep import app; app(sys.argv[1:], standalone_mode=False);"
        "print([m for m in ('jax', 'flax', 'numpy', 'scipy', 'pandas', 'wandb', 'rich.table') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "sample", str(LECTURE), "-n", "1"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


ranges = st.tuples(st.floats(1e-6, 1), st.floats(1e-6, 1)).filter(lambda ends: ends[0] < ends[1])


@pytest.mark.slow
@given(ranges, st.booleans(), st.lists(st.integers(1, 4096), min_size=2, max_size=4))
def test_whatever_create_writes_passes_check_and_stays_in_its_ranges(ends, log, widths):
    low, high = ends
    lr = f"lr={'log:' if log else ''}{low!r}..{high!r}"
    sweep("create", "--force", "--param", lr, "--param", f"width={','.join(map(str, widths))}")
    assert sweep("check", "sweeps/lecture.yaml").code == 0
    for point in json.loads(sweep("sample", "sweeps/lecture.yaml", "-n", 3, "--format", "json").stdout):
        assert low <= point["lr"] <= high and point["width"] in widths
