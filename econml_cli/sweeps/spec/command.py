"""A sweep's `command` as W&B's agent fills it in: `${envvar:NAME}` anywhere in a word, `${args}` and others as words.

The rules are those of wandb's `sdk/launch/sweeps/utils.py` and `wandb_agent.py`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

ENVVAR = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")
#: each with its parameters in another notation, in which `econml fit` can read options
ARGS = ("${args}", "${args_no_equals}", "${args_no_boolean_flags}")


def with_variables(words: Sequence[Any], environment: Mapping[str, str]) -> list[str]:
    """The words with each `${envvar:NAME}` as the variable's value; as W&B, NAME itself where it is not set."""
    return [ENVVAR.sub(lambda found: environment.get(found[1], found[1]), str(word)) for word in words]


def unset(words: Sequence[Any], environment: Mapping[str, str]) -> list[str]:
    """The variables that the words name and the environment has not."""
    named = dict.fromkeys(name for word in words for name in ENVVAR.findall(str(word)))
    return [name for name in named if name not in environment]


def notations(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """{macro: words}: the parameters of a run in each notation that a command can ask for."""
    pairs = [f"{key}={value}" for key, value in values.items()]
    return {
        "args": [f"--{pair}" for pair in pairs],
        "args_no_hyphens": pairs,
        "args_append_hydra": [f"+{pair}" for pair in pairs],
        "args_override_hydra": [f"++{pair}" for pair in pairs],
        "args_no_equals": [word for key, value in values.items() for word in (f"--{key}", str(value))],
        "args_no_boolean_flags": [
            f"--{key}" if value is True else f"--{key}={value}" for key, value in values.items() if value is not False
        ],
        "args_json": [json.dumps(dict(values), default=str)],
    }
