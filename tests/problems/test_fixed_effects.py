"""Fixed effects that model linear absorbs: dummies of statsmodels, and what pyfixest 0.60 gives."""

import numpy as np
import pandas as pd
import pytest

from econml_cli.errors import ConfigError, DataError, EconmlError
from econml_cli.evaluation.comparing.compare import compare
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal.effects import effects
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.export.fitted import read
from econml_cli.models.fixed_effects import FixedEffects
from tests.support.fits import fitted, load_model

sm = pytest.importorskip("statsmodels.api")
WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


def table():
    """240 rows of 30 firms of 5 regions in 6 years, with integer weights."""
    rng, n = np.random.default_rng(3), 240
    firm, year = rng.integers(0, 30, n), rng.integers(2000, 2006, n)
    u, v = rng.normal(size=30), rng.normal(size=6)
    x = rng.normal(size=n) + u[firm]
    z = rng.normal(size=n) + 0.5 * v[year - 2000]
    y = 1.5 * x - 0.7 * z + 2 * u[firm] + v[year - 2000] + rng.normal(size=n) * (1 + 0.5 * np.abs(x))
    w = rng.integers(1, 4, n)
    names = [f"f{i:02d}" for i in firm]
    return pd.DataFrame({"y": y, "x": x, "z": z, "firm": names, "year": year, "region": firm % 5, "w": w})


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The table, its file, and a fit with the effects of firms and years."""
    here = tmp_path_factory.mktemp("fixed")
    frame, path = table(), here / "t.csv"
    frame.to_csv(path, index=False)
    return frame, str(path), fitted(here / "two", data=str(path), formula="y ~ x + z | firm + year", **WHOLE)


#: feols(formula, table(), vcov, fixef_rm="none", weights="w") of pyfixest 0.60.0: coefficients, errors, freedom
PYFIXEST = {
    ("firm + year", "iid", None): (
        [1.61503589905, -0.57043625343], [0.12115716208, 0.11862131522], 203,
    ),
    ("firm + year", "HC1", None): (
        [1.61503589905, -0.57043625343], [0.12956328179, 0.13338096013], 203,
    ),
    ("firm + year", "cluster:firm", None): (
        [1.61503589905, -0.57043625343], [0.14600504296, 0.12542366573], 29,
    ),
    ("firm + year", "cluster:region", None): (
        [1.61503589905, -0.57043625343], [0.14325848701, 0.16682404628], 4,
    ),
    ("firm + year", "HC1", "precision"): (
        [1.61288769087, -0.55683004201], [0.13168035310, 0.14669546837], 203,
    ),
    ("firm + year", "cluster:year", "precision"): (
        [1.61288769087, -0.55683004201], [0.10932745343, 0.19946881383], 5,
    ),
    ("firm + year", "iid", "frequency"): (
        [1.61288769087, -0.55683004201], [0.08343109689, 0.08276098683], 440,
    ),
    ("firm + year", "cluster:firm", "frequency"): (
        [1.61288769087, -0.55683004201], [0.14495151359, 0.15525202775], 29,
    ),
    ("region^year", "HC1", None): (
        [2.47203495131, -0.75963106706], [0.12383160395, 0.13896066488], 208,
    ),
    ("region^year", "cluster:year", None): (
        [2.47203495131, -0.75963106706], [0.03464594378, 0.16733743749], 5,
    ),
}  # fmt: skip


def test_slopes_and_their_errors_are_those_of_pyfixest(made, tmp_path):
    _, path, two = made
    runs = {("firm + year", None): two}
    for (absorbed, vcov, kind), (values, errors, freedom) in PYFIXEST.items():
        weights = {} if kind is None else {"weights": "w", "weight_kind": kind}
        if (absorbed, kind) not in runs:
            options = {"data": path, "formula": f"y ~ x + z | {absorbed}", **weights, **WHOLE}
            runs[absorbed, kind] = fitted(tmp_path / str(len(runs)), **options)
        found = evaluate(runs[absorbed, kind], bootstrap=0, vcov=vcov).linear
        np.testing.assert_allclose(list(found.values.values()), values, rtol=1e-9)
        np.testing.assert_allclose(list(found.errors.values()), errors, rtol=1e-6)
        assert found.freedom == freedom


def dummies(frame):
    names = ["x", "z", "firm", "year"]
    of = pd.get_dummies(frame[names], columns=["firm", "year"], drop_first=True).astype(float)
    return sm.add_constant(of)


def test_predictions_and_errors_are_those_of_dummies(made):
    frame, _, run = made
    theirs = sm.OLS(frame["y"], dummies(frame)).fit()
    for vcov in ("iid", "HC1"):
        found = evaluate(run, bootstrap=0, vcov=vcov).linear
        expected = theirs if vcov == "iid" else sm.OLS(frame["y"], dummies(frame)).fit(cov_type="HC1")
        np.testing.assert_allclose(list(found.values.values()), expected.params[["x", "z"]], rtol=1e-9)
        np.testing.assert_allclose(list(found.errors.values()), expected.bse[["x", "z"]], rtol=1e-9)
    assert "Intercept" not in found.values and found.absorbed == {"firm": 30, "year": 6}
    np.testing.assert_allclose(predict_own(run)["yhat"], theirs.fittedvalues, rtol=1e-9, atol=1e-9)
    assert evaluate(run, bootstrap=0).estimates["train_r2"].value == pytest.approx(theirs.rsquared, rel=1e-12)


def test_a_row_of_a_level_that_no_training_row_has_is_not_predicted_and_a_reason_says_why(made, tmp_path):
    frame, _, run = made
    new = frame.head(4).drop(columns="y").assign(firm=["f01", "new", None, "f02"], year=[2001, 2001, 2001, 2050])
    new.to_csv(tmp_path / "new.csv", index=False)
    found = predict(run, str(tmp_path / "new.csv"))
    assert found["yhat"].notna().tolist() == [True, False, False, False]
    reasons = [reason.split(",")[0] for reason in found["reason"]]
    assert reasons == ["", "firm is 'new'", "firm is missing", "year is '2050'"]
    frame.assign(firm=frame["firm"].where(frame.index > 0, "new")).to_csv(tmp_path / "t.csv", index=False)
    match = r"'firm' is 'new' in row 2 of the file"
    with open_run(run, data=str(tmp_path / "t.csv")) as opened, pytest.raises(DataError, match=match):
        evaluate(opened, bootstrap=0)
    with open_run(run, data=str(tmp_path / "t.csv"), missing="drop") as opened:
        assert evaluate(opened, bootstrap=0).n == {"data": 239}


def test_what_training_rows_do_not_tell_is_said(tmp_path):
    frame = table()
    frame.loc[:1, "firm"] = ["once", "f00"]
    frame["c"] = frame["firm"].str.len() + frame["region"]  # nothing of it varies within a firm
    frame["c"] = frame.groupby("firm")["c"].transform("first")
    frame.to_csv(tmp_path / "t.csv", index=False)
    run = fitted(tmp_path / "r", data=str(tmp_path / "t.csv"), formula="y ~ x + c | firm", **WHOLE)
    found = evaluate(run, bootstrap=0)
    assert np.isnan(found.linear.values["c"]) and found.linear.values["x"] == pytest.approx(1.55, abs=0.1)
    assert any("2 have a single training row each" in note for note in found.notes)
    split = fitted(tmp_path / "split", data=str(tmp_path / "t.csv"), formula="y ~ x | firm^year")
    counts = evaluate(split, bootstrap=0).n
    assert sum(counts.values()) < len(frame)
    left = len(frame) - sum(counts.values())
    assert any(f"{left} rows for validation" in note for note in split.summary()["data_notes"])


def test_effects_tables_and_exports_know_of_fixed_effects(made, tmp_path):
    _, path, run = made
    with open_run(run) as opened:
        found = effects(opened, bootstrap=0)
        assert "-0.5704" in found.render("table") and "0.1186" in found.render("table")
        with pytest.raises(EconmlError, match="fixed effects"):
            read(opened)
    plain = fitted(tmp_path / "r", data=path, formula="y ~ x + z", **WHOLE)
    text = compare([run, plain], bootstrap=0).render("latex")
    assert "firm fixed effects & yes & no" in " ".join(text.split())


@pytest.mark.parametrize(
    ("formula", "options", "message"),
    [
        ("y ~ x | 0", {}, "something else than columns"),
        ("y ~ x | firm +", {}, "ends without the column"),
        ("y ~ x | firm + firm", {}, "twice"),
        ("y ~ x - 1 | firm", {}, "constant"),
        ("y ~ x | y", {}, "which it explains"),
        ("y ~ x | nofirm", {}, "no column 'nofirm'"),
        ("y ~ x | one", {}, "one level"),
        ("y ~ x | row", {}, "144 training rows"),
        ("w ~ x | firm", {"loss": "poisson"}, "squared error"),
        ("y ~ x | firm", {"num_epochs": 5}, "solved for"),
        ("y ~ x | firm", {"model": "mlp"}, "absorbs no fixed effects"),
        ("y ~ x | firm", {"group": "firm"}, "no training row has"),
    ],
)
def test_what_cannot_be_absorbed_is_refused_in_a_sentence(made, tmp_path, formula, options, message):
    frame, _, _ = made
    path = tmp_path / "t.csv"
    frame.assign(one=1, row=np.arange(240) * 7 % 240).to_csv(path, index=False)
    with pytest.raises((ConfigError, DataError), match=message):
        fitted(tmp_path / "r", data=str(path), formula=formula, **options)


@pytest.mark.parametrize("dense", [1500, 0])
def test_effects_absorb_all_that_dummies_do(monkeypatch, dense):
    monkeypatch.setattr("econml_cli.models.fixed_effects.DENSE", dense)  # 0: LSMR
    rng = np.random.default_rng(1)
    codes = np.column_stack([rng.integers(0, k, 400) for k in (12, 40, 7)])
    w = rng.uniform(0, 2, 400) * (rng.random(400) < 0.9)
    v = rng.normal(size=(400, 2)) + codes[:, :1]
    v[:, 1] = np.cos(codes[:, 1]) - codes[:, 2]  # wholly absorbed
    levels = FixedEffects(codes, (12, 41, 7), w)
    dummies = [codes[:, j] == k for j, size in enumerate((12, 40, 7)) for k in range(size)]
    design = np.column_stack(dummies).astype(float)
    root = np.sqrt(w)
    effects = np.linalg.lstsq(root[:, None] * design, root * v[:, 0], rcond=None)[0]
    found = levels.within(v)
    np.testing.assert_allclose((root * found[:, 0]), root * (v[:, 0] - design @ effects), atol=1e-9)
    assert not found[:, 1].any()
    assert levels.levels == [12, 40, 7]


def test_a_network_learns_vectors_of_levels_and_takes_their_mean_for_a_new_one(made, tmp_path):
    frame, path, _ = made
    options = {"data": path, "model": "mlp", "width": (4,), "num_epochs": 20, "embed": ("firm:3", "year:2")}
    run = fitted(tmp_path / "r", formula="y ~ x + z", **options)
    model, _ = load_model(run)
    vectors = np.asarray(model.tables[0].embedding[...])
    assert vectors.shape == (30, 3)
    new = frame.head(30).assign(x=0.1, z=0.2, year=2001)
    new["firm"] = [f"f{i:02d}" for i in range(29)] + ["new"]
    new.to_csv(tmp_path / "new.csv", index=False)
    said = []
    found = predict(run, str(tmp_path / "new.csv"), say=said.append)
    assert found["yhat"].notna().all() and any("1 row has a level of 'firm'" in note for note in said)
    with open_run(run) as opened:
        problem = opened.own_samples().problem
        x = np.array([[*np.asarray(problem.encode(str(tmp_path / "new.csv"), need_target=False)[1].x)[-1]]])
    assert x[0, 2] == -1
    seen = np.unique(frame["firm"].iloc[problem.file_rows["train"]].str[1:].astype(int))
    year = np.asarray(model.tables[1].embedding[...])[[1]]
    standing = np.concatenate([x[:, :2], vectors[seen].mean(axis=0)[None], year], axis=1)
    value = float(model.h(standing.astype(np.float32))[0, 0]) * problem.target_scale + problem.target_mean
    assert found["yhat"].iloc[-1] == pytest.approx(value, rel=1e-5)
    with open_run(run, data=str(tmp_path / "new.csv")) as opened:
        assert any("mean of the embedding" in note for note in evaluate(opened, bootstrap=0).notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"embed": ("firm",)}, "column and a size"),
        ({"embed": ("firm:0",)}, "column and a size"),
        ({"embed": ("firm:2", "firm:3")}, "twice"),
        ({"embed": ("x:2",)}, "one of the features"),
        ({"embed": ("firm:2",), "model": "linear"}, "is solved"),
        ({"embed": ("firm:2",), "formula": "y ~ x | year"}, "give one of them"),
        ({"embed": ("nofirm:2",)}, "no column 'nofirm'"),
    ],
)
def test_an_embedding_that_cannot_be_is_refused_in_a_sentence(made, tmp_path, options, message):
    _, path, _ = made
    given = {"data": path, "model": "mlp", "formula": "y ~ x + z", **options}
    with pytest.raises((ConfigError, DataError), match=message):
        fitted(tmp_path / "r", **given)
