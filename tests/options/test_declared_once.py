"""Options are declared once: constructors take those of their row; a new file and its row are all there is to add."""

import inspect
import sys
from pathlib import Path

import pytest
from flax import nnx

from econml_cli.models import registry as models
from econml_cli.models.table import MODELS, ModelEntry
from econml_cli.options.fields import options_of
from econml_cli.options.trainer import TrainerOptions
from econml_cli.problems import registry as problems
from econml_cli.problems.entry import ProblemEntry
from econml_cli.problems.table import PROBLEMS

ECONOMY = """
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from econml_cli.options.fields import option
from econml_cli.problems.economies import economics
from econml_cli.problems.economies.conditions import demand, share
from econml_cli.problems.lazily import jax, jnp, nnx


@dataclass(frozen=True)
class SolowOptions:
    saved: float = option(0.3, "share of output that is saved")
    N: int = option(16, "states", ge=1)

    def __post_init__(self):
        demand((self.saved < 1, f"--saved must be < 1, got {self.saved:g}: nothing would be eaten"))


class Solow:
    recipe: ClassVar = {"width": 4, "depth": 1, "num_epochs": 2}
    simulated: ClassVar[bool] = True
    task = None
    din, dout, loss_scale = 1, 1, 1.0
    loss, verdicts, observed = economics.loss, economics.verdicts, economics.zero
    bars: ClassVar = {"truth": {"policy_error_mean": 1e-3}}

    def __init__(self, **parameters: Any):
        self.p = SolowOptions(**parameters)

    def sample(self, rngs: nnx.Rngs, split, n=None):
        return economics.at(jax.random.uniform(rngs(), (n or self.p.N, 1)))

    def predict(self, model, x):
        return jax.nn.sigmoid(model(x))

    def residual(self, model, batch):
        return self.predict(model, batch.x) - self.p.saved

    def truth(self, x):
        return jnp.full((len(x), 1), self.p.saved)

    def describe(self):
        return {"features": ["k"], "target": "saved", "truth": self.p.saved}
"""
MODEL = """
from typing import Any

from flax import nnx
from our_table import LineOptions


class Line(nnx.Module):
    def __init__(self, din: int, dout: int, *, rngs: nnx.Rngs, **options: Any):
        p = LineOptions(**options)
        self.slope = p.slope
        self.shift = nnx.Linear(din, dout, rngs=rngs)

    def __call__(self, x):
        return self.slope * self.shift(x)
"""
TABLE = """
from dataclasses import dataclass

from econml_cli.options.fields import option


@dataclass(frozen=True)
class LineOptions:
    slope: float = option(1.0, "what the line is multiplied by", gt=0)
"""


@pytest.mark.parametrize(
    ("name", "load", "row"),
    [(name, models.load, row) for name, row in MODELS.items()]
    + [(name, problems.load, row) for name, row in PROBLEMS.items()],
)
def test_a_constructor_repeats_no_option_of_its_row(name, load, row):
    arguments = set(inspect.signature(load(name).__init__).parameters)
    assert not arguments & {opt.name for opt in options_of(row.options)}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_made_in_python_refuses_what_its_row_does_not_declare(name):
    with pytest.raises(TypeError, match="not_an_option"):
        models.load(name)(2, 2, rngs=nnx.Rngs(0), not_an_option=1)


def test_the_defaults_of_python_are_those_of_the_row():
    made = models.load("deep_set")(6, 1, rngs=nnx.Rngs(0))
    declared = MODELS["deep_set"].options()
    assert (made.pool, made.phi.depth, made.rho.depth) == (declared.pool, declared.phi_depth, declared.rho_depth)
    assert made.rho.linear1.kernel.shape == (declared.latent, declared.rho_width)
    assert problems.load("linear")(rngs=nnx.Rngs(0)).din == PROBLEMS["linear"].options().M


def test_an_option_has_one_type_whoever_declares_it():
    """A look at the command line takes a word for a switch by the first who declares it."""
    switches: dict[str, set[bool]] = {}
    declared = [row.options for table in (MODELS, PROBLEMS) for row in table.values()]
    for opt in (opt for cls in (TrainerOptions, *declared) for opt in options_of(cls)):
        switches.setdefault(opt.name, set()).add(opt.is_bool)
    assert [name for name, found in switches.items() if len(found) > 1] == []


def test_the_file_of_a_problem_is_imported_when_its_row_is_asked_what_it_declares(tmp_path, monkeypatch):
    Path(tmp_path, "planted_problem.py").write_text(
        "class PlantedOptions: pass\n\nclass Planted:\n    model, recipe = 'linear', {'lr': 0.5}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    row = ProblemEntry.of("planted_problem:Planted", "planted")
    assert row.help == "planted" and "planted_problem" not in sys.modules
    assert (row.model, row.recipe, row.former) == ("linear", {"lr": 0.5}, {})
    assert row.options is sys.modules.pop("planted_problem").PlantedOptions


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """A file for a new economy, one for a new model, and their rows, as if they were in the package."""
    for name, text in (("our_economy", ECONOMY), ("our_table", TABLE), ("our_model", MODEL)):
        Path(tmp_path, f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    from our_table import LineOptions  # type: ignore[import-not-found]

    monkeypatch.setitem(PROBLEMS, "solow", ProblemEntry.of("our_economy:Solow", "a rule of thumb"))
    monkeypatch.setitem(MODELS, "line", ModelEntry("our_model:Line", LineOptions, "a line"))
    yield
    for name in ("our_economy", "our_table", "our_model"):
        sys.modules.pop(name, None)


@pytest.mark.slow
def test_a_new_economy_is_a_file_and_a_row(econml, ours):
    assert "--saved" in econml("fit", "--problem", "solow", "--help").stdout
    refused = econml("fit", "--problem", "solow", "--saved", 1.5)
    assert refused.code == 2 and "--saved must be < 1, got 1.5" in refused.stderr
    fitted = econml("fit", "--problem", "solow", "--saved", 0.4, "--accept-failed", "truth", "--out", "r")
    assert fitted.code == 0, fitted.stderr
    assert "policy error mean" in fitted.stdout and "verdict truth" in fitted.stdout
    config = Path("r/config.yaml").read_text()
    assert "saved: 0.4\n" in config and "width: 4\n" in config
    assert econml("eval", "r", "--accept-failed", "truth").code == 0


@pytest.mark.slow
def test_a_new_model_is_a_file_and_a_row(econml, ours):
    assert "our_model" not in sys.modules and "--slope" in econml("fit", "line", "--help").stdout
    refused = econml("fit", "line", "--slope", 0)
    assert refused.code == 2 and "--slope must be a number > 0" in refused.stderr
    fitted = econml("fit", "line", "--slope", 2, "--num-epochs", 2, "--N", 20, "--out", "r")
    assert fitted.code == 0, fitted.stderr
    assert econml("predict", "r", "--out", "p.csv").code == 0
