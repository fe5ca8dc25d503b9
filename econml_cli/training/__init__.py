"""Empirical risk minimisation: set up a problem and a model, train them in one compiled program, keep what came out."""
