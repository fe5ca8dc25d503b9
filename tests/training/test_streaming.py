"""`--stream`: a table that is never held whole gives the samples, the fit and the answers of one in memory."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from econml_cli.data import blocks, streaming
from econml_cli.data.split import SPLITS, sides_of, split_rows
from econml_cli.data.stored import Stored
from econml_cli.errors import ConfigError, DataError
from econml_cli.evaluation import bootstrap, by_blocks, large_predictions
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.opened import open_run
from econml_cli.evaluation.predictions import predict, predict_own
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run
from econml_cli.storage import tables
from econml_cli.training.devices import AXIS, Devices
from econml_cli.training.fit import make_trainer, resume
from econml_cli.training.loop.streaming import ahead
from econml_cli.training.many.prepare import Preparer
from econml_cli.training.many.requests import Request
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step import shuffling
from econml_cli.training.step.programs import Programs
from tests.support.fits import config, fitted
from tests.support.running import Ran

N = 501
FIT = {"target": "y", "num_epochs": "4", "batch_size": "32", "width": "8", "val_fraction": "0.2"}


def table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=N) * 3 + 1, "b": rng.normal(size=N).astype(np.float32)})
    frame["pos"], frame["k"] = rng.uniform(0.5, 2, N), rng.choice(list("pqr"), N)
    frame["i"] = rng.integers(0, 2, N)
    frame["y"] = frame.a - frame.b + (frame.k == "q") + rng.normal(size=N)
    frame["identifier"] = [f"row {i}" for i in range(N)]
    return frame


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that there are many of them."""
    for module, name, value in (
        (shuffling, "ROWS", 16), (shuffling, "BLOCKS", 4), (blocks, "ROWS", 50), (bootstrap, "MAX_UNITS", 40),
        (by_blocks, "ROWS", 80), (large_predictions, "ROWS", 64),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("table")
    table().to_parquet(folder / "t.parquet", row_group_size=120)
    table().to_csv(folder / "t.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def runs(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Run, Run]]:
    """The same fit in memory, in the order of blocks, and streamed."""
    there = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(there / "cache"))
        patch.setattr(shuffling, "ROWS", 16)
        patch.setattr(shuffling, "BLOCKS", 4)
        patch.setattr(blocks, "ROWS", 50)
        data = str(files / "t.parquet")
        memory = fitted(there / "memory", "mlp", data=data, shuffle="blocks", **FIT)
        yield memory, fitted(there / "streamed", "mlp", data=data, stream="true", **FIT)


@pytest.mark.parametrize("n", [65, 641])
def test_an_order_of_blocks_takes_every_observation_once_and_reads_a_window_at_a_time(n: int):
    order = np.asarray(jax.jit(shuffling.Windows(n).order)(jax.random.key(n)))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    numbers, place = order // 16, 0
    while place < n:  # a window ends where all rows of its four blocks have been taken
        own = dict.fromkeys(numbers[place : place + 64].tolist())
        length = sum(min(16, n - 16 * block) for block in list(own)[:4])
        assert len(dict.fromkeys(numbers[place : place + length].tolist())) <= 4
        place += length
    assert n < 100 or (order[:64] != np.sort(order[:64])).any()


@pytest.mark.slow
def test_blocks_come_in_any_order_and_rows_in_any_place():
    keys = jax.random.split(jax.random.key(7), 300)
    orders = np.asarray(jax.jit(jax.vmap(shuffling.Windows(256).order))(keys))
    first = np.bincount(orders[:, 0], minlength=256)
    assert np.bincount(orders[:, 0] // 16, minlength=16).min() > 3  # 19 on average
    assert first.max() < 8


def test_sides_are_the_splits():
    parts = split_rows(997, 0.21, 0.13, 5)
    side = sides_of(997, 0.21, 0.13, 5)
    for i, split in enumerate(SPLITS):
        np.testing.assert_array_equal(np.flatnonzero(side == i), parts[split])


@pytest.mark.parametrize("file", ["t.parquet", "t.csv"])
@pytest.mark.parametrize(
    "asked",
    [
        {"target": "y"},
        {"formula": "log(pos) ~ a + sqrt(pos)*C(k) + a:b + C(i)"},
        {"formula": "y ~ 0 + k:a + I(b*b)", "val_fraction": "0"},
    ],
)
def test_samples_are_those_of_the_table_in_memory_to_the_last_digit(file: str, asked: dict[str, Any], files: Path):
    given = {**asked, "data": str(files / file), "val_fraction": float(asked.get("val_fraction", 0.2))}
    with jax.enable_x64(True):
        memory, streamed = Tabular(rngs=None, **given), Tabular(rngs=None, stream=True, **given)
    assert streamed.preprocessing() == memory.preprocessing()
    assert streamed.autocorrelation == memory.autocorrelation
    assert streamed.describe() == memory.describe()
    for split in SPLITS:
        ours, theirs = streamed.sample(None, split), memory.sample(None, split)
        assert (ours is None) == (theirs is None) == (split == "val" and given["val_fraction"] == 0)
        if ours is None or theirs is None:
            continue
        np.testing.assert_array_equal(np.asarray(ours.x), theirs.x)
        np.testing.assert_array_equal(np.asarray(ours.y), theirs.y)
        np.testing.assert_array_equal(streamed.file_rows[split], memory.file_rows[split])


@pytest.mark.slow
def test_a_streamed_fit_is_the_fit_in_memory_in_the_same_order(runs: tuple[Run, Run]):
    memory, streamed = (run.summary() for run in runs)
    for name in ("train_loss", "val_loss", "test_loss", "gradient_norm", "linear_val_loss"):
        assert streamed[name] == pytest.approx(memory[name], rel=1e-6)
    assert [row["train_loss"] for row in runs[1].metrics()] == pytest.approx(
        [row["train_loss"] for row in runs[0].metrics()], rel=1e-6
    )
    assert runs[0].manifest()["data"]["fingerprint"] == runs[1].manifest()["data"]["fingerprint"]
    moments = [run.manifest()["data"]["moments"] for run in runs]
    np.testing.assert_allclose(*moments, rtol=1e-12, atol=1e-12)


@pytest.mark.slow
def test_a_linear_model_is_trained_too(tmp_path: Path):
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 5.0] * 30, "k": [*["p"] * 119, "q"]})
    frame["y"] = 2 * frame.x + 1
    frame.to_parquet("line.parquet")
    given = {"data": "line.parquet", "target": "y", "stream": "true", "solver": "gradient", "lr": "0.05"}
    run = fitted(tmp_path / "line", "linear", **given, num_epochs="60", batch_size="8")
    with open_run(run) as opened:
        problem = opened.own_samples().problem
        assert isinstance(problem, Tabular)
        kernel = opened.loaded().model.linear.kernel[...]  # type: ignore[attr-defined]  # of a linear model
    assert (problem.uninformative == ["k[T.q]"]) == (float(kernel[1, 0]) == 0.0)
    found = evaluate(run, bootstrap=0)
    assert found.linear is not None
    assert found.linear.values["x"] == pytest.approx(2, abs=1e-3)
    assert max(found.linear.errors.values()) < 1e-6  # a line without noise


@pytest.mark.slow
def test_a_streamed_fit_goes_on_bit_for_bit(runs: tuple[Run, Run], tmp_path: Path):
    data = str(runs[1].manifest()["data"]["path"])
    begun = fitted(tmp_path / "begun", "mlp", data=data, stream="true", **{**FIT, "num_epochs": "1"})
    assert resume(begun, {"num_epochs": 4}).summary["state_sha256"] == runs[1].summary()["state_sha256"]


def test_eval_by_blocks_is_eval_in_memory(runs: tuple[Run, Run]):
    memory, streamed = (evaluate(run, bootstrap=50).measured for run in runs)
    assert list(memory) == list(streamed)
    for quantity, estimate in memory.items():
        ours, theirs = ([one.value, one.low, one.high] for one in (streamed[quantity], estimate))
        np.testing.assert_allclose(np.array(ours, float), np.array(theirs, float), rtol=1e-5)


@pytest.mark.slow
def test_predictions_are_written_in_blocks(runs: tuple[Run, Run], econml: Callable[..., Ran], tmp_path: Path):
    memory, streamed = runs
    done = econml("predict", streamed.path, "--out", "own.parquet")
    assert done.code == 0, done.stderr
    assert "501 rows written to own.parquet" in done.stderr
    assert parquet.ParquetFile("own.parquet").num_row_groups > 3
    expected = predict_own(memory)
    found = pd.read_parquet("own.parquet")
    assert list(found.columns) == list(expected.columns)
    np.testing.assert_allclose(found["yhat"], expected["yhat"], rtol=1e-4, atol=1e-5)
    assert list(found["split"]) == list(expected["split"])

    new = table().drop(columns="y").iloc[:200].reset_index(drop=True)
    new.loc[150, "a"], new.loc[199, "k"] = np.nan, "unknown"
    new.to_parquet("new.parquet")
    done = econml("predict", streamed.path, "--data", "new.parquet", "--out", "out.parquet")
    assert "2 rows have no prediction" in done.stderr
    found, expected = pd.read_parquet("out.parquet"), predict(memory, "new.parquet")
    assert list(found["reason"]) == list(expected["reason"])
    assert found["yhat"].isna().sum() == 2
    np.testing.assert_allclose(found["yhat"], expected["yhat"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "options", "said"),
    [
        ("mlp", {"folds": "3", "fold": "1"}, "--stream has no --folds 3"),
        ("mlp", {"group": "k"}, "--stream has no --group k"),
        ("mlp", {"missing": "drop"}, "--stream has no --missing drop"),
        ("mlp", {"loss": "poisson"}, "--stream fits by squared error, and the loss here is half the Poisson deviance"),
        ("mlp", {"target": "i"}, "--stream fits by squared error, and the loss here is cross-entropy"),
        ("mlp", {"target": None, "formula": "y ~ lag(a)"}, r"lag\(a\) is computed from more than one row"),
        ("linear", {"target": None, "formula": "y ~ a | k"}, "--stream absorbs no fixed effects"),
        ("linear", {"solver": "lstsq", "members": "2"}, "--stream trains one member"),
        ("mlp", {"optimizer": "lbfgs"}, "--optimizer lbfgs takes the whole sample"),
        ("mlp", {"batch_size": "0"}, "--batch-size 0 is the whole sample"),
        ("mlp", {"members": "2"}, "--stream trains one member"),
        ("mlp", {"shuffle": "sort"}, "--shuffle sort takes rows from all over the file"),
        ("polynomial", {}, "polynomial looks at all training inputs|polynomial is solved"),
    ],
)
def test_what_cannot_be_streamed_is_refused_in_a_sentence(
    model: str, options: dict[str, Any], said: str, files: Path, tmp_path: Path
):
    given = {"target": "y", "data": str(files / "t.parquet"), "stream": "true", **options}
    with pytest.raises(ConfigError, match=said):
        fitted(tmp_path / "run", model, **{name: value for name, value in given.items() if value is not None})


def test_a_sweep_and_several_devices_do_not_stream(files: Path, tmp_path: Path):
    given = {"target": "y", "data": str(files / "t.parquet"), "stream": "true", "batch_size": "32"}
    asked = config("mlp", "tabular", **given)
    trial = Request(0, asked, tmp_path / "0000", {"trial": 0})
    assert Preparer().prepare(trial) == "--stream is of a fit alone: leave it out of a sweep"
    assert not trial.directory.exists()
    with pytest.raises(ConfigError, match="--stream trains on one device; leave out --devices"), precision("float32"):
        make_trainer(asked, Workshop(), Programs(Devices(jax.make_mesh((1,), (AXIS,)))))


def test_gaps_other_formats_and_a_table_without_variation_are_refused(files: Path, tmp_path: Path):
    frame = table()
    frame.loc[77, "a"] = np.nan
    frame["same"] = 1.0
    frame.to_parquet("gaps.parquet")
    with pytest.raises(DataError, match=r"a \(1\), the first in row 78; .* in the file itself, as --stream"):
        Tabular(rngs=None, data="gaps.parquet", formula="y ~ a", stream=True)
    with pytest.raises(DataError, match="Feature 'same' is the same in all rows"):
        Tabular(rngs=None, data="gaps.parquet", formula="y ~ b + same", stream=True)
    frame.to_feather("t.feather")
    with pytest.raises(DataError, match=r"--stream reads Parquet and separated text, and t.feather is \.feather"):
        Tabular(rngs=None, data="t.feather", formula="y ~ b", stream=True)


def test_a_table_is_encoded_once_and_old_ones_go(files: Path, monkeypatch: pytest.MonkeyPatch):
    given: dict[str, Any] = {"data": str(files / "t.parquet"), "stream": True}
    monkeypatch.setattr(tables, "KEPT", 2)
    Tabular(rngs=None, formula="y ~ a", **given)
    first = Tabular(rngs=None, formula="y ~ b", **given)
    for folder in tables.place().iterdir():
        os.utime(folder, (1, 1))
    with monkeypatch.context() as patch:
        patch.setattr(streaming, "learn", None)
        Tabular(rngs=None, formula="y ~ a", **given)
    Tabular(rngs=None, formula="y ~ pos", **given)  # y ~ b was used longest ago
    assert len(list(tables.place().iterdir())) == 2
    assert first.sample(None, "train") is not None
    assert np.asarray(first.sample(None, "train").x).shape == (301, 1)  # type: ignore[union-attr]  # it is open still
    with pytest.raises(TypeError, match="not callable"), monkeypatch.context() as patch:
        patch.setattr(streaming, "learn", None)
        Tabular(rngs=None, formula="y ~ b", **given)


def test_a_stored_array_is_read_in_parts(tmp_path: Path):
    array = np.arange(24.0).reshape(8, 3)
    array.tofile(tmp_path / "a")
    stored = Stored(tmp_path / "a", (8, 3), np.float64)
    np.testing.assert_array_equal(stored[2:5], array[2:5])
    np.testing.assert_array_equal(stored[6:99], array[6:])
    np.testing.assert_array_equal(stored[[5, 1]], array[[5, 1]])
    np.testing.assert_array_equal(np.concatenate(list(stored.blocks())), array)
    assert stored[3:3].shape == (0, 3)
    with pytest.raises(DataError, match="is damaged"):
        Stored(tmp_path / "a", (9, 3), np.float64)


def test_numbers_of_text_in_later_blocks_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frame = pd.DataFrame({"whole": np.arange(60), "half": [*range(59), 0.5], "word": [*map(str, range(59)), "x"]})
    frame["y"] = np.arange(60) ** 2
    frame.to_csv("t.csv", index=False)
    found = blocks.opened("t.csv", Path("t.csv"), config("mlp", "tabular", data="t.csv", target="y").problem_options
                          .asked(), None, tmp_path)  # fmt: skip
    kinds = {field.name: field.type for field in parquet.read_schema(found.path)}
    assert kinds == {"whole": pa.int64(), "half": pa.float64(), "word": pa.string(), "y": pa.int64()}
    assert (found.rows, found.chosen) == (60, ("whole", "half", "word", "y"))


def test_what_fails_in_the_thread_that_reads_is_raised_here():
    def items() -> Iterator[int]:
        yield 1
        raise DataError("gone")

    made = ahead(items())
    assert next(made) == 1
    with pytest.raises(DataError, match="gone"):
        next(made)
