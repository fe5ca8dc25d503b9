"""Runs side by side: a regression table of them, and tests of equal accuracy."""
