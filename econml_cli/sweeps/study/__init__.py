"""The trials of a sweep as Optuna keeps them: storage, proposals, pruning, who works on what."""
