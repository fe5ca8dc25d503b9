"""Training on an accelerator, and on the processor of the same machine: steps a second, and the ratio.

    python3 benchmarks/gpu.py --out gpu.json                # 150 seconds at most
    python3 benchmarks/gpu.py --out gpu.json --quick        # tiny sizes: does it run?

Each platform has a process of its own (JAX_PLATFORMS), the accelerator's first; a case that fails, or for which no time
is left, loses itself alone. Everything is compiled before it is timed, and driven as `econml fit` drives it, in chunks
of epochs with the validation loss of each. *fit* is the lecture's MLP with two hidden layers on a table of 100,000 rows
and 20 columns in batches of 1024, *ensemble* 256 seeds of the lecture's network on its 500 rows in batches of 32,
*investment* the economy of that many firms with its recipe (deep_set, batches of 32). Products of matrices are in full
float32, which is the default of `econml`; "tf32" is JAX_DEFAULT_MATMUL_PRECISION=tensorfloat32.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

#: seconds of --seconds that are kept for starting and ending the processes
MARGIN = 5.0
#: the share of the time that the accelerator's process may take; the processor's has the rest
SHARE = 0.7


@dataclass(frozen=True)
class Case:
    """One training, by the options that `econml fit` would be given."""

    name: str
    model: str
    problem: str
    options: Mapping[str, Any]
    products: str = "highest"
    on_cpu: bool = True

    @property
    def members(self) -> int:
        return int(self.options.get("members", 1))


def cases(quick: bool) -> list[Case]:
    """What is timed, cheap first."""
    rows, batch, widths = (1000, 100, (8, 16, 32, 64)) if quick else (100_000, 1024, (128, 512, 2048, 4096))
    table = {"N": rows, "M": 20, "batch_size": batch}
    fits = [
        Case(f"fit, width {width}", "mlp", "linear", {**table, "width": width}, on_cpu=width in widths[:3])
        for width in widths
    ]
    rounded = [
        Case(f"{fit.name}, tf32", fit.model, fit.problem, fit.options, "tensorfloat32", on_cpu=False)
        for fit in fits[2:]
    ]
    members, width = (4, 8) if quick else (256, 128)
    small = {"N": 500, "M": 2, "batch_size": 32, "width": width, "members": members}
    ensemble = Case(f"ensemble of {members}", "mlp", "linear", small)
    few, many = (4, 16) if quick else (1000, 10_000)
    firms = {
        n: Case(f"investment, N = {n:,}", "deep_set", "investment", {"N": n}, on_cpu=n == few) for n in (few, many)
    }
    return [fits[0], ensemble, fits[1], firms[few], *fits[2:], firms[many], *rounded]


def measured(case: Case, seconds: float, workshop: Any) -> dict[str, Any]:
    """Steps a second of a case on JAX's default device, and what came before the first; `workshop` has the samples."""
    import jax

    from econml_cli.config.fit_config import build
    from econml_cli.training.fit import make_trainer
    from econml_cli.training.precision import precision

    os.environ["JAX_DEFAULT_MATMUL_PRECISION"] = case.products
    begun = time.perf_counter()
    # so many epochs that the timed section never ends them, and nothing that ends them before
    options = {**case.options, "num_epochs": 10**9, "patience": 0, "stop_loss": 0.0}
    with precision("float32"):
        trainer = make_trainer(build(case.model, case.problem, [("the benchmark", options)]), workshop)
        made = time.perf_counter()
        chunks = trainer.run()
        epoch = next(chunks).epoch
        compiled = time.perf_counter()
        while (start := time.perf_counter()) - compiled < seconds / 4:
            epoch = next(chunks).epoch
        first = epoch
        while (took := time.perf_counter() - start) < seconds or epoch == first:
            epoch = next(chunks).epoch
        batches, size = trainer.program.epoch.batches, trainer.program.epoch.size
        params = sum(leaf.size for leaf in jax.tree.leaves(trainer.carry.params)) // case.members
    rate = (epoch - first) * batches / took
    memory = jax.devices()[0].memory_stats() or {}
    found = {
        "steps_per_second": rate,
        "batch_size": size,
        "members": case.members,
        "parameters": params,
        "epochs_timed": epoch - first,
        "seconds_timed": took,
        "seconds_preparing": made - begun,
        "seconds_first_epoch": compiled - made,  # compiling is in it, but for an ensemble's, which is in preparing
        "peak_bytes_so_far": memory.get("peak_bytes_in_use"),
    }
    if case.model == "mlp":  # a product forward, and two backward, of two operations a weight and observation
        found["tflops"] = 6 * params * size * case.members * rate / 1e12
    return found


def worker(names: Sequence[str], quick: bool, seconds: float, until: float) -> None:
    """Time the cases on the default device of this process; a line of JSON for each, once it is there."""
    import jax

    from econml_cli.training.setup.setup import Workshop

    def tell(**line: Any) -> None:
        print(json.dumps(line), flush=True)

    device = jax.devices()[0]
    tell(device=f"{device.platform}: {device.device_kind}", jax=jax.__version__, flax=version("flax"))
    workshop = Workshop()
    for case in (case for case in cases(quick) if case.name in names):
        if time.time() > until:
            tell(case=case.name, error="no time was left")
            continue
        try:
            tell(case=case.name, products=case.products, **measured(case, seconds, workshop))
        except Exception as error:
            tell(case=case.name, error=f"{type(error).__name__}: {error}"[:500])


def on(name: str, platforms: str | None, names: Sequence[str], asked: argparse.Namespace, until: float) -> list[Any]:
    """The lines of a worker with these JAX_PLATFORMS (None: as they are), which is killed when the time is over."""
    line = [sys.executable, __file__, "--worker", json.dumps(list(names)), "--until", str(until)]
    line += ["--section", str(asked.section), *(["--quick"] if asked.quick else [])]
    variables = dict(os.environ) | ({"JAX_PLATFORMS": platforms} if platforms else {})
    process = subprocess.Popen(line, env=variables, stdout=subprocess.PIPE, text=True)
    limit = threading.Timer(max(until - time.time(), 0) + MARGIN, process.kill)
    limit.start()
    lines = []
    assert process.stdout is not None
    for text in process.stdout:
        try:
            lines.append(json.loads(text))
        except ValueError:  # what a library prints
            continue
        print(f"{name}: {text.strip()}", file=sys.stderr, flush=True)
    code = process.wait()
    limit.cancel()
    if code:
        lines.append({"ended": f"the process ended with code {code}"})
    return lines


def table(found: Mapping[str, Sequence[Mapping[str, Any]]], names: Sequence[str]) -> str:
    """The figures as Markdown: a row for each case."""
    by = {where: {line["case"]: line for line in lines if "case" in line} for where, lines in found.items()}

    def cell(line: Mapping[str, Any] | None, key: str, form: str) -> str:
        return f"{line[key]:{form}}" if line and line.get(key) is not None else (line or {}).get("error", "")[:60]

    head = (
        "case",
        "parameters",
        "accelerator, steps/s",
        "TFLOP/s",
        "first epoch, s",
        "CPU, steps/s",
        "accelerator / CPU",
    )
    rows = [head, ("---",) * len(head)]
    for name in names:
        fast, slow = by.get("accelerator", {}).get(name), by.get("cpu", {}).get(name)
        rates = [line.get("steps_per_second") if line else None for line in (fast, slow)]
        ratio = f"{rates[0] / rates[1]:.1f}" if all(rates) else ""
        flops = cell(fast, "tflops", ".2f") if fast and "tflops" in fast else ""
        shown = [cell(fast or slow, "parameters", ",d"), cell(fast, "steps_per_second", ",.1f"), flops]
        shown += [cell(fast, "seconds_first_epoch", ".1f"), cell(slow, "steps_per_second", ",.1f"), ratio]
        rows.append((name, *shown))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    """Both processes, the JSON and the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, metavar="FILE", help="keep the figures here, as JSON")
    parser.add_argument("--seconds", type=float, default=150.0, help="for everything [150]")
    parser.add_argument("--section", type=float, default=2.0, help="length of each timed section, s [2]")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: does it run?")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        worker(json.loads(asked.worker), asked.quick, asked.section, asked.until)
        return
    began, every = time.time(), cases(asked.quick)
    names = [case.name for case in every]
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "processor": processor()}
    found: dict[str, list[Any]] = {}

    def keep() -> None:
        if asked.out:
            asked.out.write_text(json.dumps({"machine": machine, "results": found}, indent=2) + "\n")

    usable = asked.seconds - 2 * MARGIN
    found["accelerator"] = on("accelerator", None, names, asked, began + SHARE * usable)
    keep()
    small = [case.name for case in every if case.on_cpu]
    found["cpu"] = on("cpu", "cpu", small, asked, began + usable)
    keep()
    for where, lines in found.items():
        for line in lines:
            if "device" in line:
                print(f"{where}: {line['device']}, jax {line['jax']}, flax {line['flax']}")
    print(f"Python {machine['python']}, {machine['cores']} cores, {machine['processor']}\n")
    print(table(found, names))


def processor() -> str:
    """What the system calls the processor."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(errors="replace").splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    main()
