"""The end of the process: nothing that was reported is lost, and nothing is taken apart."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from econml_cli.commands.signals import stop_signals
from tests.support.running import PROGRAM as ECONML

PROGRAM = """
import atexit, sys, threading, time
from econml_cli.commands.leaving import leave

class Slow:
    def __del__(self):
        print("taken apart")

kept = Slow()
kept.itself = kept
atexit.register(lambda: print("at exit"))
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
sys.stdout.write("result ")  # not flushed
try:
    leave(3)
except SystemExit:
    print("Python's own way out")
    raise
"""


@pytest.mark.parametrize("before", ["", "import jax; jax.devices()"], ids=["light", "jax"])
def test_threads_exit_functions_and_buffers_come_first(before):
    line = [sys.executable, "-c", f"{before}\n{PROGRAM}"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and done.stderr == ""
    assert done.stdout == "result thread\nat exit\n"


@pytest.mark.parametrize(("line", "code"), [("--version", 0), ("fit mpl", 2), ("eval nowhere", 1)])
def test_the_process_ends_with_the_code_of_the_command(shell, line, code):
    assert shell(*line.split()).code == code


def test_a_reader_that_left_is_no_complaint():
    line = f"{sys.executable} -m econml_cli fit --help | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


#: the import of `typer` takes {times} Ctrl-C
INTERRUPTED = """
import os, signal, sys

class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            for _ in range({times}):
                os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, CtrlC())
sys.argv = ["econml", "fit", "linear"]
"""
STARTING = (
    INTERRUPTED.format(times=1)
    + """
from econml_cli.__main__ import program
program()
"""
)
FITTING = (
    INTERRUPTED.format(times=2)
    + """
from econml_cli.commands.signals import stop_signals
with stop_signals(unwinding=True):
    try:
        import typer
    except BaseException:
        raise ImportError
"""
)


@pytest.mark.parametrize("program", [STARTING, FITTING], ids=["starting", "fitting"])
def test_ctrl_c_while_modules_are_imported_leaves_no_trace(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_a_second_ctrl_c_of_a_fit_unwinds_what_is_open():
    before = signal.signal(signal.SIGINT, lambda *_: pytest.fail("the process would have ended at once"))
    try:
        with stop_signals(unwinding=True) as stop:
            os.kill(os.getpid(), signal.SIGINT)
            assert stop() == signal.SIGINT
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def seconds_until_the_prompt(*line):
    """From the last line that a command prints at a terminal to the end of its process."""
    reading, writing = pty.openpty()
    with os.fdopen(reading, "rb", buffering=0) as terminal:
        process = subprocess.Popen([*ECONML, *line], stdout=writing, stderr=subprocess.DEVNULL)
        os.close(writing)
        printed = None
        try:
            while terminal.read(65536):
                printed = time.perf_counter()
        except OSError:  # nobody writes there any more
            pass
        assert process.wait(timeout=120) == 0 and printed is not None
    return time.perf_counter() - printed


@pytest.mark.slow
def test_the_prompt_is_back_when_the_result_is_printed(econml):
    """JAX and the interpreter would take themselves apart for half a second of computing and more."""
    assert econml("fit", "mlp", "--width", 4, "--num-epochs", 20, "--name", "net", "--quiet").code == 0
    for line in (("eval", "net"), ("inspect", "checkpoint", "net")):
        assert any(seconds_until_the_prompt(*line) < 0.25 for _ in range(3)), line  # others may use the machine
