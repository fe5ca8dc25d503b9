"""Sweeps: a W&B sweep YAML read and checked (`schema`), its space (`space`), written (`create`) and drawn (`sample`).

Importing any of it imports neither jax nor scipy; scipy comes in where a beta distribution is drawn from.
"""
