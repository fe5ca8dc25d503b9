"""How many of the seeds of an ensemble have solved an economic model, and how sure that share is."""

import math
from collections.abc import Mapping
from typing import Any

from econml_cli.evaluation.wilson import wilson


def interval(good: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval of the share of seeds that pass, of which `good` among n did."""
    share = good / n
    return wilson(share, math.sqrt(share * (1 - share) / max(n - 1, 1)), n)


def said(summary: Mapping[str, Any]) -> str | None:
    """ "19 of 20 seeds passed all verdicts (Wilson 76 to 99 %)" of a summary (or what has its `members` and
    `seeds_passed`); None without verdicts, or of one fit."""
    good, n = summary.get("seeds_passed"), summary.get("members", 0)
    if good is None or n < 2:
        return None
    low, high = interval(good, n)
    return f"{good} of {n} seeds passed all verdicts (Wilson {100 * low:.0f} to {100 * high:.0f} %)"
