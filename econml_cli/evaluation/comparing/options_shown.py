"""Which options of several fits a table of them shows: those in which they differ, and what makes a model large."""

from collections.abc import Sequence
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.options.fields import options_of, written

#: shown wherever a model has it and not all have it: the size of the model
SIZES = ("width", "depth", "degree", "num_features", "latent", "kernel")
#: what names the data, which a table shows in other rows, and how a fit is kept
LEFT_OUT = ("data", "target", "features", "formula", "checkpoint_every", "keep", "num_epochs", "members")


def differing_options(configs: Sequence[FitConfig], solved: Sequence[bool]) -> list[dict[str, Any]]:
    """For each fit the options, by name, in which the fits differ.

    An option that only some of the fits have is shown where two of these differ, where one of them has it other than
    its default, or where it says how large the model is. Training options are left out of a fit that is `solved`.
    """
    chosen = [_options(config, exact) for config, exact in zip(configs, solved, strict=True)]
    if len(chosen) < 2:
        return [{} for _ in chosen]
    shown = [name for name in dict.fromkeys(name for one in chosen for name in one) if _is_shown(name, chosen)]
    return [{name: one[name][0] for name in shown if name in one} for one in chosen]


def _options(config: FitConfig, solved: bool) -> dict[str, tuple[Any, bool]]:
    """{name: (value as it is written, whether it is the default)} of one fit, without what is not set."""
    found = {}
    trainer = () if solved else (config.trainer,)
    for part in (config.model_options, config.representation, config.problem_options, *trainer):
        for opt in options_of(type(part)):
            value = getattr(part, opt.name)
            if opt.name not in LEFT_OUT and value is not None:
                found[opt.name] = (written(value), value == opt.default)
    if solved:
        found |= {name: (getattr(config.trainer, name), True) for name in ("seed", "precision")}
    return found


def _is_shown(name: str, chosen: Sequence[dict[str, tuple[Any, bool]]]) -> bool:
    having = [one[name] for one in chosen if name in one]
    if any(value != having[0][0] for value, _ in having):
        return True
    if len(having) == len(chosen):
        return False
    return name in SIZES or not all(default for _, default in having)
