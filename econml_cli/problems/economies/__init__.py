"""Economic models, one a file; what they share: parameters and their conditions, verdicts, simulated paths."""
