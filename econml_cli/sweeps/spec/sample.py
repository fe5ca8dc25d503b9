"""Points of a sweep's space, as shell lines, YAML, JSON or CSV."""

import csv
import io
import json
import os
import shlex
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from econml_cli.errors import ConfigError
from econml_cli.sweeps.spec.command import notations, with_variables
from econml_cli.sweeps.spec.schema import Sweep
from econml_cli.sweeps.spec.space import Point

FORMATS = ("commands", "yaml", "json", "csv")
#: points where neither -n nor run_cap says how many
DEFAULT = 50


def sample(sweep: Sweep, n: int | None = None, seed: int = 0) -> list[Point]:
    """At most n points: of method grid the grid, in an order shuffled by the seed; of others independent draws.

    Args:
        n: None means run_cap, else the whole grid or 50 draws. seed: the same seed gives the same points.

    Returns:
        {dotted name: value} each, the values as the types of the options where the sweep is for `econml fit`.

    Raises:
        ConfigError: the method is custom, or a draw that its option refuses.
    """
    if sweep.method == "custom":
        raise ConfigError(f"{sweep.path}: method custom has its space on W&B's side; method random can be sampled.")
    count = n if n is not None else sweep.run_cap
    if sweep.method == "grid":
        points = list(islice(sweep.space.grid(seed), count))
    else:
        points = [sweep.space.point(seed, i) for i in range(DEFAULT if count is None else count)]
    return [sweep.typed(point) for point in points]


def render(sweep: Sweep, points: Sequence[Point], format: str) -> str:
    """The points in one of `FORMATS`, ending with a newline (no points: nothing, or an empty list)."""
    if format == "commands":
        return "".join(shlex.join(command(sweep, point)) + "\n" for point in points)
    if format == "csv":
        return _csv(sweep, points)
    nested = [sweep.space.nest(point) for point in points]
    if format == "json":
        return json.dumps(nested, indent=2, default=str) + "\n"
    import yaml

    return yaml.safe_dump(nested, sort_keys=False, allow_unicode=True)


def command(sweep: Sweep, point: Point) -> list[str]:
    """The words that a W&B agent would start for a point, without its leading /usr/bin/env.

    Raises:
        ConfigError: the command needs a program that the file does not name.
    """
    words: list[str] = []
    # `econml fit` has no nested options
    flat = {name.rpartition(".")[2]: value for name, value in point.items()}
    nested = flat if sweep.target else sweep.space.nest(point)
    for word in with_variables(sweep.command, os.environ):
        name = word[2:-1] if word.startswith("${") and word.endswith("}") else None
        words += [word] if name is None else _fill(name, sweep, nested)
    return words


def _fill(name: str, sweep: Sweep, values: Mapping[str, Any]) -> list[str]:
    """What the agent puts in the place of ${name} (wandb `sdk/launch/sweeps/utils.py`)."""
    if name == "program":
        if sweep.program is None:
            raise ConfigError(f"{sweep.path}: there is no `program` to start; use --format json, yaml or csv.")
        return [sweep.program]
    forms = {"env": [], "interpreter": ["python"], **notations(values)}
    if name not in forms:
        raise ConfigError(f"{sweep.path}: ${{{name}}} exists only under a W&B agent; use --format json, yaml or csv.")
    return forms[name]


def _csv(sweep: Sweep, points: Sequence[Point]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = [parameter.name for parameter in sweep.space.parameters]
    writer.writerow(names)
    writer.writerows([point.get(name) for name in names] for point in points)
    return out.getvalue()
