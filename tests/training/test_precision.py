"""Numbers on their way into the precision of a fit."""

from pathlib import Path

import numpy as np
import pytest

from econml_cli.errors import DataError
from econml_cli.training.precision import precision, to_device


@pytest.mark.parametrize("value", [1e39, -7.2e75])
def test_a_number_that_would_be_infinite_is_refused_in_a_sentence(econml, value):
    with pytest.raises(DataError, match=r"--precision float32 is 3.4e\+38"):
        to_device(np.array([1.0, np.nan, value, np.inf]), "float32")
    rows = "".join(f"{i % 7 + i / 50},{i % 5}\n" for i in range(40))
    Path("d.csv").write_text(f"y,x\n{value},1\n{rows}")
    shares = ("--val-fraction", 0.4, "--test-fraction", 0.4)
    line = ("fit", "linear", "--solver", "lstsq", "--data", "d.csv", "--target", "y", *shares, "--quiet")
    codes = set()
    for seed in (0, 1, 2):  # among the training rows it is divided by the scale that it makes itself
        ran = econml(*line, "--split-seed", seed, "--out", f"r{seed}")
        assert "Warning" not in ran.stderr and ran.stderr.count("\n") == ran.code, ran
        codes.add(ran.code)
    assert 1 in codes


def test_what_is_missing_infinite_or_small_is_as_it_was():
    given = np.array([[0.0, np.nan], [-np.inf, 3e38]])
    assert np.array_equal(np.asarray(to_device(given, "float32")), given.astype("float32"), equal_nan=True)
    assert to_device(np.zeros((0, 2)), "float32").shape == (0, 2)
    with precision("float64"):
        assert float(to_device(np.array([1e300]), "float64")[0]) == 1e300
