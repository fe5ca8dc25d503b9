"""The runs of a directory, and the registries, as rows. Imports neither jax nor flax, so that listing is instant."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.errors import EconmlError, RunError
from econml_cli.options import plugins
from econml_cli.options.fields import Option, options_of
from econml_cli.runs import directory
from econml_cli.runs.directory import Run


@dataclass(frozen=True)
class Entry:
    """One model or problem: its row in the registry and its options; `model` and `recipe` are a problem's own."""

    name: str
    help: str
    target: str
    options: tuple[Option, ...]
    model: str | None = None
    recipe: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """The entry as JSON values."""
        out: dict[str, Any] = {"name": self.name, "help": self.help, "target": self.target}
        if self.model is not None:
            out |= {"model": self.model, "recipe": dict(self.recipe or {})}
        return out | {"options": [_option_json(option) for option in self.options]}


def type_name(option: Option) -> str:
    """int, float, str, bool, list, or choice."""
    if option.choices:
        return "choice"
    if option.element is option.type:
        return str(option.type.__name__)
    return "list" if option.lists_text else f"{option.element.__name__} list"


def _option_json(option: Option) -> dict[str, Any]:
    out = {"name": option.name, "flag": option.flag, "type": type_name(option), "default": option.default}
    out |= {"bounds": dict(option.bounds), "help": option.help}
    return out | ({"choices": list(option.choices)} if option.choices else {})


def describe_models(name: str | None = None) -> list[Entry]:
    """The models that can be fitted, or the one of that name.

    Raises:
        ConfigError: no such model; the nearest name is suggested.
    """
    from econml_cli.models import registry
    from econml_cli.models.table import MODELS

    if name is None:
        return [_entry(n, row) for n, row in MODELS.items()] + _offered(registry.GROUP, MODELS)
    return [_entry(name, registry.get(name))]


def describe_problems(name: str | None = None) -> list[Entry]:
    """The problems that a model can be fitted to, or the one of that name.

    Raises:
        ConfigError: no such problem; the nearest name is suggested.
    """
    from econml_cli.problems import registry
    from econml_cli.problems.table import PROBLEMS

    rows = PROBLEMS if name is None else {name: registry.get(name)}
    found = [_entry(n, row, model=row.model, recipe=row.recipe) for n, row in rows.items()]
    return found + (_offered(registry.GROUP, PROBLEMS) if name is None else [])


def _entry(name: str, row: Any, **own: Any) -> Entry:
    return Entry(name, row.help, row.target, options_of(row.options), **own)


def _offered(group: str, ours: Mapping[str, Any]) -> list[Entry]:
    """What installed packages offer, by name and place; a list imports none of it, so it has none of the options."""
    found = {name: target for name, target in plugins.offered(group).items() if name not in ours}
    kind = group.rpartition(".")[2]
    return [
        Entry(name, f"{target}, of a package; its options: econml inspect {kind} {name}", target, ())
        for name, target in found.items()
    ]


@dataclass(frozen=True)
class RunRow:
    """One run directory in a line; what is not known (yet) is None. `error` says why a damaged one cannot be read."""

    name: str
    path: str
    model: str | None = None
    problem: str | None = None
    status: str | None = None
    epochs: int | None = None
    train_loss: float | None = None
    val_loss: float | None = None
    test_loss: float | None = None
    num_params: int | None = None
    seconds: float | None = None
    created: str | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)


def describe_runs(runs_dir: Path) -> list[RunRow]:
    """The runs directly below a directory, newest last; [] where there are none."""
    return [_run_row(run) for run in directory.list_runs(runs_dir)]


def _run_row(run: Run) -> RunRow:
    try:
        return _read(run)
    except (EconmlError, OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        # one damaged directory, whatever is wrong with it, must not hide the others
        return RunRow(run.name, str(run.path), status="damaged", error=str(error) or type(error).__name__)


def _read(run: Run) -> RunRow:
    manifest, summary = run.manifest(), run.summary()
    if not (run.path / "config.yaml").exists():
        raise RunError(f"{run.path} has no config.yaml; restore it from a copy, or fit again.")
    config = configs.read_yaml(run.path / "config.yaml")
    last = _last_metrics(run) if not summary or manifest.get("status") == "running" else {}
    done = last or summary
    losses = {name: done.get(name) for name in ("train_loss", "val_loss", "test_loss")}
    return RunRow(
        name=run.name,
        path=str(run.path),
        model=str(config["model"]),
        problem=str(config["problem"]),
        status=run.status(),
        epochs=last.get("epoch", summary.get("epochs")),
        **losses,
        num_params=manifest.get("num_params"),
        seconds=summary.get("seconds_total"),
        created=manifest.get("created"),
    )


def _last_metrics(run: Run) -> dict[str, Any]:
    """The last whole line of metrics.jsonl: how far a run came that has not ended, or was killed."""
    if not run.metrics_path.exists():
        return {}
    whole, _, _torn = run.metrics_path.read_text(encoding="utf-8").rpartition("\n")
    return json.loads(whole.splitlines()[-1]) if whole else {}
