"""Sweeps elsewhere: W&B's agents, Slurm."""
