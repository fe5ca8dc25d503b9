"""Processes killed at any moment, faults of the system, and what must be there afterwards: `python -m tests.storm`."""
