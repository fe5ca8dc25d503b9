"""`sweep show` of runs that W&B's agents have made: from wandb's own files, and from a server."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.wandb_server import ENTITY, KEY, SWEEP, serving

#: runs as an agent starts them, but offline: W&B's variables, the parameters in wandb/sweep-ID
AGENT = """
import json, os, pathlib, wandb
os.environ["WANDB_SILENT"] = "true"
for number, (sweep, lr, code) in enumerate([("abc", 0.1, 0), ("abc", 0.3, 0), ("abc", 0.9, 3), ("xyz", 0.5, 0)]):
    home = pathlib.Path("wandb", f"sweep-{sweep}")
    home.mkdir(parents=True, exist_ok=True)
    given = home / f"config-run{number}.yaml"
    given.write_text(json.dumps({"wandb_version": 1, "lr": {"value": lr}, "width": {"value": 8}}))
    os.environ |= {"WANDB_SWEEP_ID": sweep, "WANDB_RUN_ID": f"run{number}", "WANDB_SWEEP_PARAM_PATH": str(given)}
    run = wandb.init(mode="offline", project="p", config={"seed": 1}, settings=wandb.Settings(x_disable_meta=True))
    for epoch in range(3):
        run.log({"val_loss": lr / (epoch + 1), "accuracy": 1 - lr})
    run.finish(exit_code=code)
    wandb.teardown()  # each run of an agent is a process, which reads the variables anew
"""


@pytest.fixture(scope="module")
def offline(tmp_path_factory) -> Path:
    """A directory in which wandb itself has kept four runs of two sweeps."""
    home = tmp_path_factory.mktemp("agent")
    environment = {**os.environ, "WANDB_ERROR_REPORTING": "false", "WANDB_DIR": str(home)}
    subprocess.run([sys.executable, "-c", AGENT], cwd=home, env=environment, check=True, timeout=240)
    return home


@pytest.mark.slow
def test_runs_that_wandb_keeps_on_this_disk_are_shown_as_a_sweep(offline: Path, econml):
    shown = econml("sweep", "show", offline / "wandb" / "sweep-abc", "--json")
    assert shown.code == 0, shown.stderr
    document = json.loads(shown.stdout)
    assert document["sweep"]["name"] == "abc" and document["sweep"]["varied"] == ["lr"]
    assert [(t["state"], t["params"]["lr"], t["value"]) for t in document["trials"]] == [
        ("complete", 0.1, pytest.approx(0.1 / 3)), ("complete", 0.3, pytest.approx(0.1)), ("failed", 0.9, None)
    ]  # fmt: skip
    assert all("seed" not in t["params"] and Path(t["origin"]).is_dir() for t in document["trials"])
    assert document["trials"][0]["epochs"] == 3 and document["trials"][0]["started"].startswith("20")
    best = econml(
        "sweep",
        "show",
        offline / "wandb" / "sweep-abc",
        "--metric",
        "accuracy",
        "--goal",
        "maximize",
        "--format",
        "csv",
    )
    rows = list(csv.DictReader(io.StringIO(best.stdout)))
    assert float(rows[0]["accuracy"]) == 0.9 and rows[2]["reason"] == "exit code 3"
    text = econml("sweep", "show", offline / "wandb" / "sweep-abc").stdout
    assert "abc: runs of W&B's, minimize val_loss" in text and "Best: trial 0" in text and "econml eval" not in text


@pytest.mark.slow
def test_what_cannot_be_shown_of_them_is_said(offline: Path, econml):
    both = econml("sweep", "show", offline)
    assert both.code == 1 and "several sweeps; show one of" in both.stderr and "sweep-xyz" in both.stderr
    other = econml("sweep", "show", offline / "wandb" / "sweep-xyz", "--metric", "val_los")
    assert other.code == 1 and "Did you mean 'val_loss'?" in other.stderr


def test_a_metric_is_for_runs_of_wandbs(isolated, econml):
    shown = econml("sweep", "show", "--metric", "val_loss")
    assert shown.code == 2 and "are for runs that W&B's agents have made" in shown.stderr


def test_offline_the_server_is_not_asked(isolated, econml, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    shown = econml("sweep", "show", "me/project/abc")
    assert shown.code == 1 and "WANDB_MODE is offline, so W&B is not asked" in shown.stderr


@pytest.mark.slow
def test_the_runs_of_a_server_are_shown_by_the_sweeps_own_metric(isolated, econml, monkeypatch):
    with serving() as state:
        monkeypatch.setenv("WANDB_BASE_URL", state.url)
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        config = "method: bayes\nmetric: {name: accuracy, goal: maximize}\nparameters: {lr: {min: 0, max: 1}}\n"
        state.sweeps[SWEEP] = {"config": config, "project": "p", "entity": ENTITY}
        for name, lr, how in (("a", 0.5, "finished"), ("b", 0.2, "finished"), ("c", 0.9, "crashed")):
            summary = {"accuracy": 1 - lr, "_runtime": 2.0}
            state.runs[name] = {"config": {"lr": lr, "seed": 1}, "summary": summary, "state": how}
        shown = econml("sweep", "show", f"{ENTITY}/p/{SWEEP}", "--json")
        assert shown.code == 0, (shown.stderr, state.unknown)
        document = json.loads(shown.stdout)
        assert document["best"]["params"] == {"lr": 0.2} and document["best"]["value"] == 0.8
        assert document["counts"]["failed"] == 1 and document["sweep"]["method"] == "bayes by W&B"
        missing = econml("sweep", "show", f"{ENTITY}/p/other")
        assert missing.code == 1 and f"W&B knows no sweep {ENTITY}/p/other" in missing.stderr
