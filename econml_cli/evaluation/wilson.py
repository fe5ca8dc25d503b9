"""Intervals of shares, and of an area under a curve that is one: score intervals, which are never of no width."""

import math


def wilson(share: float, standard_error: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of n observations, or groups of them, whose standard error says how many independent
    observations they are worth; with as few degrees of freedom as groups where these are what varies.

    Source: Wilson (1927), JASA 22, 209-212; Korn and Graubard (1998), Survey Methodology 24, 193-201.
    """
    from scipy.special import ndtri, stdtrit  # slow to import, and only for shares

    variance, wide = share * (1 - share), float(ndtri((1 + level) / 2))
    worth = float(n)
    if variance > 0 and abs(standard_error**2 * (n - 1) / variance - 1) > 1e-6:  # not n zeros and ones of equal weight
        worth, wide = variance / standard_error**2, float(stdtrit(max(n - 1, 1), (1 + level) / 2))
    square = wide**2
    centre = (share + square / (2 * worth)) / (1 + square / worth)
    half = wide / (1 + square / worth) * math.sqrt(variance / worth + square / (4 * worth**2))
    return max(centre - half, 0.0), min(centre + half, 1.0)


def auc_from_one(positives: int, negatives: int, level: float = 0.95) -> tuple[float, float]:
    """The areas under the curve with which perfect separation is not too rare: [low, 1].

    Source: Newcombe (2006), Statistics in Medicine 25, 559-573, method 5.
    """
    from scipy.optimize import brentq  # slow to import, and rarely needed
    from scipy.special import ndtri

    wide, of_both = float(ndtri((1 + level) / 2)), (positives + negatives) / 2 - 1

    def variance(area: float) -> float:
        more = (1 - area) / (2 - area) + area / (1 + area)
        return area * (1 - area) * (1 + of_both * more) / (positives * negatives)

    return float(brentq(lambda area: (1 - area) ** 2 - wide**2 * variance(area), 1e-9, 1 - 1e-9)), 1.0
