"""Numbers and verdicts of several members, as those of one."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from econml_cli.problems.economies.verdicts import FAILED, PASSED


def spread(values: np.ndarray) -> dict[str, np.ndarray]:
    """Over the last axis of values [..., members], without what is not finite: "" the mean, "_sd" the standard
    deviation (NaN for one member), "_min" and "_max"."""
    values = np.where(np.isfinite(values), values, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # where nothing is finite: NaN is what they get
        return {
            "": np.nanmean(values, axis=-1),
            "_sd": np.nanstd(values, axis=-1, ddof=1),
            "_min": np.nanmin(values, axis=-1),
            "_max": np.nanmax(values, axis=-1),
        }


def seeds_passed(found: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """`seeds_passed`: how many members have passed each verdict that they were given; {} where there are none."""
    judged = [each for each in found if any(name.startswith("verdict_") for name in each)]
    return {"seeds_passed": sum("failed" not in each for each in judged)} if judged else {}


def words_over_members(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The verdicts of several members (`verdicts.judge`) as one: "passed" or "FAILED" where they agree, else how many
    have passed."""
    names = dict.fromkeys(name for each in found for name in each if name.startswith("verdict_"))
    told = {name: _passed([each[name] for each in found if name in each]) for name in names}
    none = [name.removeprefix("verdict_") for name, word in told.items() if word == FAILED]
    return {**told, "failed": f"{', '.join(none)} (in none of {len(found)} members)"} if none else told


def _passed(words: Sequence[str]) -> str:
    good = sum(word == PASSED for word in words)
    return PASSED if good == len(words) else f"{good} of {len(words)}" if good else FAILED
