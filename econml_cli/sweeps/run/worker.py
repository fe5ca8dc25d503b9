"""One process of a `executor.Pool`: messages come in as lines of JSON on stdin, events go out as lines on stdout.

`python -m econml_cli.sweeps.run.worker PLACE PLACES`, started by that pool, not by hand.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from econml_cli.config import fit_config as configs
from econml_cli.errors import STOP_SIGNALS, EconmlError

if TYPE_CHECKING:
    from econml_cli.training.many.requests import Request


def main() -> None:
    """Serve until stdin ends: then whoever started this is done, or dead."""
    place, places = int(sys.argv[1]), int(sys.argv[2])
    for name in STOP_SIGNALS:  # whoever started this hears them too, and says what to do
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    _share_cores(place, places)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a model prints must not come between the lines
    messages: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    stopped: list[int] = []
    threading.Thread(target=_listen, args=(messages, stopped), daemon=True).start()
    try:
        _serve(messages, stopped, out)
    except (EconmlError, OSError) as error:
        _say(out, {"fatal": str(error)})


def _listen(messages: "queue.SimpleQueue[dict[str, Any] | None]", stopped: list[int]) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "stop" in request:
            stopped.append(int(request["stop"]))
        else:
            messages.put(request)
    stopped.append(signal.SIGTERM)
    messages.put(None)


def _serve(messages: "queue.SimpleQueue[dict[str, Any] | None]", stopped: list[int], out: TextIO) -> None:
    from econml_cli.sweeps.run.executor import event_as_json
    from econml_cli.training import compilation_cache
    from econml_cli.training.many.scheduler import Fits

    compilation_cache.enable()
    with Fits("serial", lambda: stopped[0] if stopped else None, jobs=1) as fits:
        while (request := messages.get()) is not None:
            if "end" in request:
                event = fits.end(request["end"], signal=request["signal"], pruned=request["pruned"])
                _say(out, event_as_json(event))
            else:
                fits.add(map(_request, request["add"]))
                for event in fits.advance(request["until"]):
                    _say(out, event_as_json(event))
            _say(out, {"done": True})


def _request(said: dict[str, Any]) -> "Request":
    from econml_cli.training.many.requests import Request

    within = None if said["within"] is None else Path(said["within"])
    return Request(said["number"], _config(said["config"]), Path(said["directory"]), said["manifest"], within)


def _config(flat: dict[str, Any]) -> configs.FitConfig:
    values = dict(flat)
    return configs.build(values.pop("model"), values.pop("problem"), [("the sweep", values)])


def _say(out: TextIO, message: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more; stdin ends too
        out.write(json.dumps(message, default=float) + "\n")


def _share_cores(place: int, places: int) -> None:
    """Keep to a part of the cores: XLA would start as many threads as there are, in each of the processes."""
    if not hasattr(os, "sched_getaffinity"):
        return
    cores = sorted(os.sched_getaffinity(0))
    if places <= len(cores):
        share = len(cores) // places
        os.sched_setaffinity(0, cores[place % places * share : (place % places + 1) * share])


if __name__ == "__main__":
    main()
