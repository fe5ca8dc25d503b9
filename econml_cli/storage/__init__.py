"""Files: atomic writes and locks, and checkpoints through Orbax."""
