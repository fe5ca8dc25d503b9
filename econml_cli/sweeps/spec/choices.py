"""Models and problems as values of parameters, and which parameters then apply to a trial."""

import dataclasses
from collections.abc import Callable, Sequence

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError
from econml_cli.problems import registry as problems
from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.space import Condition, Parameter
from econml_cli.sweeps.spec.target import Target, option_of
from econml_cli.sweeps.spec.yaml_lines import Findings, Keys


def over(target: Target, parameters: Sequence[Parameter]) -> Target:
    """The target with the models and problems that are values of parameters."""
    listed = {p.name: _names(p) for p in parameters if p.name in ("model", "problem")}
    return dataclasses.replace(target, models=listed.get("model", ()), problems=listed.get("problem", ()))


def _names(parameter: Parameter) -> tuple[str, ...]:
    """The models or problems that a parameter has for values; () for a constant."""
    constant = isinstance(parameter.distribution, distributions.Constant)
    return () if constant else tuple(str(value) for value in parameter.distribution.extremes())


def conditions(target: Target, parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters, each with the conditions under which it applies.

    One below the name of a value, as W&B nests parameters (`mlp: {parameters: {width: ...}}` beside `model: {values:
    [mlp, resnet]}`), applies where that value is chosen; one that is no option of every model and problem where it is.
    """
    found = []
    for p in parameters:
        wanted = [_chosen(p, depth, parameters) for depth in range(len(p.path) - 1)]
        have = [one for one in target.each() if option_of(p) in one.options() or option_of(p) in ("model", "problem")]
        if 0 < len(have) < len(target.each()):
            names = [name for name in ("model", "problem") if getattr(target, f"{name}s")]
            wanted.append(Condition(tuple(names), tuple(tuple(getattr(one, name) for name in names) for one in have)))
        found.append(dataclasses.replace(p, conditions=tuple(one for one in wanted if one is not None)))
    return tuple(found)


def _chosen(parameter: Parameter, depth: int, parameters: Sequence[Parameter]) -> Condition | None:
    """That the value is chosen which one of the keys above a parameter names; None where no parameter has it."""
    key, above = parameter.path[depth], parameter.path[:depth]
    for other in parameters:
        listed = isinstance(other.distribution, distributions.Categorical | distributions.Constant)
        if other.path[:-1] == above and listed:
            same = [value for value in other.distribution.extremes() if str(value) == key]
            if same:
                return Condition((other.name,), ((same[0],),))
    return None


def check(parameters: Sequence[Parameter], findings: Findings, where: Callable[[Parameter], Keys]) -> bool:
    """Whether the models and problems that parameters have for values are some; `where`: a parameter's keys."""
    before = len(findings.problems)
    for parameter in parameters:
        if parameter.name not in ("model", "problem"):
            continue
        keys = where(parameter)
        if not isinstance(parameter.distribution, distributions.Constant | distributions.Categorical):
            findings.problem(keys, f"{parameter.name}: list its values.")
            continue
        for value in parameter.distribution.extremes():
            try:
                if parameter.name == "model":
                    configs.default_problem(str(value))
                else:
                    problems.get(str(value))
            except ConfigError as error:
                findings.problem(keys, str(error))
    return len(findings.problems) == before


def note_choices(name: str, target: Target, findings: Findings, keys: Keys) -> None:
    """Note what is not obvious of a model or problem that is a parameter."""
    if getattr(target, f"{name}s"):
        findings.note(
            keys,
            f"W&B's agents hand every parameter to every {name}, also one that it does not have: run such a sweep with "
            "`econml sweep run`.",
        )
    if name == "problem" and target.problems:
        findings.note(keys, "the losses of different problems are compared as they are.")
