"""`econml estimate`: the effect, its directory, its tables, and what is refused."""

import errno
import json
import os
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import econml_cli
from econml_cli.causal import estimation
from econml_cli.causal.effect import Nuisance
from econml_cli.causal.folds import folds_of
from econml_cli.causal.options import Specification
from econml_cli.causal.sample import read
from econml_cli.causal.scores import Estimated
from econml_cli.data import files
from econml_cli.errors import ConfigError, DataError, InterruptedFitError, RunError
from econml_cli.runs import estimates
from econml_cli.training.loop.stack import Stack
from tests.support import running

N = 600
QUICK = ("--nuisance", "linear", "--folds", 3, "--repeats", 2)
SMALL = ("--nuisance", "mlp", "--with", "width=8", "--with", "num_epochs=60", "--with", "lr=0.03", "--folds", 2)
ONCE = ("--repeats", 1, "--name", "a")
CONTROLS = ("--controls", "x1,x2")


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Effects: d on y .5; e on ye 2; p on yp 1.5 for those who follow z."""
    r = np.random.default_rng(0)
    x1, x2, firm = r.normal(size=N), r.normal(size=N), r.integers(0, 40, N)
    d = x1 + r.normal(size=N)
    e = (r.uniform(size=N) < 1 / (1 + np.exp(-x1))).astype(int)
    z = (r.uniform(size=N) < 1 / (1 + np.exp(-0.5 * x2))).astype(int)
    p = z * (r.uniform(size=N) < 0.7)
    noise = r.normal(size=(3, N))
    columns = {"x1": x1, "x2": x2, "d": d, "y": 0.5 * d + x1 - x2 + noise[0], "e": e, "ye": 2 * e + x1 + noise[1]}
    columns |= {"z": z, "p": p, "yp": 1.5 * p + x2 + noise[2], "firm": firm, "two": firm % 2, "far": (x1 > 0) * 1}
    columns |= {"word": np.where(z == 1, "a", "b"), "gap": np.where(np.arange(N) < 5, np.nan, x2), "one": 1}
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def asked(file, model="plr", **changes):
    options = {
        "target": "y",
        "treatment": "d",
        "controls": ["x1", "x2"],
        "nuisance": "linear",
        "folds": 3,
        "repeats": 2,
    }
    return Specification.from_dict({"model": model, "data": str(file), **options, **changes}, "a test")


def test_plr_with_linear_nuisances_is_cross_fitted_least_squares(econml, file):
    ran = econml("estimate", "plr", "--data", file, "--target", "y", "--treatment", "d", *CONTROLS, *QUICK, "--json")
    assert ran.code == 0, ran.stderr
    found = json.loads(ran.stdout)
    rows = pd.read_csv(file)
    design = np.column_stack([np.ones(N), rows.x1, rows.x2])
    for repeat, own in enumerate(found["repeats"], start=1):
        folds = folds_of(N, 3, (42, repeat))
        left = {}
        for name in ("y", "d"):
            values, left[name] = rows[name].to_numpy(), np.empty(N)
            for k in range(3):
                train, test = folds != k, folds == k
                beta = np.linalg.lstsq(design[train], values[train], rcond=None)[0]
                left[name][test] = values[test] - design[test] @ beta
        theta = float(left["d"] @ left["y"] / (left["d"] @ left["d"]))
        psi = left["d"] * (left["y"] - theta * left["d"])
        error = np.sqrt(np.mean(psi**2) / N) / np.mean(left["d"] ** 2)
        assert own["value"] == pytest.approx(theta, abs=1e-9)
        assert own["standard_error"] == pytest.approx(error, abs=1e-9)
    assert abs(found["estimate"]["value"] - 0.5) < 3 * found["estimate"]["standard_error"]
    assert found["low"] < found["estimate"]["value"] < found["high"]


@pytest.mark.slow
def test_irm_with_networks_finds_the_effect_and_says_how_far_there_is_overlap(econml, file):
    ran = econml("estimate", "irm", "--data", file, "--target", "ye", "--treatment", "e", *CONTROLS, *SMALL, *ONCE)
    assert ran.code == 0, ran.stderr
    shown = ran.stdout.splitlines()
    assert shown[0] == "Effect of e on ye: interactive regression model, average treatment effect"
    assert "Overlap: P(e = 1 | controls), out of fold" in shown
    assert any(line.startswith("  g0  ye | e=0, x") for line in shown)
    effect = econml_cli.load_estimate("a")
    assert abs(effect.value - 2) < 0.5
    assert effect.overlap.groups[0].rows + effect.overlap.groups[1].rows == N
    assert 0 < effect.overlap.groups[1].quantiles[0] < effect.overlap.groups[1].quantiles[-1] < 1
    again = econml("eval", "a")
    assert again.code == 0
    assert again.stdout.strip() == ran.stdout.partition("\n\n  kept in")[0].strip()


@pytest.mark.slow
def test_iivm_finds_the_effect_on_compliers_where_nobody_is_treated_without_the_instrument(econml, file):
    line = (
        "--data",
        file,
        "--target",
        "yp",
        "--treatment",
        "p",
        "--instrument",
        "z",
        *CONTROLS,
        *QUICK,
        "--name",
        "late",
    )
    ran = econml("estimate", "iivm", *line)
    assert ran.code == 0, ran.stderr
    assert "Nuisance r0 (p | z=0, x) is 0 in every row, and was not fitted." in ran.stderr
    effect = econml_cli.load_estimate("late")
    assert abs(effect.value - 1.5) < 3 * effect.standard_error
    assert effect.compliers.value == pytest.approx(0.7, abs=0.1)


def test_an_instrument_that_prevents_the_treatment_is_said_to(file):
    of = asked(file, "iivm", target="yp", treatment="p", instrument="z")
    quality = Nuisance("m", "z | x", N, "binary", 0.1, 0.6)
    said = [estimation._notes(of, read(of), (quality,), None, Estimated(share, 0.05)) for share in (-0.7, 0.7)]
    assert said == [
        [
            "The share of compliers is negative: p is rarer where z is 1, and the effect is on those whose treatment z "
            "prevents."
        ],
        [],
    ]


@pytest.mark.slow
def test_clusters_change_the_standard_error_and_stay_whole(file):
    sample = read(asked(file, cluster="firm"))
    folds = folds_of(sample.n, 3, (42, 1), sample.clusters)
    assert all(len(set(folds[sample.clusters == c])) == 1 for c in set(sample.clusters))
    effect = econml_cli.estimate(
        "plr", data=file, target="y", treatment="d", controls=["x1", "x2"], cluster="firm", nuisance="linear", repeats=1
    )
    assert effect.clusters == 40
    assert "in 40 clusters by firm" in effect.render()
    assert "robust to clusters by firm" in effect.render("latex")


def test_python_takes_a_data_frame_and_gives_what_the_command_gives(econml, file):
    frame = pd.read_csv(file)
    options = {"controls": ["x1", "x2"], "nuisance": "linear", "folds": 3, "repeats": 2}
    effect = econml_cli.estimate("plr", data=frame, target="y", treatment="d", **options, name="mine")
    ran = econml("estimate", "plr", "--data", file, "--target", "y", "--treatment", "d", *CONTROLS, *QUICK, "--json")
    assert json.loads(ran.stdout)["estimate"]["value"] == pytest.approx(effect.value, rel=1e-12)
    assert effect.interval[0] < effect.value < effect.interval[1]
    assert "Nuisances by linear" in effect._repr_html_()
    with pytest.raises(DataError, match="the DataFrame has no column 'nothing'"):
        econml_cli.estimate("plr", data=frame, target="nothing", treatment="d")
    with pytest.raises(ConfigError, match=r"There is no option fold for .* Did you mean 'folds'"):
        econml_cli.estimate("plr", data=frame, target="y", treatment="d", fold=3)


@pytest.mark.slow
def test_what_was_finished_stays_and_an_interrupted_estimate_is_what_it_would_have_been(file, tmp_path, econml):
    options = {"nuisance": "mlp", "with": ["width=4", "num_epochs=15"], "folds": 2}
    whole = estimation.estimate(asked(file, **options), tmp_path / "whole")
    said = []
    with pytest.raises(InterruptedFitError, match=r"1 of 2 repeats are complete .* econml estimate resume") as stopped:
        estimation.estimate(
            asked(file, **options), tmp_path / "part", say=said.append,
            stop_signal=lambda: 15 if any("repeat 2" in each for each in said) else None,
        )  # fmt: skip
    assert stopped.value.exit_code == 143
    directory = estimates.EstimateDirectory(tmp_path / "part")
    first = (directory.path / "predictions" / "repeat1.l.npy").stat().st_mtime_ns
    shown = econml("eval", directory.path)
    assert shown.code == 1
    assert "is not finished (interrupted); go on with: econml estimate resume" in shown.stderr
    resumed = estimation.resume(directory)
    assert (directory.path / "predictions" / "repeat1.l.npy").stat().st_mtime_ns == first
    assert resumed.repeats == whole.repeats
    changed = econml("estimate", "resume", directory.path, "--json")
    assert json.loads(changed.stdout)["estimate"]["value"] == whole.value


def test_a_file_that_has_changed_is_not_gone_on_with(file, tmp_path):
    copy = tmp_path / "copy.csv"
    copy.write_bytes(file.read_bytes())
    made = estimation.estimate(asked(copy), tmp_path / "there")
    copy.write_text(copy.read_text().replace("0", "1", 1))
    with pytest.raises(RunError, match="is no longer what"):
        estimation.resume(estimates.EstimateDirectory(tmp_path / "there"))
    damaged = tmp_path / "there" / "predictions" / "repeat1.l.npy"
    copy.write_bytes(file.read_bytes())
    damaged.write_bytes(damaged.read_bytes()[:-8])
    with pytest.raises(RunError, match=r"repeat1.l.npy .*delete it"):
        estimation.resume(estimates.EstimateDirectory(tmp_path / "there"))
    damaged.unlink()
    assert estimation.resume(estimates.EstimateDirectory(tmp_path / "there")).value == made.value


@pytest.mark.slow
def test_the_table_of_a_paper_is_written_in_the_form_of_its_ending(econml, file, isolated):
    line = ("--data", file, "--target", "y", "--treatment", "d", *CONTROLS, *QUICK)
    ran = econml("estimate", "plr", *line, "--out", "table.tex", "--name", "first")
    assert ran.code == 0, ran.stderr
    effect, tex = econml_cli.load_estimate("first"), (isolated / "table.tex").read_text()
    assert rf"  d & {effect.value:,.4f}$^{{***}}$ \\" in tex
    assert rf"   & ({effect.standard_error:,.4f}) \\" in tex
    assert tex.count(r"\begin{tabular}{lc}") == tex.count(r"\end{tabular}") == 1
    assert r"\toprule" in tex and r"Observations & 600 \\" in tex
    assert econml("eval", "first", "--format", "latex").stdout.strip() == tex.strip()
    again = econml("estimate", "resume", "first", "--out", "table.csv")
    assert again.code == 0
    assert pd.read_csv("table.csv").estimate[0] == effect.value
    taken = econml("estimate", "plr", *line, "--name", "first")
    assert (taken.code, "add --force to replace it" in taken.stderr) == (1, True)
    assert econml("estimate", "plr", *line, "--name", "first", "--force").code == 0
    assert "is an estimate of a treatment effect" in econml("predict", "first", "--out", "p.csv").stderr


def test_what_a_user_named_is_escaped_in_a_table(file, isolated):
    frame = pd.read_csv(file).rename(columns={"y": "wage_log & \\input{x}", "d": "d%1"})
    effect = econml_cli.estimate(
        "plr",
        data=frame,
        target="wage_log & \\input{x}",
        treatment="d%1",
        controls=["x1"],
        nuisance="linear",
        repeats=1,
    )
    tex = effect.render("latex")
    assert r"wage\_log \& \textbackslash{}input\{x\}" in tex and r"d\%1 &" in tex
    assert "\\input" not in "".join(tex.splitlines()[1:])  # the first is a comment


@pytest.mark.parametrize(
    ("model", "changes", "says", "code"),
    [
        ("irm", ("--treatment", "d", "--target", "y"), "irm needs a --treatment of 0 and 1, but 'd' has the values", 1),
        ("iivm", ("--treatment", "e", "--target", "y", "--instrument", "d"), "iivm needs a --instrument of 0 and 1", 1),
        ("iivm", ("--treatment", "e", "--target", "y"), "--instrument COLUMN is missing", 2),
        ("plr", ("--treatment", "d", "--target", "y", "--cluster", "two"), "--cluster two has 2 different values", 1),
        ("plr", ("--treatment", "d", "--target", "why"), "--target: {file} has no column 'why'", 1),
        ("plr", ("--treatment", "dd", "--target", "y"), "--treatment: {file} has no column 'dd'", 1),
        (
            "plr",
            ("--treatment", "d", "--target", "y", "--controls", "x1,x7"),
            "--controls: {file} has no column 'x7'",
            1,
        ),
        (
            "plr",
            ("--treatment", "d", "--target", "y", "--controls", "x1,d"),
            "--controls has 'd', which is the --treatment",
            2,
        ),
        ("plr", ("--treatment", "y", "--target", "y"), "--target and --treatment are both 'y'", 2),
        ("plr", ("--treatment", "one", "--target", "y"), "--treatment 'one' is 1 in every row", 1),
        ("plr", ("--treatment", "word", "--target", "y"), "--treatment 'word' holds text", 1),
        ("plr", ("--treatment", "d", "--target", "y", "--folds", "1"), "--folds must be an integer >= 2", 2),
        ("plr", ("--treatment", "d", "--target", "y", "--trim", ".1"), "There is no option --trim", 2),
        ("irm", ("--treatment", "e", "--target", "y", "--trim", ".7"), "--trim must be a number > 0 and < 0.5", 2),
        ("plr", ("--treatment", "d", "--target", "y", "--out", "t.pdf"), "--out t.pdf has to end in one of .tex", 2),
        (
            "plr",
            ("--treatment", "d", "--target", "y", "--with", "wide=3"),
            "--with wide: the nuisances have no such",
            2,
        ),
        ("plr", ("--treatment", "d", "--target", "y", "--nuisance", "lineer"), "Did you mean 'linear'", 2),
        ("plr", ("--treatment", "d"), "--target COLUMN is missing", 2),
        ("irm", ("--treatment", "far", "--target", "y", "--controls", "x1,far2"), "has no column 'far2'", 1),
    ],
)
def test_what_cannot_be_estimated_is_refused_in_a_sentence(econml, file, model, changes, says, code):
    controls = () if "--controls" in changes else CONTROLS
    ran = econml("estimate", model, "--data", file, "--nuisance", "linear", *controls, *changes)
    assert ran.code == code, ran.stdout + ran.stderr
    assert says.replace("{file}", str(file)) in ran.stderr
    assert ran.stderr.startswith("econml estimate: ") and ran.stderr.count("\n") == 1
    assert not ran.stdout


@pytest.mark.slow
def test_a_treatment_that_the_controls_decide_has_no_overlap(econml, file):
    line = ("--data", file, "--target", "y", "--treatment", "far", *CONTROLS, "--folds", 2, "--repeats", 1)
    network = (
        "--nuisance",
        "mlp",
        "--with",
        "width=8",
        "--with",
        "lr=0.05",
        "--with",
        "num_epochs=200",
        "--with",
        "patience=0",
    )
    ran = econml("estimate", "irm", *line, *network)
    assert ran.code == 1
    assert "There is no overlap: the controls decide 'far'" in ran.stderr


def test_a_treatment_that_is_made_of_a_control_has_nothing_left(econml, file, tmp_path):
    pd.read_csv(file).assign(d2=lambda frame: 2 * frame["d"]).to_csv(tmp_path / "twice.csv", index=False)
    line = ("--data", tmp_path / "twice.csv", "--target", "y", "--treatment", "d", "--controls", "d2", *QUICK)
    ran = econml("estimate", "plr", *line)
    assert ran.code == 1 and "The controls explain --treatment 'd' exactly" in ran.stderr


def test_rows_with_missing_values_are_refused_or_left_out_and_said(econml, file):
    line = ("--data", file, "--target", "y", "--treatment", "d", "--controls", "x1,gap", *QUICK)
    assert econml("estimate", "plr", *line).code == 1
    ran = econml("estimate", "plr", *line, "--missing", "drop")
    assert ran.code == 0
    assert "5 rows with missing values are left out." in ran.stderr
    assert f"  {N - 5} rows" in ran.stdout


def test_options_are_read_from_a_file_and_the_environment(econml, file, isolated, monkeypatch):
    (isolated / "plr.yaml").write_text(f"data: {file}\ntarget: y\ntreatment: d\ncontrols: [x1, x2]\nnuisance: linear\n")
    monkeypatch.setenv("ECONML_ESTIMATE_PLR_REPEATS", "1")
    ran = econml("estimate", "plr", "--config", "plr.yaml", "--json")
    assert ran.code == 0, ran.stderr
    assert len(json.loads(ran.stdout)["repeats"]) == 1


def test_a_damaged_directory_is_said_to_be(econml, file, isolated):
    line = ("--data", file, "--target", "y", "--treatment", "d", *CONTROLS, *QUICK)
    assert econml("estimate", "plr", *line, "--name", "hurt").code == 0
    path = isolated / "runs" / "hurt" / "estimate.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"results": document["results"] | {"folds": "five"}}))
    ran = econml("eval", "hurt")
    assert ran.code == 1
    assert "'results.folds' is \"five\"" in ran.stderr
    path.write_text(json.dumps(document | {"options": {"model": "plr", "data": str(file)}}))
    resumed = running.here("estimate", "resume", "hurt")
    assert resumed == 1


def test_a_file_is_read_once_and_of_it_what_is_needed(file, monkeypatch):
    found, real = [], files.read

    def kept(*args, **kwargs):
        found.append(real(*args, **kwargs))
        return found[-1]

    monkeypatch.setattr(files, "read", kept)
    sample = read(asked(file, controls=["x1"]))
    assert len(found) == 1 and set(found[0].columns.column_names) == {"y", "d", "x1"}
    frame = pd.read_csv(file)
    np.testing.assert_allclose(sample.x[:, 0], frame.x1, rtol=1e-12)
    np.testing.assert_allclose(sample.y, frame.y, rtol=1e-12)


@pytest.mark.parametrize("act", ["full", "moved"])
def test_what_keeps_an_estimate_from_being_written_is_said_with_how_to_go_on(file, isolated, econml, monkeypatch, act):
    keep, kept = estimates.EstimateDirectory.keep, []

    def fails(self, *predicted):
        kept.append(predicted)
        if len(kept) == 2 and act == "moved":
            self.path.rename("elsewhere")
        if len(kept) == 2 and act == "full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return keep(self, *predicted)

    with monkeypatch.context() as patch:
        patch.setattr(estimates.EstimateDirectory, "keep", fails)
        with pytest.raises(RunError, match="moved or deleted" if act == "moved" else "No space left") as told:
            estimation.estimate(asked(file), Path("it's e"))
    again = shlex.split(str(told.value).partition("continue with: ")[2])
    assert again == ["econml", "estimate", "resume", "it's e"]
    if act == "moved":
        assert not Path("it's e").exists()
        Path("elsewhere").rename("it's e")
    assert econml(*again[1:]).code == 0


@pytest.mark.slow
def test_no_clock_decides_the_last_digit_of_an_estimate(tmp_path, monkeypatch):
    """Folds stop early at epochs of their own; what had ended was once left out where that paid, by the clock."""
    rows = "".join(f"{i / 7 + i % 3:.3f},{(i * 37 % 11) / 5},{i % 5},{i * 7 % 3 // 2}\n" for i in range(80))
    (tmp_path / "d.csv").write_text("y,x1,x2,d\n" + rows)
    options = {"nuisance": "mlp", "with": ["width=4", "num_epochs=300"], "folds": 2, "repeats": 2}
    found = {}
    for seconds in (0.0, 1e9):  # leaving out pays at once, and never
        with monkeypatch.context() as patch:
            compiled = Stack._compile
            patch.setattr(Stack, "_compile", lambda self, c=compiled, s=seconds: c(self) * 0 + s)
            made = estimation.estimate(asked(tmp_path / "d.csv", **options), tmp_path / str(seconds))
        predictions = sorted((tmp_path / str(seconds) / "predictions").glob("*.npy"))
        found[seconds] = [path.read_bytes() for path in predictions], made.repeats
    assert len(found[0.0][0]) == 4 and found[0.0] == found[1e9]
