"""Sweep files as anybody might write them: W&B's keys, each with what it takes or something else."""

from typing import Any

from hypothesis import strategies as st

from econml_cli.sweeps.spec.keys import KEYS
from econml_cli.sweeps.spec.parameters import TAKES

NUMBERS = st.one_of(st.integers(0, 5), st.sampled_from([0.1, 0.5, 1.5, 2.0]))
ODD = st.sampled_from([-1, 1e-4, 1e300, 10**400, float("nan")])
SCALARS = st.one_of(NUMBERS, ODD, st.booleans(), st.none(), st.sampled_from(["", "a", "1e-4", "uniform", "val_loss"]))
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=2), max_leaves=4
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """What a key takes, nineteen times in twenty."""
    return st.integers(0, 19).flatmap(lambda n: ANYTHING if n == 19 else usual)


def mapping(known: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Up to three of the keys, and now and then one that does not belong there."""
    keys = st.lists(st.sampled_from([*known] * 5 + ["odd"]), max_size=3, unique=True)
    return keys.flatmap(lambda chosen: st.fixed_dictionaries({key: known.get(key, ANYTHING) for key in chosen}))


def _taken(wants: Any) -> st.SearchStrategy[Any]:
    if isinstance(wants, dict):
        return mapping({key: mostly(_taken(inner)) for key, inner in wants.items()})
    if isinstance(wants, tuple):
        return st.sampled_from(wants)
    kinds = {str: st.sampled_from(["econml", "a.py", "val_loss"]), int: st.integers(-1, 9), float: NUMBERS}
    return {**kinds, bool: st.booleans(), list: st.lists(ANYTHING, max_size=3), object: ANYTHING}[wants]


def _parameter(distribution: str) -> st.SearchStrategy[Any]:
    takes: dict[str, st.SearchStrategy[Any]] = {
        key: st.lists(NUMBERS if key == "probabilities" else SCALARS, min_size=1, max_size=3)
        if key in ("values", "probabilities")
        else SCALARS
        if key == "value"
        else {"min": st.sampled_from([0, 1, 0.1, 0.5]), "max": st.sampled_from([1, 2, 5, 1.5])}.get(key, NUMBERS)
        for key in TAKES[distribution]
    }
    takes["distribution"] = st.just(distribution)
    left = st.integers(0, len(takes) * 4).map(lambda n: [*takes][n] if n < len(takes) else None)
    whole = st.fixed_dictionaries({key: mostly(each) for key, each in takes.items()})
    return st.tuples(whole, left).map(lambda each: {k: v for k, v in each[0].items() if k != each[1]})


PARAMETER = mostly(st.sampled_from(sorted(TAKES)).flatmap(_parameter))
PARAMETERS = st.dictionaries(
    st.sampled_from(["lr", "width", "a.b", "optimizer", "seed", "1", ""]),
    st.one_of(PARAMETER, PARAMETER, st.fixed_dictionaries({"parameters": st.dictionaries(st.just("lr"), PARAMETER)})),
    min_size=1,
    max_size=2,
)
_WORDS = "${env} econml fit mlp --lr=1 --problem --data=${envvar:X} ${args} ${args_no_equals} ${ars} ${program} --width"
COMMAND = st.lists(st.sampled_from(_WORDS.split()), max_size=7)
_OTHERS = {key: mostly(_taken(wants)) for key, wants in KEYS.items() if key not in ("method", "parameters", "command")}
_ALWAYS = {"method": mostly(st.sampled_from(["bayes", "random", "grid", "custom"])), "parameters": mostly(PARAMETERS)}
_USUAL = mapping({"command": mostly(COMMAND)} | {key: _OTHERS[key] for key in ("metric", "early_terminate")})
DOCUMENTS = st.tuples(mapping(_OTHERS), _USUAL, st.fixed_dictionaries(_ALWAYS)).map(lambda of: of[0] | of[1] | of[2])
