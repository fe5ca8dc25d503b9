"""How a network is trained on a table where nobody says how: chosen once, by experiment. Standard library only.

uv run --group bench python benchmarks/tables.py --choose
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

#: what suits a network where there are rows for validation: it stops by them, and keeps its best weights
_TRAINED: Mapping[str, Any] = MappingProxyType(
    {
        "dropout": 0.2,
        "optimizer": "adamw",
        "lr": 1e-3,
        "weight_decay": 4.0,
        "weight_decay_rows": 250,
        "batch_size": 64,
        "num_epochs": 500,
        "patience": 40,
    }
)
#: the networks that this is for, each with what suits it: a resnet takes shorter steps
NETWORKS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"mlp": _TRAINED, "resnet": MappingProxyType({**_TRAINED, "lr": 3e-4})}
)
#: where one of these is named, or patience is 0, somebody says when training ends, or by which method it goes: then it
#: is plain, by the declared defaults, as in 0.1
PLAIN = ("num_epochs", "stop_loss", "optimizer")


def recipe(model: str, options: Any, named: Mapping[str, Any]) -> Mapping[str, Any]:
    """The defaults that suit a model on a table; {} for a model that is none of `NETWORKS`, without rows for
    validation, where one of PLAIN is named, and where it is not to stop early.

    Args:
        options: `TabularOptions`. named: the options of the fit that somebody has given a value, as it was written;
            None where it is not known.
    """
    if options.val_fraction == 0 or _is_zero(named.get("patience")) or any(name in named for name in PLAIN):
        return {}
    found = NETWORKS.get(model, {})
    if "weight_decay" not in named:
        return found
    return {name: value for name, value in found.items() if name != "weight_decay_rows"}  # it is meant as it is


def _is_zero(value: Any) -> bool:
    try:
        return value is not None and float(value) == 0
    except (TypeError, ValueError):  # whoever reads it says what is wrong with it
        return False
