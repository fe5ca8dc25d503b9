"""What is explained by what, as typed: a formula, or a target and its features."""

from collections.abc import Sequence
from dataclasses import dataclass

from econml_cli.data import columns, formula
from econml_cli.data.formula import Formula
from econml_cli.errors import DataError


@dataclass(frozen=True)
class Specification:
    """What is explained by what, as typed: `text` and, in `features`, its `.`; or `target` and `features` (which are to
    be reconstructed where there is no target)."""

    text: str | None
    target: str | None
    features: tuple[str, ...]

    def formula(self) -> Formula:
        """The same, read. Raises ConfigError: it is not a formula that is admitted."""
        if self.text is not None:
            return formula.parse(self.text, self.features)
        return formula.of_columns(self.target, self.features)


def specify(
    names: Sequence[str],
    where: str,
    aim: str | None,
    features: Sequence[str] | None,
    text: str | None,
    apart: Sequence[str | None] = (),
) -> Specification:
    """Fill in the features that were not named: all columns but the target and those `apart` (of groups, of time, that
    say which row it is).

    Raises:
        DataError: a column is not there, or there is no feature.
    """
    others = [name for name in names if name not in (aim, *apart)]
    if text is not None:
        return Specification(text, None, tuple(others))
    chosen = tuple(others if features is None else features)
    columns.require(chosen if aim is None else (aim, *chosen), names, where)
    if not chosen:
        beside = " and ".join(f"'{name}'" for name in (aim, *apart) if name is not None) or "none"
        remedy = "name some with --features" + (f", or lags: --formula '{aim} ~ lag({aim})'" if aim else "")
        raise DataError(f"{where} has no column besides {beside} that could be a feature; {remedy}.")
    return Specification(None, aim, chosen)
