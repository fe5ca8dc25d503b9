"""One fit, and one ensemble, on 1, 2, ... devices, and in two processes: steps a second, and the share of D times one.

    python3 benchmarks/scaling.py                       # all devices of this host; GPUs where there are some
    python3 benchmarks/scaling.py --virtual 4           # four devices made of the processor: what sharing costs
    python3 benchmarks/scaling.py --processes           # two processes on this machine against one at equal work

Devices are timed in turn within a round; the ratio is the median of those of the rounds. On a processor XLA computes
with all cores whatever the number of devices, so that nothing can be gained there: what is seen is the cost of sharing.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

MEMBERS, TARGET = 64, 0.85


def options(quick: bool) -> dict[str, dict[str, Any]]:
    """What is trained."""
    rows, width, batch = (1000, 16, 100) if quick else (100_000, 512, 1024)
    members, small = (8, 8) if quick else (MEMBERS, 128)
    return {
        f"fit, width {width}, batch {batch}": {"N": rows, "M": 20, "width": width, "batch_size": batch},
        f"{members} members, width {small}": {"N": 500, "width": small, "batch_size": 32, "members": members},
    }


def rate(trainer: Any, seconds: float) -> float:
    """Steps a second (of an ensemble: of each member)."""
    chunks = trainer.run()
    first = epoch = next(chunks).epoch
    start = time.perf_counter()
    while (took := time.perf_counter() - start) < seconds or epoch == first:
        epoch = next(chunks).epoch
    return (epoch - first) * trainer.program.epoch.batches / took


def on_devices(rounds: int, seconds: float, quick: bool) -> list[dict[str, Any]]:
    """Each training on one device, and on every power of two of them up to all."""
    import jax

    from econml_cli.config.fit_config import build
    from econml_cli.options.devices import DeviceOptions
    from econml_cli.training.devices import devices_of
    from econml_cli.training.fit import make_trainer
    from econml_cli.training.precision import precision
    from econml_cli.training.setup.setup import Workshop
    from econml_cli.training.step.programs import Programs

    there = len(jax.devices())
    counts = [count for count in (1, 2, 4, 8) if count <= there]
    print(f"{there} x {jax.devices()[0].device_kind}, jax {jax.__version__}\n")
    print("| training | devices | steps/s | to one device | min to max | of D | target |\n|" + "---|" * 7)
    rows = []
    for name, given in options(quick).items():
        config = build("mlp", "linear", [("the benchmark", {**given, "num_epochs": 10**9})])
        with precision("float32"):
            trainers = {
                count: make_trainer(config, Workshop(), Programs(devices_of(DeviceOptions(devices=str(count)))))
                for count in counts
            }
            rates: dict[int, list[float]] = {count: [] for count in counts}
            for _ in range(rounds + 1):  # the first warms up
                for count, trainer in trainers.items():
                    rates[count].append(rate(trainer, seconds))
        for count in counts:
            ratios = [a / b for a, b in zip(rates[count][1:], rates[1][1:], strict=True)]
            ratio = statistics.median(ratios)
            row = {"training": name, "devices": count, "rate": statistics.median(rates[count][1:]), "ratios": ratios}
            rows.append(row)
            target = f">= {TARGET:g}" if count > 1 and given.get("members") else ""
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            print(
                f"| {name} | {count} | {row['rate']:,.0f} | {ratio:.2f} | {spread} | {ratio / count:.2f} | {target} |"
            )
    return rows


def in_processes(rounds: int, quick: bool) -> list[dict[str, Any]]:
    """`econml fit` in two processes of this machine, and in one: seconds of training at equal work."""
    rows, epochs = (500, 5) if quick else (20_000, 20)
    words: list[Any] = ["fit", "mlp", "--N", rows, "--width", 128, "--batch-size", 1000, "--num-epochs", epochs]
    words += ["--quiet", "--force"]
    with tempfile.TemporaryDirectory() as folder:

        def trained(processes: int) -> float:
            with socket.socket() as taken:
                taken.bind(("localhost", 0))
                port = taken.getsockname()[1]
            meet = ["--coordinator", f"localhost:{port}", "--num-processes", processes] if processes > 1 else []
            ids = [["--process-id", k] if meet else [] for k in range(processes)]
            lines = [[*words, "--out", f"{folder}/run", *meet, *own] for own in ids]
            started = [subprocess.Popen([sys.executable, "-m", "econml_cli", *map(str, line)]) for line in lines]
            if any(list(map(subprocess.Popen.wait, started))):
                sys.exit("a fit failed")
            return float(json.loads(Path(folder, "run/summary.json").read_text())["seconds_training"])

        trained(1), trained(2)
        pairs = [(trained(1), trained(2)) for _ in range(rounds)]
    ratios = [two / one for one, two in pairs]
    shown = [f"{statistics.median(column):.2f}" for column in zip(*pairs, strict=True)]
    print("| one process, s | two, s | two / one | min to max |\n|---|---|---|---|")
    print(f"| {shown[0]} | {shown[1]} | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
    return [{"seconds": pairs, "ratios": ratios}]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each timed section [2]")
    parser.add_argument("--virtual", type=int, metavar="N", help="make N devices of the processor")
    parser.add_argument("--processes", action="store_true", help="two processes against one")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the figures")
    asked = parser.parse_args()
    if asked.virtual:
        flags = os.environ.get("XLA_FLAGS", "")
        os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={asked.virtual}"
        os.environ["JAX_PLATFORMS"] = "cpu"
    if asked.processes:
        rows = in_processes(asked.rounds, asked.quick)
    else:
        rows = on_devices(asked.rounds, asked.seconds, asked.quick)
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
