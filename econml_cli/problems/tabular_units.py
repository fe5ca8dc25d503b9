"""Numbers of the standardised problem in the units of the file: targets, predictions, coefficients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from econml_cli.problems.lazily import jnp, np
from econml_cli.problems.losses import Loss

if TYPE_CHECKING:
    from econml_cli.data.preprocessing import Preprocessing


def own_units(learnt: Preprocessing, row: Loss, y: Any) -> Any:
    """What the loss compares in the units of the file; classes and their probabilities as they are. Of NumPy arrays
    in float64, since float32 has no digits left for the deviations of a target whose mean is large."""
    if row.classifies:
        return y
    xp: Any = np if isinstance(y, np.ndarray) else jnp
    y = np.asarray(y, np.float64) if xp is np else y
    if row.reconstructs:
        features = learnt.features
        return y * xp.asarray(features.scale) + xp.asarray(features.mean)
    aim, location = learnt.target, row.target.location
    moves = xp.asarray(location) if location and y.shape[-1] == len(location) else 1.0
    return y * aim.scale + moves * aim.mean


def coefficients(learnt: Preprocessing, row: Loss, weights: Any, intercept: Any) -> dict[str, float]:
    """The coefficients of a linear model in the units of the file: {"Intercept": ..., design column: ...}, in
    float64; without a constant, or with fixed effects that hold it, there is no intercept.

    `weights` [din] and `intercept` are those of the standardised problem (of the log odds in a binary one, of the
    log of the mean under a log link).
    """
    aim, features = learnt.target, learnt.features
    slopes = np.asarray(weights, np.float64).reshape(-1) / features.scale * aim.scale
    constant = float(intercept) * aim.scale + aim.mean - float(slopes @ np.asarray(features.mean))
    if row.by_mean:
        slopes, constant = _of_log_mean(learnt, weights, float(intercept))
    found = {name: float(b) for name, b in zip(features.names, slopes, strict=True)}
    absorbed = any(one.absorbed for one in learnt.entities)
    if not learnt.formula.terms:
        return {} if absorbed else {"Intercept": constant}
    return {"Intercept": constant, **found} if learnt.formula.constant and not absorbed else found


def _of_log_mean(learnt: Preprocessing, weights: Any, intercept: float) -> tuple[np.ndarray, float]:
    """Slopes and constant of the log of the mean, of which the target's scale is a shift."""
    slopes = np.asarray(weights, np.float64).reshape(-1) / learnt.features.scale
    shift = float(np.log(learnt.target.scale)) if learnt.formula.constant else 0.0
    return slopes, intercept + shift - float(slopes @ np.asarray(learnt.features.mean))


def explained(learnt: Preprocessing, row: Loss) -> str:
    """What a linear model explains where there is a link, in words: log odds, or a log of the mean; else ""."""
    if row.classifies:
        first, second = learnt.target.classes or (0, 1)
        return f"log odds of {second} against {first}"
    if not row.by_mean:
        return ""
    over = {"exposure": " over {}", "offset": " over exp({})"}.get(
        "" if learnt.weights is None else learnt.weights.kind, ""
    )
    return f"log of {learnt.formula.target}" + over.format("" if learnt.weights is None else learnt.weights.column)
