"""What `econml sweep run` adds to the time of a program of one's own, a trial, and W&B's offline client to itself.

    uv run python benchmarks/programs.py [--trials 10]

Two programs: one that prints a line and ends, and one with the interface of the lecture's
`mlp_regression_jax_nnx_logging.py` (options as `--lr=0.001`, `wandb.init`, a `log` each epoch, a summary), which is
written here: the lecture's own is not in this repository. Each is run bare, `python script --lr=...` with
WANDB_MODE=offline, and then by `econml sweep run` one at a time, in turns. The overhead of a trial is
(time of a sweep of N trials - time of a sweep of one) / (N - 1) - (mean time of the bare script): what is paid once a
sweep, such as the start of Python, is printed beside it. W&B's agent asks its server every five seconds.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LINE = """import json, sys
print(json.dumps({"val_loss": float(sys.argv[1].partition("=")[2])}))
"""
LECTURE = '''"""Regression by an MLP: options on the command line, losses logged to W&B."""
import argparse
import jax, jax.numpy as jnp, optax, wandb
from flax import nnx

class MLP(nnx.Module):
    def __init__(self, din, dout, width, *, rngs):
        self.first = nnx.Linear(din, width, rngs=rngs)
        self.second = nnx.Linear(width, width, rngs=rngs)
        self.last = nnx.Linear(width, dout, rngs=rngs)

    def __call__(self, x):
        return self.last(nnx.relu(self.second(nnx.relu(self.first(x)))))

def mse(model, x, y):
    return jnp.mean((model(x)[:, 0] - y) ** 2)

@nnx.jit
def step(model, optimizer, x, y):
    loss, grads = nnx.value_and_grad(mse)(model, x, y)
    optimizer.update(model, grads)
    return loss

parser = argparse.ArgumentParser()
for name, default in {"N": 500, "M": 2, "sigma": 1e-4, "width": 128, "lr": 1e-3, "num_epochs": 300, "seed": 42}.items():
    parser.add_argument(f"--{name}", type=type(default), default=default)
given = parser.parse_args()
run = wandb.init(project="mlp_regression", config=vars(given))
rngs = nnx.Rngs(given.seed)
theta = jax.random.normal(rngs.params(), (given.M,))
draw = lambda n: (x := jax.random.normal(rngs.params(), (n, given.M)), x @ theta)
(x, y), val, test = draw(given.N), draw(200), draw(200)
model = MLP(given.M, 1, given.width, rngs=rngs)
optimizer = nnx.Optimizer(model, optax.adam(given.lr), wrt=nnx.Param)
for epoch in range(given.num_epochs):
    loss = step(model, optimizer, x, y)
    run.log({"epoch": epoch, "train_loss": float(loss), "val_loss": float(mse(model, *val))})
run.summary["test_loss"] = float(mse(model, *test))
run.finish()
'''
SWEEP = """program: {program}
name: {name}
method: random
metric: {{name: val_loss, goal: minimize}}
parameters:
  lr: {{min: 0.0001, max: 0.01}}
"""


def bare(script: Path, where: Path) -> float:
    """Seconds of one start of the script by itself."""
    environment = {**os.environ, "WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(where)}
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, str(script), "--lr=0.001"], cwd=where, env=environment, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def swept(script: Path, where: Path, trials: int) -> float:
    """Seconds of a sweep over the script."""
    name = f"{script.stem}{trials}"
    (where / f"{name}.yaml").write_text(SWEEP.format(program=script.name, name=name))
    econml = [sys.executable, "-P", "-m", "econml_cli", "sweep", "run", f"{name}.yaml", "--source", script.name]
    began = time.perf_counter()
    subprocess.run(
        [*econml, "--trials", str(trials), "--jobs", "1", "--quiet"], cwd=where, check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - began


def main() -> None:
    """Print a line for each program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=10)
    options = parser.parse_args()
    for name, text in (("a line", LINE), ("the lecture's interface", LECTURE)):
        with tempfile.TemporaryDirectory() as directory:
            where = Path(directory)
            script = where / "mine.py"
            script.write_text(text)
            bare(script, where)  # files into the cache of the disk
            alone = [bare(script, where) for _ in range(options.trials // 2)]
            one = swept(script, where, 1)
            several = swept(script, where, options.trials)
            alone += [bare(script, where) for _ in range(options.trials - options.trials // 2)]
        trial = (several - one) / (options.trials - 1)
        mean, spread = statistics.mean(alone), statistics.stdev(alone)
        print(
            f"{name}: bare {mean:.3f} s (sd {spread:.3f}), a trial {trial:.3f} s, overhead {trial - mean:+.3f} s a "
            f"trial; once a sweep {one - trial:.2f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
