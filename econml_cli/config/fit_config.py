"""The options of a fit, and how layers of them (flags, environment, file, recipe) become one checked config."""

import dataclasses
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from econml_cli.config import exact, second_order
from econml_cli.errors import ConfigError
from econml_cli.options import synonyms
from econml_cli.options.devices import DeviceOptions
from econml_cli.options.fields import Option, coerce, options_of, written
from econml_cli.options.trainer import (
    WITHOUT,
    RepresentationOptions,
    RunOptions,
    TrackingOptions,
    TrainerOptions,
)

#: an option dataclass
Options = TypeVar("Options")

#: the layer of values that were typed: an error need not say where they came from
TYPED, ENVIRONMENT = second_order.TYPED, "ECONML_* variables"
#: where one of these is named, somebody has thought of how to train: the recipe of a problem is not adapted to its
#: options then (`_adapted`)
NOT_ADAPTED_BY = frozenset({"optimizer", "num_epochs", "batch_size", "stop_loss", "dropout", *WITHOUT})


@dataclass(frozen=True)
class FitConfig:
    """Everything needed to repeat a fit: what a run's config.yaml holds."""

    model: str
    problem: str
    model_options: Any
    representation: RepresentationOptions
    problem_options: Any
    trainer: TrainerOptions
    tracking: TrackingOptions

    def to_dict(self) -> dict[str, Any]:
        """One flat mapping, key = option name, in the order of the flags; unset options are left out."""
        flat: dict[str, Any] = {"model": self.model, "problem": self.problem}
        for part in (self.model_options, self.representation, self.problem_options, self.trainer, self.tracking):
            for key, value in dataclasses.asdict(part).items():
                if value is not None:
                    flat[key] = written(value)
        return flat

    def to_yaml(self) -> str:
        """The same as YAML; every float is written so that YAML reads a float (1.0e-04, not 1e-04)."""
        import yaml

        quick = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's, where it is there
        text: str = yaml.dump(self.to_dict(), Dumper=quick, sort_keys=False, allow_unicode=True)
        return text

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

    found = (
        (f"Model: {model}", models.get(model).options),
        ("Representation", RepresentationOptions),
        (f"Problem: {problem}", problems.get(problem).options),
        ("Training", TrainerOptions),
        ("Tracking", TrackingOptions),
    )
    _check_names(found, model, problem)
    return found


def offered(model: str, problem: str) -> dict[str, Option]:
    """The options of one fit by name: of the model, the representation, the problem, the trainer and tracking.

    Raises:
        ConfigError: unknown model or problem.
    """
    return {opt.name: opt for _, cls in sections(model, problem) for opt in options_of(cls)}


def default_problem(model: str | None) -> str:
    """The problem that a model is fitted to where none is asked for.

    Raises:
        ConfigError: unknown model.
    """
    from econml_cli.models import registry as models
    from econml_cli.problems import registry as problems

    return (models.get(model).problem if model else None) or problems.DEFAULT


def _check_names(found: Sequence[tuple[str, type]], model: str, problem: str) -> None:
    """Refuse a model or problem of the user's with an option that something else of the same fit has."""
    owner: dict[str, str] = {}
    for title, cls in (*found, ("Run", RunOptions), ("Devices", DeviceOptions)):
        for opt in options_of(cls):
            if opt.name in owner:
                raise ConfigError(
                    f"{model} on {problem} has two options {opt.flag}: of '{owner[opt.name]}' and of '{title}'; rename "
                    "the argument in the file that is yours."
                )
            owner[opt.name] = title


Layers = Sequence[tuple[str, Mapping[str, Any]]]


def fill(cls: type[Options], layers: Layers, wrong: list[str]) -> Options:
    """An option dataclass with the first value that a layer has for each option; what is wrong is added to `wrong`."""
    values = {}
    for opt in options_of(cls):
        found = next(((source, layer[opt.name]) for source, layer in layers if opt.name in layer), None)
        if found is None:
            if opt.required:
                wrong.append(f"{opt.flag} {opt.metavar} is missing: {opt.help}")
            continue
        try:
            values[opt.attribute] = coerce(opt, found[1])
        except ValueError as error:
            source = variable(opt.name) if found[0] == ENVIRONMENT else found[0]
            wrong.append(f"{opt.flag} {error}" + (f" ({source})" if source != TYPED else ""))
    return cls(**values)


def refuse(wrong: Sequence[str]) -> None:
    """Raise one ConfigError that says all that is wrong, if anything is."""
    if wrong:
        text = "; ".join(sorted(wrong))
        raise ConfigError(text if text.endswith((".", "?")) else text + ".")


def build(model: str, problem: str, layers: Layers) -> FitConfig:
    """Build the config of one fit from layers of raw values, strongest first: (where from, {option: value}).

    Raises:
        ConfigError: lists every unknown key and every bad value at once, each with the layer it came from.
    """
    declared = [cls for _, cls in sections(model, problem)]
    options = offered(model, problem)
    known = {"model", "problem", *options}
    layers = [(source, phi_by_its_name(layer)) for source, layer in layers]
    suits = {
        name: value
        for name, value in usual(model, problem, layers).items()
        # not a choice that only another model offers
        if name in options and (not options[name].choices or value in options[name].choices)
    }
    suits = exact.with_solver(suits, layers)
    layers, wrong = second_order.with_defaults(layers, suits)
    layers.append((f"the recipe of {model} on {problem}", suits))
    parts: list[Any] = [fill(cls, layers, wrong) for cls in declared]
    for source, layer in layers:
        if unknown := [name for name in layer if name not in known]:
            names = ", ".join(f"'{name}'" for name in unknown)
            wrong.append(
                f"{source} says {names}, which {model} on {problem} does not have.{synonyms.meant(unknown[0], known)}"
            )
    if not wrong and parts[1].phi is not None:
        wrong += _wrong_with(parts[1].phi)
    refuse(wrong)
    parts[2] = exact.through_origin(parts[0], parts[2])
    return FitConfig(model, problem, *parts)


def recipe(model: str, problem: str) -> dict[str, Any]:
    """The defaults that suit a model on a problem: the model's own, and over them the problem's. They may speak of
    options that another model has, and choose what only another model offers."""
    from econml_cli.models import registry as models
    from econml_cli.problems import registry as problems

    return {**models.get(model).recipe, **problems.get(problem).recipe}


def usual(model: str, problem: str, layers: Layers, swept: Collection[str] = ()) -> dict[str, Any]:
    """The recipe of a model on a problem for what these layers say: of the problem's options, and of which are named.

    Args:
        swept: options that are named too.
    """
    return {**recipe(model, problem), **_adapted(problem, layers, swept), **_suiting(model, problem, layers, swept)}


def _suiting(model: str, problem: str, layers: Layers, swept: Collection[str]) -> Mapping[str, Any]:
    """What the problem has for this model, where these layers are as they should be; else {}, as in `_adapted`."""
    from econml_cli.problems import registry as problems

    entry = problems.get(problem)
    named = dict.fromkeys(swept)
    for _, layer in reversed(layers):  # the strongest is the first
        named |= layer
    try:
        return entry.suiting(model, fill(entry.options, layers, []), named)
    except (ConfigError, TypeError):
        return {}


def _adapted(problem: str, layers: Layers, swept: Collection[str]) -> Mapping[str, Any]:
    """What the recipe has in place of its own for the options of the problem in these layers: {} where a layer, or a
    swept option, says how to train, or where they are wrong, which is told later."""
    from econml_cli.problems import registry as problems

    entry = problems.get(problem)
    if any(name in layer for _, layer in (*layers, ("swept", swept)) for name in NOT_ADAPTED_BY):
        return {}
    try:
        return entry.adapted(fill(entry.options, layers, []))
    except (ConfigError, TypeError):
        return {}


def phi_by_its_name(layer: Mapping[str, Any]) -> Mapping[str, Any]:
    """`--features polynomial:degree=3` is another way to write `--phi polynomial:degree=3`.

    Raises:
        ConfigError: the layer has both.
    """
    from econml_cli.models import representations

    given = layer.get("features")
    if not isinstance(given, str) or not representations.looks_like(given):
        return layer
    if "phi" in layer:
        raise ConfigError("--phi and --features both name a representation; leave one of them out.")
    return {**{name: value for name, value in layer.items() if name != "features"}, "phi": given}


def _wrong_with(phi: str) -> list[str]:
    from econml_cli.models import representations

    try:
        representations.parse(phi)
    except ValueError as error:
        return [f"--phi {error}"]
    return []


def _text_names() -> frozenset[str]:
    """The options that are words of the user's own, such as names of columns."""
    from econml_cli.problems.tabular_options import TabularOptions

    return frozenset(opt.name for opt in options_of(TabularOptions) if opt.element is str and not opt.choices)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a config file into {option: raw value}; hyphens and underscores in keys are the same.

    Raises:
        ConfigError: no such file, not YAML, not a mapping, or a value that is neither a scalar nor a list.
    """
    from econml_cli.storage import limited_yaml

    try:
        loaded = limited_yaml.load(limited_yaml.read_text(path), _text_names(), unique=True)
    except FileNotFoundError:
        raise ConfigError(f"--config {path}: no such file; `econml fit MODEL --print-config` writes one.") from None
    except limited_yaml.RefusedError as error:
        where = f" at line {error.line}" if error.line else ""
        raise ConfigError(
            f"--config {path} is not valid YAML{where} ({error}); expected lines such as `lr: 1.0e-3`."
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"--config {path} cannot be read: {error}.") from None
    if loaded is None:
        loaded = {}
    lists = [value for value in loaded.values() if isinstance(value, list)] if isinstance(loaded, dict) else []
    nested = any(isinstance(inner, dict | list) for value in lists for inner in value)
    if not isinstance(loaded, dict) or nested or any(isinstance(v, dict) for v in loaded.values()):
        raise ConfigError(f"--config {path} must be a flat list of `option: value` lines.")
    return {str(key).replace("-", "_"): value for key, value in loaded.items()}


def variable(name: str) -> str:
    """The environment variable of an option: num_epochs -> ECONML_NUM_EPOCHS."""
    return f"ECONML_{name.upper()}"


def read_environment(names: Iterable[str], environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The options set by ECONML_<NAME> variables, e.g. ECONML_LR or ECONML_NUM_EPOCHS; an empty one is unset.

    Args:
        environment: None: this process's.
    """
    variables = os.environ if environment is None else environment
    found = {name: variables.get(variable(name)) for name in names}
    return {name: value for name, value in found.items() if value}
