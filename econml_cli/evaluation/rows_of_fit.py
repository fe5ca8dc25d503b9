"""The rows that the standard errors of a linear model are of: those of its fit."""

import numpy as np

from econml_cli.errors import EconmlError
from econml_cli.evaluation.opened import OpenedRun
from econml_cli.problems.base import Batch
from econml_cli.problems.tabular import Tabular


def with_rows(run: OpenedRun, problem: Tabular) -> tuple[Tabular, str]:
    """The problem of a run with the rows of its fit, also where the run is evaluated on others; or the one given, and
    why it has none."""
    if problem.sample(None, "train") is not None:
        return problem, ""
    try:
        own = run.own_samples().problem
    except EconmlError:  # the file is gone, or has changed
        return problem, "without standard errors: the data file of the fit is not there as it was"
    assert isinstance(own, Tabular)  # as the one of new rows
    return own, ""


def without_errors(run: OpenedRun) -> str:
    """Why coefficients have no standard errors, whatever the loss; "" where they have."""
    if run.config().trainer.weight_decay > 0:
        return "--weight-decay shrinks the coefficients, which have no standard errors then"
    return (
        "rows are separated (classes, or zeros), so that the estimate is infinite"
        if run.summary().get("separated")
        else ""
    )


def design_of(problem: Tabular, sample: Batch, constant: bool) -> np.ndarray:
    """The standardised inputs of rows in memory, in float64, behind a column of ones where there is a `constant`."""
    x = np.asarray(sample.x, np.float64)[:, : len(problem.features.names)]
    return np.column_stack([np.ones(len(x)), x]) if constant else x
