"""What a fitted run is worth: losses, errors against the truth, metrics with intervals, predictions."""

from econml_cli.evaluation.estimate import Estimate, Quantity
from econml_cli.evaluation.evaluate import evaluate, evaluate_all
from econml_cli.evaluation.evaluation import Evaluation
from econml_cli.evaluation.opened import OpenedRun, open_run
from econml_cli.evaluation.predictions import predict

__all__ = [
    "Estimate", "Evaluation", "OpenedRun", "Quantity", "evaluate", "evaluate_all", "open_run", "predict",
]  # fmt: skip
