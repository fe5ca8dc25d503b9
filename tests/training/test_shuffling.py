"""The order of an epoch: a bijection whatever the size, as uniform as sorting is, and old runs keep theirs."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2

from econml_cli.runs.directory import Run
from econml_cli.training.step import shuffling
from econml_cli.training.step.shuffling import order, permuted

compiled = jax.jit(order, static_argnums=(1, 2))


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1))
def test_every_observation_is_taken_once(n: int, seed: int):
    found = compiled(jax.random.key(np.uint32(seed)), n, "feistel")
    assert found.dtype == jnp.int32
    np.testing.assert_array_equal(np.sort(found), np.arange(n))


@pytest.mark.parametrize("n", [2**16, 2**16 + 1, 300_007])
def test_every_observation_of_many_is_taken_once(n: int):
    found = np.asarray(compiled(jax.random.key(3), n, "feistel"))
    np.testing.assert_array_equal(np.bincount(found, minlength=n), 1)
    some = np.arange(n)[:: n // 50]
    np.testing.assert_array_equal(permuted(jax.random.key(3), n, jnp.asarray(some)), found[some])


def test_sizes_at_the_end_of_32_bits_are_permuted_too():
    n = 2**32 - 5
    places = jnp.asarray([0, 1, 2**31, n - 1], jnp.uint32)
    found = np.asarray(permuted(jax.random.key(0), n, places))
    assert len(set(found.tolist())) == 4
    assert found.max() < n


def orders(n: int, draws: int) -> np.ndarray:
    keys = jax.random.split(jax.random.key(7), draws)
    return np.asarray(jax.jit(jax.vmap(lambda key: order(key, n, "feistel")))(keys))


def p_value(counts: np.ndarray, cells: int) -> float:
    expected = counts.sum() / cells
    return float(chi2.sf(np.sum((counts - expected) ** 2) / expected, cells - 1))


@pytest.mark.parametrize(("n", "draws"), [(7, 21_000), (30, 20_000)])
def test_places_and_pairs_of_places_are_uniform(n: int, draws: int):
    found = orders(n, draws)
    # of one observation, and of two in turn: p-values far from 0; and not all the same order with the seed moved
    places = [p_value(np.bincount(found[:, i], minlength=n), n) for i in range(n)]
    assert min(places) > 1e-4 / n
    assert 0.2 < np.mean(places) < 0.8
    for i, j in ((0, 1), (n // 2, n // 2 + 1), (0, n - 1)):
        pairs = np.bincount(found[:, i] * n + found[:, j], minlength=n * n)
        assert not pairs[:: n + 1].any()
        assert p_value(np.delete(pairs, np.arange(0, n * n, n + 1)), n * (n - 1)) > 1e-4


def test_neighbours_in_a_long_order_are_as_far_apart_as_chance_has_it():
    n = 200_000
    found = np.asarray(compiled(jax.random.key(11), n, "feistel")).astype(np.int64)
    bins = np.bincount(found[:-1] * 20 // n * 20 + found[1:] * 20 // n, minlength=400)
    assert p_value(bins, 400) > 1e-4
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 4 / np.sqrt(n)
    assert abs(np.corrcoef(np.arange(n), found)[0, 1]) < 4 / np.sqrt(n)


def test_auto_sorts_what_is_small_as_ever(monkeypatch: pytest.MonkeyPatch):
    key = jax.random.key(1)
    np.testing.assert_array_equal(order(key, 50, "auto"), jax.random.permutation(key, 50))
    monkeypatch.setattr(shuffling, "FROM", 50)
    np.testing.assert_array_equal(order(key, 50, "auto"), order(key, 50, "feistel"))
    assert not np.array_equal(order(key, 50, "auto"), jax.random.permutation(key, 50))


@pytest.mark.slow
def test_a_run_is_resumed_in_its_order_and_one_without_a_word_of_it_sorts(econml, tmp_path: Path):
    arguments = ["fit", "mlp", "--width", "4", "--batch-size", "64", "--seed", "3", "--quiet"]
    for name, how, epochs in (("whole", "feistel", 6), ("part", "feistel", 3), ("sorted", "sort", 6)):
        econml(*arguments, "--shuffle", how, "--num-epochs", str(epochs), "--out", str(tmp_path / name))
    econml("fit", "--resume", str(tmp_path / "part"), "--num-epochs", "6", "--quiet")
    losses = {
        name: [row["train_loss"] for row in Run(tmp_path / name).metrics()] for name in ("whole", "part", "sorted")
    }
    assert losses["part"] == losses["whole"]
    assert losses["sorted"] != losses["whole"]
    assert losses["sorted"][-1] == pytest.approx(losses["whole"][-1], rel=0.5)
    assert Run(tmp_path / "whole").config().trainer.shuffle == "feistel"
    config = tmp_path / "whole" / "config.yaml"
    config.write_text("".join(line for line in config.open() if not line.startswith("shuffle")))
    econml("fit", "--resume", str(tmp_path / "whole"), "--num-epochs", "7", "--quiet")
    assert Run(tmp_path / "whole").config().trainer.shuffle == "sort"
