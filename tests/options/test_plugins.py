"""Models, problems and losses that installed packages offer through entry points."""

import json
import sys
from pathlib import Path

import pytest

SMALL = ("--N", 40, "--N-test", 20, "--N-val", 20, "--num-epochs", 2)
NET = """
import jax.numpy as jnp
from flax import nnx
class Net(nnx.Module):
    '''Their net.'''
    def __init__(self, din, dout, *, their_width: int = 4, rngs):
        self.a, self.b = nnx.Linear(din, their_width, rngs=rngs), nnx.Linear(their_width, dout, rngs=rngs)
    def __call__(self, x):
        return self.b(jnp.tanh(self.a(x)))
class NoModule: ...
value = 3
"""
PROBLEM = """
import jax, jax.numpy as jnp
from econml_cli.problems.base import Batch
class Level:
    '''A level to be found.'''
    simulated, task, din, dout, loss_scale = True, "regression", 1, 1, 1.0
    model, recipe = "linear", {"lr": 0.5, "num_epochs": 3}
    def __init__(self, level: float = 2.0, *, rngs):
        self.level = level
    def sample(self, rngs, split, n=None):
        x = jax.random.normal(rngs(), (n or 30, 1))
        return Batch(x, jnp.full_like(x, self.level))
    def loss(self, model, batch):
        return jnp.square(model(batch.x) - batch.y)[:, 0]
    def predict(self, model, x):
        return model(x)
    def observed(self, batch):
        return batch.y
    def verdicts(self, model, batch):
        return {}
    def describe(self):
        return {"features": ["x"]}
"""
LOSSES = """
import jax.numpy as jnp
from econml_cli.problems.losses import Loss
fourth = Loss("of their own name", lambda output, y: (output - y)[:, 0] ** 4, power=4)
number = 3
"""
ENTRIES = """
[econml_cli.models]
theirs = their_models:Net
mlp = their_models:Net
broken = their_broken:Net
gone = their_models:Nothing
number = their_models:value
none = their_models:NoModule

[econml_cli.problems]
level = their_problems:Level

[econml_cli.losses]
fourth = their_losses:fourth
number_loss = their_losses:number
"""


@pytest.fixture(autouse=True)
def their_package(tmp_path, monkeypatch):
    """An installed package, as pip leaves one."""
    site = tmp_path / "site"
    info = site / "theirs-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRIES)
    (site / "their_models.py").write_text(NET)
    (site / "their_problems.py").write_text(PROBLEM)
    (site / "their_losses.py").write_text(LOSSES)
    (site / "their_broken.py").write_text("import a_module_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(site))
    yield
    for name in ("their_models", "their_problems", "their_losses", "their_broken"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_model_of_a_package_has_flags_a_run_and_every_command(econml):
    ran = econml("fit", "theirs", "--their-width", 5, *SMALL)
    assert ran.code == 0, ran.stderr
    (run,) = Path("runs").iterdir()
    assert run.name.startswith("theirs-linear-")
    assert "own_code" not in json.loads((run / "manifest.json").read_text()) and not (run / "source").exists()
    assert json.loads(econml("eval", run.name, "--json").stdout)["model"] == "theirs"
    assert "their_width: 5" in (run / "config.yaml").read_text()
    assert econml("fit", "--config", run / "config.yaml", "--out", "again").code == 0


def test_a_problem_of_a_package_has_its_natural_model_and_recipe(econml):
    ran = econml("fit", "--problem", "level", "--level", 3, "--out", "r", "--json")
    assert ran.code == 0, ran.stderr
    config = Path("r/config.yaml").read_text()
    for line in ("model: linear\n", "problem: level\n", "level: 3.0\n", "lr: 0.5\n", "num_epochs: 3\n"):
        assert line in config


@pytest.mark.parametrize(
    ("kind", "name", "target"),
    [("models", "theirs", "their_models:Net"), ("problems", "level", "their_problems:Level")],
)
def test_a_list_names_what_packages_offer_without_importing_it(econml, kind, name, target):
    listed = json.loads(econml("inspect", kind, "--json").stdout)
    (entry,) = (entry for entry in listed if entry["name"] == name)
    assert entry["target"] == target and entry["options"] == [] and target in entry["help"]
    assert target in econml("inspect", kind).stdout
    assert not {"their_models", "their_problems", "their_broken"} & set(sys.modules)
    (entry,) = json.loads(econml("inspect", kind, name, "--json").stdout)
    assert [option["name"] for option in entry["options"]] == ["their_width" if kind == "models" else "level"]
    assert entry["help"].startswith("Their net" if kind == "models" else "A level to be found")


def test_a_name_of_ours_stays_ours(econml):
    listed = json.loads(econml("inspect", "models", "--json").stdout)
    (mlp,) = (entry for entry in listed if entry["name"] == "mlp")
    assert mlp["target"] == "econml_cli.models.mlp:MLP"
    assert "activation" in econml("fit", "mlp", "--print-config").stdout


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("their", ["Unknown model 'their'", "Did you mean 'theirs'?"]),
        ("broken", ["model 'broken' of package theirs fails", "a_module_that_is_not_there"]),
        ("gone", ["model 'gone' of package theirs fails", "Nothing"]),
        ("number", ["'number' is their_models:value, which is not a class"]),
        ("none", ["their_models:NoModule", "must be a flax.nnx.Module"]),
    ],
)
def test_what_is_wrong_with_a_package_is_said_in_one_sentence(econml, name, words):
    ran = econml("fit", name)
    assert ran.code == 2 and ran.stderr.count("\n") == 1 and "Traceback" not in ran.stderr
    for word in words:
        assert word in ran.stderr


def test_a_loss_of_a_package_is_fitted_by_its_name(econml):
    Path("t.csv").write_text("y,x\n" + "".join(f"{i * i % 17},{i}\n" for i in range(40)))
    fit = ("fit", "linear", "--data", "t.csv", "--target", "y", "--num-epochs", 1)
    assert econml(*fit, "--loss", "fourth", "--out", "r").code == 0
    assert "loss: fourth\n" in Path("r/config.yaml").read_text() and not Path("r/source").exists()
    found = json.loads(econml("eval", "r", "--json").stdout)
    assert econml("predict", "r", "--data", "t.csv", "--out", "p.csv").code == 0
    import pandas as pd

    assert econml("predict", "r", "--out", "p.csv").code == 0
    rows = pd.read_csv("p.csv").query("split == 'train'")  # in units of y^4
    assert found["train_loss"] == pytest.approx(((rows.y - rows.yhat) ** 4).mean(), rel=1e-4)
    ran = econml(*fit, "--loss", "number_loss")
    assert ran.code == 2 and "'number_loss' is their_losses:number, which is not a loss" in ran.stderr
    assert "fourth" in econml(*fit, "--loss", "forth").stderr


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("econml fit the", "theirs"),
        ("econml fit mlp --problem le", "level"),
        ("econml fit mlp --data t.csv --loss f", "fourth"),
    ],
)
def test_completion_offers_them_without_importing_them(econml, monkeypatch, line, word):
    monkeypatch.setenv("_ECONML_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(line.count(" ")))
    assert econml().stdout.split() == [word]
    assert not {"their_models", "their_problems", "their_losses"} & set(sys.modules)
