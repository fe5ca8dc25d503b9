"""What a fitted run is worth: losses, errors against the truth, metrics with intervals, predictions."""
