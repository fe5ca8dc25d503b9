"""`econml inspect` from the shell: checkpoints, runs and registries, as text and as JSON."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from econml_cli.config.fit_config import build
from econml_cli.training.fit import fit


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A directory of two runs: early (best weights kept, named first) and plain (checkpoints of epochs 2, 4, 6)."""
    runs = tmp_path_factory.mktemp("fitted") / "runs"
    common = {"num_epochs": "6", "width": "4", "N": "40", "N_test": "20", "N_val": "20"}
    for name, extra in (("early", {"patience": "50"}), ("plain", {"checkpoint_every": "2", "keep": "3"})):
        command = f"econml fit mlp --name {name}"
        fit(build("mlp", "linear", [("test", {**common, **extra})]), runs / name, command=command)
    return runs


@pytest.fixture
def runs(fitted):
    """A copy that the test may damage, in runs/."""
    shutil.copytree(fitted, "runs")
    return Path("runs")


@pytest.mark.slow
def test_the_newest_run_is_shown_by_default_with_all_three_views(econml, runs):
    ran = econml("inspect", "checkpoint")
    assert ran.code == 0, ran.stderr
    assert ran.stdout.startswith("mlp on linear: runs/plain\n") and ran.stderr == ""
    for part in ("\ngraphdef\nMLP  activation=relu, depth=2  37 parameters\n", "\nstate\n", "epoch 6 (there: 2, 4, 6)"):
        assert part in ran.stdout
    assert "econml fit mlp --name plain" in ran.stdout and "optimizer (13 arrays" in ran.stdout


def test_json_is_one_document_that_agrees_with_the_run(econml, runs):
    document = json.loads(econml("inspect", "checkpoint", "plain", "--json").stdout)
    assert list(document) == ["summary", "graphdef", "state"]
    summary, saved = document["summary"], json.loads((runs / "plain" / "summary.json").read_text())
    assert summary["parameters"] == {"arrays": 6, "count": 37, "bytes": 148} and saved["num_params"] == 37
    assert summary["losses"] == {key: saved[key] for key in ("train_loss", "val_loss", "test_loss")}
    assert (
        set(summary["sections"]) == {"identity", "model", "optimizer", "rng", "position"}
        and summary["weights"] == "last"
    )
    assert sum(row["count"] for row in document["state"]) == 37 and "values" not in document["state"][0]
    assert document["graphdef"]["params"] == 37


def test_early_stopping_shows_the_best_weights_and_says_so(econml, runs):
    document = json.loads(econml("inspect", "checkpoint", "early", "--json").stdout)["summary"]
    assert document["weights"] == "best" and "best" in document["sections"]
    assert document["epoch"] == json.loads((runs / "early" / "summary.json").read_text())["best_epoch"]
    assert "best: those with the best val_loss" in econml("inspect", "checkpoint", "early", "--view=summary").stdout


def test_an_older_step_shows_its_own_weights_and_losses(econml, runs):
    old = json.loads(econml("inspect", "checkpoint", "plain", "--step", "2", "--json", "--values").stdout)
    new = json.loads(econml("inspect", "checkpoint", "plain", "--json", "--values").stdout)
    logged = json.loads((runs / "plain" / "metrics.jsonl").read_text().splitlines()[1])
    assert old["summary"]["epoch"] == 2 and old["summary"]["losses"]["val_loss"] == logged["val_loss"]
    assert old["summary"]["losses_from"] == "metrics.jsonl" and new["summary"]["losses_from"] == "summary.json"
    assert old["state"][1]["values"] != new["state"][1]["values"]


def test_a_missing_step_is_answered_with_those_there(econml, runs):
    ran = econml("inspect", "checkpoint", "plain", "--step", "3")
    assert (ran.code, ran.stdout) == (1, "") and "it has 2, 4, 6" in ran.stderr


@pytest.mark.parametrize(("view", "first"), [("graphdef", "MLP  "), ("state", "state "), ("raw", "GraphDef(")])
def test_one_view_is_shown_alone(econml, runs, view, first):
    out = econml("inspect", "checkpoint", "plain", "--view", view).stdout
    assert out.startswith(first) and "mlp on linear" not in out


def test_values_are_printed_on_request(econml, runs):
    shown = econml("inspect", "checkpoint", "plain", "--view", "state", "--values").stdout
    document = econml("inspect", "checkpoint", "plain", "--view", "state", "--values", "--json").stdout
    first = json.loads(document)["state"][0]["values"][0]
    assert f"{first:.5f}"[:-1] in shown


def test_it_needs_neither_metrics_nor_summary_nor_data(econml, runs):
    for name in ("metrics.jsonl", "summary.json"):
        (runs / "plain" / name).unlink()
    ran = econml("inspect", "checkpoint", "plain")
    assert ran.code == 0 and "losses from" not in ran.stdout


@pytest.mark.parametrize("name", ["runs/plain", "plain", "pl"])
def test_a_run_is_found_by_path_name_or_start(econml, runs, name):
    assert econml("inspect", "checkpoint", name, "--view", "summary").stdout.startswith("mlp on linear: runs/plain")


def test_the_runs_directory_may_come_from_the_environment(econml, fitted, monkeypatch):
    monkeypatch.setenv("ECONML_RUNS_DIR", str(fitted))
    assert econml("inspect", "checkpoint", "plain", "--view", "summary").code == 0


def test_a_manifest_without_shapes_is_one_sentence(econml, runs):
    path = runs / "plain" / "manifest.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "shapes"}))
    ran = econml("inspect", "checkpoint", "plain")
    assert ran.code == 1 and "does not say the model's shapes" in ran.stderr and ran.stderr.count("\n") == 1


def test_runs_are_listed_newest_last_and_a_damaged_one_does_not_hide_the_others(econml, runs):
    (runs / "torn").mkdir()
    (runs / "torn" / "manifest.json").write_text("{")
    (runs / "bare").mkdir()
    shutil.copy(runs / "plain" / "manifest.json", runs / "bare")
    ran = econml("inspect", "runs")
    assert ran.code == 0 and ran.stderr == "" and "torn is damaged: " in ran.stdout
    rows = {row["name"]: row for row in json.loads(econml("inspect", "runs", "--json").stdout)}
    assert next(iter(rows)) == "torn" and list(rows).index("early") < list(rows).index("plain")
    assert rows["torn"]["status"] == rows["bare"]["status"] == "damaged" and "config.yaml" in rows["bare"]["error"]
    plain = rows["plain"]
    assert (plain["model"], plain["epochs"], plain["num_params"], plain["error"]) == ("mlp", 6, 37, None)


def test_an_unfinished_run_shows_how_far_it_came(econml, runs):
    (runs / "plain" / "summary.json").unlink()
    with (runs / "plain" / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 7, "tra')  # torn by a kill
    row = json.loads(econml("inspect", "runs", "--json").stdout)[-1]
    assert row["epochs"] == 6 and row["val_loss"] is not None and row["test_loss"] is None


def test_no_runs_is_a_friendly_sentence_and_no_failure(econml):
    ran = econml("inspect", "runs")
    assert (ran.code, ran.stdout) == (0, "") and "There are no runs in runs/ yet" in ran.stderr
    assert econml("inspect", "runs", "--json", "--runs_dir", "elsewhere").stdout == "[]\n"


@pytest.mark.parametrize("what", ["models", "problems"])
def test_registries_are_listed_as_text_and_json(econml, what):
    names = [entry["name"] for entry in json.loads(econml("inspect", what, "--json").stdout)]
    shown = econml("inspect", what).stdout
    assert names and all(any(line.startswith(f"{name}  ") for line in shown.splitlines()) for name in names)
    only = json.loads(econml("inspect", what, names[-1], "--json").stdout)
    assert [entry["name"] for entry in only] == [names[-1]]


def test_an_unknown_model_is_a_usage_error_with_a_suggestion(econml):
    ran = econml("inspect", "models", "mpl")
    assert (ran.code, ran.stdout) == (2, "") and "Did you mean 'mlp'?" in ran.stderr


def test_listing_imports_neither_jax_nor_flax(isolated):
    code = (
        "import sys; from econml_cli.commands.inspect import listings\n"
        "assert 'rich' not in sys.modules and 'numpy' not in sys.modules, 'the command itself is light'\n"
        "from econml_cli.commands.common import RunsDirOption\n"
        "from econml_cli.commands.inspect.shared import JsonOption\n"
        "listings.models(None, listings.TemplateOption(), JsonOption())\n"
        "listings.problems(None, listings.TemplateOption(), JsonOption(True))\n"
        "listings.runs(RunsDirOption(), JsonOption())\n"
        "assert not {'jax', 'flax', 'orbax', 'wandb'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_nothing_is_cut_or_wider_than_the_terminal(econml, runs, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    for args in (("checkpoint", "plain"), ("runs",), ("models",), ("problems",)):
        out = econml("inspect", *args).stdout
        assert "…" not in out and max(map(len, out.splitlines())) <= int(columns)


def test_a_pipe_gets_no_colour_no_padding_and_whole_lines(econml, runs):
    long = runs / ("mlp-linear-" + "x" * 100)
    shutil.copytree(runs / "plain", long)
    out = econml("inspect", "runs").stdout
    assert "\x1b" not in out and not any(line.endswith(" ") for line in out.splitlines())
    assert any(line.startswith(long.name) and "max_epochs" in line for line in out.splitlines())


def test_force_color_colours_and_no_color_does_not(econml, runs, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = econml("inspect", "checkpoint", "plain", "--view", "graphdef").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    plain = econml("inspect", "checkpoint", "plain", "--view", "graphdef").stdout
    assert "\x1b[36m" in coloured and "\x1b[36m" not in plain
