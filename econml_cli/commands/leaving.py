"""The end of the process: all that has been reported is flushed, closed and joined; what is left goes to the system.

Python would then take every module, compiled program and array apart one by one, and JAX its clients: half a second or
more of computing in which the prompt does not come back, and none of it is of any use.
"""

import atexit
import contextlib
import os
import sys
import threading
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process as Python does up to the point where it would take itself apart.

    In Python's own order: threads that are no daemons are waited for, then what was registered with `atexit` runs
    (W&B's end of a run, temporary directories, coverage), then the streams are flushed.
    """
    if code and _several_processes():
        _flush()
        os._exit(code)  # the others may wait for something else by now, and would not meet at JAX's way out
    try:
        _forget_jax()
        threading._shutdown()  # type: ignore[attr-defined]  # executors too; Python's own way out calls it
        atexit._run_exitfuncs()
    except AttributeError:  # a Python, or a JAX, that has these no more: its own way out then
        raise SystemExit(code) from None
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()


def _several_processes() -> bool:
    """Whether this is one of the processes of a fit."""
    state = getattr(sys.modules.get("jax._src.distributed"), "global_state", None)
    return getattr(state, "client", None) is not None


def _forget_jax() -> None:
    """On the CPU, do not wait until JAX has taken apart its client: memory goes back to the system all the same.

    With an accelerator, or several processes, its way out stays: others may wait for it.
    """
    bridge = sys.modules.get("jax._src.xla_bridge")
    backends = getattr(bridge, "_backends", {})
    clean_up = getattr(sys.modules.get("jax._src.api"), "clean_up", None)
    alone = all(device.process_index == 0 for backend in backends.values() for device in backend.devices())
    if clean_up is not None and set(backends) <= {"cpu"} and alone:
        atexit.unregister(clean_up)
