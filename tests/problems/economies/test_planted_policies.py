"""Verdicts that cannot be fooled: the exact policy passes all of them, and no planted wrong one does, in every economy
at six calibrations."""

from pathlib import Path
from typing import Any

import pytest
from flax import nnx

from benchmarks.calibrations import CALIBRATIONS, said
from econml_cli.problems import registry
from econml_cli.training.precision import precision
from tests.support.economies import fails, passed, verdicts
from tests.support.planted import PLANTED

#: what keeps a problem small and means nothing to its verdicts
SMALLER = {
    "investment": {"N": 4, "trajectories_test": 2},
    "buffer_stock": {"quadrature": 31},
    "aiyagari": {"incomes": 3, "N_test": 200},
}
#: and calibrations where the same error of the policy shows more, less or later than in these: a third of the cake is
#: eaten in a period, or a thousandth; wealth neither grows nor falls; dividends grow nearly as fast as their discount
FURTHER = [
    ("cake_eating", {"beta": 0.5}),
    ("cake_eating", {"beta": 0.8, "R": 1.25}),
    ("cake_eating", {"beta": 0.999, "R": 1.002}),
    ("asset_pricing", {"beta": 0.95, "g": 0.04, "periods": 90}),
    ("asset_pricing", {"beta": 0.5}),
]
CASES = [(problem, dict(parameters)) for problem, six in CALIBRATIONS.items() for parameters in six]


def made(name: str, parameters: dict[str, Any]) -> Any:
    """The problem with these parameters."""
    given = {"rngs": nnx.Rngs(0)} if name == "investment" else {}
    return registry.load(name)(**{**SMALLER.get(name, {}), **parameters}, **given)


def test_every_economy_has_six_calibrations():
    assert set(CALIBRATIONS) == set(PLANTED) and all(len(six) >= 6 for six in CALIBRATIONS.values())


def test_the_page_has_the_table_of_these_calibrations_and_all_seeds_pass():
    page = (Path(__file__).parents[3] / "docs/economics/calibrations.md").read_text()
    rows = [line.split("|")[1:4] for line in page.splitlines() if line.startswith("| ") and "refused" not in line][1:]
    told = {
        (name.strip(), given.strip().strip("`")): passed.strip() for name, given, passed in rows if "---" not in name
    }
    assert len(told) > 30 and set(told) <= {(name, said(parameters)) for name, parameters in CASES}
    counts = [passed.split(" of ") for passed in told.values()]
    assert all(passed == of and int(of) >= 1 for passed, of in counts)
    assert sum(of == "5" for _, of in counts) > 50


def parameters_of(name: str) -> list[dict[str, Any]]:
    """All calibrations of a problem."""
    return [parameters for problem, parameters in CASES + FURTHER if problem == name]


@pytest.mark.parametrize("parameters", [*parameters_of("asset_pricing"), {"periods_test": 10}], ids=str)
def test_a_price_is_followed_until_a_bubble_of_one_per_cent_is_more_than_the_price(parameters):
    p = (problem := made("asset_pricing", parameters)).p
    last, end = p.periods_test - 1, problem.followed(p.periods_test - 1)
    assert end >= 2 * last + 1
    # relative to a price that grows at most as dividends do
    assert 0.01 * (p.beta * (1 + max(p.g, 0))) ** (last - end) > 1.7


@pytest.mark.parametrize("parameters", parameters_of("cake_eating"), ids=str)
def test_the_same_error_of_the_share_eaten_passes_and_fails_at_every_calibration(parameters):
    """A share that is too large by e eats s e / (1 - s) more of what is left, in the residual and in every period."""
    problem = made("cake_eating", parameters)
    bars, periods = problem.bars, problem.path[0] - 1
    of_residual, of_wealth = 10 ** bars["loss"]["log10_euler_mean"], bars["stability"]["wealth_error"]
    shown = problem.share / (1 - problem.share)
    assert 9e-4 * shown < of_residual < 0.02 * shown
    assert 9e-4 * shown * periods < of_wealth < 0.01 * shown * periods


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters"), CASES + FURTHER, ids=lambda part: str(part).replace(" ", ""))
def test_the_exact_policy_passes_and_no_wrong_one_does(name, parameters):
    with precision("float64"):
        problem = made(name, parameters)
        planted = dict(PLANTED[name](problem))
        right = [verdicts(problem, planted.pop(what)) for what in ("exact", "right to .02 %") if what in planted]
        fooled = [what for what, model in planted.items() if not fails(problem, model)]
    assert right and all(map(passed, right))
    assert not fooled, fooled
    assert len(planted) >= 6
