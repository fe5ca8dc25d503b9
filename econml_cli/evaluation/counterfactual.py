"""`--with NAME=VALUE`: the same fitted model on its problem with other parameters."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, ShapeError, suggest
from econml_cli.evaluation.samples import Samples
from econml_cli.models.base import Adapting, Model
from econml_cli.options import shell
from econml_cli.options.fields import coerce, options_of
from econml_cli.problems import registry as problems
from econml_cli.problems.base import Batch, Problem
from econml_cli.runs.directory import Run
from econml_cli.training.setup.setup import sampled, units_of
from econml_cli.training.setup.shapes import check_shapes

#: a comma separates two changes only where a name and = follow it: a value may be a list
BETWEEN = re.compile(r",(?=\s*[A-Za-z_][\w-]*\s*=)")


def parse(texts: Sequence[str]) -> dict[str, str]:
    """("N=1000,sigma=.01", "T=4") -> {"N": "1000", "sigma": ".01", "T": "4"}; hyphens in names become underscores.

    Raises:
        ConfigError: no NAME=VALUE, or a name twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        for part in BETWEEN.split(text):
            name, equals, value = (word.strip() for word in part.partition("="))
            name = name.removeprefix("--").replace("-", "_")
            if not equals or not name or not value:
                raise ConfigError(f"--with {text} must be NAME=VALUE, such as --with N=1000.")
            if name in found:
                raise ConfigError(f"--with names {name} twice; leave one of them out.")
            found[name] = value
    return found


def changed_config(config: FitConfig, changes: Mapping[str, Any]) -> FitConfig:
    """The config with these options of its problem in place of its own; each is read and checked as a flag would be.

    Raises:
        ConfigError: the problem reads a file, has no such option, or refuses the value.
    """
    if not problems.load(config.problem).simulated:
        raise ConfigError(f"--with changes a problem that is simulated; {config.problem} reads a file (try --data).")
    known = {opt.name: opt for opt in options_of(type(config.problem_options))}
    values = {}
    for name, raw in changes.items():
        if name not in known:
            raise ConfigError(
                f"--with {name}={raw}: problem {config.problem} has no option '{name}'.{suggest(name, known)} "
                f"`{shell.command('inspect', 'problems', config.problem)}` shows what it has."
            )
        try:
            values[name] = coerce(known[name], raw)
        except ValueError as error:
            raise ConfigError(f"--with {name}={raw}: {known[name].flag} {error}.") from None
    return dataclasses.replace(config, problem_options=dataclasses.replace(config.problem_options, **values))


def changed_samples(run: Run, model: Model, changes: Mapping[str, Any]) -> Samples:
    """The splits of the changed problem, drawn with the seed of the fit. Call it inside `precision(...)`.

    Args:
        model: the fitted one, which has to read them.

    Raises:
        ConfigError: as `changed_config`. ShapeError: the model cannot read the observations of the changed problem.
    """
    config = run.config()
    changed = changed_config(config, changes)
    setup = sampled(changed, units=units_of(config))  # the policy is a function of states in the units of its fit
    _check_reads(run, changed, model, setup.problem, setup.train, changes)
    parts = {"train": setup.train, "val": setup.val, "test": setup.test}
    said = ", ".join(f"{name}={value}" for name, value in values_of(changed, changes).items())
    own = ", ".join(f"{name}={value}" for name, value in values_of(config, changes).items())
    note = f"{run.name} was fitted with {own}; this is its problem with {said}."
    return Samples(setup.problem, {name: part for name, part in parts.items() if part is not None}, notes=(note,))


def values_of(config: FitConfig, names: Mapping[str, Any]) -> dict[str, Any]:
    """What the problem of a config has for these options."""
    return {name: getattr(config.problem_options, name) for name in names}


def _check_reads(
    run: Run, changed: FitConfig, model: Model, problem: Problem, train: Batch, changes: Mapping[str, Any]
) -> None:
    """Raise ShapeError where the fitted model cannot read, or does not give, what the changed problem has."""
    was = run.manifest()["shapes"]
    shape, dout = [int(size) for size in was.get("x", [was["din"]])], int(was["dout"])
    now = [int(size) for size in train.x.shape[1:]]
    why = None
    if isinstance(model, Adapting) and shape != now:
        why = "keeps what it learnt from inputs of the one shape"
    else:
        try:
            check_shapes(changed, problem, model, train)
        except ShapeError:
            if (shape, dout) == (now, problem.dout):
                raise
            why = "cannot read the other"
    if why is not None:
        said = ", ".join(f"{name}={value}" for name, value in changes.items())
        raise ShapeError(
            f"--with {said}: the {changed.model} of {run.name} was fitted to x[n, {_said(shape)}] -> [n, {dout}], the "
            f"changed problem has x[n, {_said(now)}] -> [n, {problem.dout}], and it {why}; only a model of sets, "
            "such as deep_set, reads several sizes."
        )


def _said(shape: Sequence[int]) -> str:
    return ", ".join(map(str, shape))
