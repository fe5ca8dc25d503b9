"""The table of a cross-validation, from what its file keeps: it can be shown again without anything being computed."""

from collections.abc import Collection, Mapping
from typing import Any

from econml_cli.output.tables import Grid, cell, interval

_SPLITS = ("train", "val", "test")


def grids(results: Mapping[str, Any], shown: Collection[str] | None = None) -> list[Grid]:
    """The folds; means over them; the out-of-fold predictions.

    Args:
        results: as `evaluation.cross_validation.CrossValidation.to_dict` gives them.
        shown: the metrics that the table of the folds has beside the losses; None: all of the test split.
    """
    over = {name: value for name, value in results.items() if isinstance(value, Mapping) and "sd" in value}
    losses = [f"{split}_loss" for split in _SPLITS if f"{split}_loss" in over]
    tests = [f"test_{name}" for name in shown] if shown is not None else [n for n in over if n.startswith("test_")]
    names = list(dict.fromkeys([*losses, *tests]))
    called = {name: name if name in losses or shown is None else name.removeprefix("test_") for name in names}
    folds = results["fold"]
    rows = []
    for fold in folds:
        label = f"{fold['fold']} diverged" if fold["status"] == "diverged" else str(fold["fold"])
        numbers = [cell(fold.get(name)) for name in names]
        rows.append((label, cell(fold["n_train"]), cell(fold["n_test"]), *numbers))
    title = f"{results['model']} on {results['problem']}, cross-validated in {results['folds']} folds"
    means = [
        (called[name], cell(one["value"]), cell(one["sd"]), cell(one.get("standard_error")), _interval(one))
        for name, one in over.items()
        if name in names
    ]
    pooled = [(n.replace("_", " "), cell(one.get("value")), _interval(one)) for n, one in results["pooled"].items()]
    together = f"Out of fold, {sum(fold['n_test'] for fold in folds):,} rows together"
    return [
        Grid(("fold", "n_train", "n_test", *called.values()), tuple(rows), title),
        Grid(("", "mean", "std. dev.", "std. error", "95 % interval"), tuple(means), f"Over {len(folds)} folds"),
        Grid(("", "", "95 % interval"), tuple(pooled), together),
    ]


def _interval(estimate: Mapping[str, Any]) -> str:
    """Its ends, and why they are too near where they are; "" where there are none."""
    told = interval(estimate.get("low"), estimate.get("high"))
    return f"{told} ({estimate['caveat']})" if told and estimate.get("caveat") else told
