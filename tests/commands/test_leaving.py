"""The end of the process: nothing that was reported is lost, and nothing is taken apart."""

import subprocess
import sys

import pytest

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
leave(3)
"""


def test_threads_exit_functions_and_buffers_come_first():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and done.stderr == ""
    assert done.stdout == "result thread\nat exit\n"


@pytest.mark.parametrize(("line", "code"), [("--version", 0), ("fit mpl", 2), ("eval nowhere", 1)])
def test_the_process_ends_with_the_code_of_the_command(shell, line, code):
    assert shell(*line.split()).code == code


def test_a_reader_that_left_is_no_complaint():
    line = f"{sys.executable} -m econml_cli fit --help | head -n 1"
    done = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
