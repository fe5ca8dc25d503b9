"""What a stranger may have laid into a folder: pipes that are waited for for ever, links to what is not theirs."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from econml_cli.errors import ConfigError, DataError, RunError
from econml_cli.evaluation.comparing import folds as comparing_folds
from econml_cli.evaluation.cross_validation import PREDICTIONS
from econml_cli.runs import folds, git, watching
from econml_cli.sweeps.run import program
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.show import text as shown
from econml_cli.tracking import wandb_settings
from tests.support import ROOT
from tests.support.waiting import never_idle

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and links of POSIX")
MADE = ROOT / "tests" / "data" / "made_by_0.1"


@pytest.fixture(autouse=True)
def patience():
    """A pipe that is opened is waited for for ever."""
    with never_idle():
        yield


def pipe(path):
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(path)
    return path


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json", "manifest.json", "config.yaml"])
def test_a_pipe_in_a_run_is_not_waited_for(econml, isolated, name):
    shutil.copytree(MADE / "network", "runs/r")
    pipe(Path("runs/r", name))
    for words in (
        ("runs", "list", "--json"),
        ("watch", "--once"),
        ("inspect", "runs"),
        ("eval", "r"),
        ("runs", "show", "r"),
    ):
        ran = econml(*words)
        assert "Unexpected" not in ran.stderr and "Traceback" not in ran.stderr, (words, ran)
    if name == "config.yaml":
        assert econml("fit", "--config", "runs/r/config.yaml", "--print-config").code == 2


def test_a_pipe_as_code_or_as_data_is_refused(econml, isolated):
    pipe(Path("evil.py"))
    pipe(Path("evil.csv"))
    Path("c.yaml").write_text("model: ./evil.py:Net\nproblem: linear\n")
    Path("d.yaml").write_text("model: linear\ndata: evil.csv\ntarget: y\n")
    for file, says in (("c.yaml", "no regular file"), ("d.yaml", "a pipe or a device")):
        ran = econml("fit", "--config", file, "--quiet")
        assert ran.code in (1, 2) and says in ran.stderr, ran
    assert econml("inspect", "data", "evil.csv").code == 1
    with pytest.raises((ConfigError, DataError)):
        from econml_cli.options import own_code

        own_code.sha256("/dev/zero")


def test_a_pipe_in_git_is_not_waited_for(isolated):
    objects = Path(".git/objects/pack")
    objects.mkdir(parents=True)
    Path(".git/HEAD").write_text("a" * 40 + "\n")
    Path(".git/index").write_bytes(b"DIRC" + (2).to_bytes(4, "big") + (0).to_bytes(4, "big"))
    pipe(objects / "pack-1.idx")
    (objects / "pack-1.pack").write_bytes(b"PACK")
    assert git.commit(isolated) == "a" * 40 and git.diff(isolated) is None
    head = b"\377tOc\0\0\0\2" + b"\0\0\0\1" * 256 + bytes.fromhex("a" * 40) + b"\0" * 4 + b"\0\0\0\x0c"
    (objects / "pack-1.idx").unlink()
    (objects / "pack-1.idx").write_bytes(head)
    pipe(objects / "pack-1.pack")
    assert git.commit(isolated) == "a" * 40


def test_a_pipe_where_a_small_file_belongs_is_not_waited_for(isolated):
    pipe(Path("wandb/settings"))
    assert wandb_settings.from_files({"WANDB_CONFIG_DIR": "elsewhere"}) == {}
    pipe(Path("cv", PREDICTIONS))
    with pytest.raises(RunError, match="cannot be read"):
        comparing_folds._rows(Path("cv"))
    pipe(Path("0000", program.PID))
    program._end_left_over(Path("0000"))
    best, results = SimpleNamespace(run="0000", replicates=None), SimpleNamespace(directory=None, replication=None)
    command = pipe(Path("0000/command.txt"))
    assert shown.commands(results, best)["refit"].startswith("econml fit")
    command.unlink()
    command.write_bytes(b"python mine.py \xff\n")
    assert shown.commands(results, best)["refit"].startswith("econml fit")
    command.write_text("python mine.py --lr 0.1\n")
    assert shown.commands(results, best)["refit"] == "python mine.py --lr 0.1"


def test_numbers_that_are_none_are_passed_over_by_watch(isolated):
    lines = ['{"epoch": 1, "train_loss": 2.0}', '{"epoch": Infinity}', '{"epoch": 2, "train_loss": 1' + "0" * 400 + "}",
             "[" * 100_000, '{"epoch": 3, "train_loss": 1.0}', ""]  # fmt: skip
    Path("metrics.jsonl").write_text("\n".join(lines))
    assert watching.Curve(Path("metrics.jsonl")).read().epochs == [1, 3]


DEEP = '{"epoch": 2, "train_loss": ' + "[" * 20_000


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("metrics.jsonl", f'{{"epoch": 1, "train_loss": 2.0}}\n{DEEP}\n', "recursion"),
        ("metrics.jsonl", '{"epoch": 1}\n{"epoch": "2"}\n', "'epoch' is \"2\", expected an integer"),
        ("metrics.jsonl", '{"epoch": 1}\n{"epoch": 2, "val_loss": [1]}\n', "'val_loss' is [1], expected a number"),
        ("cross_validation.json", '{"status": "complete", "results": []}', "'results' is [], expected an object"),
        ("cross_validation.json", '{"status": "complete", "results": {"folds": 1}}', "'results.model' is missing"),
    ],
)
def test_what_is_damaged_is_listed_with_its_file_and_key_and_hides_no_other(econml, isolated, name, text, says):
    shutil.copytree(MADE / "network", "runs/good")
    if name == "metrics.jsonl":
        shutil.copytree(MADE / "network", "runs/bad")
        Path("runs/bad/summary.json").unlink()  # it has not ended: how far it came is in its last line
    Path("runs/bad").mkdir(exist_ok=True)
    Path("runs/bad", name).write_text(text)
    for words in (("runs", "list", "--json"), ("inspect", "runs", "--json")):
        rows = {row["name"]: row for row in json.loads(econml(*words).stdout)}
        assert rows["good"]["status"] == "max_epochs"
        if words[0] == "runs" or name == "metrics.jsonl":
            assert rows["bad"]["status"] == "damaged", rows["bad"]
            assert name in rows["bad"]["error"] and says in rows["bad"]["error"], rows["bad"]


@pytest.fixture
def mine(isolated):
    """A run of one's own, which no stranger's link may reach."""
    shutil.copytree(MADE / "network", "mine")
    return {path: path.read_bytes() for path in Path("mine").rglob("*") if path.is_file()}


def test_a_trial_that_is_a_link_is_neither_trained_nor_emptied(mine, econml, isolated):
    shutil.copytree(MADE / "swept", "swept")
    sweep = SweepDirectory(Path("swept"))
    shutil.rmtree("swept/0001")
    Path("swept/0001").symlink_to(isolated / "mine")
    with pytest.raises(RunError, match="is a link"), sweep.lock(shared=False):
        pass
    sweep.drop_checkpoints(1)
    Path("swept/0001").unlink()
    Path("swept/0001").mkdir()
    Path("swept/0001/seed=1").symlink_to(isolated / "mine")  # a fit of it
    with pytest.raises(RunError, match="is a link"), sweep.lock(shared=False):
        pass
    sweep.drop_checkpoints(1)
    shutil.copy(MADE / "sweep.yaml", "sweep.yaml")
    ran = econml("sweep", "run", "sweep.yaml", "--out", "swept", "--quiet")
    assert ran.code == 1 and "is a link" in ran.stderr
    assert {path: path.read_bytes() for path in mine} == mine
    Path("swept/0001/seed=1").unlink()
    Path("swept/0001/latest.ckpt").symlink_to("elsewhere")  # as a program of the user's own may make one
    with sweep.lock(shared=False):
        pass


def test_a_fold_that_is_a_link_is_not_trained(mine, isolated):
    Path("cv").mkdir()
    Path("cv/fold1").symlink_to(isolated / "mine")
    with pytest.raises(RunError, match="is a link"), folds.alone(Path("cv")):
        pass
    Path("cv/fold1").unlink()
    with folds.alone(Path("cv")):
        pass


@pytest.mark.parametrize("name", ["metrics.jsonl", "summary.json", "requirements.txt", "source"])
def test_what_links_in_a_run_lead_to_is_not_packed(econml, isolated, name):
    shutil.copytree(MADE / "network", "runs/r")
    path = Path("runs/r", name)
    if path.exists():
        path.rename("elsewhere")
    else:
        Path("elsewhere").write_text("secret")
    path.symlink_to(isolated / "elsewhere")
    ran = econml("package", "r", "--out", "p.zip")
    assert ran.code == 1 and "is a link" in ran.stderr and not Path("p.zip").exists()


def test_a_run_that_does_not_say_which_file_it_was_fitted_to_has_none_packed(econml, isolated):
    shutil.copytree(MADE / "table", "runs/r")
    Path("private.csv").write_text("secret\n1\n")
    config = Path("runs/r/config.yaml")
    config.write_text(config.read_text().replace("data: table.csv", f"data: {isolated}/private.csv"))
    manifest = json.loads(Path("runs/r/manifest.json").read_text())
    for sha in (None, "0" * 64):
        data = {k: v for k, v in manifest["data"].items() if k != "sha256"} | ({"sha256": sha} if sha else {})
        Path("runs/r/manifest.json").write_text(json.dumps({**manifest, "data": data}))
        ran = econml("package", "r", "--with-data", "--out", "p.zip")
        assert ran.code == 2 and "private.csv" in ran.stderr and not Path("p.zip").exists()
    assert econml("package", "r", "--out", "p.zip").code == 0
    with zipfile.ZipFile("p.zip") as packed:
        assert not any(b"secret" in packed.read(name) for name in packed.namelist())


def test_names_in_the_readme_of_a_package_are_text(econml, isolated):
    nasty = "`<img src=x>`\n# [x](http://x)"
    shutil.copytree(MADE / "network", "runs/r")
    manifest = json.loads(Path("runs/r/manifest.json").read_text())
    about = {"processor": nasty, "system": nasty}
    changed = {**manifest, "git_commit": nasty, "device": nasty, "hardware": about, "econml": nasty,
               "versions": {**manifest["versions"], nasty: nasty}}  # fmt: skip
    Path("runs/r/manifest.json").write_text(json.dumps(changed))
    exhibit = "A table=econml eval r --format markdown --config '``<img src=y>`'"
    assert econml("package", "r", "--out", "p.zip", "--title", nasty, "--data-citation", nasty).code == 0
    with zipfile.ZipFile("p.zip") as packed:
        text = packed.read("replication/README.md").decode()
    outside = text.replace(r"\<", "").replace(r"\[", "").replace(r"\]", "").replace(r"\#", "").replace(r"\`", "")
    assert "<img" not in outside and "](" not in outside and "\n# [" not in text and "\\<img" in text
    assert r"\# \[x\](http://x)" in text and r"\\" not in text
    from econml_cli.replication.readme import _code

    assert _code("a b") == "`a b`" and _code(exhibit) == f"``` {exhibit} ```" and "\n" not in _code("a\nb\x1b[2J")
