"""The `parameters:` of a W&B sweep, read into a space: every distribution mapped exactly, or refused by name.

The keys, defaults and limits are those of https://github.com/wandb/sweeps `src/sweeps/config/schema.json`.
"""

import math
import re
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

from econml_cli.errors import suggest
from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.distributions import Distribution
from econml_cli.sweeps.spec.space import Parameter
from econml_cli.sweeps.spec.yaml_lines import Findings, Keys

_RANGE = {"min": None, "max": None}
_NORMAL = {"mu": 0.0, "sigma": 1.0}
_BETA = {"a": 1.0, "b": 1.0}
#: quantised to whole numbers where q is not given
_Q = {"q": 1}
#: name of a distribution -> the keys it takes, each with its default; None: must be given
TAKES: dict[str, dict[str, Any]] = {
    "constant": {"value": None},
    "categorical": {"values": None},
    "categorical_w_probabilities": {"values": None, "probabilities": None},
    "int_uniform": _RANGE,
    "uniform": _RANGE,
    "q_uniform": {**_RANGE, **_Q},
    "log_uniform": _RANGE,
    "log_uniform_values": _RANGE,
    "q_log_uniform": {**_RANGE, **_Q},
    "q_log_uniform_values": {**_RANGE, **_Q},
    "inv_log_uniform": _RANGE,
    "inv_log_uniform_values": _RANGE,
    "normal": _NORMAL,
    "q_normal": {**_NORMAL, **_Q},
    "log_normal": _NORMAL,
    "q_log_normal": {**_NORMAL, **_Q},
    "beta": _BETA,
    "q_beta": {**_BETA, **_Q},
}
_KEYS = {key for takes in TAKES.values() for key in takes} | {"distribution", "parameters"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
#: name -> how the distribution is made of its settings, quantisation aside
_MADE: dict[str, Callable[..., Distribution]] = {
    "constant": lambda value: distributions.Constant(value),
    "categorical": lambda values: distributions.Categorical(tuple(values)),
    "categorical_w_probabilities": lambda values, probabilities: distributions.Categorical(
        tuple(values), tuple(probabilities)
    ),
    "int_uniform": distributions.IntUniform,
    "uniform": distributions.Uniform,
    "log_uniform": lambda min, max: distributions.LogUniform(math.exp(min), math.exp(max)),
    "log_uniform_values": distributions.LogUniform,
    # log(1/x) is uniform between min and max: log x is, between -max and -min
    "inv_log_uniform": lambda min, max: distributions.LogUniform(math.exp(-max), math.exp(-min)),
    "inv_log_uniform_values": distributions.LogUniform,
    "normal": distributions.Normal,
    "log_normal": distributions.LogNormal,
    "beta": distributions.Beta,
}


def read_all(given: Any, findings: Findings, keys: Keys, path: tuple[str, ...] = ()) -> list[Parameter]:
    """Every parameter below a `parameters:` mapping at `keys`; what is wrong goes to the findings."""
    if not isinstance(given, dict) or not given:
        findings.problem(keys, "`parameters` must list at least one parameter, such as `lr: {min: 0.0001, max: 0.01}`.")
        return []
    found: list[Parameter] = []
    for name, settings in given.items():
        here, inner = (*keys, str(name)), (*path, str(name))
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            findings.problem(here, f"'{name}' is no parameter name: letters, digits, '_', '.', '-', a letter first.")
        elif isinstance(settings, dict) and "parameters" in settings:
            for extra in set(settings) - {"parameters"}:
                findings.problem((*here, str(extra)), f"{name}: '{extra}' cannot stand beside nested `parameters`.")
            found += read_all(settings["parameters"], findings, (*here, "parameters"), inner)
        elif (parameter := read(settings, findings, here, inner)) is not None:
            found.append(parameter)
    return found


def read(given: Any, findings: Findings, keys: Keys, path: tuple[str, ...]) -> Parameter | None:
    """One parameter, or None after telling the findings what is wrong with it."""
    reader = _Reader(findings, keys, ".".join(path))
    before = len(findings.problems)
    name, distribution = reader.read(given)
    if distribution is None or len(findings.problems) > before:
        return None
    return Parameter(path, name, distribution)


class _Reader:
    """Reads one parameter; every complaint names it."""

    def __init__(self, findings: Findings, keys: Keys, name: str):
        self.findings, self.keys, self.name = findings, keys, name

    def wrong(self, text: str, *keys: str) -> None:
        self.findings.problem((*self.keys, *keys), f"{self.name}: {text}")

    def read(self, given: Any) -> tuple[str, Distribution | None]:
        if not isinstance(given, dict):
            self.wrong(f"write `{self.name}: {{value: {given}}}` for a constant.")
            return "", None
        settings = {str(key): value for key, value in given.items()}
        for key in [k for k in settings if k not in _KEYS]:
            self.wrong(f"unknown key '{key}'.{suggest(key, _KEYS)}", key)
            del settings[key]
        distribution = settings.pop("distribution") if "distribution" in settings else _infer(settings)
        if not isinstance(distribution, str) or distribution not in TAKES:
            self._no_such(distribution, settings)
            return "", None
        return distribution, self._of(distribution, settings)

    def _no_such(self, distribution: Any, settings: Mapping[str, Any]) -> None:
        if distribution is None:
            have = " and ".join(settings) or "nothing"
            self.wrong(f"needs `value`, `values`, `min` and `max`, or a `distribution`; it has {have}.")
        else:
            hint = suggest(str(distribution), TAKES) or f" Choose one of {', '.join(TAKES)}."
            self.wrong(f"there is no distribution '{distribution}'.{hint}", "distribution")

    def _of(self, distribution: str, settings: dict[str, Any]) -> Distribution | None:
        takes, ok = TAKES[distribution], True
        for key in [k for k in settings if k not in takes]:
            self.wrong(f"{distribution} takes {', '.join(takes)}, not '{key}'.", key)
            ok = False
        for key, default in takes.items():
            if key in settings:
                ok = self._check(distribution, key, settings) and ok
            elif default is None:
                self.wrong(f"{distribution} needs `{key}`.")
                ok = False
            else:
                settings[key] = default
        if not ok or not self._consistent(distribution, settings):
            return None
        return self._make(distribution, settings)

    def _check(self, distribution: str, key: str, settings: dict[str, Any]) -> bool:
        value = settings[key]
        if key == "value":
            return True
        if key in ("values", "probabilities"):
            if not isinstance(value, list) or not value:
                self.wrong(f"`{key}` must be a list with at least one entry, got {reprlib.repr(value)}.", key)
                return False
            if key == "probabilities" and not all(_is_number(p) and p >= 0 for p in value):
                self.wrong("`probabilities` must be numbers >= 0.", key)
                return False
            return True
        if not _is_number(value) or (distribution == "int_uniform" and not isinstance(value, int)):
            kind = "an integer" if distribution == "int_uniform" else "a number"
            self.wrong(f"`{key}` must be {kind} in the range of floats, got {reprlib.repr(value)}.", key)
            return False
        # sigma, a and b may be 0 for W&B, which then draws NaN
        if key in ("q", "sigma", "a", "b") and value <= 0:
            self.wrong(f"`{key}` must be > 0, got {value}.", key)
            return False
        return True

    def _consistent(self, distribution: str, settings: Mapping[str, Any]) -> bool:
        if "min" in settings and settings["min"] >= settings["max"]:
            self.wrong(f"min {settings['min']} is not less than max {settings['max']}.", "min")
            return False
        if distribution.endswith("log_uniform_values") and settings["min"] <= 0:
            self.wrong(f"{distribution} needs min > 0, got {settings['min']}.", "min")
            return False
        if "probabilities" not in settings:
            return True
        count, total = len(settings["values"]), sum(settings["probabilities"])
        if len(settings["probabilities"]) != count:
            self.wrong(f"{count} values but {len(settings['probabilities'])} probabilities.", "probabilities")
            return False
        if not math.isclose(total, 1, rel_tol=1e-5):
            self.wrong(f"the probabilities sum to {total:g}, not to 1.", "probabilities")
            return False
        return True

    def _make(self, distribution: str, settings: dict[str, Any]) -> Distribution | None:
        rest = dict(settings)
        q = rest.pop("q", None)
        try:
            of = _MADE[distribution.removeprefix("q_")](**rest)
            made = of if q is None else distributions.Quantized(of, q)
            finite = all(math.isfinite(x) for x in _ends(made)) and not (
                isinstance(of, distributions.LogUniform) and of.min <= 0
            )
        except (OverflowError, ZeroDivisionError):
            finite = False
        if not finite:
            self.wrong(f"{distribution} of {_written(settings)} leaves the range of floating-point numbers.")
            return None
        if distribution.endswith("log_uniform"):
            low, high = made.extremes()
            self.findings.note(
                self.keys,
                f"{self.name}: {distribution} takes exponents of e, so values run from {low:.4g} to {high:.4g}; "
                f"{distribution}_values takes the values themselves.",
            )
        return made


def _ends(made: Distribution) -> tuple[float, ...]:
    return () if isinstance(made, distributions.Constant | distributions.Categorical) else tuple(made.extremes())


def _infer(settings: Mapping[str, Any]) -> str | None:
    """The distribution that W&B takes where none is named."""
    if "value" in settings:
        return "constant"
    if "values" in settings:
        return "categorical_w_probabilities" if "probabilities" in settings else "categorical"
    if "min" in settings and "max" in settings:
        whole = all(isinstance(settings[key], int) for key in ("min", "max"))
        return "int_uniform" if whole else "uniform"
    return None


def _is_number(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:  # an integer beyond the floats
        return False


def _written(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in settings.items())
