"""The report of runs as one page, and the learning curves of `econml fit --plot`."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from econml_cli.config.fit_config import build
from econml_cli.errors import RunError
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.output import curve_text as terminal
from econml_cli.output.tables import cell
from econml_cli.output.terminal import number
from econml_cli.report import files, images, pdf
from econml_cli.report.page import compose, page
from econml_cli.report.sections import PARTS, Options, Subject, account
from econml_cli.runs import curves
from econml_cli.runs.directory import Run
from econml_cli.training.fit import fit
from tests.support.waiting import wait_until

EVIL = "<img src=x onerror=alert(1)>"
FEW = Options(bootstrap=50, draws=200)
SMALL = {"width": 4, "num_epochs": 30}
RUNS = ["lin", EVIL, "bm", "ols", "ens"]
PAGES = ["lin", EVIL, "ols", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bm", "ens", ""))]
SIZES = {"N": 40, "N_test": 20, "N_val": 20}


class Made(dict):
    """What `make` makes of a name, when it is first asked for."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def __missing__(self, name):
        return self.setdefault(name, self.make(name))


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """One run of each kind, by name; the table's file is beside them."""
    there = tmp_path_factory.mktemp("runs")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"wage": rng.normal(size=120), "educ": rng.integers(8, 20, 120), "sector": rng.choice(
        ["<script>alert(1)</script>", "b"], 120)})  # fmt: skip
    frame.to_csv(there / "wages.csv", index=False)
    table = {"data": str(there / "wages.csv"), "target": "wage", "patience": 3, **SMALL}
    kinds = {
        "lin": ("mlp", "linear", {**SMALL, **SIZES}),
        EVIL: ("mlp", "tabular", table),
        "bm": ("mlp", "brock_mirman", {"N": 32, "N_test": 32, "N_val": 8, "num_epochs": 3, "width": 4}),
        "ols": ("linear", "linear", {"solver": "lstsq", **SIZES}),
        "ens": ("mlp", "linear", {**SMALL, **SIZES, "members": 3}),
    }
    assert list(kinds) == RUNS

    def make(name):
        model, problem, options = kinds[name]
        return fit(build(model, problem, [("test", options)]), there / name, command=f"econml fit --out '{name}'").run

    return Made(make)


@pytest.fixture(scope="module")
def pages(fitted):
    """The page of each run, and of all ("")."""
    accounts = Made(lambda name: account(fitted[name], FEW))
    return Made(lambda name: compose([accounts[one] for one in ([name] if name else RUNS)], FEW))


class Document(HTMLParser):
    """What a browser sees: elements with their attributes, in order, and the text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def moments(text, name):
    """mean, sd, min, max of a row of the table of the training split."""
    row = text.partition("<caption>Training split")[2].partition(f'<th scope="row">{html.escape(name)}</th>')[2]
    return re.findall(r"<td>([^<]*)</td>", row.partition("</tr>")[0])


@pytest.mark.slow
def test_a_page_has_every_section_and_contents_that_lead_to_them(pages):
    document = Document(pages["lin"].html)
    parts = [name for name, _, _ in PARTS if name != "effects"]  # those are of a table
    assert [a["href"] for a in document.all("a")] == [f"#run1-{name}" for name in parts]
    assert [s["id"] for s in document.all("section")] == [f"run1-{name}" for name in parts]
    assert len(document.all("h1")) == 1 and len(document.all("h2")) == len(parts)
    assert document.all("html") == [{"lang": "en"}] and len(document.all("main")) == 1
    assert any(meta.get("name") == "viewport" for meta in document.all("meta"))
    assert pages["lin"].failed == ()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_anchors_are_unique_and_every_link_leads_somewhere_in_the_page(pages, name):
    document = Document(pages[name].html)
    ids = [attrs["id"] for _, attrs in document.elements if "id" in attrs]
    assert len(set(ids)) == len(ids)
    assert {a["href"][1:] for a in document.all("a")} <= set(ids)
    assert all(attrs["aria-labelledby"] in ids for attrs in document.all("section") if "aria-labelledby" in attrs)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_from_elsewhere_and_stays_small(pages, name):
    text, document = pages[name].html, Document(pages[name].html)
    assert all(img["src"].startswith("data:image/") and len(img["alt"]) > 10 for img in document.all("img"))
    assert re.findall(r"url\(|@import|https?://", text) == []
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in document.elements}
    assert "default-src 'none'" in text and len(text.encode()) < 2e6
    assert set(re.findall(r"\{\{\w+\}\}", text)) == set()


def test_names_and_levels_are_text_never_markup(pages):
    document = Document(pages[EVIL].html)
    assert not any(name.startswith("on") for _, attrs in document.elements for name in attrs)
    assert EVIL in document.text
    assert "<script" not in pages[EVIL].html and "<script" not in compose([], title="<script>").html


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes(fitted, pages):
    assert page([fitted["ols"]], FEW).html == pages["ols"].html


def test_the_headline_is_what_eval_says(fitted, pages):
    found = evaluate(fitted["lin"], bootstrap=50)
    loss = found.estimates["test_loss"]
    told = f"{cell(loss.value)} [{cell(loss.low)}, {cell(loss.high)}]"
    assert f"<dt>test loss</dt><dd>{told}</dd>" in pages["lin"].html


@pytest.mark.slow
def test_coefficients_have_the_errors_asked_for_and_rows_left_out_are_said(econml, isolated):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.normal(size=60)})
    frame["y"] = frame["x"] + frame["x"] ** 2 * rng.normal(size=60)
    frame.loc[:6, "x"] = np.nan
    frame.to_csv("t.csv", index=False)
    whole = ("--val-fraction", 0, "--test-fraction", 0)
    assert (
        econml("fit", "linear", "--data", "t.csv", "--target", "y", "--missing", "drop", *whole, "--out", "r").code == 0
    )
    errors = [evaluate(Run(Path("r")), bootstrap=0, vcov=kind).linear.errors["x"] for kind in ("HC1", "iid")]
    done = econml("report", "r", "--vcov", "HC1", "--bootstrap", 0)
    text = Path("report.html").read_text()
    coefficients = text[text.index("s.e. (HC1)") :].partition("</table>")[0]
    assert done.code == 0 and cell(errors[0]) in coefficients and cell(errors[1]) not in coefficients
    assert "53 of 60 rows used; 7 with missing values dropped" in text
    assert econml("report", "r", "--vcov", "HC9").code == 2


def test_moments_of_the_training_split_are_in_the_units_of_the_file(fitted, pages):
    run = fitted[EVIL]
    means = run.preprocessing()["features"]["mean"]
    educ, dummy, target = (moments(pages[EVIL].html, name) for name in ("educ", "sector[T.b]", "wage"))
    assert educ[0] == cell(means[0]) and educ[2:] == ["8.000", "19.00"]
    assert dummy[0] == cell(means[1]) and dummy[2:] == ["0.000", "1.000"]
    n, share = 72, means[1]  # 60 % of 120 rows
    assert dummy[1] == cell(float(np.sqrt(share * (1 - share) * n / (n - 1))))
    assert target[0] == cell(run.preprocessing()["target"]["mean"])


def test_the_truth_of_a_simulated_problem_is_told(fitted, pages):
    first = fitted["lin"].manifest()["data"]["theta"][0]
    assert re.search(rf"<dt>theta</dt><dd>{first:.4g}, ", pages["lin"].html)


@pytest.mark.slow
def test_verdicts_are_a_list_of_passed_and_failed(fitted, pages):
    summary = fitted["bm"].summary()
    told = dict(re.findall(r'<li class="(?:passed|failed)">.*?<b>(\w+): (\w+)</b>', pages["bm"].html))
    assert told == {name: summary[f"verdict_{name}"] for name in ("loss", "truth", "stability", "states")}
    assert html.escape(summary["failed"].split(" (")[0]) in pages["bm"].html
    assert 'class="verdicts"' not in pages["lin"].html


def test_the_commands_and_all_options_are_there(fitted, pages):
    text = html.unescape(pages["lin"].html)
    assert "econml fit --out 'lin'\n" in text and f"econml fit --config {fitted['lin'].path}/config.yaml" in text
    assert (fitted["lin"].path / "config.yaml").read_text().rstrip() in text
    manifest = fitted["lin"].manifest()
    assert manifest["data"]["fingerprint"] in text and manifest["versions"]["jax"] in text


def test_a_solved_model_has_a_sentence_in_place_of_curves(pages):
    assert "There is no learning curve: the model was solved exactly" in pages["ols"].html
    assert len(Document(pages["lin"].html).all("img")) == len(Document(pages["ols"].html).all("img")) + 1


@pytest.mark.slow
def test_of_an_ensemble_a_member_is_shown_and_said_which(pages):
    assert pages["ens"].failed == ()
    assert "Of the ensemble this is member 0." in pages["ens"].html and "mean test loss" in pages["ens"].html


@pytest.mark.slow
def test_several_runs_are_compared_first_the_best_on_top(fitted, pages):
    body = pages[""].html.partition('<section id="comparison"')[2].partition("</section>")[0]
    first = body.partition("</table>")[0]
    order = re.findall(r'<a href="#run(\d)">', first)
    losses = [evaluate(fitted[name], bootstrap=0).estimates["test_loss"].value for name in RUNS]
    assert [int(k) - 1 for k in order] == list(np.argsort(losses))
    assert len(re.findall(r"<article ", pages[""].html)) == len(RUNS)


def test_what_cannot_be_made_is_said_in_its_place(fitted, tmp_path):
    shutil.copytree(fitted[EVIL].path, tmp_path / "moved")
    config = tmp_path / "moved" / "config.yaml"
    config.write_text(re.sub(r"(?m)^data: .*$", "data: gone.csv", config.read_text()))
    found = page([Run(tmp_path / "moved")], FEW)
    assert len(found.failed) == 5 and all("gone.csv" in said for said in found.failed)
    assert found.html.count('<p class="missing">') == 5
    assert "Losses by epoch on a log axis" in found.html and "graphdef of the model" in found.html


# ----- the command


@pytest.mark.slow
def test_the_command_writes_a_page_and_replaces_it(fitted, econml, isolated):
    few = ("--bootstrap", 0, "--draws", 10)
    first = econml("report", fitted["ols"].path, *few)
    assert (first.code, first.stdout, first.stderr) == (0, "report.html\n", "")
    again = econml("report", fitted["ols"].path, *few, "--title", "T & <i>", "--json")
    assert json.loads(again.stdout)["out"] == "report.html" and json.loads(again.stdout)["pdf"] is None
    text = (isolated / "report.html").read_text()
    assert "<title>T &amp; &lt;i&gt;</title>" in text and "studentised bootstrap" not in text
    assert "mean over 10 fresh draws" in text
    assert [path.name for path in isolated.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("out", "code", "says"),
    [
        ("notes.html", 1, "is no report of econml"),
        ("folder.html", 2, "is a directory"),
        ("nowhere/a.html", 2, "there is no directory nowhere"),
        ("report.txt", 2, "must end in .html or .htm"),
    ],
)
def test_what_is_not_ours_is_left_alone(fitted, econml, isolated, out, code, says):
    (isolated / "notes.html").write_text("mine")
    (isolated / "folder.html").mkdir()
    done = econml("report", fitted["ols"].path, "--out", out)
    assert done.code == code and says in done.stderr
    assert (isolated / "notes.html").read_text() == "mine"


def test_force_replaces_what_is_not_ours(isolated):
    (isolated / "a.html").write_text("mine")
    with pytest.raises(RunError, match="add --force"):
        files.check(Path("a.html"), "--out", (".html",), files.MARK, force=False)
    files.check(Path("a.html"), "--out", (".html",), files.MARK, force=True)


def test_without_a_browser_pdf_is_refused_before_anything_is_made(fitted, econml, isolated, monkeypatch):
    monkeypatch.setenv("PATH", str(isolated))
    done = econml("report", fitted["ols"].path, "--pdf", "a.pdf")
    assert done.code == 1 and "neither is on PATH" in done.stderr and "print it to a file" in done.stderr
    assert list(isolated.iterdir()) == []


def test_a_browser_that_fails_leaves_no_pdf(fitted, isolated, monkeypatch):
    fake = isolated / "chromium"
    fake.write_text("#!/bin/sh\necho no display >&2; exit 3\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(isolated), prepend=os.pathsep)
    with pytest.raises(RunError, match=r"made no PDF \(no display\)"):
        pdf.write("<p>", isolated / "a.pdf")
    assert not (isolated / "a.pdf").exists()


def _ended(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_a_browser_that_hangs_is_ended(isolated, monkeypatch):
    fake = isolated / "chromium"
    fake.write_text("#!/bin/sh\nsleep 60 & echo $! > child; wait\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(isolated), prepend=os.pathsep)
    monkeypatch.setattr(pdf, "SECONDS", 1)
    with pytest.raises(RunError, match="did not print within 1 s"):
        pdf.write("<p>", isolated / "a.pdf")
    child = int((isolated / "child").read_text())
    wait_until(lambda: _ended(child))  # killed is not yet gone: that is for the kernel, and for init


# ----- in a browser


@pytest.fixture
def browser():
    """A Chromium on this machine."""
    found = next(filter(None, map(shutil.which, pdf.BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium is installed (Debian's package: chromium)")
    return found


def complaints(browser, text, tmp_path):
    """What a browser writes to its console when it opens the page, and the document that results."""
    path = tmp_path / "opened.html"
    path.write_text(text, encoding="utf-8")
    switches = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --dump-dom"
    done = subprocess.run(
        [browser, *switches.split(), "--disable-dev-shm-usage", "--enable-logging=stderr",
         f"--user-data-dir={tmp_path / 'profile'}", path.as_uri()],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    assert "<h1" in done.stdout, done.stderr[-2000:]
    return [line for line in done.stderr.splitlines() if "CONSOLE" in line], done.stdout


@pytest.mark.slow
def test_a_browser_opens_the_page_without_a_complaint(browser, pages, tmp_path):
    said, document = complaints(browser, pages[""].html, tmp_path)
    assert said == [] and "&lt;script&gt;alert(1)" in document
    assert "<script>alert" not in document and "<img src=x" not in document


def test_a_page_that_runs_a_script_is_noticed(browser, pages, tmp_path):
    said, _ = complaints(browser, pages["ols"].html.replace("</main>", "<script>1</script></main>"), tmp_path)
    assert said and "Content Security Policy" in said[0]


@pytest.mark.slow
def test_the_pdf_is_made_and_only_ours_is_replaced(browser, pages, fitted, econml, isolated):
    path = isolated / "a.pdf"
    for _ in range(2):
        files.check(path, "--pdf", (".pdf",), pdf.MARK, force=False)
        pdf.write(pages["lin"].html, path)
    made = path.read_bytes()
    assert made.startswith(b"%PDF") and made.endswith(pdf.MARK) and len(re.findall(rb"/Type /Page\b", made)) >= 2
    assert [file.name for file in isolated.iterdir()] == ["a.pdf"]
    path.write_bytes(b"%PDF mine")
    assert "is no report of econml" in econml("report", fitted["ols"].path, "--pdf", "a.pdf").stderr


# ----- learning curves


def logged(losses, **more):
    """Curves of these losses by epoch."""
    rows = tuple(
        {"epoch": i + 1, **{f"{k}_loss": v[i] for k, v in losses.items()}} for i in range(len(losses["train"]))
    )
    columns = {name: np.array(values, float) for name, values in losses.items()}
    found = {"bands": {}, "best": None, "kept": False, **more}
    return curves.Curves(np.arange(1, len(rows) + 1), columns, rows=rows, **found)


def test_a_geometric_decline_is_a_straight_line_of_dots():
    drawn = terminal.draw(logged({"train": list(10.0 ** -np.linspace(0, 4, 200))}), 80).plain.splitlines()[1:17]
    dots = []
    for i, line in enumerate(drawn):
        for j, character in enumerate(line[terminal.LABEL + 2 :]):
            bits = ord(character) - 0x2800
            for down in range(4):
                for across in range(2):
                    if 0 < bits < 256 and bits & terminal.BITS[down][across]:
                        dots.append((2 * j + across, 4 * i + down))
    x, y = np.array(dots).T
    assert set(x) == set(range(2 * 68)) and np.abs(y - x * 63 / 135).max() <= 1
    assert [line.split()[0] for line in drawn if "\u2524" in line] == ["1e+00", "1e-01", "1e-02", "1e-03", "1e-04"]


def test_losses_are_drawn_within_their_width_and_without_unicode_where_there_is_none():
    found = logged({"train": [1.0, 0.3, 0.2, 0.2], "val": [1.1, 0.4, 0.5, np.nan]}, best=2)
    for width in (40, 80):
        assert max(map(len, terminal.draw(found, width).plain.splitlines()[:-1])) <= width
    plain = terminal.draw(found, 80, unicode=False).plain
    assert plain.isascii() and "o val loss" in plain and "^ lowest val loss: epoch 2" in plain


def test_the_best_epoch_is_that_of_the_lowest_val_loss_or_of_the_weights_kept(fitted):
    for name, kept in (("lin", False), (EVIL, True)):
        found = curves.read(fitted[name])
        assert found.kept is kept
        assert found.best == found.epochs[np.nanargmin(found.losses["val"])]


@pytest.mark.slow
def test_the_band_of_an_ensemble_lies_about_its_mean(fitted):
    found = curves.read(fitted["ens"])
    low, high = found.bands["val"]
    assert np.all(low <= found.losses["val"]) and np.all(found.losses["val"] <= high) and np.all(low < high)
    axis = curves.figure(found).axes[0]
    assert len(axis.collections) == 2 and not curves.figure(curves.read(fitted["lin"])).axes[0].collections


def test_dollar_signs_of_a_name_are_no_formula(fitted):
    name = r"a$\frac$"
    figure = Figure()
    figure.subplots().set(title=name, xlabel=name, ylabel="y")
    assert rf"{name}: y against {name}" in html.unescape(images.by_panel(figure, leave_out="")).replace('alt="', "")
    curves.figure(curves.read(fitted["lin"]), name).draw_without_rendering()


def test_losses_that_are_not_finite_leave_a_gap():
    found = logged({"train": [1.0, np.nan, 0.1], "val": [np.nan] * 3})
    assert "train" in terminal.draw(found).plain and curves.figure(found).axes


def test_the_caption_of_the_curves_says_what_is_not_finite_and_the_losses_of_the_weights_kept(fitted, tmp_path):
    def body():
        make = next(make for name, _, make in PARTS if name == "curves")
        return make(Subject(run, FEW, RunError("not looked at")))

    shutil.copytree(fitted["lin"].path, tmp_path / "lost")
    run = Run(tmp_path / "lost")
    *rows, last = run.metrics()
    run.metrics_path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, {**last, "val_loss": None}]))
    assert f"at epoch 30: train loss {number(last['train_loss'])}, val loss not finite. Lowest val loss:" in body()
    (run.path / "summary.json").write_text(json.dumps({**run.summary(), "best_epoch": 5}))
    losses = f"train loss {number(rows[4]['train_loss'])}, val loss {number(rows[4]['val_loss'])}"
    assert f"at epoch 5: {losses}. Best weights, kept: epoch 5." in body()


FEW_ROWS = ("--N", 40, "--N-test", 20, "--N-val", 20)
FIT = ("fit", "mlp", "--width", 4, *FEW_ROWS, "--num-epochs", 5, "--out", "a")


def test_plot_shows_the_curves_below_the_summary_and_saves_them(econml, isolated):
    done = econml(*FIT, "--plot")
    summary, _, drawn = done.stdout.partition("Next: econml eval a\n")
    assert done.code == 0 and "test loss" in summary
    assert drawn.startswith("\nloss, on a log axis\n") and drawn.endswith(
        "The same as a figure: a/learning_curve.png\n"
    )
    assert "\x1b" not in done.stdout and max(map(len, drawn.splitlines())) <= 80
    assert (isolated / "a" / "learning_curve.png").read_bytes().startswith(b"\x89PNG")


def test_with_json_the_curves_go_to_the_file_alone(econml, isolated):
    assert json.loads(econml(*FIT, "--plot", "--json").stdout)["run"] == "a"
    assert (isolated / "a" / "learning_curve.png").exists()
    assert econml("fit", "--resume", "a", "--num-epochs", 6, "--plot", "--quiet").stdout == ""


def test_one_epoch_has_no_curve_and_says_so(econml, isolated):
    done = econml("fit", "linear", "--solver", "lstsq", *FEW_ROWS, "--out", "a", "--plot")
    assert done.code == 0 and "There is no learning curve: the model was solved exactly" in done.stderr
    assert not (isolated / "a" / "learning_curve.png").exists() and "log axis" not in done.stdout
    again = econml(*FIT[:-4], "--num-epochs", 1, "--out", "b", "--plot")
    assert "1 epoch was logged, and a curve needs two" in again.stderr


@pytest.mark.slow
def test_without_plot_a_fit_never_loads_matplotlib(isolated):
    code = "import sys; from econml_cli.cli import main\ntry: main()\nexcept SystemExit: print("
    code += "'matplotlib' in sys.modules)"
    line = [sys.executable, "-c", code, *map(str, FIT), "--quiet"]
    assert subprocess.run(line, capture_output=True, text=True, timeout=120, check=True).stdout == "False\n"


def abstract_of(found):
    return html.unescape(re.sub("<[^>]*>", "", found.html.partition('<p class="abstract">')[2].partition("</p>")[0]))


def test_a_page_begins_with_what_came_out_in_words(fitted, pages):
    told = abstract_of(pages["ols"])
    e = evaluate(fitted["ols"], bootstrap=50)
    loss = e.estimates["test_loss"]
    assert told.startswith("ols fits linear to 40 training observations of linear; it ended as solved.")
    assert f"Its test loss is {cell(loss.value)} (95 % interval {cell(loss.low)} to {cell(loss.high)})" in told
    assert "(20 test observations)." in told and pages["ols"].html.index("abstract") < pages["ols"].html.index("<nav")


def test_the_page_of_a_table_has_effects_partial_dependence_and_one_interval_for_the_test_loss(pages, fitted):
    text = html.unescape(pages[EVIL].html)
    effects = text.partition('id="run1-effects"')[2].partition("</section>")[0]
    assert "Average partial effects on wage" in effects and effects.count("<img") == 3
    assert 'alt="wage against educ"' in effects and 'alt="Average partial effects of 2 columns' in effects
    loss = evaluate(fitted[EVIL], bootstrap=50).estimates["test_loss"]
    told = f"[{cell(loss.low)}, {cell(loss.high)}]"
    risk = text.partition('id="run1-risk"')[2].partition("population risk")[2].partition("</tr>")[0]
    assert told in risk and text.count(told) == 3  # headline, table, risk


@pytest.mark.slow
def test_every_number_of_a_verdict_stands_beside_its_bar(pages, fitted):
    rests = pages["bm"].html.partition("What the verdicts rest on")[2].partition("</table>")[0]
    e = evaluate(fitted["bm"], bootstrap=0)
    for name, bar in (("policy_error_mean", 0.001), ("steady_state_error", 0.1), ("states_outside", 0.1)):
        value = e.estimates[name].value
        row = rests.partition(f": {name.replace('_', ' ')}")[2].partition("</tr>")[0]
        assert re.findall("<td>([^<]*)</td>", row) == [
            cell(value), f"&lt; {bar:g}", "passed" if value < bar else "FAILED"
        ]  # fmt: skip


@pytest.mark.slow
def test_of_several_runs_the_abstract_has_the_paired_test(fitted, tmp_path):
    other = fit(build("linear", "linear", [("test", {"num_epochs": 5, **SIZES, "lr": 1e-4})]), tmp_path / "worse").run
    same = fit(build("linear", "linear", [("test", {"num_epochs": 5, **SIZES, "lr": 1e-3})]), tmp_path / "better").run
    made = page([other, same], Options(bootstrap=200, draws=200))
    told, tests = abstract_of(made), made.html.partition("<caption>Paired, against better")[2].partition("</table>")[0]
    found = compare([same, other], bootstrap=200)
    test = found.columns[1].against
    assert told.startswith("Of 2 runs better has the lowest test loss: ")
    assert f"worse's loss is {cell(test.value)} higher than better's" in told and test.value > 0
    assert cell(test.value) in tests and f"[{cell(test.low)}, {cell(test.high)}]" in tests
    assert f"{cell(test.low)} to {cell(test.high)}, p " in told and f"paired bootstrap on {test.n} observations" in told


@pytest.mark.slow
def test_what_is_of_other_units_is_not_compared_in_words(fitted):
    told = abstract_of(page([fitted["ols"], fitted[EVIL]], Options(bootstrap=0, draws=200)))
    assert "is not tested against" in told and EVIL in told
