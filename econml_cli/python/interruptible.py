"""Ctrl-C in a notebook: it asks a fit to stop, and the fit saves where it is. No signal handler is installed."""

import contextlib
import contextvars
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from econml_cli.training.run.recorder import FitResult

Result = TypeVar("Result")
StopSignal = Callable[[], int | None]

#: seconds between two looks at a fit where the system does not wake a waiting thread for Ctrl-C (Windows)
PATIENCE = 0.2


def interruptible(work: Callable[[StopSignal], Result], saved: Callable[[Result], str]) -> Result:
    """`work(stop_signal)`, a fit or a sweep, in a thread of its own: Python raises KeyboardInterrupt in the main
    thread, so it never tears in two what the fit does.

    At the first KeyboardInterrupt `stop_signal()` becomes SIGINT; the exception is raised again once `work` has ended,
    with a note, `saved(result)`, that says where it is. A second one is raised at once, and `work` ends by itself.

    Raises:
        KeyboardInterrupt: it was raised while `work` ran. Whatever `work` raises.
    """
    asked = threading.Event()
    pool = ThreadPoolExecutor(1, thread_name_prefix="econml")
    future: Future[Result] | None = None
    try:
        context = contextvars.copy_context()
        future = pool.submit(context.run, work, lambda: signal.SIGINT if asked.is_set() else None)
        _await(future)
    except KeyboardInterrupt as interrupt:
        asked.set()
        if future is not None:
            _await(future)
            with contextlib.suppress(Exception):  # what went wrong on the way out matters less than the interrupt
                interrupt.add_note(saved(future.result()))
        raise
    finally:
        pool.shutdown(wait=False)
    return future.result()


def _await(future: Future[Result]) -> None:
    while not future.done():
        wait([future], timeout=PATIENCE)


def where_saved(result: "FitResult") -> str:
    """Where a fit is that was interrupted, in a sentence."""
    path = str(result.run.path)
    if result.stop_reason != "interrupted":
        return f"The fit had ended; it is in {path}."
    return f"Saved after epoch {result.summary['epochs']:,}; continue with econml_cli.load({path!r}).resume()."
