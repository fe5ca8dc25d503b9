"""What a fitted run is worth: losses, errors against the truth, metrics with intervals, predictions."""

from econml_cli.evaluation.evaluate import Estimate, Evaluation, evaluate, evaluate_all
from econml_cli.evaluation.predictions import predict

__all__ = ["Estimate", "Evaluation", "evaluate", "evaluate_all", "predict"]
