"""Fits on one and on four devices of this process, as JSON; started with XLA_FLAGS that make four of a processor.

python -m tests.support.on_devices DIR, where DIR is a place for run directories.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np

from econml_cli.config.fit_config import build
from econml_cli.options.devices import DeviceOptions
from econml_cli.runs.directory import Run
from econml_cli.training.devices import Devices, devices_of
from econml_cli.training.fit import make_trainer
from econml_cli.training.many.requests import Request
from econml_cli.training.many.scheduler import Fits
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import Workshop
from econml_cli.training.step.programs import Programs

#: neither 61 observations, nor the last batch, nor 6 members can be cut in four equal parts
COMMON = {"width": "8", "N": 61, "N_val": 37, "num_epochs": 12, "lr": 1e-2, "batch_size": 18, "sigma": 0.5}
CASES: dict[str, dict[str, Any]] = {"one fit": {"patience": 4}, "members": {"members": 6}}


def trained(devices: Devices | None, options: dict[str, Any]) -> tuple[dict[str, list[float]], list[Any]]:
    """The columns of metrics over all epochs, and the leaves of the parameters at the end."""
    config = build("mlp", "linear", [("the test", COMMON | options)])
    with precision("float32"):
        trainer = make_trainer(config, Workshop(), Programs(devices))
        parts = [chunk.rows.columns for chunk in trainer.run()]
        params = [np.asarray(leaf).tolist() for leaf in jax.tree.leaves(trainer.carry.params)]
    return {name: np.concatenate([part[name] for part in parts]).tolist() for name in parts[0]}, params


def stacked(devices: Devices | None, place: Path) -> list[list[dict[str, float]]]:
    """The rows of each trial of a sweep whose trials are trained as one program."""
    options = [COMMON | {"lr": 1e-2 / (k + 1), "seed": k, "patience": 4 * (k % 2)} for k in range(6)]
    configs = [build("mlp", "linear", [("the test", each)]) for each in options]
    with Fits("vmap", devices=devices) as fits:
        fits.add(Request(k, config, place / str(k)) for k, config in enumerate(configs))
        ended = [event.number for event in fits.advance() if event.kind == "ended"]
    return [Run(place / str(k)).metrics() for k in sorted(ended)]


if __name__ == "__main__":
    every, runs = devices_of(DeviceOptions(devices="all")), Path(sys.argv[1])
    found = {name: [trained(each, options) for each in (None, every)] for name, options in CASES.items()}
    trials = [stacked(each, runs / name) for name, each in (("one", None), ("all", every))]
    json.dump({"devices": every.count if every else 1, "found": found, "trials": trials}, sys.stdout)
