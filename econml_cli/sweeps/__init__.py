"""Sweeps over options, as W&B writes them in YAML: read, drawn from, run in one process or in many, and shown.

Importing any of it imports neither jax nor scipy; scipy comes in where a beta distribution is drawn from.
"""
