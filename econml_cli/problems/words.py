"""What a problem calls its states, outputs, series and shocks in words, for labels of figures and tables.

A problem may have `words`, {name: words}, with the names that `describe`, `predict`, `step` and `impulses` use; of the
i-th of several outputs the name is TARGET_i. The words of a logarithm begin with "log ". Standard library only.
"""

from collections.abc import Mapping


def words_of(problem: object) -> Mapping[str, str]:
    """The words of a problem; {} of one that has none."""
    found = getattr(problem, "words", {})
    return found if isinstance(found, Mapping) else {}


def is_log(word: str) -> bool:
    """Whether a series of these words is a logarithm, whose differences are shares."""
    return word.startswith("log ")


def output_names(target: str, width: int) -> list[str]:
    """The names of the outputs of a policy: that of the target, or with a number each."""
    return [target] if width == 1 else [f"{target}_{i + 1}" for i in range(width)]
