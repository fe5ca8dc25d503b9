"""What is kept between two runs of the tests, in the user's cache directory: compiled programs and bytecode.

Most of a test's time would be XLA compiling the same small programs again, and most of a process's start Python
compiling the same modules.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

import platformdirs

from econml_cli.training.compilation_cache import machine

#: a cache that has grown beyond this is begun anew: what older code compiled is of no use
MOST_BYTES = 2_000_000_000
#: less time to compile
QUICK_TO_COMPILE = "--xla_cpu_parallel_codegen_split_count=1"
#: XLA's optimisation level: at 0 compiling takes less than half of its time at 1, but a long fit is five times as slow
LEVEL = "--xla_backend_optimization_level={}"
#: half the time to compile, where this version of XLA has the choice: newer ones end the process at the flag
OLD_EMITTERS = "--xla_cpu_use_fusion_emitters=false"
#: what a compiled program depends on besides itself
VERSIONS = ("jax", "jaxlib", "flax", "optax", "numpy")


def directory() -> Path:
    """Where this machine, with these versions, keeps what tests have compiled."""
    text = "".join([sys.version, machine(), *(f"{name} {version(name)}" for name in VERSIONS)])
    return platformdirs.user_cache_path("econml-cli-tests") / hashlib.sha256(text.encode()).hexdigest()[:12]


def use(environment: MutableMapping[str, str], *, long: bool = False) -> None:
    """Let this process, the workers of pytest-xdist and what they start compile once what they share, and not fight
    over the cores.

    Set before jax is imported.

    Args:
        long: whether whole recipes are fitted, whose programs are to be fast; others are to be compiled fast.
    """
    where = directory()
    if _bytes_of(where) > MOST_BYTES:
        shutil.rmtree(where, ignore_errors=True)
    environment["JAX_COMPILATION_CACHE_DIR"] = str(where / "xla")
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    # the workers are as many as the cores
    environment.update(dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "1"))
    flags = [LEVEL.format(int(long)), QUICK_TO_COMPILE, *([OLD_EMITTERS] if _xla_takes(OLD_EMITTERS, where) else [])]
    environment["XLA_FLAGS"] = " ".join([*filter(None, [environment.get("XLA_FLAGS")]), *flags])
    if environment.pop("PYTHONDONTWRITEBYTECODE", ""):  # an empty one counts as none
        environment["PYTHONPYCACHEPREFIX"] = str(where / "bytecode")


def read_only(environment: MutableMapping[str, str]) -> None:
    """Let a process that is to be killed read the cache of programs but not write to it, lest half a file be left."""
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "1e9"


def _xla_takes(flag: str, where: Path) -> bool:
    """Whether the installed jaxlib compiles with a flag: a process is tried once for each set of versions."""
    answer = where / f"{flag.removeprefix('--').replace('=', '_')}.txt"
    if not answer.exists():
        program = "import jax; jax.jit(lambda x: jax.numpy.tanh(x) * 2 + 1)(jax.numpy.ones(3)).block_until_ready()"
        environment = {**os.environ, "XLA_FLAGS": flag, "JAX_PLATFORMS": "cpu", "JAX_ENABLE_COMPILATION_CACHE": "false"}
        tried = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
        where.mkdir(parents=True, exist_ok=True)
        answer.write_text("no" if tried.returncode else "yes")
    return answer.read_text() == "yes"


def _bytes_of(where: Path) -> int:
    total = 0
    for folder, _, names in os.walk(where):
        total += sum(os.path.getsize(os.path.join(folder, name)) for name in names)  # noqa: PTH118, PTH202
    return total
