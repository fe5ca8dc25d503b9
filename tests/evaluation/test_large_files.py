"""Files that may be larger than memory: evaluated, and effects averaged, by blocks with the numbers of memory."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from econml_cli.data import blocks
from econml_cli.data.stored import Stored, is_stored
from econml_cli.data.triangle import design_blocks, free_directions, triangle
from econml_cli.errors import DataError
from econml_cli.evaluation import bootstrap, by_blocks, large_files
from econml_cli.evaluation.evaluate import evaluate
from econml_cli.evaluation.marginal import large_sample
from econml_cli.evaluation.marginal.effects import Effects, effects
from econml_cli.evaluation.opened import open_run
from econml_cli.runs.directory import Run
from tests.support.fits import fitted

N = 501
OF_MLP = {"num_epochs": "4", "batch_size": "32", "width": "4", "formula": "y ~ a + I(a*b) + C(k) + i"}


def table(seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"a": rng.normal(size=N) * 3 + 1, "b": rng.normal(size=N), "g": rng.integers(0, 20, N)})
    frame["k"], frame["i"] = rng.choice(list("pqr"), N), rng.integers(0, 2, N)
    frame["y"] = frame.a - frame.b + (frame.k == "q") + rng.normal(size=N) * (1 + frame.b.abs())
    return frame.assign(c=frame.a + 2 * frame.b)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks so small that there are many of them."""
    for module, name, value in ((blocks, "ROWS", 50), (bootstrap, "MAX_UNITS", 40), (by_blocks, "ROWS", 80),
                                (large_sample, "MAX_UNITS", 40)):  # fmt: skip
        monkeypatch.setattr(module, name, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    there = tmp_path_factory.mktemp("large")
    table(0).to_parquet(there / "t.parquet", row_group_size=120)
    table(0).to_csv(there / "t.csv", index=False)
    table(1).to_parquet(there / "new.parquet", row_group_size=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(there / "cache"))
        yield there


@pytest.fixture(scope="module")
def network(folder: Path) -> Run:
    return fitted(folder / "network", "mlp", data=str(folder / "t.parquet"), shuffle="blocks", **OF_MLP)


def assert_alike(ours: Effects, theirs: Effects, rtol: float) -> None:
    assert (ours.n, ours.split, ours.beside, ours.vcov) == (theirs.n, theirs.split, theirs.beside, theirs.vcov)
    assert [effect.label for effect in ours.effects] == [effect.label for effect in theirs.effects]
    for one, other in zip(ours.effects, theirs.effects, strict=True):
        for own, of_memory in ((one.estimate, other.estimate), (one.beside, other.beside)):
            assert (own is None) == (of_memory is None)
            if own is not None and of_memory is not None:
                found, expected = ([e.value, e.standard_error, e.low, e.high] for e in (own, of_memory))
                np.testing.assert_allclose(np.array(found, float), np.array(expected, float), rtol=rtol, atol=1e-9)


@pytest.mark.slow
def test_a_large_new_file_is_evaluated_by_blocks(network: Run, folder: Path, monkeypatch: pytest.MonkeyPatch):
    new = str(folder / "new.parquet")
    in_memory = evaluate(network, data=new, bootstrap=50)
    monkeypatch.setattr(large_files, "LARGE", 400)
    by_block = evaluate(network, data=new, bootstrap=50)
    with open_run(network, data=new) as opened:
        assert is_stored(opened.samples(stored=True).parts["data"].x)
    assert by_block.n == in_memory.n == {"data": N}
    assert by_block.notes == in_memory.notes
    for quantity, expected in in_memory.measured.items():
        found = by_block.measured[quantity]
        np.testing.assert_allclose(
            [found.value, found.low, found.high], [expected.value, expected.low, expected.high], rtol=1e-5
        )


@pytest.mark.slow
def test_effects_are_averaged_by_blocks(network: Run, folder: Path, monkeypatch: pytest.MonkeyPatch):
    new = str(folder / "new.parquet")
    in_memory = effects(network, data=new, bootstrap=50)
    monkeypatch.setattr(large_files, "LARGE", 400)
    monkeypatch.delattr(bootstrap, "units_of")  # which takes all rows at once
    assert_alike(effects(network, data=new, bootstrap=50), in_memory, 1e-5)
    assert [effect.label for effect in in_memory.effects] == ["a", "b", "k: p -> q", "k: p -> r", "i: 0 -> 1"]


def test_rows_with_gaps_in_a_block_are_left_out_or_refused(network: Run, folder: Path, monkeypatch: pytest.MonkeyPatch):
    frame = table(1)
    frame.loc[50:101, "a"] = np.nan  # all rows of the second block, and two of the third
    frame.to_parquet(folder / "gaps.parquet")
    gaps = str(folder / "gaps.parquet")
    expected = evaluate(network, data=gaps, missing="drop", bootstrap=0)
    monkeypatch.setattr(large_files, "LARGE", 400)
    found = evaluate(network, data=gaps, missing="drop", bootstrap=0)
    assert found.n == expected.n == {"data": N - 52}
    assert [one.value for one in found.measured.values()] == pytest.approx(
        [one.value for one in expected.measured.values()], rel=1e-5
    )
    assert effects(network, data=gaps, missing="drop", bootstrap=0).n == N - 52
    with pytest.raises(DataError, match=r"from its row 51 on \(counted from there\), has missing values.*in row 1;"):
        evaluate(network, data=gaps, bootstrap=0)
    frame.assign(a=np.nan).to_parquet(folder / "none.parquet")
    for question in (evaluate, effects):
        with pytest.raises(DataError, match=r"none\.parquet has no row without a missing value, of 501;"):
            question(network, data=str(folder / "none.parquet"), missing="drop", bootstrap=0)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["t.parquet", "t.csv"])
@pytest.mark.parametrize("formula", ["y ~ a + b + k", "y ~ 0 + a + b"])
def test_least_squares_of_a_streamed_table_is_that_of_memory(file: str, formula: str, folder: Path, tmp_path: Path):
    given = {"data": str(folder / file), "formula": formula}
    memory, streamed = (
        fitted(tmp_path / "m", "linear", **given),
        fitted(tmp_path / "s", "linear", stream="true", **given),
    )
    assert streamed.summary()["condition_number"] == pytest.approx(memory.summary()["condition_number"])
    for vcov in ("iid", "HC1", "HC3", "cluster:g"):
        found, expected = (evaluate(run, bootstrap=0, vcov=vcov).linear for run in (streamed, memory))
        assert found is not None and expected is not None
        assert (found.vcov, found.freedom) == (expected.vcov, expected.freedom)
        assert found.values == pytest.approx(expected.values, rel=1e-10)
        assert found.errors == pytest.approx(expected.errors, rel=1e-10)
    assert_alike(effects(streamed, vcov="HC1"), effects(memory, vcov="HC1"), 1e-9)


@pytest.mark.slow
def test_collinear_columns_of_a_streamed_table_are_named(folder: Path, tmp_path: Path):
    given: dict[str, Any] = {"data": str(folder / "t.parquet"), "formula": "y ~ a + b + c + k", "stream": "true"}
    run = fitted(tmp_path / "run", "linear", **given)
    assert run.summary()["not_identified"] == ["a", "b", "c"]
    found = evaluate(run, bootstrap=0).linear
    assert found is not None
    assert {name for name, error in found.errors.items() if np.isnan(error)} == {"a", "b", "c"}
    averaged = {effect.label: effect.estimate for effect in effects(run).effects}
    assert np.isnan(averaged["a"].value) and averaged["k: p -> q"].standard_error == pytest.approx(
        found.errors["k[T.q]"], rel=1e-9
    )


def test_collinear_columns_are_found_through_the_rounding_of_float32(tmp_path: Path):
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 4000))
    x = np.column_stack([a, b, (a - 2 * b) / np.sqrt(5), rng.normal(size=4000)]).astype(np.float32)
    x.tofile(tmp_path / "x")
    stored = Stored(tmp_path / "x", x.shape, np.float32)
    free = free_directions(triangle(design_blocks(stored, constant=True)), stored)
    assert free.shape == (5, 1)
    np.testing.assert_array_equal(free[3:], 0.0)
    np.testing.assert_allclose(np.abs(free[:3, 0] / free[2, 0]), [1 / np.sqrt(5), 2 / np.sqrt(5), 1], rtol=1e-5)


@pytest.mark.slow
def test_a_trained_line_that_has_not_converged_says_how_far_it_is(folder: Path, tmp_path: Path):
    given = {"data": str(folder / "t.parquet"), "formula": "y ~ a + b", "stream": "true"}
    run = fitted(tmp_path / "short", "linear", solver="gradient", num_epochs="2", batch_size="512", **given)
    assert "standard errors from the solution" in run.summary()["not_converged"]
    assert run.summary()["solution_distance"] > 1
    found = evaluate(run, bootstrap=0).linear
    assert found is not None and not found.converged and not found.errors
