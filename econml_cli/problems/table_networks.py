"""How a network is trained on a table where nobody says how: chosen once, by experiment. Standard library only.

uv run --group bench python benchmarks/tables.py --choose
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Any

#: what suits a network where there are rows for validation: it stops by them, and keeps its best weights
_TRAINED: Mapping[str, Any] = MappingProxyType(
    {
        "dropout": 0.2,
        "optimizer": "adamw",
        "lr": 1e-3,
        "weight_decay": 1.0,
        "batch_size": 64,
        "num_epochs": 500,
        "patience": 40,
    }
)
#: the networks that this is for, and what else suits each
NETWORKS: Mapping[str, Mapping[str, Any]] = {"mlp": _TRAINED, "resnet": _TRAINED}
#: where one of these is named, somebody says when training ends, or by which method it goes: then it is plain, by the
#: declared defaults, as in 0.1
PLAIN = ("patience", "num_epochs", "stop_loss", "optimizer")


def recipe(model: str, options: Any, named: Collection[str]) -> Mapping[str, Any]:
    """The defaults that suit a model on a table; {} for a model that is none of `NETWORKS`, without rows for
    validation, and where one of PLAIN is named.

    Args:
        options: `TabularOptions`. named: the options of the fit that somebody has given a value.
    """
    if options.val_fraction == 0 or any(name in named for name in PLAIN):
        return {}
    return NETWORKS.get(model, {})
