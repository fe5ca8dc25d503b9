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
from econml_cli.models import absorbed_poisson
from econml_cli.models.fixed_effects import FixedEffects
from econml_cli.report.data import described
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


@pytest.mark.slow
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


@pytest.mark.slow
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
        assert [row[0] for row in described(opened)[1].rows] == ["x", "z", "y"]
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
        ("w ~ x | firm", {"loss": "gamma"}, "squared error and --loss poisson"),
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


@pytest.mark.slow
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


def counts():
    """320 rows of 40 firms of 5 regions in 8 years, counted over hours; nothing is counted in three firms, and nothing
    where s is 1 (among others)."""
    rng, n = np.random.default_rng(4), 320
    firm, year = rng.integers(0, 40, n), rng.integers(2000, 2008, n)
    u, v = rng.normal(size=40), rng.normal(size=8) / 2
    x = rng.normal(size=n) + u[firm] / 2
    z = rng.normal(size=n) + v[year - 2000]
    hours = rng.uniform(0.5, 3, n)
    y = rng.poisson(hours * np.exp(0.4 * x - 0.3 * z + u[firm] + v[year - 2000]))
    y[firm < 3] = 0
    w = rng.integers(1, 4, n)
    frame = pd.DataFrame({"y": y, "x": x, "z": z, "hours": hours, "firm": [f"f{i:02d}" for i in firm], "year": year})
    return frame.assign(region=firm % 5, w=w, s=((y == 0) & (frame.index % 3 == 0)).astype(int))


POISSON = {"loss": "poisson", **WHOLE}


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """The counts, their file, and a fit with the effects of firms and years."""
    here = tmp_path_factory.mktemp("counted")
    frame, path = counts(), here / "t.csv"
    frame.to_csv(path, index=False)
    return frame, str(path), fitted(here / "two", data=str(path), formula="y ~ x + z | firm + year", **POISSON)


#: fepois(formula, counts(), vcov, fixef_rm="none", iwls_tol=1e-12) of pyfixest 0.60.0, the offset log(hours), weights w
FEPOIS = {
    ("firm + year", "iid", ""): ([0.40874027929, -0.28669688807], [0.03605882628, 0.03951733869]),
    ("firm + year", "HC1", ""): ([0.40874027929, -0.28669688807], [0.05598932684, 0.05457373997]),
    ("firm + year", "cluster:firm", ""): ([0.40874027929, -0.28669688807], [0.04576462583, 0.04703198550]),
    ("firm + year", "cluster:region", ""): ([0.40874027929, -0.28669688807], [0.02561631975, 0.03641193385]),
    ("region^year", "HC1", "exposure"): ([0.68649914540, -0.26293426573], [0.05763415316, 0.07079621212]),
    ("region^year", "cluster:firm", "exposure"): ([0.68649914540, -0.26293426573], [0.07108735723, 0.05968865849]),
    ("firm + year", "iid", "weights"): ([0.45996018167, -0.25318978493], [0.02616210394, 0.02775064437]),
    ("firm + year", "cluster:firm", "weights"): ([0.45996018167, -0.25318978493], [0.04423356625, 0.04945981994]),
}


def of_pyfixest(run, which, absorbed):
    for (effects_of, vcov, what), (values, errors) in FEPOIS.items():
        if (effects_of, what) == (absorbed, which):
            found = evaluate(run, bootstrap=0, vcov=vcov).linear
            np.testing.assert_allclose(list(found.values.values()), values, rtol=1e-6)
            np.testing.assert_allclose(list(found.errors.values()), errors, rtol=1e-6)
            assert found.freedom is None  # a normal distribution, as of any Poisson likelihood


@pytest.mark.slow
def test_counts_with_fixed_effects_are_those_of_fepois(counted):
    frame, _, run = counted
    of_pyfixest(run, "", "firm + year")
    found = evaluate(run, bootstrap=0)
    gone = int(frame["firm"].isin(["f00", "f01", "f02"]).sum())
    assert found.n["train"] == len(frame) - gone == 295 and found.linear.absorbed == {"firm": 37, "year": 8}
    assert any(f"{gone} training rows of 3 levels of the fixed effect 'firm' left out" in note for note in found.notes)
    assert f"320; {gone} whose fixed effect nothing tells left out" in found.render("table")
    sums = (
        predict_own(run)
        .assign(firm=frame["firm"], y=frame["y"])
        .dropna(subset="yhat")
        .groupby("firm")[["yhat", "y"]]
        .sum()
    )
    np.testing.assert_allclose(sums["yhat"], sums["y"], rtol=1e-5)  # what the score of a level says
    assert "firm" not in run.summary().get("not_identified", [])


@pytest.mark.parametrize("vcov", ["iid", "HC1", "cluster:firm"])
def test_effects_on_the_mean_of_counts_have_the_errors_of_all_dummies(counted, tmp_path, vcov):
    """The mean of exp(index) times a slope, of the rows of the fit and of others, by the delta method with dummies."""
    frame, _, run = counted
    used = frame[~frame["firm"].isin(["f00", "f01", "f02"])].reset_index(drop=True)

    def design(rows):
        levels = [rows[name].to_numpy()[:, None] == np.unique(used[name]) for name in ("firm", "year")]
        return np.hstack([rows[["x", "z"]], levels[0], levels[1][:, 1:]]).astype(float)

    d, y = design(used), used["y"].to_numpy()
    b = sm.GLM(y, d, family=sm.families.Poisson()).fit(tol=1e-14).params
    mean = np.exp(d @ b)
    bread, scores, n, k = np.linalg.inv(d.T @ (d * mean[:, None])), d * (y - mean)[:, None], len(d), d.shape[1]
    meat, factor = scores.T @ scores, n / (n - k)
    if vcov == "iid":
        meat, factor = d.T @ (d * mean[:, None]), (n - 1) / (n - k)
    elif vcov == "cluster:firm":
        sums = pd.DataFrame(scores).groupby(used["firm"].to_numpy()).sum().to_numpy()
        g, own = len(sums), k - (len(np.unique(used["firm"])) - 1)  # firms lie within themselves: they count as one
        meat, factor = sums.T @ sums, g / (g - 1) * (n - 1) / (n - own)
    covariance = factor * bread @ meat @ bread
    some = used.sample(60, random_state=1)
    some.to_csv(tmp_path / "some.csv", index=False)
    for data, rows in ((None, used), (str(tmp_path / "some.csv"), some)):
        of, here = design(rows), np.exp(design(rows) @ b)
        found = effects(run, bootstrap=0, vcov=vcov, data=data)
        assert found.vcov == vcov and not any("no standard errors" in note for note in found.notes)
        for place, effect in enumerate(found.effects):
            gradient = (b[place] * here[:, None] * of).mean(axis=0)
            gradient[place] += here.mean()
            assert effect.estimate.value == pytest.approx(b[place] * here.mean(), rel=1e-6)
            expected = np.sqrt(gradient @ covariance @ gradient)
            assert effect.estimate.standard_error == pytest.approx(expected, rel=1e-5)
            assert effect.estimate.high - effect.estimate.value == pytest.approx(1.959964 * expected, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("absorbed", "which", "options"),
    [("region^year", "exposure", {"exposure": "hours"}), ("firm + year", "weights", {"weights": "w"})],
)
def test_counts_over_an_exposure_and_with_weights_are_those_of_fepois(counted, tmp_path, absorbed, which, options):
    _, path, _ = counted
    run = fitted(tmp_path / "r", data=path, formula=f"y ~ x + z | {absorbed}", **options, **POISSON)
    of_pyfixest(run, which, absorbed)


@pytest.mark.slow
def test_frequencies_of_counts_are_repeated_rows(counted, tmp_path):
    frame, path, _ = counted
    frame.loc[frame.index.repeat(frame["w"])].to_csv(tmp_path / "long.csv", index=False)
    formula, found = "y ~ x + z | firm + year", []
    for data, options in ((path, {"weights": "w", "weight_kind": "frequency"}), (str(tmp_path / "long.csv"), {})):
        run = fitted(tmp_path / f"r{len(found)}", data=data, formula=formula, **options, **POISSON)
        found.append([evaluate(run, bootstrap=0, vcov=vcov).linear.errors for vcov in ("iid", "HC1", "cluster:firm")])
    for short, long in zip(*found, strict=True):
        assert short == pytest.approx(long, rel=1e-6)


@pytest.mark.slow
def test_rows_that_a_column_separates_are_left_out(counted, tmp_path):
    _, path, _ = counted
    run = fitted(tmp_path / "r", data=path, formula="y ~ x + z + s | firm + year", **POISSON)
    found = evaluate(run, bootstrap=0, vcov="HC1")
    # fepois(..., separation_check=["fe", "ir"]) of pyfixest 0.60.0, with N 262
    assert found.n["train"] == 262 and np.isnan(found.linear.values["s"])
    assert [found.linear.values[name] for name in "xz"] == pytest.approx([0.40122598807, -0.25536335062], rel=1e-6)
    assert [found.linear.errors[name] for name in "xz"] == pytest.approx([0.05585131185, 0.05290089292], rel=1e-6)
    assert any(note.startswith("33 training rows left out: a combination of columns") for note in found.notes)


def test_newton_within_levels_is_newton_with_dummies():
    frame = counts()
    frame = frame[frame["firm"] > "f02"]
    y, x = frame["y"].to_numpy(float), frame[["x", "z"]].to_numpy()
    codes = np.column_stack([frame["firm"].factorize()[0], frame["year"] - 2000])
    found = absorbed_poisson.fit(x, codes, (37, 8), y, None)
    theirs = sm.GLM(y, np.column_stack([x, dummies(frame).drop(columns=["x", "z"])]), sm.families.Poisson()).fit(
        tol=1e-14
    )
    np.testing.assert_allclose(found.slopes, theirs.params[:2], rtol=1e-9)
    np.testing.assert_allclose(np.exp(found.index), theirs.mu, rtol=1e-7)
    each = found.constant + found.effects[0][codes[:, 0]] + found.effects[1][codes[:, 1]]
    np.testing.assert_allclose(x @ found.slopes + each, found.index, atol=1e-9)
    assert found.score < 1e-12 and abs(found.effects[0][codes[:, 0]].mean()) < 1e-12


def test_separation_is_found_where_zeros_can_be_told_apart_and_nowhere_else():
    y = np.array([0, 0, 1, 2, 0, 3, 0, 1.0])
    codes = np.array([0, 0, 1, 1, 1, 2, 2, 2])[:, None]
    u = np.array([1, 2, 3, 1, 5, 2, 4, 4.0])
    none = absorbed_poisson.separated(u[:, None], codes, (3,), y, None)
    assert none.tolist() == [True, True, False, False, False, False, False, False]  # a level of zeros
    s = np.array([0, 0, 0, 0, 1, 0, 0, 0.0])
    some = absorbed_poisson.separated(np.column_stack([u, s + u]), codes, (3,), y, None)  # s = their difference
    assert some.tolist() == [True, True, False, False, True, False, False, False]
    weightless = absorbed_poisson.separated(u[:, None], codes, (3,), y, np.array([1, 1, 0, 0, 1, 1, 1, 1.0]))
    assert weightless.tolist() == [True, True, True, True, True, False, False, False]  # what counts there has no weight


def test_a_table_of_separated_rows_alone_is_refused(tmp_path):
    frame = pd.DataFrame({"y": [0, 0, 0, 5.0], "x": [1, 2, 3, 4.0], "g": ["a", "a", "b", "c"]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(DataError, match="is separated"):
        fitted(tmp_path / "r", data=str(tmp_path / "t.csv"), formula="y ~ x | g", **POISSON)


def test_rows_of_new_tables_of_a_level_without_counts_are_not_predicted(counted, tmp_path):
    frame, _, run = counted
    frame.head(40).to_csv(tmp_path / "new.csv", index=False)
    found = predict(run, str(tmp_path / "new.csv"))
    lost = frame.head(40)["firm"].isin(["f00", "f01", "f02"]).to_numpy()
    assert lost.any() and np.array_equal(found["yhat"].isna().to_numpy(), lost)
    assert found["reason"][lost].str.contains("whose fixed effect no training row tells").all()


def test_a_column_that_separates_zeros_is_no_estimate_without_fixed_effects_either(counted, tmp_path):
    _, path, _ = counted
    run = fitted(tmp_path / "r", data=path, formula="y ~ x + s", **POISSON)
    found = evaluate(run, bootstrap=0)
    assert run.summary()["separated"] == ["s"] and np.isnan(found.linear.values["s"])
    assert not np.isnan(found.linear.values["x"]) and not found.linear.errors
    assert any("of counts: rows with 0" in note for note in found.notes)
