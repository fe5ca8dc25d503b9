"""A small storm with a fixed seed; `python -m tests.storm --kills 200` is a longer one."""

import random

import pytest

from tests.storm.rows import LONG, ROWS


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ROWS if name not in LONG])
def test_nothing_is_lost_and_nothing_runs(name, isolated):
    fault = ROWS[name][1](isolated, random.Random(name))
    if fault and fault.startswith(("skipped", "missed")):
        pytest.skip(fault)
    assert fault is None
