"""Effects with standard errors by fitting again: of rows or of whole groups, and larger than given the fit."""

import numpy as np
import pandas as pd
import pytest

from econml_cli.errors import ConfigError
from econml_cli.evaluation.marginal.effects import effects
from tests.support.fits import fitted

WHOLE = {"val_fraction": 0.0, "test_fraction": 0.0}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    here = tmp_path_factory.mktemp("refits")
    rng, n = np.random.default_rng(1), 160
    frame = pd.DataFrame({"g": np.arange(n) // 4, "x": rng.normal(size=n)})
    frame["x"] += rng.normal(size=n // 4)[frame["g"]]  # x and errors go together within groups
    frame["y"] = (
        2 * frame["x"] + (1 + np.abs(frame["x"])) * rng.normal(size=n) + 2 * rng.normal(size=n // 4)[frame["g"]]
    )
    frame.to_csv(here / "t.csv", index=False)
    return str(here / "t.csv")


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"group": "g"}])
def test_refits_are_those_of_bootstrap_samples_of_rows_or_of_groups(made, more, tmp_path):
    run = fitted(tmp_path / "r", data=made, target="y", features="x", **more, **WHOLE)
    found = effects(run, refit=20, beside=False, bootstrap_seed=7)
    frame, rng, slopes = pd.read_csv(made), np.random.default_rng(7), []
    for _ in range(20):  # as they are drawn, by weighted least squares
        groups = rng.integers(0, 40, 40) if more else None
        w = (
            rng.multinomial(160, np.full(160, 1 / 160))
            if groups is None
            else np.bincount(groups, minlength=40)[frame["g"]]
        )
        slopes.append(np.polyfit(frame["x"], frame["y"], 1, w=np.sqrt(w))[0])
    estimate = found.effects[0].estimate
    assert estimate.standard_error == pytest.approx(np.std(slopes, ddof=1), rel=1e-5) and found.refits == 20
    assert estimate.value == pytest.approx(np.polyfit(frame["x"], frame["y"], 1)[0], rel=1e-6)
    assert estimate.high - estimate.value == pytest.approx(1.96 * estimate.standard_error, rel=1e-3)


@pytest.mark.slow
def test_refits_of_a_network_say_more_than_rows_do(made, tmp_path):
    run = fitted(
        tmp_path / "net",
        "mlp",
        data=made,
        target="y",
        features="x",
        width=4,
        num_epochs=30,
        batch_size=0,
        lr=0.05,
        **WHOLE,
    )
    given, again = effects(run, beside=False), effects(run, refit=20, beside=False)
    one, two = (each.effects[0].estimate for each in (given, again))
    assert one.value == two.value and two.standard_error > one.standard_error
    assert "s.e. by 20 refits" in again.grids()[0].title and "s.e. given the fit" in given.grids()[0].title


def test_too_few_refits_are_refused(made, tmp_path):
    run = fitted(tmp_path / "r", data=made, target="y", features="x", **WHOLE)
    with pytest.raises(ConfigError, match="needs 20 fits or more"):
        effects(run, refit=5)
