"""What a sweep's command starts: where it is `econml fit`, its parameters are options with types and bounds."""

import dataclasses
import itertools
from collections.abc import Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from econml_cli.config import choose
from econml_cli.config import fit_config as configs
from econml_cli.config.command_line import split
from econml_cli.errors import ConfigError, suggest
from econml_cli.models import representations
from econml_cli.options.fields import Option, as_text, coerce, options_of
from econml_cli.options.trainer import RunOptions
from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.space import Parameter
from econml_cli.sweeps.spec.yaml_lines import Findings, Keys

#: ways to start this program, after which the options of `fit` come
_STARTS = (("econml", "fit"), ("-m", "econml_cli", "fit"))
#: metrics that `econml fit` logs: every epoch, and once at the end
EVERY_EPOCH, AT_THE_END = ("val_loss", "train_loss"), ("test_loss",)
#: what its summary has beside
IN_SUMMARY = ("num_params", "seconds_training")
#: options of `econml fit` that say where a run goes and what is printed: in a sweep the engine's own business
_RUN = frozenset(opt.name for opt in options_of(RunOptions))
ONE_MEMBER = "members: a trial is one fit; leave it out, and sweep over seed, or fit the best point with --members."


@dataclass(frozen=True)
class Target:
    """`econml fit MODEL` on a problem, with the options that are the same in every trial.

    Where `model` or `problem` is a parameter with several values, `model` and `problem` are the first of each, and an
    option that a trial's model and problem do not have is left out for it.

    Attributes:
        models, problems: all of them. worded: the command names a model.
        fixed: those of the command, raw. environment: those that ECONML_* variables set, of the others.
    """

    model: str
    problem: str
    fixed: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    worded: bool = False

    def each(self) -> tuple["Target", ...]:
        """One for each model and problem."""
        pairs = itertools.product(self.models or (self.model,), self.problems or (self.problem,))
        return tuple(self.at({"model": model, "problem": problem}) for model, problem in pairs)

    def at(self, point: Mapping[str, Any]) -> "Target":
        """What a trial at the point fits."""
        model, problem = str(point.get("model", self.model)), str(point.get("problem", self.problem))
        return dataclasses.replace(self, model=model, problem=problem, models=(), problems=())

    def called(self) -> str:
        """Such as "mlp on linear", for a message."""
        return f"{' or '.join(self.models or (self.model,))} on {' or '.join(self.problems or (self.problem,))}"

    def options(self) -> dict[str, Option]:
        """What can be swept: the options of the model, the problem, the trainer and tracking; of all models and
        problems together."""
        if not self.models and not self.problems:
            return configs.offered(self.model, self.problem)
        return {name: opt for one in reversed(self.each()) for name, opt in one.options().items()}

    def choice(self, point: Mapping[str, Any], source: str) -> choose.Choice:
        """What `econml fit` with the options of a point, which come from `source`, is asked for.

        Raises:
            ConfigError: as `choose.resolve`.
        """
        aim = self.at(point)
        fixed = {name: value for name, value in self.fixed.items() if name not in _RUN}
        if "model" in point or "problem" in point:
            there = aim.options()
            fixed = {name: value for name, value in fixed.items() if name in there or name == "config"}
        settled = {"model": aim.model, "problem": aim.problem}
        point = {name.rpartition(".")[2]: value for name, value in point.items()}
        variables = {configs.variable(name): value for name, value in self.environment.items()}
        files = choose.config_file(self.fixed, variables)
        return choose.resolve([(source, {**point, **settled}), ("its command", fixed)], files, variables)

    def settled(self, name: str, source: str, swept: Collection[str] = ()) -> Any:
        """The value of an option that is the same in every trial: of the command, a config file, a recipe, a default.

        Args:
            swept: the options that the parameters of the sweep name.

        Raises:
            ConfigError: as `choice`.
        """
        usual = {option.name: option.default for option in self.options().values()}
        choice = self.choice({}, source)
        usual |= configs.usual(self.model, self.problem, choice.layers, swept)
        layers = [layer for _, layer in choice.layers]
        return next((layer[name] for layer in [*layers, usual] if name in layer), None)

    def typed(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The point with each value as its option's type: 64.0 -> 64 for a width.

        Raises:
            ConfigError: a value that its option does not take.
        """
        options, out = {**self.options(), **self.at(point).options()}, {}
        for name, value in point.items():
            option = options.get(name.rpartition(".")[2].replace("-", "_"))
            try:
                out[name] = value if option is None else as_text(coerce(option, value))
            except ValueError as error:
                raise ConfigError(f"{name} {error}.") from None
        return out


def words_after_fit(command: Sequence[Any]) -> list[str] | None:
    """What follows `econml fit` in a command, without W&B's ${...}; None where the command starts something else."""
    words = [str(word) for word in command if not str(word).startswith("${")]
    for start in _STARTS:
        for i in range(len(words)):
            if tuple(words[i : i + len(start)]) == start:
                return words[i + len(start) :]
    return None


def find(words: Sequence[str], named: Mapping[str, Any], environment: Mapping[str, str]) -> Target:
    """What the words after `econml fit` ask for, by the rule of `choose.resolve`.

    Args:
        named: parameters that can name the problem too, as `naming` gives them. environment: variables, as in
            os.environ.

    Raises:
        ConfigError: no such model or problem, or a word that is no option.
    """
    model, fixed = _read(words)
    files = choose.config_file(fixed, environment)
    typed = {**named, **fixed} | ({"model": model} if model else {})
    choice = choose.resolve([("the command", typed)], files, environment)
    switches = {opt.name for opt in configs.offered(choice.model, choice.problem).values() if opt.is_bool}
    fixed = dict(_switched(name, value, switches) for name, value in configs.phi_by_its_name(fixed).items())
    names = ["model", "problem", "data", "config", *configs.offered(choice.model, choice.problem)]
    variables = configs.read_environment([name for name in names if name not in fixed], environment)
    return Target(choice.model, choice.problem, fixed, variables, worded=model is not None)


def _read(words: Sequence[str]) -> tuple[str | None, dict[str, str]]:
    """The model and the options among the words after `econml fit`."""
    model, fixed, queue = None, dict[str, str](), list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("--"):
            if model is not None:
                raise ConfigError(f"'{word}' in the command is neither an option nor the one model, {model}.")
            model = word
            continue
        name, value = split(word)
        if value is None:
            value = queue.pop(0) if queue and not queue[0].startswith("--") else "true"
        fixed[name] = value
    return model, fixed


def _switched(name: str, value: str, switches: AbstractSet[str]) -> tuple[str, str]:
    """`--no-bias` as the option that it sets."""
    plain = name.removeprefix("no_")
    return (plain, "false") if plain != name and plain in switches and value == "true" else (name, value)


def naming(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """{name: value} of the parameters that are the same in every trial, and the first of `data`, `model` and
    `problem` where they are not: they name model and problem."""
    varied = {p.name: p.distribution.extremes()[0] for p in parameters if p.name in ("data", "model", "problem")}
    return varied | {name.replace("-", "_"): value for name, value in constants(parameters).items()}


def check_fixed(target: Target, findings: Findings, keys: Keys) -> None:
    """Complain of fixed options that `econml fit` would refuse."""
    known = target.options() | {opt.name: opt for opt in options_of(RunOptions)}
    for name, value in target.fixed.items():
        if name not in known:
            findings.problem(keys, f"{_nobody(name, target)}{suggest(name, known)}")
            continue
        if name == "members":
            findings.problem(keys, ONE_MEMBER)
        try:
            coerce(known[name], value)
        except ValueError as error:
            findings.problem(keys, f"{known[name].flag} {error}.")


def check_parameter(target: Target, parameter: Parameter, findings: Findings, keys: Keys) -> None:
    """Complain of a parameter that is no option, or of which some draw would be refused."""
    name, options = option_of(parameter), target.options()
    if name in target.fixed or (name == "model" and target.worded):
        findings.problem(keys, f"{name} is a parameter and in the command too; leave one of them out.")
    if name in ("model", "problem"):
        return
    if name == "members":
        findings.problem(keys, ONE_MEMBER)
        return
    if name not in options:
        findings.problem(keys, f"{_nobody(parameter.name, target)}{suggest(name, options)}")
        return
    if len(parameter.path) > len(parameter.conditions) + 1:  # a name above it is no value of another parameter
        findings.problem(
            keys,
            f"{_nobody(parameter.name, target)} Nested parameters belong to a value of another one, such as `mlp: "
            "{parameters: ...}` beside `model: {values: [mlp, resnet]}`.",
        )
    elif len(parameter.path) > 1:
        findings.note(keys, "W&B's agents hand nested parameters over as one mapping, which econml fit does not read.")
    for one in target.each():  # options that are called alike need not take the same
        if name in one.options() and not _check_values(one.options()[name], parameter, findings, keys):
            return


def _check_values(option: Option, parameter: Parameter, findings: Findings, keys: Keys) -> bool:
    """Complain of a parameter of which some draw would be refused; whether all is well."""
    for value in parameter.distribution.extremes():
        try:
            if isinstance(value, list | dict):  # W&B's agents would pass it in Python's notation
                raise ValueError(f"must be one value, got {value!r}; write a list as text, 'a,b'")
            coerce(option, value)
        except ValueError as error:
            findings.problem(keys, f"{parameter.name}: {error}{_ends(parameter)}.")
            return False
    if option.element is int and not whole(parameter.distribution):
        findings.problem(keys, f"{parameter.name} must be an integer; use int_uniform, or a q_ distribution with q: 1.")
        return False
    return True


def option_of(parameter: Parameter) -> str:
    """The option that a parameter sets: of a nested one the last of its names, `phi` for `features` that name
    representations."""
    name, values = parameter.path[-1].replace("-", "_"), parameter.distribution.extremes()
    named = name == "features" and all(isinstance(v, str) and representations.looks_like(v) for v in values)
    return "phi" if named else name


def whole(distribution: distributions.Distribution) -> bool:
    """Whether a distribution whose extremes are integers gives nothing but integers."""
    if isinstance(distribution, distributions.Quantized):
        return float(distribution.q).is_integer()
    return isinstance(distribution, distributions.Constant | distributions.Categorical | distributions.IntUniform)


def check_metric(name: str, early_terminate: bool, findings: Findings, keys: Keys) -> None:
    """Complain of a metric that is a typo; note what is unwise about others."""
    if name in IN_SUMMARY:
        if early_terminate:
            findings.note(keys, f"{name} is known at the end of a fit only, so early_terminate will stop nothing.")
        return
    near = suggest(name, EVERY_EPOCH + AT_THE_END)
    if name in AT_THE_END:
        findings.note(
            keys, "test_loss tunes on the test set: the best trial's test loss is then no estimate of its risk."
        )
        if early_terminate:
            findings.note(keys, "test_loss is known at the end of a fit only, so early_terminate will stop nothing.")
    elif name not in EVERY_EPOCH and near:
        findings.problem(keys, f"econml fit logs no metric '{name}'.{near}")
    elif name not in EVERY_EPOCH:
        findings.note(keys, f"every fit logs {', '.join(EVERY_EPOCH + AT_THE_END)}; make sure that yours logs {name}.")


def constants(parameters: Sequence[Parameter]) -> dict[str, Any]:
    """{name: value} of the parameters that do not vary."""
    return {p.name: p.distribution.value for p in parameters if isinstance(p.distribution, distributions.Constant)}


def _nobody(name: str, target: Target) -> str:
    return f"'{name}' is no option of {target.called()}."


def _ends(parameter: Parameter) -> str:
    if isinstance(parameter.distribution, distributions.Constant | distributions.Categorical):
        return ""
    low, high = parameter.distribution.extremes()
    return f" ({parameter.called} gives {low:g} to {high:g})"
