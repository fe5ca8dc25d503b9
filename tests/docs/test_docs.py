"""The docs say what the program does: the reference is fresh, every option of a page exists, links lead somewhere."""

import importlib.util
import json
import re
import shlex

import pytest

from tests.support import ROOT
from tests.support.docs import ECONOMY_PAGES, MODEL_PAGES, script

#: what make_figures.py writes into a page without a figure
TABLES_ALONE = ("comparison",)


def test_the_command_line_reference_is_fresh():
    assert (ROOT / "docs/reference/cli.md").read_text() == script("generate_reference").page()


def test_every_model_and_economy_has_a_page_with_a_figure_and_the_options_that_it_has():
    from econml_cli.models.registry import MODELS
    from econml_cli.problems.economies.table import ECONOMIES

    tables = script("generate_reference").option_tables()
    assert {path.stem for path in tables if path.parent.name == "models"} == {*MODELS, "composition"}
    assert {path.stem for path in tables if path.parent.name == "economics"} == {*ECONOMIES}
    for path, written in tables.items():
        assert path.read_text() == written, f"{path}: run docs/generate_reference.py"
        assert f"](figures/{path.stem}.png)" in written


def test_every_figure_is_small_and_says_nothing_of_when_it_was_made():
    make_figures = script("make_figures")
    drawn = {path.stem: path for path in (ROOT / "docs").glob("*/figures/*.png")}
    assert {*drawn, *TABLES_ALONE} == set(make_figures.FIGURES)
    for name, path in drawn.items():
        image = path.read_bytes()
        assert len(image) < 60_000, name
        assert not any(chunk in image for chunk in (b"tEXt", b"iTXt", b"tIME")), name


def test_the_tables_of_measurements_are_those_of_the_numbers_kept():
    make_figures = script("make_figures")
    for name in make_figures.FIGURES:
        module = importlib.import_module(f"figures.{name}")
        if not hasattr(module, "table"):
            continue
        page = make_figures.DOCS / module.PAGE
        numbers = json.loads(make_figures.kept(name).read_text())
        written = make_figures.markers.replaced(page.read_text(), "table", name, module.table(numbers))
        assert page.read_text() == written, f"{page}: run docs/make_figures.py --draw --only {name}"


def test_numbers_that_differ_are_named_with_their_place():
    differences = script("make_figures").differences
    kept = {"x": [1.0, 100.0], "ways": {"a": [{"low": 2.0}]}}
    assert differences(kept, {"x": [1.5, 101.0], "ways": {"a": [{"low": 2.01}]}}, "f") == []
    (said,) = differences(kept, {"x": [1.0, 100.0], "ways": {"a": [{"low": 2.2}]}}, "f")
    assert said.startswith("f.ways.a[0].low: apart by 0.2")
    assert differences(kept, {"x": [1.0], "ways": {"a": [{"low": 2.0}]}}, "f") == ["f.x: 2 against 1 values"]


def test_what_the_pages_say_of_their_figures_is_in_the_numbers():
    kept = {path.stem: json.loads(path.read_text()) for path in (ROOT / "docs/models/figures").glob("*.json")}
    # polynomial: the error grows with the degree on equispaced nodes and falls on Chebyshev nodes
    error = kept["polynomial"]["max_error"]
    assert error["equispaced"] == sorted(error["equispaced"])
    assert error["chebyshev"] == sorted(error["chebyshev"], reverse=True)
    # random_features: the peak stands where there are as many features as observations, and a ridge takes it away
    plain, ridge = ([cell["median"] for cell in cells] for cells in kept["random_features"]["excess"].values())
    assert kept["random_features"]["features"][plain.index(max(plain))] == 40
    assert max(ridge[2:]) < min(plain)
    # autoencoder: the linear one touches the bound of PCA and never goes below it
    pca, linear = kept["autoencoder"]["pca"], kept["autoencoder"]["train_loss"]["linear"]
    assert all(bound * (1 - 1e-5) < loss < 1.1 * bound for bound, loss in zip(pca, linear, strict=True))
    # resnet: of forty layers, those with residual blocks go further, below the Bayes risk; of four they do the same
    last = {name: curve[-1] for name, curve in kept["resnet"]["curves"].items()}
    assert last["resnet, 40 layers"] < 1 < 0.5 * last["mlp, 40 layers"]
    assert last["resnet, 4 layers"] == pytest.approx(last["mlp, 4 layers"], rel=0.25)
    # composition: products of three factors matter, those of two do not; too many random features are worse than few
    excess = {name: [row["median"] for row in rows] for name, rows in kept["composition"].items()}
    affine, quadratic, cubic = excess["polynomial, products"]
    assert cubic < 0.2 * quadratic < quadratic < 0.4 * affine
    assert min(excess["polynomial, no products"]) > 0.9 * quadratic
    assert excess["random relu features"][3] < affine < excess["random relu features"][4]
    # kernel: the ridge that is the variance of the noise does best
    assert min(kept["kernel"]["excess_risk"].items(), key=lambda item: item[1])[0] == "0.09"
    # mlp: the widest goes below the Bayes risk in training, and is no better for it than one of width 4
    last_train, risks = kept["mlp"]["train_loss"][-1], [cell["median"] for cell in kept["mlp"]["excess_risk"]]
    assert last_train["median"] < 0.2**2
    assert risks[-1] > min(risks[1:4])
    # deep_set: both sizes
    found = kept["deep_set"]["deep_set"]
    assert min(found["r2"], found["r2_other_size"]) > 0.98 > kept["deep_set"]["mlp"]["r2"]


@pytest.mark.parametrize("page", ["docs/how-to-choose.md", *MODEL_PAGES, *ECONOMY_PAGES])
def test_the_options_of_every_fit_on_a_page_exist(page, econml):
    commands = re.findall(r"^(?:    |\$ )econml (fit .*)$", (ROOT / page).read_text(), re.MULTILINE)
    for command in commands:
        ran = econml(*shlex.split(command), "--print-config")
        assert ran.code == 0, (command, ran.stderr)


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
    for page in [*ROOT.glob("*.md"), ROOT / "benchmarks/README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), (page.name, target)


def test_the_page_of_formulas_names_every_function_and_its_examples_are_formulas():
    from econml_cli.data import expression, formula

    text = (ROOT / "docs/reference/formulas.md").read_text()
    expressions = text.partition("## Expressions")[2].partition("\n## ")[0]
    first = [row.split("|")[1] for row in expressions.splitlines() if row.startswith("| `")]
    named = {name for cell in first for name in re.findall(r"(?<=`)(\w+)\b(?=`|\()", cell)}
    assert named == set(expression.FUNCTIONS)
    others = ["a", "b", "c", "educ", "exper", "wage", "hours"]
    for right in ("a + b", ".", "a:b", "a * b", "(a + b + c)**2", "(a + b + c)^2", ". - a", "a - 1", "0 + a", "a / b"):
        assert formula.parse(f"y ~ {right}", others).terms, right
    nested = formula.parse("y ~ a / b", others)
    assert nested.terms == (("a",), ("a", "b")) and nested.constant
    assert not formula.parse("y ~ a - 1", others).constant
    for call in re.findall(r"`((?:I|lag|center|scale|standardize|bs)\([^`.]*\))`", expressions):
        assert formula.parse(f"y ~ {call.replace(', k)', ', 2)')}", others).terms, call
    assert formula.parse("y ~ `years of schooling`", others).feature_columns == ["years of schooling"]
    for left in ("wage", "log(wage)", "lag(inf, -1)", "I(wage > 10)"):
        assert f"`{left}`" in text and formula.parse(f"{left} ~ a", others).target


def test_the_page_of_exit_codes_has_those_of_the_errors():
    from econml_cli import errors

    page = (ROOT / "docs/reference/exit-codes.md").read_text()
    codes = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.EconmlError)]
    raised = {kind.exit_code for kind in kinds if kind is not errors.InterruptedFitError}
    stopped = {errors.InterruptedFitError("", signal).exit_code for signal in (2, 15)}
    assert codes == {0} | raised | stopped


def test_the_page_of_environment_variables_has_each_that_the_package_reads():
    page = (ROOT / "docs/reference/environment.md").read_text()
    source = "\n".join(path.read_text() for path in (ROOT / "econml_cli").rglob("*.py"))
    read = set(re.findall(r'environ(?:\.get\(|\[)"([A-Z_]+)"', source)) - {"PATH", "WANDB_SWEEP_ID"}
    assert len(read) > 8
    assert not {name for name in read if f"`{name}`" not in page and name not in page}


def test_citation_changelog_and_package_have_one_version():
    from econml_cli.version import __version__

    citation = (ROOT / "CITATION.cff").read_text()
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == __version__
    assert f"version = {{{__version__}}}" in (ROOT / "docs/citing.md").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == __version__


def test_every_picture_of_the_gallery_is_written_by_a_command_above_it():
    text = (ROOT / "docs/gallery.md").read_text()
    pictures = script("make_gallery").pictures(text)
    assert {*pictures} == {path.name for path in (ROOT / "docs/gallery").glob("*.png")}
    for name in pictures:
        above = text.partition(f"](gallery/{name})")[0].rpartition("```console\n")[2].partition("```")[0]
        commands = [line for line in above.splitlines() if line.startswith("$ ")]
        assert name in commands[-1], (name, commands)
        image = (ROOT / "docs/gallery" / name).read_bytes()
        assert len(image) < 150_000, name
        assert not any(chunk in image for chunk in (b"tEXt", b"iTXt", b"tIME")), name
