"""Economic models of a user's with a mistake in them: each is named with the line of the file, before training where it
can be."""

from pathlib import Path
from typing import Any

import jax.numpy as jnp
import pytest
from flax import nnx

from econml_cli.errors import ConfigError, ShapeError
from econml_cli.inspection.templates import template
from econml_cli.options import own_code
from econml_cli.problems.economies.verdicts import judge
from econml_cli.problems.economies.visited import outside
from econml_cli.training.setup.setup import assemble
from tests.support.fits import config
from tests.support.models import Apply

STEP = 'return s * y, {"k": k, "y": y, "c": (1 - s) * y}'
RESIDUAL = "return 1 - self.beta * self.alpha * y_next / k_next * (1 - s) * y / ((1 - s_next) * y_next)"
OBSERVE, TRUTH = "return jnp.log(k / self.units)[:, None]", "return jnp.full((len(x), 1), self.alpha * self.beta)"


def written(path: Path, before: str, after: str) -> str:
    """The template with a line changed, as --problem names it."""
    text = template("problem").text
    assert before in text
    path.write_text(text.replace(before, after))
    own_code.name(f"{path}:MyEuler")
    return f"{path}:MyEuler"


def line(path: Path, text: str) -> int:
    """The line of a file that begins with this."""
    return next(i for i, line in enumerate(path.read_text().splitlines(), 1) if line.strip().startswith(text))


def place(path: Path, method: str) -> str:
    """How a message says where a method is."""
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"(line {line(path, f'def {method}(')} of {shown})"


@pytest.mark.parametrize(
    ("before", "after", "method", "said"),
    [
        (RESIDUAL, f"return ({RESIDUAL[7:]})[:, 0]", "residual", r"has shape [16], expected [16, equations]"),
        ("y_next = k_next**", "y_next = k_next[:, 0]**", "residual", "has shape [16, 16] at 16 observations"),
        (STEP, STEP.replace("s * y,", "(s * y)[:, None],"), "step", "gives a state of the shape (3, 1), expected (3,)"),
        (STEP, STEP.replace('"k": k', '"k": k[:, None]'), "step", "gives [3, 1], expected [3]: the series 'k'"),
        (STEP, "return s * y", "step", "gives no pair"),
        (OBSERVE, OBSERVE.replace("[:, None]", ""), "observe", "gives [3], expected [3, 1]"),
        (TRUTH, TRUTH.replace("(len(x), 1)", "(len(x),)"), "truth", "gives [16], expected [16, 1]: as `predict`"),
    ],
)
def test_a_wrong_shape_is_told_with_the_line_of_the_method(tmp_path, before, after, method, said):
    file = tmp_path / "mine.py"
    named = written(file, before, after)
    with pytest.raises(ShapeError) as told:
        assemble(config("mlp", named, width="4", N=16, N_val=0, N_test=8))
    assert said in str(told.value) and place(file, method) in str(told.value)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (RESIDUAL, "return economics.kkt(s, s[:, 0])", "kkt(a, b) needs two arrays of one shape, and got [16, 1] and"),
        (STEP, "return s * y + jnp.zeros(7), {}", "TypeError: add got incompatible shapes"),
        (STEP, "return (s if k[0] > 0 else k), {}", "TracerBoolConversionError"),
    ],
)
def test_what_cannot_be_computed_is_told_with_its_line(tmp_path, before, after, said):
    file = tmp_path / "mine.py"
    named = written(file, before, after)
    with pytest.raises(ShapeError) as told:
        assemble(config("mlp", named, width="4", N=16, N_val=0, N_test=8))
    assert said in str(told.value) and f"in line {line(file, after)} of {file}" in str(told.value)


def test_constraints_of_mismatched_shapes_are_told_before_training(tmp_path):
    file = tmp_path / "mine.py"
    added = '    def constraints(self, model, x):\n        return {"limit": (x, x[:, 0])}\n\n'
    named = written(file, "    def describe(self)", f"{added}    def describe(self)")
    with pytest.raises(ShapeError, match=r"'limit' as \[16, 1\] and \[16\]") as told:
        assemble(config("mlp", named, width="4", N=16, N_val=0, N_test=8))
    assert place(file, "constraints") in str(told.value)


def test_a_step_that_leaves_its_domain_is_named_by_the_verdict(tmp_path):
    file = tmp_path / "mine.py"
    problem = own_code.load(own_code.parse(written(file, STEP, STEP.replace("s * y,", "s * y - 10,"))))()
    sample = problem.sample(nnx.Rngs(0), "train").x
    found: dict[str, Any] = outside(problem, Apply(lambda x: jnp.zeros_like(x)), sample)
    assert found == {"states_outside": pytest.approx(0.98), "states_not_finite": pytest.approx(0.98)}
    said = f"`step` {place(file, 'step')} leaves its domain: 98% are no finite numbers"
    assert said in judge(problem, found)["failed"]


def test_a_stability_that_fails_is_told_with_its_line(tmp_path):
    file = tmp_path / "mine.py"
    named = written(file, '50, "k")', '50, "K")')
    problem = own_code.load(own_code.parse(named))(N_test=8)
    model = Apply(lambda x: jnp.zeros_like(x))
    with pytest.raises(ConfigError, match=rf"`stability` fails in line \d+ of {file}: KeyError: 'K'"):
        problem.verdicts(model, problem.sample(nnx.Rngs(0), "test"))
