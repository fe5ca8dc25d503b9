"""Runs as one page that a reader can open: what was fitted, to what, how well, and how to repeat it."""
