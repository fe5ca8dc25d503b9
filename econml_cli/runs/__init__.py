"""Run directories: made, found, listed and read."""

from econml_cli.runs.directory import Run, find, list_runs

__all__ = ["Run", "find", "list_runs"]
