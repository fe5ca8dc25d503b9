"""Which heavy packages, and which files of ours that few commands need, each command imports."""

import gc
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from econml_cli.commands import importing
from tests.support.fits import fitted

HEAVY = ("jax", "flax", "orbax", "wandb", "optuna", "pandas", "pyarrow", "matplotlib", "scipy", "nlls_gram")
#: files of ours, each with many that it imports in turn
READER, TRAINER, ECONOMY = (
    "econml_cli.data.read",
    "econml_cli.training.loop.trainer",
    "econml_cli.problems.economies.olg",
)
EVALUATE, PREDICT = "econml_cli.evaluation.evaluate", "econml_cli.evaluation.predictions"
COEFFICIENTS, QUESTION = "econml_cli.evaluation.coefficients", "econml_cli.commands.eval.effects"
OURS = (READER, TRAINER, ECONOMY, EVALUATE, PREDICT, COEFFICIENTS, QUESTION)
#: a command -> what it may import of all these
ALLOWED = {
    "inspect runs": set(),
    "runs list": set(),
    "sweep check sweep.yaml": set(),
    "sweep show nowhere": set(),
    "eval net": {"jax", "flax", EVALUATE},
    "eval net --json": {"jax", "flax", EVALUATE},
    "eval effects nowhere": {QUESTION},
    "inspect checkpoint net": {"jax", "flax"},
    "predict net --out p.csv": {"jax", "flax", PREDICT},
    "predict net --out p.parquet": {"jax", "flax", "pandas", "pyarrow", PREDICT},
    "fit mlp --num-epochs 2 --name again": {"jax", "flax", "orbax", TRAINER},
    "fit mlp --problem olg --help": {ECONOMY},
}
#: a command -> the programs that it lowers, which takes longer than to run them: one draws all there is from the seed
LOWERED = {
    "eval net": ["draw", "measure", "measure", "_outputs"],  # of 500 rows, of 200, and f at 200
    "predict net --out p.csv": ["draw", "<lambda>", "<lambda>"],
    "inspect checkpoint net": [],
}
PROGRAM = """
import json, sys
from econml_cli.cli import main
sys.argv = ["econml", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit:
    pass
print("HEAVY", json.dumps([name for name in {heavy!r} if name in sys.modules]))
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A directory with a run, and a sweep's file."""
    there = tmp_path_factory.mktemp("imports")
    fitted(there / "runs/net", "mlp", "linear", num_epochs=2, width=4)
    values = "parameters: {lr: {min: 1.0e-4, max: 1.0e-2}}"
    (there / "sweep.yaml").write_text(f"method: random\nmetric: {{name: val_loss, goal: minimize}}\n{values}\n")
    return there


@pytest.mark.slow
@pytest.mark.parametrize("line", ALLOWED)
def test_a_command_imports_what_it_needs(line, made):
    asked = [sys.executable, "-c", PROGRAM.format(heavy=(*HEAVY, *OURS)), json.dumps(line.split())]
    environment = dict(os.environ, JAX_LOG_COMPILES="1")
    done = subprocess.run(asked, cwd=made, capture_output=True, text=True, timeout=120, env=environment)
    told = [row for row in done.stdout.splitlines() if row.startswith("HEAVY ")]
    assert told, done.stderr
    extra = set(json.loads(told[0].removeprefix("HEAVY "))) - ALLOWED[line]
    assert not extra
    if line in LOWERED:
        assert re.findall(r"^.*Compiling jit\((.*?)\)", done.stderr, re.MULTILINE) == LOWERED[line]
    if "net" in line or "again" in line:
        assert "Traceback" not in done.stderr and Path(made, "runs/net").is_dir()


def test_the_collector_is_off_while_jax_is_imported_and_on_again_whatever_happens(monkeypatch):
    frozen = []
    monkeypatch.setattr(gc, "freeze", lambda: frozen.append(gc.isenabled()))
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    with pytest.raises(ImportError), importing.at_once():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled() and frozen == [False]
    monkeypatch.setitem(sys.modules, "jax", object())
    with importing.at_once():
        assert gc.isenabled()
    assert frozen == [False]
