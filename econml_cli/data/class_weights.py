"""What an error of each class weighs in the loss: as one over the frequency of the class, or as the user says."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from econml_cli.data import columns
from econml_cli.errors import ConfigError, suggest

BALANCED = "balanced"


def read(asked: Sequence[str], classes: Sequence[Any], codes: np.ndarray, w: np.ndarray | None) -> dict[str, float]:
    """{class: weight}, of mean 1 over the training rows, since nothing depends on their unit.

    Balanced ones are n / (K n_k) of K classes with n_k rows, so that all classes weigh the same together.

    Args:
        asked: ["balanced"], or ["LEVEL=W", ...]; a level that is not named weighs 1 (as they are typed).
        classes: the classes in the order of their numbers. codes: the number of the class of each training row [n].
        w: the weights of the rows [n]; None: all are 1.

    Raises:
        ConfigError: there is no such class, or a weight is no number above 0, or a class has no training row.

    Source: King and Zeng (2001), Political Analysis 9, 137-163, for the weighted logit.
    """
    names = [columns.level_name(value) for value in classes]
    total = np.bincount(codes, weights=w, minlength=len(names)).astype(np.float64)
    if list(asked) == [BALANCED]:
        if empty := [name for name, count in zip(names, total, strict=True) if count <= 0]:
            raise ConfigError(f"--class-weights balanced: no training row is '{empty[0]}'; name weights, LEVEL=W.")
        found = total.sum() / (len(names) * total)
    else:
        given = _given(asked, names)
        found = np.array([given.get(name, 1.0) for name in names])
    found = found / (float(found @ total) / float(total.sum()))
    return dict(zip(names, found.tolist(), strict=True))


def _given(asked: Sequence[str], names: Sequence[str]) -> dict[str, float]:
    """{level: weight} as typed."""
    given = dict[str, float]()
    for text in asked:
        name, equals, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = math.nan
        if not equals or not 0 < weight < math.inf:
            raise ConfigError(
                f"--class-weights {text}: expected balanced, or a class and a number above 0, such as {names[-1]}=5."
            )
        if name not in names:
            raise ConfigError(f"--class-weights names no class '{name}'.{suggest(name, names)} {_known(names)}")
        if name in given:
            raise ConfigError(f"--class-weights names '{name}' twice.")
        given[name] = weight
    return given


def _known(names: Sequence[str]) -> str:
    return f"The classes are {', '.join(names[:20])}{', ...' if len(names) > 20 else ''}."
