"""Every option once: its name, type, default, bounds and help; and the one place that reads and checks values.

An option is a field of a frozen dataclass, made with `option(...)`. The same field becomes a flag (`options.py`), a key
of a YAML config, an `ECONML_*` environment variable and a sweep parameter, and all four are read by `coerce`.
"""

import dataclasses
import math
import operator
import os
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from econml_cli.errors import ConfigError, suggest

Precision = Literal["float32", "float64"]
#: the layer of values that were typed: an error need not say where they came from
TYPED = "the command line"
_COMPARE = {">=": operator.ge, ">": operator.gt, "<=": operator.le, "<": operator.lt}
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def option(
    default: Any,
    help: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    metavar: str | None = None,
) -> Any:
    """Declare one option: a dataclass field with its help line and its bounds (>=, >, <=, <)."""
    bounds = {">=": ge, ">": gt, "<=": le, "<": lt}
    metadata = {"help": help, "bounds": {k: v for k, v in bounds.items() if v is not None}, "metavar": metavar}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Option:
    """One declared option, read off a dataclass: what a flag, a YAML key and a sweep parameter need to know."""

    name: str
    type: Any
    default: Any
    help: str
    bounds: Mapping[str, float]
    metavar: str

    @property
    def flag(self) -> str:
        """The option as typed: `num_epochs` -> `--num-epochs`."""
        return "--" + self.name.replace("_", "-")

    @property
    def choices(self) -> tuple[str, ...]:
        """The admissible words of a Literal option, else ()."""
        return typing.get_args(self.type) if typing.get_origin(self.type) is Literal else ()

    @property
    def is_bool(self) -> bool:
        return self.type is bool


def _unwrap(annotation: Any) -> Any:
    """`X | None` -> X; anything else as it is."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return next(a for a in typing.get_args(annotation) if a is not type(None))
    return annotation


def _metavar(kind: Any, given: str | None) -> str:
    if given:
        return given
    if typing.get_origin(kind) is Literal:
        return "NAME"
    if typing.get_origin(kind) is tuple:
        return "A,B,..."
    return {int: "INT", float: "FLOAT", str: "TEXT", bool: "BOOL"}[kind]


def options_of(cls: type) -> tuple[Option, ...]:
    """The options that a config dataclass declares, in order."""
    hints = typing.get_type_hints(cls)
    found = []
    for field in dataclasses.fields(cls):
        kind, meta = _unwrap(hints[field.name]), field.metadata
        metavar = _metavar(kind, meta["metavar"])
        found.append(Option(field.name, kind, field.default, meta["help"], meta["bounds"], metavar))
    return tuple(found)


def coerce(opt: Option, raw: Any) -> Any:
    """Read one value as the option's type, from a flag, YAML, JSON or the environment.

    `"1e-4"` (which PyYAML leaves a string) is a number and `2.0` an int where the option is one.

    Raises:
        ValueError: with a clause such as "must be > 0, got -1" when the type or a bound does not fit.
    """
    if raw is None or (isinstance(raw, str) and raw.lower() in {"none", "null"}):
        if opt.default is None:
            return None
        raise ValueError(f"must be {_describe(opt)}, got {raw!r}")
    if opt.choices:
        return _read_choice(opt, raw)
    if typing.get_origin(opt.type) is tuple:
        parts = raw.split(",") if isinstance(raw, str) else raw if isinstance(raw, list | tuple) else [raw]
        return tuple(str(p).strip() for p in parts if str(p).strip())
    if opt.type is bool:
        return _read_bool(opt, raw)
    if opt.type is str:
        return str(raw)
    return _read_number(opt, raw)


def _describe(opt: Option) -> str:
    kind = {int: "an integer", float: "a number", bool: "true or false"}.get(opt.type, "text")
    limits = " and ".join(f"{k} {v:g}" for k, v in opt.bounds.items())
    return f"{kind} {limits}".strip()


def _read_choice(opt: Option, raw: Any) -> str:
    word = str(raw)
    if word not in opt.choices:
        raise ValueError(f"must be one of {', '.join(opt.choices)}, got '{word}'.{suggest(word, opt.choices)}".rstrip("."))
    return word


def _read_bool(opt: Option, raw: Any) -> bool:
    word = str(raw).lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(f"must be true or false, got {raw!r}")
    return word in _TRUE


def _read_number(opt: Option, raw: Any) -> int | float:
    wrong = ValueError(f"must be {_describe(opt)}, got {raw!r}")
    if isinstance(raw, bool):
        raise wrong
    try:
        value = int(raw) if isinstance(raw, int) or (isinstance(raw, str) and raw.lstrip("+-").isdigit()) else float(raw)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if not math.isfinite(value):
        raise wrong
    if opt.type is int:
        if value != int(value):
            raise wrong
        value = int(value)
    if not all(_COMPARE[sign](value, bound) for sign, bound in opt.bounds.items()):
        raise wrong
    return opt.type(value)


@dataclass(frozen=True)
class TrainerOptions:
    """How a model is trained: empirical risk minimisation by a first-order method over minibatches."""

    lr: float = option(1e-3, "learning rate at the start (after any warm-up)", gt=0)
    optimizer: Literal["adam", "adamw", "sgd"] = option("adam", "the optax optimizer")
    momentum: float = option(0.0, "momentum of sgd", ge=0, lt=1)
    weight_decay: float = option(0.0, "decoupled weight decay (adamw), or L2 penalty on the gradient (adam, sgd)", ge=0)
    grad_clip: float = option(0.0, "clip the gradient to this global norm; 0: never", ge=0)
    schedule: Literal["constant", "cosine", "step", "exponential", "warmup_cosine"] = option(
        "constant", "how the learning rate moves over the run"
    )
    warmup_epochs: int = option(0, "epochs of linear warm-up from 0 (warmup_cosine; 0: a tenth of the run)", ge=0)
    decay_epochs: int = option(100, "epochs between two decays (step, exponential)", ge=1)
    decay_rate: float = option(0.1, "factor applied at each decay (step, exponential)", gt=0, le=1)
    lr_end: float = option(0.0, "learning rate at the end, as a share of --lr (cosine, warmup_cosine)", ge=0, le=1)
    num_epochs: int = option(2000, "passes over the training data", ge=1)
    batch_size: int = option(512, "observations a step; 0, or no less than the training data: full batch", ge=0)
    seed: int = option(42, "seed of data, initial weights and shuffling", ge=0, lt=2**32)
    precision: Precision = option("float32", "arithmetic of data, weights and training, end to end")
    patience: int = option(0, "stop after this many epochs without a better val_loss, keep the best weights; 0: off", ge=0)
    min_delta: float = option(0.0, "how much lower a val_loss must be to count as better", ge=0)
    checkpoint_every: int = option(0, "epochs between checkpoints; 0: every 30 seconds and at the end", ge=0)
    keep: int = option(2, "how many checkpoints to keep", ge=1)


@dataclass(frozen=True)
class TrackingOptions:
    """Where metrics go besides metrics.jsonl."""

    wandb_mode: Literal["online", "offline", "disabled"] | None = option(
        None, "W&B logging (default: what WANDB_MODE says; online under a W&B agent; else disabled)"
    )
    wandb_project: str | None = option(None, "W&B project (default: what WANDB_PROJECT says, else econml)")


@dataclass(frozen=True)
class RunOptions:
    """Where a fit goes and what it prints: everything that is not part of what is repeated."""

    problem: str | None = option(None, "what to fit to (default: linear, or tabular with --data)", metavar="PROBLEM")
    out: str | None = option(None, "the run directory itself", metavar="DIR")
    runs_dir: str = option("runs", "parent of generated run directories", metavar="DIR")
    name: str | None = option(None, "name of the run directory (default: generated)")
    config: str | None = option(None, "read options from a YAML file, such as a run's config.yaml", metavar="FILE")
    resume: str | None = option(None, "continue a run from its newest checkpoint", metavar="RUN")
    force: bool = option(False, "replace the run directory if it exists")
    print_config: bool = option(False, "print the resolved options as YAML and stop")
    dry_run: bool = option(False, "resolve everything, report shapes, parameters, FLOPs and memory; train nothing")
    quiet: bool = option(False, "no progress bar, no summary")
    json: bool = option(False, "print the summary as one JSON document")
    debug: bool = option(False, "show the full trace of an error")


@dataclass(frozen=True)
class FitConfig:
    """Everything needed to repeat a fit: what a run's config.yaml holds."""

    model: str
    problem: str
    model_options: Any
    problem_options: Any
    trainer: TrainerOptions
    tracking: TrackingOptions

    def to_dict(self) -> dict[str, Any]:
        """One flat mapping, key = option name, in the order of the flags; unset options are left out."""
        flat: dict[str, Any] = {"model": self.model, "problem": self.problem}
        for part in (self.model_options, self.problem_options, self.trainer, self.tracking):
            for key, value in dataclasses.asdict(part).items():
                if value is not None:
                    flat[key] = list(value) if isinstance(value, tuple) else value
        return flat

    def to_yaml(self) -> str:
        """The same as YAML; every float is written so that YAML reads a float (1.0e-04, not 1e-04)."""
        import yaml

        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)

    def replace_trainer(self, **changes: Any) -> "FitConfig":
        """A copy with some of the trainer's options changed."""
        return dataclasses.replace(self, trainer=dataclasses.replace(self.trainer, **changes))


def sections(model: str, problem: str) -> tuple[tuple[str, type], ...]:
    """The option dataclasses of one fit, each with the title of its help panel.

    Raises:
        ConfigError: unknown model or problem.
    """
    from econml_cli.models import registry as models
    from econml_cli.problems import registry as problems

    return (
        (f"Model: {model}", models.get(model).options),
        (f"Problem: {problem}", problems.get(problem).options),
        ("Training", TrainerOptions),
        ("Tracking", TrackingOptions),
    )


def build(model: str, problem: str, layers: Iterable[tuple[str, Mapping[str, Any]]]) -> FitConfig:
    """Build the config of one fit from layers of raw values, strongest first: (where from, {option: value}).

    Raises:
        ConfigError: lists every unknown key and every bad value at once, each with the layer it came from.
    """
    from econml_cli.problems import registry as problems

    layers = [*layers, (f"the recipe of problem {problem}", problems.get(problem).recipe)]
    parts, known, wrong = [], {"model", "problem"}, []
    for _, cls in sections(model, problem):
        values = {}
        for opt in options_of(cls):
            known.add(opt.name)
            for source, layer in layers:
                if opt.name not in layer:
                    continue
                try:
                    values[opt.name] = coerce(opt, layer[opt.name])
                except ValueError as error:
                    wrong.append(f"{opt.flag} {error}" + (f" ({source})" if source != TYPED else ""))
                break
        parts.append(cls(**values))
    for source, layer in layers:
        wrong += [f"{source} has no option '{k}' for {model} on {problem}.{suggest(k, known)}" for k in set(layer) - known]
    if wrong:
        raise ConfigError("; ".join(sorted(wrong)).rstrip(".") + ".")
    return FitConfig(model, problem, *parts)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a config file into {option: raw value}; hyphens and underscores in keys are the same.

    Raises:
        ConfigError: no such file, not YAML, not a mapping, or a value that is neither a scalar nor a list.
    """
    import yaml

    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"--config {path}: no such file; `econml fit MODEL --print-config` writes one.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config {path} cannot be read: {error}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"--config {path} is not valid YAML{where}; expected lines such as `lr: 1.0e-3`.") from None
    if loaded is None:
        loaded = {}
    if not isinstance(loaded, dict) or any(isinstance(v, dict) for v in loaded.values()):
        raise ConfigError(f"--config {path} must be a flat list of `option: value` lines.")
    return {str(key).replace("-", "_"): value for key, value in loaded.items()}


def read_environment(names: Iterable[str]) -> dict[str, str]:
    """The options set by ECONML_<NAME> variables, e.g. ECONML_LR or ECONML_NUM_EPOCHS."""
    found = {name: os.environ.get(f"ECONML_{name.upper()}") for name in names}
    return {name: value for name, value in found.items() if value is not None}
