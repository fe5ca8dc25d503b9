"""What is kept in --runs-dir: listed, labelled, renamed, removed; nothing that is under way or not ours is touched."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path

import pytest

from econml_cli.errors import ConfigError, RunError
from econml_cli.runs import directory, environment, keeping, kinds, labels, listing
from econml_cli.runs.directory import Run
from econml_cli.storage import disk
from econml_cli.sweeps.study.trials import Results, Trial

OLD = Path(__file__).parents[1] / "data" / "made_by_0.1"
FOLDS = {
    "path": "runs/cv", "model": "linear", "problem": "tabular", "task": "regression", "folds": 2,
    "fold": [
        {"fold": k, "run": f"runs/cv/fold{k}", "status": "solved", "epoch": 1, "n_train": 4, "n_val": 0, "n_test": 4,
         "train_loss": 0.5, "test_loss": float(k), "test_r2": 0.25}
        for k in (1, 2)
    ],
    "failed": {},
    "train_loss": {"value": 0.5, "sd": 0.0}, "test_loss": {"value": 1.5, "standard_error": 0.5, "sd": 0.7071},
    "test_r2": {"value": 0.25, "sd": 0.0, "low": 0.1, "high": 0.4, "caveat": "only 2 folds"},
    "pooled": {"loss": {"value": 1.5, "low": 1.0, "high": 2.0}}, "predictions": "runs/cv/predictions.csv",
}  # fmt: skip


@pytest.fixture
def there(isolated):
    """runs/ with two runs, one more whose name begins with that of the sweep, a sweep and a cross-validation."""
    for name, source, created in (("net", "network", "2026-01-02"), ("ols", "table", "2026-01-03"),
                                  ("wage-best", "table", "2026-01-04")):  # fmt: skip
        shutil.copytree(OLD / source, f"runs/{name}")
        Run(Path("runs", name)).update_manifest(created=created)
    shutil.copytree(OLD / "swept", "runs/wage")
    for fold in (1, 2):
        shutil.copytree(OLD / "table", f"runs/cv/fold{fold}")
    about = {"status": "complete", "created": "2026-01-05", "model": "linear", "problem": "tabular", "folds": 2}
    disk.write_json(Path("runs/cv/cross_validation.json"), {**about, "results": FOLDS})
    shutil.copy(OLD / "table" / "config.yaml", "runs/cv")
    return Path("runs")


def rows(econml, *args):
    return json.loads(econml("runs", "list", "--json", *args).stdout)


def names(econml, *args):
    return [row["name"] for row in rows(econml, *args)]


def test_all_kinds_are_listed_newest_last(econml, there):
    assert names(econml) == ["net", "ols", "wage-best", "cv", "wage"]
    found = {row["name"]: (row["kind"], row["parts"], row["status"]) for row in rows(econml)}
    assert found["wage"] == ("sweep", 3, "not running") and found["cv"] == ("cross-validation", 2, "complete")
    assert found["net"] == ("run", None, "max_epochs")
    assert rows(econml, "--kind", "cross-validation")[0]["test_loss"] == 1.5
    text = econml("runs", "list").stdout
    assert "sweep of 3" in text and "cross-validation of 2" in text
    assert [row["name"] for row in json.loads(econml("inspect", "runs", "--json").stdout)] == names(
        econml, "--kind", "run"
    )


def test_rows_are_filtered_sorted_cut_and_have_the_columns_asked_for(econml, there):
    assert names(econml, "--where", "model=mlp", "--kind", "run") == ["net"]
    assert names(econml, "--where", "width=3", "--kind", "run") == ["net"]
    assert names(econml, "--where", "test_loss>=1", "--where", "kind~VALID") == ["cv"]
    assert names(econml, "--where", "created>2026-01-02", "--where", "created<2026-01-04") == ["ols"]
    assert "net" not in names(econml, "--where", "width!=3") and len(names(econml, "--where", "width!=3")) == 4
    assert names(econml, "--limit", "2") == ["cv", "wage"]
    assert names(econml, "--sort", "-run", "--limit", "2") == ["wage-best", "wage"]
    losses = [row["test_loss"] for row in rows(econml, "--sort", "test")]
    known = [loss for loss in losses if loss is not None]
    assert known == sorted(known) and losses[len(known) :] == [None] * (len(losses) - len(known))
    assert rows(econml, "--columns", "run,width", "--where", "width=3") == [{"name": "net", "width": 3}]
    csv = econml("runs", "list", "--format", "csv", "--columns", "run,lr").stdout.splitlines()
    assert csv[:2] == ["name,lr", "net,0.001"]
    assert econml("runs", "list", "--columns", "run,width").stdout.splitlines()[0].split() == ["name", "width"]
    assert r"\toprule" in econml("runs", "list", "--format", "latex").stdout
    assert econml("runs", "list", "--format", "markdown").stdout.startswith("| name |")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--where", "test_los<1"], "Did you mean 'test_loss'"),
        (["--where", "nonsense"], "NAME=VALUE"),
        (["--sort", "widht"], "Did you mean 'width'"),
        (["--columns", "run,widht"], "Did you mean 'width'"),
        (["--kind", "rnu"], "Did you mean 'run'"),
    ],
)
def test_what_there_is_not_is_said(econml, there, args, says):
    ran = econml("runs", "list", *args)
    assert ran.code == 2 and says in ran.stderr and ran.stdout == ""


def test_nothing_there_and_nothing_asked_for_are_sentences(econml, there):
    assert "None of the 5" in econml("runs", "list", "--where", "model=resnet").stderr
    empty = econml("runs", "list", "--runs-dir", "elsewhere")
    assert empty.code == 0 and "nothing in elsewhere/ yet" in empty.stderr
    assert econml("runs", "list", "--runs-dir", "elsewhere", "--json").stdout == "[]\n"


def test_tags_and_notes_are_kept_beside_what_a_fit_writes(econml, there):
    before = (there / "net" / "manifest.json").read_bytes()
    assert econml("runs", "tag", "net", "paper", "table 2").stdout == "paper\ntable 2\n"
    assert econml("runs", "tag", "net", "paper", "--remove").stdout == "table 2\n"
    econml("runs", "tag", "wage", "table 2")
    assert names(econml, "--tag", "table 2") == ["net", "wage"]
    assert names(econml, "--where", "tags!=table 2", "--kind", "sweep") == []
    assert econml("runs", "note", "net", "column 3").code == 0
    assert econml("runs", "note", "net", "--append", "lr of the sweep").code == 0
    assert econml("runs", "note", "net").stdout == "column 3\nlr of the sweep\n"
    assert names(econml, "--where", "note~SWEEP") == ["net"]
    assert "table 2" in econml("runs", "list").stdout and "column 3" in econml("runs", "show", "net").stdout
    econml("runs", "note", "net", "")
    assert econml("runs", "note", "net").stdout == "" and (there / "net" / "manifest.json").read_bytes() == before
    assert econml("runs", "tag", "net", "a,b").code == 2 and econml("runs", "tag", "net", "--remove").code == 2


def test_two_that_label_at_a_time_lose_nothing(there):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: labels.tag(there / "net", (f"t{i}",)), range(12)))
    assert set(labels.read(there / "net").tags) == {f"t{i}" for i in range(12)}


def test_damaged_labels_are_a_damaged_row_and_a_link_is_not_written_through(econml, there):
    (there / "net" / "labels.json").write_text('{"tags": 3}')
    assert {row["name"]: row["status"] for row in rows(econml)}["net"] == "damaged"
    assert econml("runs", "tag", "net", "x").code == 1
    (there / "net" / "labels.json").unlink()
    Path("mine.txt").write_text("{}")
    (there / "net" / "labels.json").symlink_to(Path("mine.txt").absolute())
    assert econml("runs", "tag", "net", "x").code == 1 and Path("mine.txt").read_text() == "{}"


def test_a_run_is_shown_with_what_made_it(econml, there):
    ran = econml("runs", "show", "net")
    assert ran.code == 0, ran
    for word in ("mlp to linear", "max_epochs", "test loss", "0.2042", "econml fit mlp --width 3", "jax 0.10.2"):
        assert word in ran.stdout
    about = json.loads(econml("runs", "show", "net", "--json").stdout)
    assert about["config"]["width"] == 3 and about["manifest"]["econml"] == "0.1.0" and about["bytes"] > 1000
    assert econml("runs", "show").stdout.split()[1] == "wage-best"  # the newest run


def test_a_cross_validation_is_shown_again(econml, there):
    ran = econml("runs", "show", "cv")
    assert ran.code == 0, ran
    assert "linear on tabular, cross-validated in 2 folds" in ran.stdout and "Over 2 folds" in ran.stdout
    assert "[0.1000, 0.4000] (only 2 folds)" in ran.stdout and "Out of fold, 8 rows together" in ran.stdout
    assert json.loads(econml("runs", "show", "cv", "--json").stdout)["results"] == FOLDS


def test_a_sweep_is_shown_as_a_sweep(econml, there):
    labels.note(there / "wage", "the first")
    ran = econml("runs", "show", "wage")
    assert ran.code == 0 and "trial" in ran.stdout and "note  the first" in ran.stdout


@pytest.fixture
def swept(monkeypatch):
    """The study of any sweep has trials of these values (None: not complete)."""

    def values(*them):
        trials = [Trial(i, i, "running" if v is None else "complete", {}, v) for i, v in enumerate(them)]
        results = Results("wage", "random", "val_loss", "minimize", (), len(them), tuple(trials))
        monkeypatch.setattr("econml_cli.sweeps.study.study.read", lambda *where: results)

    return values


def test_a_trial_is_a_run_and_a_sweep_its_best_trial_not_a_run_of_a_like_name(econml, there, swept):
    assert directory.find("wage/0001", there).path == there / "wage" / "0001"
    with pytest.raises(directory.IsSweepError, match="is a sweep, not one run"):
        directory.find("wage", there)
    assert directory.find("wage-", there).name == "wage-best"
    swept(0.3, 0.1)
    ran = econml("inspect", "checkpoint", "wage", "--view", "summary")
    assert ran.code == 0 and "of its trials runs/wage/0001 is the best so far" in ran.stderr
    assert "runs/wage/0001" in ran.stdout
    swept(None, None)
    assert "none of whose trials is complete" in econml("inspect", "checkpoint", "wage").stderr


def test_runs_are_renamed_moved_put_away_and_taken_out(econml, there):
    assert econml("runs", "mv", "net", "baseline").stdout == "runs/baseline\n"
    assert Run(there / "baseline").status() == "max_epochs" and not (there / "net").exists()
    assert "exists" in econml("runs", "mv", "ols", "baseline").stderr and (there / "ols").exists()
    Path("paper").mkdir()
    assert econml("runs", "mv", "baseline", "paper/").stdout == "paper/baseline\n"
    assert econml("runs", "mv", "paper/baseline", "runs/net").stdout == "runs/net\n"
    for bad in ("../nowhere/x", ".hidden"):
        assert econml("runs", "mv", "ols", bad).code == 1 and (there / "ols").exists()
    assert econml("runs", "mv", "net", "runs/net/inside").code == 1
    assert econml("runs", "archive", "ols", "wage-*").stdout == "runs/archive/ols\nruns/archive/wage-best\n"
    assert names(econml) == ["net", "cv", "wage"] and names(econml, "--archived") == ["ols", "wage-best"]
    assert directory.find("archive/ols", there).summary()["test_loss"] > 0
    assert econml("runs", "archive", "archive/ols").code == 1
    assert "name it archive/ols, or take it back by `econml runs archive --undo ols`" in econml("eval", "ols").stderr
    assert econml("runs", "archive", "--undo", "ols").stdout == "runs/ols\n" and "ols" in names(econml)


def test_a_moved_sweep_is_still_a_sweep(econml, there, swept):
    assert econml("runs", "mv", "wage", "lecture").code == 0
    assert econml("runs", "show", "lecture").code == 0
    swept(0.1, 0.3)
    assert "runs/lecture/0000" in econml("inspect", "checkpoint", "lecture", "--view", "summary").stderr


def test_removing_asks_and_says_what_is_gone(econml, there):
    ran = econml("runs", "rm", "net", "wage-*")
    assert ran.code == 2 and "2 directories to remove: net, wage-best" in ran.stderr and "--yes" in ran.stderr
    assert (there / "net").exists()
    assert econml("runs", "rm", "net", "wage-*", "--yes").code == 0
    assert names(econml) == ["ols", "cv", "wage"] and not list(there.glob(".*"))
    assert econml("runs", "rm", "wage", "cv", "--yes").code == 0 and names(econml) == ["ols"]
    ran = econml("runs", "rm", "ol", "--yes")  # not the run that begins so
    assert ran.code == 1 and "Did you mean 'ols'" in ran.stderr
    assert econml("runs", "rm", "x*", "--yes").code == 1


def test_only_the_weights_are_removed_where_that_is_asked(econml, there):
    used = {row["path"]: row for row in json.loads(econml("runs", "du", "--json").stdout)}
    assert used["runs/net"]["checkpoints"] > 0 and used["runs/net"]["bytes"] > used["runs/net"]["checkpoints"]
    assert used["runs/net"]["bytes"] == sum(p.stat().st_size for p in (there / "net").rglob("*") if p.is_file())
    assert econml("runs", "rm", "--checkpoints", "net", "wage", "--yes").code == 0
    left = {row["path"]: row for row in json.loads(econml("runs", "du", "--json", "net", "wage").stdout)}
    assert [row["checkpoints"] for row in left.values()] == [0, 0]
    assert Run(there / "net").summary() and "in all" in econml("runs", "du").stdout


@pytest.mark.parametrize("command", [("rm", "--yes"), ("archive",)])
def test_what_is_under_way_is_left_alone(econml, there, command):
    with directory.training_lock(Run(there / "net")), disk.exclusive(there / "wage" / ".lock", "", shared=True):
        with directory.training_lock(Run(there / "cv" / "fold1")):
            for name in ("net", "wage", "cv"):
                ran = econml("runs", command[0], name, *command[1:])
                assert ran.code == 1 and "under way" in ran.stderr and (there / name).exists()
        with pytest.raises(RunError, match="under way"):
            keeping.move(kinds.find("net", there), "other")
        assert {row["name"]: row["status"] for row in rows(econml)}["wage"] == "running"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("wage/0001", "a part of the sweep wage"),
        ("cv/fold1", "a part of the cross-validation cv"),
        ("thesis", "no run, cross-validation, sweep or estimate"),
        ("link", "is a link"),
        ("other", "neither a config.yaml nor checkpoints"),
        ("holds", "which is kept for itself"),
    ],
)
def test_what_is_not_a_run_or_not_a_whole_is_left_alone(econml, there, name, says):
    (there / "thesis").mkdir()
    (there / "thesis" / "chapter1.tex").write_text("years of work")
    (there / "link").symlink_to((there / "net").absolute())
    (there / "other").mkdir()
    (there / "other" / "manifest.json").write_text("{}")
    shutil.copytree(there / "net", there / "holds")
    shutil.copytree(there / "ols", there / "holds" / "mine")
    ran = econml("runs", "rm", name, "--yes")
    assert ran.code == 1 and says in ran.stderr
    assert (there / "thesis" / "chapter1.tex").exists() and (there / "net" / "manifest.json").exists()
    assert (there / "wage" / "0001" / "manifest.json").exists() and (there / name).exists()


def test_where_one_stands_is_not_removed(econml, there, monkeypatch):
    monkeypatch.chdir(there / "net" / "checkpoints")
    ran = econml("runs", "rm", "net", "--yes", "--runs-dir", str(Path.cwd().parents[1]))
    assert ran.code == 1 and "where you are" in ran.stderr and Path("..", "manifest.json").exists()


def test_a_removal_that_is_killed_leaves_no_half_of_a_run(there, monkeypatch):
    monkeypatch.setattr(keeping.shutil, "rmtree", lambda path: (_ for _ in ()).throw(OSError(5, "I/O error")))
    with pytest.raises(RunError, match="cannot be removed"):
        keeping.remove(kinds.find("net", there))
    assert "net" not in [found.name for found in kinds.all_in(there)]


def test_conditions_read_numbers_as_numbers():
    row = listing.RunRow("a", "nowhere", test_loss=0.001, epochs=20, tags=("x",), model="mlp")
    for good in ("test_loss<1e-2", "epochs>9", "epochs=20.0", "model!=resnet", "tags=x", "tag!=y", "name~A", "val!=1"):
        assert listing.where([row], [good]) == [row], good
    for bad in ("test_loss>1e-2", "epochs<9", "model=MLP", "tags!=x", "val_loss<1", "val_loss=1"):
        assert listing.where([row], [bad]) == [], bad
    with pytest.raises(ConfigError):
        listing.where([row], ["=3"])


def test_listing_and_labelling_import_nothing_heavy(there):
    code = (
        "import sys\nfrom econml_cli.cli import main\n"
        "for line in sys.argv[1:]:\n"
        "    sys.argv = ['econml', *line.split()]\n"
        "    try:\n        main()\n    except SystemExit as end:\n        assert not end.code, (line, end.code)\n"
        "heavy = ('jax', 'flax', 'optax', 'orbax', 'wandb', 'optuna', 'pandas', 'matplotlib', 'numpy', 'scipy')\n"
        "assert not [name for name in heavy if name in sys.modules], [name for name in heavy if name in sys.modules]\n"
    )
    lines = ["runs list", "runs list --json --where width=3", "runs show net", "runs show cv", "runs du",
             "runs tag net a",
             "runs note net b", "runs mv net n2", "runs archive n2", "runs rm ols --yes", "runs --help"]  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code, *lines], capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr


def test_an_estimate_is_listed_shown_and_kept_as_a_whole(econml, there):
    effect = {
        "model": "plr", "target": "wage", "treatment": "union", "instrument": None, "cluster": None, "n": 500,
        "dropped": 0, "clusters": None, "controls": ["educ"], "nuisance": "mlp", "folds": 5,
        "estimate": {"value": 0.125, "standard_error": 0.05}, "repeats": [], "nuisances": [], "overlap": None,
        "compliers": None, "notes": ["A note."],
    }  # fmt: skip
    about = {"status": "complete", "created": "2026-01-06", "command": "econml estimate plr", "options": {}}
    Path("runs/effect/predictions").mkdir(parents=True)
    disk.write_json(Path("runs/effect/estimate.json"), {**about, "data": {"sha256": "00"}, "results": effect})
    row = rows(econml, "--kind", "estimate")[0]
    assert (row["model"], row["problem"], row["status"], row["parts"]) == ("plr", "union on wage", "complete", None)
    told = econml("runs", "show", "effect").stdout
    assert "0.125" in told and "0.05" in told and "A note." in told
    assert econml("runs", "tag", "effect", "paper").code == 0
    with disk.exclusive(Path("runs/effect/.lock"), ""):
        assert "under way" in econml("runs", "rm", "effect", "--yes").stderr
    assert econml("runs", "mv", "effect", "union").code == 0 and econml("runs", "rm", "union", "--yes").code == 0


def test_the_packages_are_those_that_the_installer_knows():
    there = dict(line.split("==") for line in environment.installed().splitlines())
    known = {re.sub(r"[-_.]+", "-", one.metadata["Name"]).lower(): one.version for one in metadata.distributions()}
    assert there == known and environment.hardware()["cores"] == os.cpu_count()
