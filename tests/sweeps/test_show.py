"""`econml sweep show`: what is said of trials that are given, as text, JSON, CSV, Markdown and LaTeX."""

import csv
import io
import json
import math
import random
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from econml_cli.errors import ConfigError
from econml_cli.output import terminal
from econml_cli.sweeps.run.directory import SweepDirectory
from econml_cli.sweeps.show import table, text
from econml_cli.sweeps.show.importance import analyse
from econml_cli.sweeps.study.trials import Results, Trial

VARIED = ("lr", "width", "formula")


def sweep(n=30, *, varied=VARIED, goal="minimize", states=("complete",), best_lr=-2.0, seed=0):
    """A sweep whose loss depends on lr and on nothing else; the states come in turn."""
    draw, trials = random.Random(seed), []
    for i in range(n):
        lr = 10 ** draw.uniform(-4, -1)
        loss = 10 ** (abs(math.log10(lr) - best_lr) - 3) * draw.uniform(0.9, 1.1)
        point = {"lr": lr, "width": draw.choice([64, 128, 256]), "formula": draw.choice(["y ~ a", "y ~ a | b & c_1"])}
        state = states[i % len(states)]
        done = state == "complete"
        trials.append(
            Trial(
                number=i,
                index=i,
                state=state,
                params={"num_epochs": 300, **{name: point[name] for name in varied}},
                value=(loss if goal == "minimize" else -loss) if done else None,
                reason="The loss became non-finite." if state == "failed" else None,
                epochs=300 if done else None,
                seconds=1.5 if done else None,
                metrics={"val_loss": loss, "test_loss": 2 * loss} if done else {},
                run=f"runs/lecture/{i:04d}",
            )
        )
    return Results("lecture", "random", "val_loss", goal, varied, n, tuple(trials), Path("runs/lecture"))


@pytest.fixture
def shown(econml, monkeypatch):
    """`econml sweep show` in runs/, with the study that a test gives it; `asked` is what was read."""
    SweepDirectory(Path("runs/lecture")).create("method: random\n", {"storage": None, "study": "lecture"})
    asked = []

    def run(results, *args):
        monkeypatch.setattr("econml_cli.sweeps.study.study.read", lambda *where: asked.append(where) or results)
        return econml("sweep", "show", *args)

    run.asked = asked
    return run


def printed(results, monkeypatch, capsys, width=120, **options):
    monkeypatch.setenv("COLUMNS", str(width))
    terminal.show(text.text(results, table.ordered(results, None), analyse(results), **options))
    return capsys.readouterr().out


@pytest.mark.parametrize("results", [sweep(0), sweep(3), sweep(20, states=("failed",)), sweep(10, varied=())])
def test_where_trials_tell_nothing_there_is_no_number_and_no_crash(results, monkeypatch, capsys):
    assert all(one.importance is None and one.correlation is None for one in analyse(results).influences)
    out = printed(results, monkeypatch, capsys)
    assert "nan" not in out.lower() and "importance" not in out


def test_the_text_says_what_there_is_the_best_trial_and_how_to_go_on(monkeypatch, capsys):
    results = sweep(12, states=("complete", "complete", "pruned", "failed"))
    out = printed(results, monkeypatch, capsys)
    assert out.startswith("lecture: random, minimize val_loss\n  6 of 12 trials complete, 3 pruned, 3 failed\n")
    best = results.best()
    assert f"\n*  {best.number:>5}  " in out and out.count("\n*") == 1
    assert f"econml eval runs/lecture/{best.number:04d}\n" in out
    assert f"econml fit --config runs/lecture/{best.number:04d}/config.yaml --out runs/lecture-best\n" in out
    assert "  3, 7, 11: The loss became non-finite.\n" in out
    assert "the same in all: num_epochs=300" in out


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_and_no_number_is_broken(monkeypatch, capsys, width):
    results = sweep(30)
    lines = printed(results, monkeypatch, capsys, width).splitlines()
    assert max(len(line) for line in lines if not line.startswith("  refit")) <= width  # a command stays whole
    for trial in results.trials:
        assert any(table.cell(trial.value) in line and table.cell(trial.params["lr"]) in line for line in lines)


def test_a_point_that_was_lost_and_tried_again_counts_once(monkeypatch, capsys):
    done = sweep(3).trials
    killed = {"state": "failed", "value": None, "reason": "its worker was killed"}
    lost = [replace(trial, number=i, index=i, **killed) for i, trial in enumerate(done)]
    again = [replace(t, number=3 + i, index=i) for i, t in enumerate(done[:2])]
    results = replace(sweep(3), trials=(*lost, *again))
    assert text.progress(results) == "2 of 3 trials complete, 1 failed, 2 lost or failed and tried again"
    out = printed(results, monkeypatch, capsys)
    assert "\n  2: its worker was killed\n" in out and "0, 1" not in out
    assert text.as_json(results, results.trials, analyse(results))["counts"]["failed"] == 1


def test_a_pruned_trial_above_the_best_one_is_explained(monkeypatch, capsys):
    results = sweep(6)
    assert results.cut_short() is None and text.rule(results) is None
    best, last = results.best(), results.trials[-1]
    early = replace(last, state="pruned", value=best.value / 2, epochs=9)
    results = replace(results, trials=(*results.trials[:-1], early))
    if best == last:
        results = replace(results, trials=(replace(results.trials[0], value=best.value), *results.trials[1:]))
    said = f"The best of the complete trials: {early.number} had"
    assert said in printed(results, monkeypatch, capsys) and said in text.at_the_end(results)
    assert replace(results, goal="maximize").cut_short() is None


def test_a_narrow_terminal_gets_a_few_lines_a_trial(monkeypatch, capsys):
    results = sweep(6)
    out = printed(results, monkeypatch, capsys, 45)
    assert f"* {results.best().number}  val_loss {table.cell(results.best().value)}  complete" in out
    assert f"lr={table.cell(results.best().params['lr'])}, width=" in out


def test_trials_are_sorted_by_the_metric_unless_a_column_is_named():
    results = sweep(9, states=("failed", "complete", "running"))
    assert [t.state for t in table.ordered(results, None)] == ["complete"] * 3 + ["running"] * 3 + ["failed"] * 3
    values = [t.value for t in table.ordered(results, None)[:3]]
    assert values == sorted(values)
    rates = [t.params["lr"] for t in table.ordered(results, "-lr")]
    assert rates == sorted(rates, reverse=True)
    assert table.ordered(results, "lr:desc") == table.ordered(results, "-lr")
    assert table.ordered(results, "num-epochs") == table.ordered(results, "number") == results.trials
    assert [t.value is None for t in table.ordered(results, "-val_loss")] == [False] * 3 + [True] * 6


def test_the_best_of_a_maximised_metric_is_its_greatest():
    first, second = table.ordered(sweep(20, goal="maximize"), None)[:2]
    assert first.value > second.value


def test_an_unknown_column_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"no column 'widht'\. Did you mean 'width'"):
        table.ordered(sweep(3), "widht")
    with pytest.raises(ConfigError, match=r"no column 'lr:down'\. NAME, -NAME and NAME:desc"):
        table.ordered(sweep(3), "lr:down")


def test_csv_has_every_digit_and_reads_back():
    results = sweep(8, states=("complete", "failed"))
    rows = list(csv.DictReader(io.StringIO(table.render(results, results.trials, "csv"))))
    assert [float(row["lr"]) for row in rows] == [trial.params["lr"] for trial in results.trials]
    assert rows[1]["val_loss"] == "" and rows[1]["reason"] == "The loss became non-finite."
    assert len(set(rows[0])) == len(table.whole(results)) and rows[0]["num_epochs"] == "300"


def test_a_parameter_called_like_another_column_keeps_both():
    trial = Trial(0, 0, "complete", {"epochs": 7}, 1.0, epochs=300)
    results = Results("x", "grid", "loss", "minimize", ("epochs",), 1, (trial,))
    (row,) = csv.DictReader(io.StringIO(table.render(results, results.trials, "csv")))
    assert (row["param.epochs"], row["epochs"]) == ("7", "300")


def test_markdown_keeps_its_columns_whatever_a_formula_holds():
    results = sweep(6)
    head, rule, *rows = table.render(results, results.trials, "markdown").splitlines()
    assert head == "| trial | lr | width | formula | val_loss | epochs | seconds | state |"
    assert rule == "| ---: | ---: | ---: | :--- | ---: | ---: | ---: | :--- |"
    assert {row.replace("\\|", "").count("|") for row in rows} == {9} and any("\\|" in row for row in rows)


def test_latex_escapes_text_and_writes_powers_of_ten():
    trial = Trial(0, 0, "complete", {"lr": 1.5e-5, "formula": "y ~ a_1 & 50%"}, -0.25)
    results = Results("x", "grid", "val_loss", "maximize", ("lr", "formula"), 1, (trial,))
    out = table.render(results, results.trials, "latex")
    assert r"0 & $1.5 \times 10^{-5}$ & y \textasciitilde{} a\_1 \& 50\% & $-$0.25 & - & - & complete \\" in out
    assert out.startswith("\\begin{tabular}{rrlrrrl}\n  \\toprule\n  trial & lr & formula & val\\_loss &")


def test_latex_compiles(tmp_path):
    if not shutil.which("pdflatex") or not shutil.which("kpsewhich"):
        pytest.skip("pdflatex is not installed")
    if not subprocess.run(["kpsewhich", "booktabs.sty"], capture_output=True, check=False).stdout:
        pytest.skip("LaTeX has no booktabs here")
    odd = Trial(99, 99, "failed", {"lr": -1e-7, "width": 1, "formula": 'log(y) ~ C(a)^2 | {b} & "c" <d> \\ #1 $%_~'})
    results = sweep(6)
    body = table.render(results, (*results.trials, odd), "latex")
    packages = "\\usepackage[T1]{fontenc}\\usepackage{booktabs}"
    source = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (tmp_path / "table.tex").write_text(source)
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "table.tex"],
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]


def test_json_is_one_document_with_everything(shown):
    results = sweep(12, states=("complete", "failed"))
    ran = shown(results, "--json")
    document = json.loads(ran.stdout)
    assert (ran.code, ran.stderr) == (0, "") and list(document) == ["sweep", "counts", "best", "analysis", "trials"]
    assert document["counts"] == {"complete": 6, "pruned": 0, "failed": 6, "running": 0, "waiting": 0}
    assert document["best"]["value"] == results.best().value and "eval" in document["best"]["commands"]["show"]
    assert {trial["number"] for trial in document["trials"]} == set(range(12))
    assert document["analysis"]["influences"][0]["name"] in VARIED


def test_the_study_of_the_sweeps_directory_is_read_unless_storage_says_where(shown):
    assert shown(sweep(4)).code == 0
    assert shown(sweep(4), "lecture", "--storage", "sqlite:///s.db").code == 0
    assert shown(sweep(4), "other", "--storage", "sqlite:///s.db").code == 0
    path = Path("runs/lecture")
    assert shown.asked == [
        (str(path / "study.journal"), "lecture", path),
        ("sqlite:///s.db", "lecture", path),
        ("sqlite:///s.db", "other", None),
    ]


def test_top_keeps_the_first_of_the_order(shown):
    results = sweep(10)
    out = shown(results, "--format", "csv", "--top", "2", "--sort", "-number").stdout
    assert [row["number"] for row in csv.DictReader(io.StringIO(out))] == ["9", "8"]
    assert "8 more without --top" in shown(results, "--top", "2").stdout


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_tables_for_papers_are_printed_alone(shown, form):
    results = sweep(5)
    written = table.render(results, table.ordered(results, None), form)
    assert shown(results, "--format", form).stdout == f"{written}\n"


def test_what_is_wrong_is_one_sentence(shown):
    ran = shown(sweep(3), "--sort", "widht")
    assert ran.code == 2 and "Did you mean 'width'?" in ran.stderr and ran.stdout == ""
    ran = shown(sweep(3), "lectrue")
    assert ran.code == 1 and "Did you mean 'lecture'?" in ran.stderr
    assert shown(sweep(3), "--html", "x.html", "--json").code == 2
    ran = shown(sweep(3), "--html", "missing/x.html")
    assert ran.code == 1 and "missing/x.html cannot be written" in ran.stderr and ran.stderr.count("\n") == 1


def test_html_writes_a_page_and_prints_its_path(shown):
    ran = shown(sweep(6), "--html", "sweep.html")
    assert (ran.code, ran.stdout, ran.stderr) == (0, "sweep.html\n", "")
    assert Path("sweep.html").read_text().startswith("<!doctype html>")
