"""Whether the test suite has grown past its budget, whatever the speed of the machine.

    python .ci/budget.py                     seconds that this machine takes, now, for a fixed piece of work
    python .ci/budget.py SUITE BEFORE AFTER  exit 1 when the suite's seconds, in units of that work (the mean of what it
                                             took before and after the suite), are over the budget by more than half

The work is of the kind that the tests are: two processes, each of which traces and compiles small programs with JAX.
"""

import subprocess
import sys
import time

#: `uv run pytest` on two idle cores takes at most so many seconds ...
SUITE = 600.0
#: ... where the work below takes so many: a slower machine took 1,300 s for the suite and 14 s for the work
WORK = 6.5
#: what is too much: shared machines are not the same from one minute to the next
TOO_MUCH = 1.5
PROGRAMS = """
import jax, jax.numpy as jnp
for n in range(2, 42):
    def loss(w, x):
        for layer in w:
            x = jnp.tanh(x @ layer)
        return jnp.mean(x**2)
    jax.jit(jax.grad(loss)).lower([jnp.ones((n, n))] * 4, jnp.ones((8, n))).compile()
"""


def work() -> float:
    """Seconds for the fixed piece of work: two processes side by side, nothing of it from a cache."""
    environment = {"JAX_ENABLE_COMPILATION_CACHE": "false", "JAX_PLATFORMS": "cpu"}
    begun = time.perf_counter()
    started = [subprocess.Popen([sys.executable, "-c", PROGRAMS], env=environment) for _ in range(2)]
    if sum(process.wait() != 0 for process in started):
        sys.exit("The work that measures this machine failed.")
    return time.perf_counter() - begun


def main() -> None:
    """Measure, or compare."""
    if len(sys.argv) == 1:
        print(f"{work():.1f}")
        return
    suite, before, after = map(float, sys.argv[1:])
    ratio = suite / ((before + after) / 2) / (SUITE / WORK)
    print(f"The suite took {suite / 60:.1f} min, {ratio:.2f} of its budget on this machine as it is now.")
    if ratio > TOO_MUCH:
        sys.exit(
            f"That is over {TOO_MUCH}: docs/testing.md says how to find what has become dear (`--durations=30`) and "
            "how to write a test that costs little."
        )


if __name__ == "__main__":
    main()
