"""The table of a comparison that goes into a paper."""

import csv
import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

import econml_cli
from econml_cli.errors import ConfigError
from econml_cli.evaluation.comparing import paper
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.comparing.paper_rows import parse_rows
from econml_cli.evaluation.evaluate import evaluate
from tests.support.fits import fitted

WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A Stata file with labels of variables, and three runs of it: OLS, fixed effects, a network."""
    here = tmp_path_factory.mktemp("paper")
    rng, n = np.random.default_rng(1), 120
    firm, educ = rng.integers(0, 12, n), rng.integers(8, 18, n)
    frame = pd.DataFrame(
        {"educ": educ, "age": rng.normal(size=n), "sex": np.where(rng.random(n) < 0.5, "man", "woman")}
    )
    frame["firm"], frame["wage"] = firm, 2 + 0.5 * educ + 0.3 * firm + rng.normal(size=n)
    labels = {"educ": "Years of schooling", "wage": "Hourly wage (US$)", "firm": "Firm"}
    frame.to_stata(here / "t.dta", variable_labels=labels, write_index=False)
    data = {"data": str(here / "t.dta")}
    ols = fitted(here / "ols", formula="wage ~ educ * sex + age", **data, **WHOLE)
    fixed = fitted(here / "fixed", formula="wage ~ educ + age | firm", **data, **WHOLE)
    net = fitted(here / "net", "mlp", formula="wage ~ educ + age", width=(4,), num_epochs=20, **data)
    return here, ols, fixed, net


def cells(text):
    return {line.split("&")[0].strip(): [c.strip(" \\") for c in line.split("&")[1:]] for line in text.splitlines()}


@pytest.mark.slow
def test_a_paper_has_coefficients_errors_fixed_effects_and_no_names_of_programs(made):
    _, ols, fixed, _ = made
    text = paper.render(compare([ols, fixed], bootstrap=0, vcov="cluster:firm"), paper.Style(), "latex")
    found = cells(text)
    linear = evaluate(fixed, bootstrap=0, vcov="cluster:firm").linear
    assert found["Years of schooling"][1] == f"{linear.values['educ']:.3f}"
    lines = text.splitlines()
    below = lines[next(i for i, line in enumerate(lines) if line.startswith("  Years of schooling &")) + 1]
    assert f"({linear.errors['educ']:.3f})" in below
    assert "sex = woman" in found and "educ x sex = woman" in found and "Constant" in found
    assert found["Firm fixed effects"] == ["No", "Yes"]
    assert found["Standard errors"] == ["clustered by firm"] * 2
    assert found["Observations"] == ["120", "120"] and len(found["$R^2$"]) == 2
    assert r"Hourly wage (US\$)" in text and not any(word in text for word in ("[T.", "seconds", "ols", "solver"))


@pytest.mark.slow
def test_a_paper_says_how_rows_are_weighted(made, tmp_path):
    here, ols, _, _ = made
    frame = pd.read_stata(here / "t.dta").assign(pw=1.0)
    frame.loc[:40, "pw"] = 2.0
    frame.to_stata(tmp_path / "t.dta", variable_labels={"pw": "Sampling weight"}, write_index=False)
    data = {"data": str(tmp_path / "t.dta"), **WHOLE}
    weighted = fitted(tmp_path / "w", formula="wage ~ educ", weights="pw", weight_kind="sampling", **data)
    classes = fitted(tmp_path / "c", formula="sex ~ educ", class_weights="balanced", **data)
    found = cells(paper.render(compare([ols, weighted, classes], bootstrap=0), paper.Style(), "latex"))
    assert found["Weights"] == ["No", "Sampling weight (sampling)", "No"]
    assert found["Class weights"] == ["No", "No", "Yes"]
    plain = paper.render(compare([ols], bootstrap=0), paper.Style(), "latex")
    assert "eights" not in plain


def test_rows_are_chosen_ordered_and_named_and_digits_stars_and_captions_are_heeded(made):
    _, ols, fixed, _ = made
    found = compare([ols, fixed], bootstrap=0)
    rows = parse_rows("age,educ=Schooling, in years & more")
    assert rows == {"age": "", "educ": "Schooling", "in years & more": ""}
    style = paper.Style({"age": "", "educ": "Schooling & more"}, 2, True, "Wages & firms", "tab:wages")
    text = paper.render(found, style, "latex")
    assert text.index("age") < text.index(r"Schooling \& more")
    assert r"\caption{Wages \& firms}" in text and r"\label{tab:wages}" in text
    value = evaluate(ols, bootstrap=0).linear
    assert value.p_value("educ") < 0.1 and "$^{*" in text
    assert cells(text)["age"][0].split("$^")[0].replace("$-$", "-") == f"{value.values['age']:.2f}"
    assert "sex" not in text and "Constant" not in text


def test_a_network_stands_beside_a_regression(made):
    _, ols, _, net = made
    text = paper.render(compare([ols, net], bootstrap=0), paper.Style(caption="Wages"), "table", 100)
    assert text.startswith("Wages\n") and "mlp" in text and "OLS" in text and "R2 (test)" in text


def test_standard_errors_are_chosen_where_a_run_has_coefficients(made, econml):
    _, ols, _, net = made
    for line in (("eval", net.path), ("eval", "compare", net.path)):
        ran = econml(*line, "--vcov", "HC1", "--bootstrap", 0)
        assert ran.code == 2 and "--vcov HC1 is of the coefficients of model linear, and net is mlp" in ran.stderr
    with pytest.raises(ConfigError, match="vcov HC1 is of the coefficients of model linear, and net is mlp"):
        econml_cli.load(net.path).evaluate(bootstrap=0, vcov="HC1")
    assert econml("eval", "compare", ols.path, net.path, "--vcov", "HC1", "--bootstrap", 0).code == 0


@pytest.mark.parametrize(
    ("rows", "message"), [("", "names of coefficients"), ("educ,educ", "twice"), ("eudc", "no run has.*educ")]
)
def test_rows_that_are_none_are_refused(made, rows, message):
    with pytest.raises(ConfigError, match=message):
        paper.render(compare([made[1]], bootstrap=0), paper.Style(parse_rows(rows)), "latex")


def test_names_with_brackets_are_cut_where_no_bracket_is():
    assert parse_rows("poly(x, 2)[1]=First,C(d, base='a')[T.b]=B") == {
        "poly(x, 2)[1]": "First", "C(d, base='a')[T.b]": "B",
    }  # fmt: skip
    assert paper._plain("C(d, base='a')[T.b]:log(x)") == "d = b x log(x)"


def test_a_label_with_a_comma_stands_in_quotes_as_in_csv():
    asked = """educ="Schooling, in ""full"" years",age , "x=A, b=c" ,poly(x, 2)[1]='Square', of="b" """
    assert parse_rows(asked) == {
        "educ": 'Schooling, in "full" years', "age": "", "x": "A, b=c", "poly(x, 2)[1]": "'Square'", "of": "b",
    }  # fmt: skip
    # quotes that do not end where a label ends are characters, as they have always been
    assert parse_rows('a=The "true" years,b="x" and y,C(d, base="a, b")[T.c]') == {
        "a": 'The "true" years', "b": '"x" and y', 'C(d, base="a, b")[T.c]': "",
    }  # fmt: skip


def test_csv_has_the_rows_and_digits_that_were_asked_for_and_json_refuses_them(made, econml, tmp_path):
    _, ols, fixed, _ = made
    asked = ["eval", "compare", ols.path, fixed.path, "--bootstrap", 0, "--rows", 'age,educ="Schooling, in years"']
    ran = econml(*asked, "--digits", 2, "--format", "csv")
    found = list(csv.reader(ran.stdout.splitlines()))
    slope, error = (getattr(evaluate(ols, bootstrap=0).linear, name)["educ"] for name in ("values", "errors"))
    assert found[:2] == [["", "(1)", "(2)"], ["", *["Hourly wage (US$)"] * 2]]
    assert [row[0] for row in found[2:6]] == ["age", "", "Schooling, in years", ""]
    assert found[4][1] == f"{slope:.2f}" and found[5][1] == f"({error:.2f})"
    out = tmp_path / "t.csv"
    assert econml(*asked, "--digits", 2, "--out", out).code == 0 and out.read_text() == ran.stdout
    for more in (("--json",), ("--out", tmp_path / "t.json")):
        refused = econml(*asked, *more)
        assert refused.code == 2 and "--rows is of the table of a paper; JSON has all numbers" in refused.stderr
    assert not (tmp_path / "t.json").exists()
    refused = econml(*asked[:6], "--format", "csv", "--caption", "Wages")
    assert refused.code == 2 and "--caption has no place in a CSV file" in refused.stderr
    whole = json.loads(econml(*asked[:6], "--paper", "--json").stdout)
    assert len(whole["columns"]) == 2 and whole["notes"]
    with pytest.raises(ConfigError, match="no form json"):
        econml_cli.paper_table(compare([ols], bootstrap=0), "json")


def test_a_caption_stands_above_every_form(made):
    found = compare([made[1]], bootstrap=0)
    for form, line in (("markdown", "**Wages \\*"), ("table", "Wages *"), ("latex", "\\caption{Wages *}")):
        assert line in paper.render(found, paper.Style(caption="Wages *"), form), form
    assert "Wages &lt;" in paper.render(found, paper.Style(caption="Wages <"), "html")


def test_the_command_writes_a_file_that_latex_compiles(made, econml, tmp_path):
    _, ols, fixed, _ = made
    out = tmp_path / "t.tex"
    asked = ["--paper", "--caption", "A_b & c", "--label", "tab:a", "--bootstrap", "0"]
    result = econml("eval", "compare", str(ols.path), str(fixed.path), *asked, "--out", str(out))
    assert result.code == 0 and result.stdout == "" and "written to" in result.stderr
    text = out.read_text()
    assert text.startswith(r"\begin{table}[htbp]") and text.endswith("\\end{table}\n")
    assert econml("eval", "compare", str(ols.path), "--label", "a b").code == 2
    assert econml("eval", "compare", str(ols.path), "--out", str(tmp_path / "t.doc")).code == 2
    if shutil.which("pdflatex"):
        page = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + text + "\\end{document}\n"
        (tmp_path / "page.tex").write_text(page)
        command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert done.returncode == 0, done.stdout[-1500:]
