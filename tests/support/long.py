"""Files whose slow tests are left to CI, and to `--run-all`: whole programs, real clusters, many data sets.

`python -m tests.support.long` prints them, for `.ci/run`, where they have a part of their own.
"""

from pathlib import Path

TESTS = Path(__file__).parents[1]
FILES = (
    "causal/test_estimate.py",
    "causal/test_nuisance.py",
    "commands/test_watch.py",
    "data/test_real_data.py",
    "evaluation/test_refitting.py",
    "fuzz/test_fuzz.py",
    "problems/economies/test_aiyagari.py",
    "problems/economies/test_buffer_stock.py",
    "problems/economies/test_irbc.py",
    "problems/economies/test_krusell_smith.py",
    "problems/economies/test_planted_policies.py",
    "problems/economies/test_stochastic_growth.py",
    "replication/test_package.py",
    "replication/test_replicate.py",
    "storm/test_storm.py",
    "sweeps/test_conditional.py",
    "sweeps/test_objectives.py",
    "sweeps/test_preempted.py",
    "sweeps/test_slurm.py",
    "sweeps/test_start_from.py",
    "sweeps/test_wandb_runs.py",
    "training/test_devices.py",
    "training/test_states.py",
)
REASON = "a long test; --run-all runs it, as CI does"


def is_long(path: Path) -> bool:
    """Whether the slow tests of a file are long."""
    return path.is_relative_to(TESTS) and path.relative_to(TESTS).as_posix() in FILES


if __name__ == "__main__":
    print(*(f"tests/{name}" for name in FILES))
