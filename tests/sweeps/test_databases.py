"""Where a sweep.json may lead: to no server, and to no file of others, that the user has not named."""

import json
import socket
from pathlib import Path

import pytest
import yaml

from econml_cli.errors import ConfigError
from econml_cli.sweeps.study import databases

SWEEP = {
    "name": "s",
    "method": "random",
    "metric": {"name": "val_loss", "goal": "minimize"},
    "run_cap": 1,
    "parameters": {
        "lr": {"min": 0.001, "max": 0.1},
        **{name: {"value": n} for name, n in {"N": 40, "N_test": 10, "N_val": 20, "width": 4, "num_epochs": 5}.items()},
    },
    "command": ["${env}", "econml", "fit", "mlp", "${args}"],
}
#: every command that asks the study of a sweep
ASKING = (
    ("sweep", "show", "runs/s"),
    ("sweep", "show", "runs/s", "--html", "s.html"),
    ("sweep", "run", "s.yaml"),
    ("sweep", "run", "s.yaml", "--out", "new", "--start-from", "runs/s"),
    ("eval", "runs/s"),
    ("predict", "runs/s", "--out", "p.csv"),
)


@pytest.fixture
def swept(econml) -> Path:
    """A sweep of one trial."""
    Path("s.yaml").write_text(yaml.safe_dump(SWEEP))
    ran = econml("sweep", "run", "s.yaml", "--quiet")
    assert ran.code == 0, ran.stderr
    return Path("runs/s")


def says(sweep: Path, storage: str) -> None:
    """What a stranger may have written into a sweep.json."""
    path = sweep / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"storage": storage}))


def test_a_database_of_a_strangers_sweep_is_not_asked_until_it_is_named(econml, swept, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", "hunter2")
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        url = f"postgresql://me@127.0.0.1:{server.getsockname()[1]}/db"
        says(swept, url)
        for line in ASKING:
            ran = econml(*line)
            assert ran.code == 2 and f"--storage {url}" in ran.stderr and "PGPASSWORD" in ran.stderr, (line, ran)
            assert ran.stderr.count("\n") == 1, ran.stderr
        with pytest.raises(TimeoutError):
            server.accept()
    # what was typed once is the user's own: from now on it is asked, by the commands that do not name it, too
    for line in (("sweep", "show", "--storage", url.replace("me@", "me:hunter2@"), "runs/s"), *ASKING):
        ran = econml(*line)
        assert ran.code == 1 and "not named" not in ran.stderr, (line, ran)
        assert ("can be seen in your shell's history" in ran.stderr) is ("--storage" in line)  # said where it was typed
    kept = next(Path.home().rglob("storages.txt")).read_text()
    assert kept == f"{url}\n" and "hunter2" not in kept


def test_another_address_is_another_database(monkeypatch):
    """Letter for letter: readers of a URL differ about where its host stands."""
    databases.name("postgresql://me:secret@good/db")
    assert databases.check("postgresql://me@good/db", Path("sweep.json")) == "postgresql://me@good/db"
    for storage in (
        "postgresql://me@evil/db",
        "postgresql://me:x@evil/@good/db",
        "postgresql://me@good/db?host=evil",
        "postgresql://me@good&password=,evil/db",
        "postgresql://evil/db?a=me:@good/db",
        "POSTGRESQL://me@good/db",
        "grpc://good:1",
        "sqlite+libsql://evil",
        "sqlite://evil/db",
        "mysql://me@good/db",
    ):
        with pytest.raises(ConfigError, match="not named"):
            databases.check(storage, Path("sweep.json"))
    monkeypatch.setenv(databases.VARIABLE, "grpc://mine:1\nmysql://me@mine/db")
    assert databases.check("mysql://me@mine/db", Path("sweep.json"))


@pytest.mark.parametrize("form", ["{}", "journal://{}", "sqlite:///{}"])
@pytest.mark.parametrize("contents", [None, "", "precious\nand not ended", "[1]\n", '{"a": 1}\n'])
def test_no_file_of_others_becomes_a_study(econml, swept, form, contents):
    """It would be begun, or its last line cut; a profile of a shell would run what is written into it."""
    victim = Path.home() / ".profile"
    if contents is not None:
        victim.write_text(contents)
    says(swept, form.format(victim))
    ran = econml("sweep", "run", "s.yaml", "--trials", 2)
    assert ran.code == 2 and "--storage" in ran.stderr, ran
    assert (victim.read_text() if victim.exists() else None) == contents


def test_a_journal_that_was_shared_goes_on(econml, swept):
    """Whoever has begun it; one of an older econml, which remembered none, too."""
    shared = Path("shared.journal").absolute()
    (swept / "study.journal").rename(shared)
    says(swept, str(shared))
    ran = econml("sweep", "run", "s.yaml", "--trials", 2, "--quiet")
    assert ran.code == 0, ran.stderr
    own = swept / "own.journal"
    shared.rename(own)
    says(swept, str(own))
    assert econml("sweep", "run", "s.yaml", "--trials", 3, "--quiet").code == 0


def test_a_config_file_names_neither_a_database_nor_a_program(econml):
    Path("s.yaml").write_text(yaml.safe_dump(SWEEP | {"name": "t"}))
    Path("c.yaml").write_text("storage: postgresql://me@127.0.0.1:1/db\n")
    ran = econml("sweep", "run", "s.yaml", "--config", "c.yaml")
    assert ran.code == 2 and "c.yaml" in ran.stderr and "not named" in ran.stderr and not Path("runs/t").exists()
    Path("c.yaml").write_text("command: sh -c 'touch it_ran'\n")
    ran = econml("sweep", "run", "s.yaml", "--config", "c.yaml")
    assert ran.code == 2 and "--command" in ran.stderr and not Path("it_ran").exists(), ran
