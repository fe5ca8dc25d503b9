"""Figures of runs, and learning curves in a terminal."""
