"""Cross-validation: folds that part the rows, each an ordinary run, and predictions of rows by a fold without them."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from econml_cli.config.fit_config import build
from econml_cli.data.split import split_rows
from econml_cli.errors import CheckpointError, ConfigError, RunError
from econml_cli.evaluation.cross_validation import Fold, _Found, _over, cross_validation, over_folds
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.problems import metrics
from econml_cli.runs import directory
from econml_cli.runs.directory import CROSS_VALIDATION, Run
from econml_cli.training.cross_validate import fit_folds, of_fold
from econml_cli.training.fit import fit

LINEAR = {"data": "t.csv", "target": "y", "features": "x,z", "folds": 3, "lr": 0.05, "schedule": "cosine"}
LINEAR |= {"batch_size": 0, "num_epochs": 400, "val_fraction": 0.0}


def table(n=31, seed=0):
    rng = np.random.default_rng(seed)
    x, z = rng.normal(2, 3, n), rng.uniform(0, 10, n)
    y = 1 + 2 * x - 0.5 * z + rng.normal(0, 2, n)
    return pd.DataFrame({"x": x, "z": z, "y": y, "kind": rng.choice(["a", "b", "c"], n), "id": np.arange(n) // 4})


@pytest.fixture
def data(isolated):
    frame = table()
    frame.to_csv("t.csv", index=False)
    return frame


def config(model="linear", **options):
    return build(model, "tabular", [("test", {**LINEAR, **options})])


def least_squares(frame, train, test, columns=("x", "z")):
    """Predictions of the test rows by OLS on the training rows."""
    design = np.column_stack([np.ones(len(frame)), frame[list(columns)]])
    beta = np.linalg.lstsq(design[train], frame["y"].to_numpy()[train], rcond=None)[0]
    return design[test] @ beta


def fold_rows(n, folds, **options):
    return [split_rows(n, options.get("val", 0.0), 0.2, 0, options.get("groups"), folds, j + 1) for j in range(folds)]


# -- the split


@given(
    folds=st.integers(2, 9),
    n=st.integers(9, 60),
    val=st.sampled_from([0.0, 0.1, 0.3]),
    seed=st.integers(0, 2**32 - 1),
    groups=st.sampled_from([0, 9, 20]),
)
def test_folds_part_the_rows_and_never_a_group(folds, n, val, seed, groups):
    labels = np.arange(n) % groups if groups else None
    found = [split_rows(n, val, 0.2, seed, labels, folds, j + 1) for j in range(folds)]
    assert sorted(np.concatenate([parts["test"] for parts in found])) == list(range(n))
    for parts in found:
        assert sorted(np.concatenate(list(parts.values()))) == list(range(n))
        assert len(parts["test"]) and (len(parts["val"]) > 0) == (val > 0)
        if labels is not None:
            sides = [set(labels[rows]) for rows in parts.values()]
            assert sum(map(len, sides)) == len(set(labels))
    sizes = [len(parts["test"]) for parts in found]
    assert max(sizes) - min(sizes) <= (1 if labels is None else np.bincount(labels).max())


def test_the_test_rows_of_a_fold_depend_on_the_seed_alone():
    first = split_rows(50, 0.0, 0.2, 0, None, 5, 2)["test"]
    assert list(split_rows(50, 0.3, 0.1, 0, None, 5, 2)["test"]) == list(first)
    assert list(split_rows(50, 0.0, 0.2, 1, None, 5, 2)["test"]) != list(first)


def test_no_row_is_a_validation_row_of_every_fold():
    found = fold_rows(100, 5, val=0.2)
    times = np.bincount(np.concatenate([parts["val"] for parts in found]), minlength=100)
    assert list(times) == [1] * 100


def test_folds_are_those_of_all_rows_unless_one_of_them_would_be_empty():
    kept = np.arange(12) != 4
    for fold in range(1, 5):
        some, every = (split_rows(12, 0.1, 0.2, 0, None, 4, fold, rows) for rows in (kept, None))
        assert all(list(some[split]) == list(every[split]) for split in some)
    found = [split_rows(12, 0.1, 0.2, 0, None, 11, fold, kept) for fold in range(1, 12)]
    assert sorted(row for parts in found for row in parts["test"]) == list(np.flatnonzero(kept))
    labels = pd.Series(np.arange(12) // 2)
    grouped = [split_rows(12, 0.0, 0.2, 0, labels, 5, fold, labels != 2) for fold in range(1, 6)]
    assert [len(parts["test"]) for parts in grouped] == [2] * 5


def test_without_folds_the_split_is_what_it_was():
    """Groups aside, the first rows of a random order are tested, the next ones validated."""
    found = split_rows(10, 0.2, 0.3, 7)
    order = np.random.default_rng(7).permutation(10)
    assert list(found["test"]) == sorted(order[:3]) and list(found["val"]) == sorted(order[3:5])


@pytest.mark.parametrize(
    "options, says",
    [
        ({"folds": 1, "fold": 1}, "--folds 1 leaves no rows to train on"),
        ({"folds": 0, "fold": 2}, "--fold 2 needs --folds"),
        ({"folds": 3, "fold": 4}, "--fold 4 is not one of --folds 3"),
        ({"folds": 3, "fold": 0}, "only `econml fit` makes; name one: --fold 1"),
        ({"folds": 40, "fold": 1}, "--folds 40 needs as many rows, and there are 31"),
        ({"folds": 9, "fold": 1, "group": "id"}, "--folds 9 needs as many groups, and there are 8"),
        ({"folds": 2, "fold": 1, "val_fraction": 0.5}, "--val-fraction 0.5 and --folds 2 leave no rows"),
    ],
)
def test_folds_that_are_not_there_are_refused(data, tmp_path, options, says):
    with pytest.raises(ConfigError, match=says):
        fit(config(**options), tmp_path / "run")


# -- all folds


@pytest.mark.slow
def test_out_of_fold_predictions_are_those_of_least_squares_without_the_fold(data):
    folds = fit_folds(config(num_epochs=1500, precision="float64"), Path("cv"))
    found = cross_validation(folds)
    written = pd.read_csv("cv/predictions.csv")
    assert list(written.columns) == ["row", "fold", "target", "yhat"]
    assert list(written["row"]) == list(range(31))
    np.testing.assert_allclose(written["target"], data["y"], rtol=1e-12)
    error = np.empty(31)
    for number, parts in enumerate(fold_rows(31, 3), start=1):
        test = parts["test"]
        assert set(written["fold"][test]) == {number}
        yhat = least_squares(data, parts["train"], test)
        np.testing.assert_allclose(written["yhat"][test], yhat, atol=1e-4)
        error[test] = yhat - data["y"].to_numpy()[test]
        assert found.folds[number - 1].metrics["test_loss"] == pytest.approx(np.mean(error[test] ** 2), rel=1e-4)
    assert found.pooled["loss"].value == pytest.approx(np.mean(error**2), rel=1e-4)
    assert found.pooled["r2"].value == pytest.approx(1 - np.mean(error**2) / data["y"].var(ddof=0), rel=1e-4)


@pytest.mark.slow
def test_means_and_intervals_over_folds_are_those_of_nadeau_and_bengio(data):
    found = cross_validation(fit_folds(config(num_epochs=5), Path("cv")))
    losses = np.array([fold.metrics["test_loss"] for fold in found.folds])
    over = found.over["test_loss"]
    assert over.value == pytest.approx(losses.mean()) and found.sd["test_loss"] == pytest.approx(losses.std(ddof=1))
    ratio = np.mean([fold.n["test"] / fold.n["train"] for fold in found.folds])
    assert over.standard_error == pytest.approx(losses.std(ddof=1) * np.sqrt(1 / 3 + ratio))
    assert over.high - over.value == pytest.approx(4.302653 * over.standard_error, rel=1e-6)  # t(2), 97.5 %


def test_the_interval_of_an_area_over_folds_is_within_0_and_1_and_says_how_few_positives_a_fold_has():
    score = np.linspace(0.1, 0.9, 10)
    found = []
    for fold, positive in enumerate((0, 4, 9)):
        of = metrics.binary((np.arange(10) == positive).astype(float)[:, None], score[:, None])
        values = {f"test_{name}": value for name, value in of.values().items()}
        found.append(_Found(Fold(fold, "", "done", 1, {"train": 20, "test": 10}, values), None, None, {"test": of}))
    areas = np.array([each.fold.metrics["test_auc"] for each in found])
    area, accuracy = (
        _over(f"test_{name}", np.array([each.fold.metrics[f"test_{name}"] for each in found]), found)
        for name in ("auc", "accuracy")
    )
    plain = over_folds(areas, 0.5)
    assert plain.low < 0 and plain.high > 1 and (area.low, area.high, area.value) == (0, 1, plain.value)
    assert area.caveat == "only 1 positive in a fold" and accuracy.caveat is None and accuracy.low >= 0


@pytest.mark.slow
def test_the_numbers_of_a_fold_are_those_of_eval_and_its_config_repeats_it_bit_for_bit(data):
    folds = fit_folds(config("mlp", num_epochs=20, val_fraction=0.2, batch_size=8, width=8), Path("cv"))
    found = cross_validation(folds)
    for fold in found.folds[:2]:
        run = folds.run(fold.number)
        theirs = evaluate(run, bootstrap=0)
        assert fold.metrics == {name: estimate.value for name, estimate in theirs.estimates.items()}
        assert fold.n == theirs.n
    again = fit(folds.run(2).config(), Path("again"))
    assert again.summary["state_sha256"] == folds.run(2).summary()["state_sha256"]
    assert folds.run(2).config() == of_fold(folds.config, 2)


@pytest.mark.slow
def test_folds_trained_as_one_program_are_those_trained_alone(data):
    data.head(6).to_csv("t.csv", index=False)
    some = config("mlp", folds=6, num_epochs=30, width=4)  # leaving one out: all of one shape
    stacked = cross_validation(fit_folds(some, Path("a"), engine="vmap"), bootstrap=0)
    alone = cross_validation(fit_folds(some, Path("b"), engine="serial"), bootstrap=0)
    assert len(stacked.folds) == 6
    assert stacked.pooled["loss"].value == pytest.approx(alone.pooled["loss"].value, rel=1e-3)
    assert np.isnan(stacked.over["test_r2"].value) and stacked.pooled["r2"].value < 1  # of one row there is none


@pytest.mark.slow
def test_classes_are_predicted_by_name_and_dropped_rows_stay_empty(data):
    gaps = data.assign(x=data["x"].mask(data.index == 4), group=data["id"])
    gaps.to_csv("t.csv", index=False)
    three = config("linear", target="kind", missing="drop", num_epochs=20)
    found = cross_validation(fit_folds(three, Path("three")))
    written = pd.read_csv("three/predictions.csv")
    assert list(written.columns) == ["row", "fold", "target", "p_a", "p_b", "p_c", "predicted"]
    assert written.drop(columns="row").loc[4].isna().all() and written.drop(index=4).notna().all().all()
    np.testing.assert_allclose(written.drop(index=4)[["p_a", "p_b", "p_c"]].sum(axis=1), 1, atol=1e-6)
    assert list(written.drop(index=4)["target"]) == list(data.drop(index=4)["kind"])
    hits = (written["predicted"] == written["target"]).sum() / 30
    assert found.pooled["accuracy"].value == pytest.approx(hits) and found.rows_predicted == 30
    assert found.grids()[0].headers[-2:] == ("accuracy", "auc")


@pytest.mark.slow
def test_rows_that_are_dropped_leave_no_fold_empty_when_one_is_left_out_at_a_time(data, econml):
    data.assign(x=data["x"].mask(data.index == 3))[:6].to_csv("t.csv", index=False)
    exact = ("fit", "linear", *ARGS[2:8], "--solver", "lstsq", "--missing", "drop", "--quiet", "--out", "cv")
    exact += ("--val-fraction", 0)
    ran = econml(*exact, "--folds", 6)
    assert ran.code == 2 and "--folds 6 needs as many rows without missing values, and there are 5" in ran.stderr
    assert not Path("cv").exists()
    assert econml(*exact, "--folds", 5).code == 0
    written = pd.read_csv("cv/predictions.csv")
    assert sorted(written["fold"].dropna()) == [1, 2, 3, 4, 5] and np.isnan(written["yhat"][3])


@pytest.mark.slow
def test_whole_number_classes_stay_whole_beside_dropped_rows(data):
    data.assign(y=(data["y"] > 4).astype(int), x=data["x"].mask(data.index == 0)).to_csv("t.csv", index=False)
    cross_validation(fit_folds(config(missing="drop", num_epochs=5), Path("cv")))
    lines = Path("cv/predictions.csv").read_text().splitlines()
    assert lines[0] == "row,fold,target,p,predicted" and lines[1] == "0,,,,"
    fold, target, _, predicted = lines[2].split(",")[1:]
    assert fold in "123" and {target, predicted} <= {"0", "1"}


@pytest.mark.slow
def test_a_reconstruction_is_cross_validated_too(data):
    options = {"data": "t.csv", "features": "x,z", "folds": 2, "num_epochs": 5, "loss": "reconstruction"}
    made = fit_folds(build("autoencoder", "tabular", [("test", options)]), Path("cv"))
    found = cross_validation(made)
    assert list(pd.read_csv("cv/predictions.csv").columns) == ["row", "fold", "x_hat", "z_hat"]
    assert found.grids()[0].headers[-1] == "r2"


@pytest.mark.slow
def test_the_pooled_intervals_resample_whole_groups(data):
    pd.concat([data] * 4).assign(id=np.tile(np.arange(31), 4)).to_csv("t.csv", index=False)  # each row four times
    wide, narrow = (
        cross_validation(fit_folds(config(num_epochs=5, folds=2, group=group), Path(f"cv-{group}"))).pooled["loss"]
        for group in ("id", None)
    )
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)  # 2, but for the bootstrap and other folds


# -- the command


ARGS = ("fit", "linear", "--data", "t.csv", "--target", "y", "--features", "x,z", "--num-epochs", 5)


@pytest.mark.slow
def test_the_command_prints_a_table_that_fits_and_json_says_the_same(data, econml):
    ran = econml(*ARGS, "--folds", 3, "--out", "cv")
    assert ran.code == 0 and max(map(len, ran.stdout.splitlines())) <= 80
    assert "cross-validated in 3 folds" in ran.stdout and "Out of fold, 31 rows together" in ran.stdout
    told = json.loads(econml(*ARGS, "--folds", 3, "--out", "cv", "--force", "--json").stdout)
    assert [fold["fold"] for fold in told["fold"]] == [1, 2, 3]
    assert told["test_loss"]["value"] == pytest.approx(np.mean([fold["test_loss"] for fold in told["fold"]]))
    assert set(told["test_loss"]) == {"value", "standard_error", "low", "high", "sd"}
    saved = json.loads(Path("cv", CROSS_VALIDATION).read_text())
    assert saved["status"] == "complete" and saved["results"] == told


@pytest.mark.slow
def test_eval_reads_the_folds_and_says_what_the_directory_is(data, econml):
    econml(*ARGS, "--folds", 3, "--name", "cv", "--quiet")
    folds = sorted(str(path) for path in Path("runs/cv").glob("fold*"))
    assert len(folds) == 3  # a shell's fold* names the runs alone
    ran = econml("eval", *folds, "--format", "csv")
    assert ran.code == 0 and len(ran.stdout.splitlines()) == 4
    fitted = json.loads(Path("runs/cv", CROSS_VALIDATION).read_text())["results"]
    for name in ("cv", "runs/cv"):  # the table is shown again
        assert json.loads(econml("eval", name, "--json").stdout) == fitted
        ran = econml("eval", name)
        assert ran.code == 0 and "cross-validated in 3 folds" in ran.stdout and "Out of fold" in ran.stdout
        assert "cross-validated in 3 folds" in econml("runs", "show", name).stdout
    saved = json.loads(Path("runs/cv", CROSS_VALIDATION).read_text())
    del saved["results"]
    Path("runs/cv", CROSS_VALIDATION).write_text(json.dumps(saved))  # as where it was killed before its table was made
    assert json.loads(econml("eval", "cv", "--json").stdout)["test_loss"] == fitted["test_loss"]
    assert len(econml("eval", "cv", "--format", "csv").stdout.splitlines()) == 4
    refused = econml("eval", "cv", "--vcov", "HC1")
    assert refused.code == 2 and "name a fold, runs/cv/fold1" in refused.stderr
    refused = econml("eval", "effects", "cv")
    assert refused.code == 1 and "runs/cv is a cross-validation, not one run" in refused.stderr
    assert directory.list_runs(Path("runs")) == []


@pytest.mark.slow
def test_a_cross_validation_is_repeated_from_its_config_and_replaced_only_with_force(data, econml):
    assert econml(*ARGS, "--folds", 3, "--out", "cv", "--quiet").stdout == ""
    digests = [Run(Path("cv", f"fold{j}")).summary()["state_sha256"] for j in (1, 2, 3)]
    again = econml("fit", "--config", "cv/config.yaml", "--out", "again", "--quiet")
    assert again.code == 0
    assert [Run(Path("again", f"fold{j}")).summary()["state_sha256"] for j in (1, 2, 3)] == digests
    taken = econml(*ARGS, "--folds", 2, "--out", "cv")
    assert taken.code == 1 and "add --force to replace it" in taken.stderr
    assert econml(*ARGS, "--folds", 2, "--out", "cv", "--force", "--quiet").code == 0
    assert sorted(path.name for path in Path("cv").glob("fold*")) == ["fold1", "fold2"]
    assert sorted(path.name for path in Path().glob(".*")) == []


def test_another_directory_and_the_current_one_are_left_alone(data, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="is not a run directory, so it is left alone"):
        fit_folds(config(), tmp_path / "mine", force=True)
    with pytest.raises(RunError, match="is where you are"):
        fit_folds(config(), Path())


@pytest.mark.parametrize(
    "more, says",
    [
        (("--folds", 3, "--test-fraction", 0.3), "leave out --test-fraction"),
        (("--folds", 3, "--fold", 2, "--test-fraction", 0.3), "leave out --test-fraction"),
        (("--folds", 3, "--retries", 2), "--retries goes on until a fit passes"),
        (("--folds", 3, "--members", 2), "--members trains an ensemble"),
        (("--folds", 3, "--plot"), "--plot draws one fit"),
        (("--folds", 1), "--folds 1 leaves no rows"),
        (("--fold", 2), "--fold 2 needs --folds"),
        (("--folds", 3, "--fold", 5), "--fold 5 is not one of --folds 3"),
        (("--folds", 99), "--folds 99 needs as many rows"),
        (("--folds", 3, "--target", "nothing"), "nothing"),
    ],
)
def test_what_does_not_go_together_is_refused_and_nothing_is_written(data, econml, more, says):
    ran = econml(*ARGS, *more, "--out", "cv")
    assert ran.code in (1, 2) and says in ran.stderr and not Path("cv").exists()


@pytest.mark.slow
def test_one_fold_alone_is_an_ordinary_run_that_can_be_resumed(data, econml):
    assert econml(*ARGS, "--folds", 3, "--fold", 2, "--out", "two", "--quiet").code == 0
    econml(*ARGS, "--folds", 3, "--out", "cv", "--quiet")
    assert Run(Path("two")).summary()["state_sha256"] == Run(Path("cv/fold2")).summary()["state_sha256"]
    assert econml("fit", "--resume", "cv/fold2", "--num-epochs", 7, "--quiet").code == 0
    assert Run(Path("cv/fold2")).summary()["epochs"] == 7


def test_dry_run_and_print_config_fit_nothing(data, econml):
    assert "dry run" in econml(*ARGS, "--folds", 3, "--out", "cv", "--dry-run").stdout
    assert "folds: 3\nfold: 0\n" in econml(*ARGS, "--folds", 3, "--out", "cv", "--print-config").stdout
    assert not Path("cv").exists()


@pytest.mark.slow
def test_folds_that_diverge_are_exit_code_3_and_kept(data, econml):
    ran = econml(*ARGS, "--folds", 3, "--out", "cv", "--lr", 1e30, "--optimizer", "sgd")
    assert ran.code == 3 and "became non-finite in fold 1, 2, 3 of cv" in ran.stderr
    assert "1 diverged" in ran.stdout and json.loads(Path("cv", CROSS_VALIDATION).read_text())["status"] == "complete"


@pytest.mark.slow
def test_a_fold_that_cannot_be_fitted_is_said_and_the_others_are_kept(data, econml):
    validated = data.index.isin(split_rows(31, 0.03, 0.2, 0, None, 3, 2)["val"])
    data.assign(y=data["y"].mask(validated)).to_csv("t.csv", index=False)
    ran = econml(*ARGS, "--folds", 3, "--out", "cv", "--missing", "drop", "--val-fraction", 0.03)
    assert ran.code == 1 and "Fold 2 could not be fitted" in ran.stderr and "too few rows" in ran.stderr
    assert ran.stderr.rstrip().endswith("try it again with: econml fit --resume cv") and ran.stderr.count("\n") == 1
    assert sorted(path.name for path in Path("cv").glob("fold*")) == ["fold1", "fold3"]
    assert json.loads(Path("cv", CROSS_VALIDATION).read_text())["status"] == "failed"


@pytest.mark.slow
def test_a_signal_keeps_the_folds_and_is_the_exit_code(data, econml, monkeypatch):
    from econml_cli.training import cross_validate as module

    heard, sent = module.Fits.advance, []

    def advance(self, until=None):
        for event in heard(self, until):
            if event.kind == "ended" and not sent:
                sent.append(event)
                os.kill(os.getpid(), signal.SIGTERM)
            yield event

    monkeypatch.setattr(module.Fits, "advance", advance)
    ran = econml(*ARGS, "--folds", 8, "--out", "cv")
    assert ran.code == 143 and "of 8 folds are complete in cv" in ran.stderr and "econml fit --resume cv" in ran.stderr
    assert json.loads(Path("cv", CROSS_VALIDATION).read_text())["status"] == "interrupted"
    folds = [Run(Path(f"cv/fold{fold}")) for fold in range(1, 9)]
    ended = {run.name: run.summary() for run in folds if run.path.exists() and run.status() == "max_epochs"}
    assert 0 < len(ended) < 8
    assert econml("fit", "--resume", "cv", "--lr", 0.1).code == 2  # it is continued as it was
    resumed = econml("fit", "--resume", "cv", "--json")
    assert resumed.code == 0, resumed.stderr
    assert {name: Run(Path("cv", name)).summary() for name in ended} == ended  # not fitted again
    whole = econml(*ARGS, "--folds", 8, "--out", "whole", "--json")
    without = {"path", "predictions", "fold"}
    assert {k: v for k, v in json.loads(resumed.stdout).items() if k not in without} == {
        k: v for k, v in json.loads(whole.stdout).items() if k not in without
    }
    again = econml("fit", "--resume", "cv", "--json")  # the table alone
    assert again.stdout == resumed.stdout


@pytest.mark.slow
@pytest.mark.parametrize("act", ["full", "moved"])
def test_what_keeps_all_folds_from_being_written_is_said_with_how_to_go_on(data, econml, monkeypatch, act):
    from econml_cli.storage import checkpoint

    save, saved = checkpoint.CheckpointWriter.save, []

    def fails(self, *position):
        saved.append(position)
        if len(saved) == 2 and act == "moved":
            Path("cv").rename("elsewhere")
        if len(saved) > 1 and act == "full":
            raise CheckpointError("The checkpoint of epoch 5 could not be saved: the disk is full; free some space.")
        return save(self, *position)

    monkeypatch.setattr(checkpoint.CheckpointWriter, "save", fails)
    ran = econml(*ARGS, "--folds", 3, "--out", "cv", "--quiet")
    assert ran.code == 1 and ran.stderr.count("\n") == 1, ran.stderr
    assert ("the disk is full" if act == "full" else "cv was moved or deleted while it was trained") in ran.stderr
    assert ran.stderr.endswith("continue with: econml fit --resume cv\n")
    monkeypatch.setattr(checkpoint.CheckpointWriter, "save", save)
    if act == "moved":
        assert not Path("cv").exists(), [str(p) for p in Path("cv").rglob("*")]
        Path("elsewhere").rename("cv")
    assert econml("fit", "--resume", "cv", "--quiet").code == 0
    assert {Run(path).status() for path in Path("cv").glob("fold*")} == {"max_epochs"}


def test_a_sweep_trains_a_fold_at_a_time_and_refuses_all_of_them(data, isolated):
    from econml_cli.training.many.requests import Request
    from econml_cli.training.many.scheduler import Fits

    both = [("all", config(num_epochs=2)), ("one", config(num_epochs=2, fold=1))]
    orders = [Request(number, each, isolated / name) for number, (name, each) in enumerate(both)]
    with Fits("serial") as fits:
        fits.add(orders)
        events = {event.number: event for event in fits.advance()}
    assert events[1].kind == "ended" and events[0].kind == "failed"
    assert "only `econml fit` makes" in events[0].reason
