"""`econml package`: what is in the zip, nothing of this machine, and that verify.sh finds every number again."""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from econml_cli.replication import archive, gather, templates
from econml_cli.runs.directory import Run
from econml_cli.runs.kinds import kept
from econml_cli.storage import disk

OLD = Path(__file__).parents[1] / "data" / "made_by_0.1"
SOURCE = "import flax.nnx as nnx\n\n\nclass Net(nnx.Linear):\n    pass\n"


@pytest.fixture
def there(isolated):
    """runs/ with a network, a table, and the table's file; each with all that a run of today keeps."""
    shutil.copy(OLD / "table.csv", "table.csv")
    for name, source in (("net", "network"), ("ols", "table")):
        shutil.copytree(OLD / source, f"runs/{name}")
        Path(f"runs/{name}/requirements.txt").write_text("econml-cli==0.1.0\nnumpy==2.4.6\n")
        processor = {"processor": "A processor", "cores": 8, "memory": 16_000_000_000, "system": "Linux"}
        Run(Path("runs", name)).update_manifest(hardware=processor)
    values = yaml.safe_load(Path("runs/ols/config.yaml").read_text())
    Path("runs/ols/config.yaml").write_text(yaml.safe_dump({**values, "data": str(isolated / "table.csv")}))
    about = Run(Path("runs/ols")).manifest()["data"]
    Run(Path("runs/ols")).update_manifest(data={**about, "sha256": gather.digest(Path("table.csv"))})
    return Path("runs")


def packed(path="replication.zip"):
    with zipfile.ZipFile(path) as found:
        return {name.removeprefix(f"{archive.ROOT}/"): found.read(name) for name in found.namelist()}


def test_a_package_has_what_a_data_editor_asks_for(econml, there):
    ran = econml(
        "package", "net", "ols", "--with-data", "--title", "Wages <b>", "--data-citation", "Doe (2020)", "--json"
    )
    assert ran.code == 0, ran
    found = packed()
    assert json.loads(ran.stdout)["runs"] == ["net", "ols"] and json.loads(ran.stdout)["files"] == sorted(found)
    assert {"README.md", "verify.sh", "compare.py", "requirements.txt", "configs/net.yaml", "configs/ols.yaml",
            "expected/net/results.json", "expected/net/metrics.jsonl", "data/table.csv"} <= set(found)  # fmt: skip
    readme = found["README.md"].decode()
    sha = hashlib.sha256(Path("table.csv").read_bytes()).hexdigest()
    for word in (r"# Wages \<b\>", "Doe (2020)", sha, "| jax | 0.10.2 |", "seed = 42", "A processor; 8 cores; 16.0 GB",
                 "| net | 11.4 |", "`econml fit --config configs/ols.yaml`", "equal to the last bit"):  # fmt: skip
        assert word in readme, word
    sections = (
        "Data availability",
        "Computational requirements",
        "Description of programs",
        "Instructions to",
        "List of",
    )
    assert all(f"## {section}" in readme for section in sections)
    assert yaml.safe_load(found["configs/ols.yaml"])["data"] == "data/table.csv"
    assert found["data/table.csv"] == Path("table.csv").read_bytes()
    results = json.loads(found["expected/net/results.json"])
    assert results["test_loss"] == 0.20420709 and "seconds_total" not in results


def test_nothing_of_this_machine_is_in_it(econml, there, isolated):
    ran = econml("package", "net", "ols", "--with-data")
    assert ran.code == 0 and "of this machine" not in ran.stderr
    for name, body in packed().items():
        for word in (str(isolated), str(Path.home()), "elsewhere", "/home/someone"):
            assert word.encode() not in body, (name, word)
    (there / "net" / "requirements.txt").write_text(f"x @ file://{isolated}/x\n")
    (there / "ols" / "requirements.txt").unlink()
    assert "requirements.txt says" in econml("package", "net", "--force").stderr


def test_the_same_runs_give_the_same_bytes_and_ours_alone_is_replaced(econml, there):
    assert econml("package", "net", "ols", "--out", "a.zip").code == 0
    for path in there.rglob("*"):
        os.utime(path)
    assert econml("package", "net", "ols", "--out", "b.zip").code == 0
    assert Path("a.zip").read_bytes() == Path("b.zip").read_bytes()
    assert econml("package", "net", "--out", "a.zip").code == 0
    Path("thesis.zip").write_bytes(b"PK years of work")
    ran = econml("package", "net", "--out", "thesis.zip")
    assert (
        ran.code == 1 and "no replication package" in ran.stderr and Path("thesis.zip").read_bytes()[:8] == b"PK years"
    )
    assert not list(Path().glob(".*.zip"))


def test_without_the_data_it_is_said_where_they_belong(econml, there):
    ran = econml("package", "ols")
    assert ran.code == 0 and "without data: table.csv" in ran.stderr
    assert "data/table.csv" not in packed() and "| data/table.csv | no |" in packed()["README.md"].decode()
    Path("table.csv").write_text("another,file\n1,2\n")
    ran = econml("package", "ols", "--with-data")
    assert ran.code == 2 and "is not there any more" in ran.stderr.replace("\n", " ")


def test_files_of_one_name_are_told_apart(econml, there, isolated):
    shutil.copytree(there / "ols", "other/ols")
    Path("more").mkdir()
    Path("more/table.csv").write_text("y,x\n1,2\n3,4\n")
    run = Run(Path("other/ols"))
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    (run.path / "config.yaml").write_text(yaml.safe_dump({**config, "data": str(isolated / "more/table.csv")}))
    sha = gather.digest(Path("more/table.csv"))
    run.update_manifest(data={**run.manifest()["data"], "sha256": sha})
    assert econml("package", "runs/ols", "other/ols", "--with-data").code == 0
    found = packed()
    assert yaml.safe_load(found["configs/other-ols.yaml"])["data"] == f"data/{sha[:8]}-table.csv"
    assert found[f"data/{sha[:8]}-table.csv"] == Path("more/table.csv").read_bytes()
    assert yaml.safe_load(found["configs/runs-ols.yaml"])["data"] == "data/table.csv"


def test_code_of_the_authors_own_comes_along(econml, there):
    run, sha = Run(there / "net"), hashlib.sha256(SOURCE.encode()).hexdigest()
    (run.path / "source").mkdir()
    (run.path / "source" / "mine.py").write_text(SOURCE)
    run.update_manifest(
        own_code={"model": {"reference": "../x/mine.py:Net", "path": "/home/someone/mine.py", "sha256": sha}}
    )
    config = yaml.safe_load((run.path / "config.yaml").read_text())
    (run.path / "config.yaml").write_text(yaml.safe_dump({**config, "model": "../x/mine.py:Net"}))
    assert econml("package", "net").code == 0
    found = packed()
    assert yaml.safe_load(found["configs/net.yaml"])["model"] == "./source/mine.py:Net"
    assert found["source/mine.py"] == SOURCE.encode() and b"again net --source source/mine.py" in found["verify.sh"]
    (run.path / "source" / "mine.py").unlink()
    assert "no copy of" in econml("package", "net").stderr


@pytest.mark.parametrize(
    ("exhibit", "says"),
    [
        ("Table 2", "TITLE=econml"),
        ("Table 2=rm -rf runs", "TITLE=econml"),
        ("Table 2=econml fit mlp", "the command is one of eval"),
        ("Table 2=econml eval net > x", "for a shell"),
        ("Table 2=econml eval 'net", "No closing quotation"),
    ],
)
def test_an_exhibit_is_a_command_that_reads_runs(econml, there, exhibit, says):
    ran = econml("package", "net", "--exhibit", exhibit)
    assert ran.code == 2 and says in ran.stderr and not Path("replication.zip").exists()


def test_what_cannot_be_repeated_is_refused(econml, there):
    Run(there / "net").update_manifest(status="interrupted")
    ran = econml("package", "net")
    assert ran.code == 1 and "has not ended by itself (interrupted)" in ran.stderr
    shutil.copytree(OLD / "swept", "runs/swept")
    assert "is a sweep; name runs" in econml("package", "swept").stderr
    assert econml("package", "nothing").code == 1 and not Path("replication.zip").exists()


def test_a_trial_and_a_cross_validation_are_equal_up_to_rounding(there):
    Run(there / "net").update_manifest(sweep={"trial": 3})
    for fold in (1, 2):
        shutil.copytree(there / "ols", f"runs/cv/fold{fold}")
    shutil.copy("runs/ols/config.yaml", "runs/cv/config.yaml")
    results = {
        "path": "runs/cv", "model": "linear", "problem": "tabular", "folds": 2, "fold": [], "pooled": {},
        "test_loss": {"value": 0.5, "sd": 0.1},
    }  # fmt: skip
    about = {"status": "complete", "folds": 2, "results": results}
    disk.write_json(Path("runs/cv/cross_validation.json"), about)
    trial, folds, alone = gather.parts([kept(there / name) for name in ("net", "cv", "ols")])
    assert (trial.exact, folds.exact, alone.exact) == (False, False, True)
    assert folds.seconds == pytest.approx(2 * alone.seconds) and "up to rounding" in trial.why


@pytest.fixture
def compared(there, isolated, econml):
    """An unpacked package whose runs were fitted again with the same result; a function that compares."""
    assert econml("package", "net").code == 0
    with zipfile.ZipFile("replication.zip") as found:
        found.extractall("clean")
    place = Path("clean") / archive.ROOT
    shutil.copytree(there / "net", place / "rerun" / "net")

    def compare(**variables):
        line = [sys.executable, str(place / "compare.py")]
        done = subprocess.run(line, capture_output=True, text=True, env={**os.environ, **variables}, cwd=isolated)
        return done.returncode, done.stdout

    compare.run = Run(place / "rerun" / "net")
    return compare


def change(run, **values):
    disk.write_json(run.path / "summary.json", {**run.summary(), **values})


def test_equal_numbers_are_said_to_be_equal(compared):
    code, said = compared()
    assert code == 0 and "numbers, all equal" in said and "all as it should be" in said


def test_one_bit_is_an_error_on_the_same_platform_and_a_gap_elsewhere(compared):
    loss = compared.run.summary()["test_loss"]
    change(compared.run, test_loss=loss * (1 + 2e-16 * 4))
    code, said = compared()
    assert code == 1 and "1 of" in said and "of test_loss" in said and "numbers differ that should not" in said
    compared.run.update_manifest(hardware={"processor": "Another"})
    code, said = compared()
    assert code == 0 and "the largest relative gap is" in said and "another platform" in said
    change(compared.run, test_loss=1.1 * loss)
    assert compared(TOLERANCE="0.01")[0] == 1 and compared(TOLERANCE="0.2")[0] == 0


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda run: change(run, state_sha256="0" * 64), "state_sha256 is 0000"),
        (lambda run: change(run, stop_reason="diverged"), "stop_reason is diverged, not max_epochs"),
        (lambda run: (run.path / "summary.json").unlink(), "numbers are missing"),
        (lambda run: run.metrics_path.write_text(run.metrics_path.read_text().replace("0.20160964", "0.20160965")),
         "of epoch 1.train_loss"),
        (lambda run: run.metrics_path.write_text('{"epoch": 1, "train_loss": 1.0}\n'), "numbers are missing"),
    ],
)  # fmt: skip
def test_what_differs_is_named(compared, spoil, says):
    spoil(compared.run)
    code, said = compared()
    assert code == 1 and says in said


def test_the_program_that_compares_needs_nothing_but_python():
    text = (Path(templates.__file__).parent / "compare.py").read_text()
    compile(text, "compare.py", "exec", dont_inherit=True)
    modules = {line.split()[1] for line in text.splitlines() if line.startswith(("import ", "from "))}
    assert modules <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_an_unpacked_package_finds_every_number_again(econml, isolated, tmp_path):
    draw = random.Random(0)
    rows = [(draw.gauss(0, 1), draw.gauss(0, 1)) for _ in range(60)]
    Path("wage.csv").write_text(
        "y,x,z\n" + "".join(f"{x - z + draw.gauss(0, 0.1):.6f},{x:.6f},{z:.6f}\n" for x, z in rows)
    )
    data = ("--data", "wage.csv", "--target", "y", "--quiet")
    assert econml("fit", "linear", *data, "--name", "ols").code == 0
    assert econml("fit", "mlp", *data, "--width", "4", "--num-epochs", "20", "--name", "net").code == 0
    ran = econml("package", "ols", "net", "--with-data", "--out", "p.zip", "--exhibit",
                 "Table 1=econml eval ols --bootstrap 0 --format latex")  # fmt: skip
    assert ran.code == 0, ran
    clean = tmp_path / "clean"
    with zipfile.ZipFile("p.zip") as found:
        found.extractall(clean)
    shutil.rmtree("runs")
    Path("wage.csv").unlink()
    variables = {**os.environ, "ECONML": str(Path(sys.executable).parent / "econml"), "PYTHON": sys.executable}
    variables |= {"ECONML_LR": "0.5"}  # which must not matter
    done = subprocess.run(["sh", "verify.sh"], cwd=clean / archive.ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("numbers, all equal") == 3 and "data/wage.csv: the file that was used" in done.stdout
    assert "This is the platform of the package: all as it should be." in done.stdout
    (clean / archive.ROOT / "data" / "wage.csv").write_text("y,x,z\n1,2,3\n")
    done = subprocess.run(["sh", "verify.sh"], cwd=clean / archive.ROOT, env=variables, capture_output=True, text=True)
    assert done.returncode == 1 and "another file than the one that was used" in done.stdout
