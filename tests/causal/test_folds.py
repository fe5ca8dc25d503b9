"""Folds of rows and of clusters."""

import numpy as np
import pytest

from econml_cli.causal.folds import check_clusters, folds_of, held_out
from econml_cli.errors import DataError


def test_folds_part_the_rows_evenly_and_differ_between_repeats():
    first, again, second = (folds_of(103, 5, (1, repeat)) for repeat in (1, 1, 2))
    assert sorted(np.bincount(first)) == [20, 20, 21, 21, 21]
    assert (first == again).all() and (first != second).any()


def test_each_fold_has_its_share_of_the_treated():
    treated = np.arange(100) < 15
    folds = folds_of(100, 5, (1, 1), strata=treated)
    assert (np.bincount(folds[treated]) == 3).all()


def test_clusters_stay_whole_in_folds_and_in_what_is_held_out():
    clusters = np.random.default_rng(0).integers(0, 23, 400)
    folds = folds_of(400, 5, (1, 1), clusters)
    assert all(len(set(folds[clusters == c])) == 1 for c in range(23))
    assert sorted(np.bincount([folds[clusters == c][0] for c in range(23)])) == [4, 4, 5, 5, 5]
    rows = np.flatnonzero(folds != 0)
    held = held_out(rows, 0.2, 3, clusters)
    assert 0 < held.sum() < len(rows)
    assert not set(clusters[rows[held]]) & set(clusters[rows[~held]])


def test_too_few_clusters_are_refused():
    with pytest.raises(DataError, match="--cluster firm has 2 different values"):
        check_clusters(np.arange(20) % 2, "firm", 2)
    check_clusters(np.arange(20) % 5, "firm", 5)
