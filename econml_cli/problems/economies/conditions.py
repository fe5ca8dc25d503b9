"""What economics asks of the parameters of a model. Standard library only."""

from collections.abc import Sequence

from econml_cli.errors import ConfigError

#: a condition that holds, and what is wrong where it does not
Rule = tuple[bool, str]


def demand(*rules: Rule) -> None:
    """Raise one ConfigError that says all that is wrong with the parameters of a model, if anything is."""
    wrong: Sequence[str] = [said for holds, said in rules if not holds]
    if wrong:
        raise ConfigError("; ".join(wrong) + ".")


def patience(beta: float) -> Rule:
    """0 < beta < 1."""
    return (
        0 < beta < 1,
        f"--beta must be > 0 and < 1, got {beta:g}: the sum of beta^t u(c_t) over all t would be infinite or empty, so "
        "no plan is best; try .96",
    )


def share(alpha: float) -> Rule:
    """0 < alpha < 1."""
    return (
        0 < alpha < 1,
        f"--alpha must be > 0 and < 1, got {alpha:g}: it is the share of capital in income, and without diminishing "
        "returns capital has no steady state; try .36",
    )


def persistence(rho: float) -> Rule:
    """-1 < rho < 1."""
    return (
        -1 < rho < 1,
        f"--rho must be > -1 and < 1, got {rho:g}: log productivity would not be stationary; try .9",
    )


def depreciation(delta: float) -> Rule:
    """0 < delta <= 1."""
    return (
        0 < delta <= 1,
        f"--delta must be > 0 and <= 1, got {delta:g}: it is the share of capital that wears out in a period; try .1",
    )
