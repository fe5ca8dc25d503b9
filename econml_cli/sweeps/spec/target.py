"""What a sweep's command starts: where it is `econml fit`, its parameters are options with types and bounds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from econml_cli.config import fit_config as configs
from econml_cli.errors import ConfigError, suggest
from econml_cli.options.fields import Option, as_text, coerce, options_of
from econml_cli.problems import registry as problems
from econml_cli.sweeps.spec import distributions
from econml_cli.sweeps.spec.space import Parameter
from econml_cli.sweeps.spec.yaml_lines import Findings, Keys

#: ways to start this program, after which the options of `fit` come
_STARTS = (("econml", "fit"), ("-m", "econml_cli", "fit"))
#: metrics that `econml fit` logs: every epoch, and once at the end
EVERY_EPOCH, AT_THE_END = ("val_loss", "train_loss"), ("test_loss",)
ONE_MEMBER = "members: a trial is one fit; leave it out, and sweep over seed, or fit the best point with --members."


@dataclass(frozen=True)
class Target:
    """`econml fit MODEL` on a problem, with the options that are the same in every trial."""

    model: str
    problem: str
    fixed: Mapping[str, str]

    def options(self) -> dict[str, Option]:
        """What can be swept: the options of the model, the problem, the trainer and tracking."""
        declared = [cls for _, cls in configs.sections(self.model, self.problem)]
        return {opt.name: opt for cls in declared for opt in options_of(cls)}

    def typed(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """The point with each value as its option's type: 64.0 -> 64 for a width.

        Raises:
            ConfigError: a value that its option does not take.
        """
        options, out = self.options(), {}
        for name, value in point.items():
            option = options.get(name.replace("-", "_"))
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


def find(words: Sequence[str], constants: Mapping[str, Any]) -> Target:
    """The model, the problem and the fixed options that the words after `econml fit` ask for.

    Args:
        constants: parameters with one value; they can name the problem too.

    Raises:
        ConfigError: no such model or problem, or a word that is no option.
    """
    model, fixed, queue = None, {}, list(words)
    while queue:
        word = queue.pop(0)
        if not word.startswith("--"):
            if model is not None:
                raise ConfigError(f"'{word}' in the command is neither an option nor the one model, {model}.")
            model = word
            continue
        name, equals, value = word[2:].partition("=")
        if not equals:
            value = queue.pop(0) if queue and not queue[0].startswith("--") else "true"
        fixed[name.replace("-", "_")] = value
    fixed = dict(configs.phi_by_its_name(fixed))
    file = configs.read_yaml(Path(fixed["config"])) if "config" in fixed else {}
    named = {**file, **constants, **fixed}
    model = model or file.get("model")
    problem = str(named.get("problem") or ("tabular" if named.get("data") else configs.default_problem(model)))
    target = Target(model or problems.get(problem).model, problem, fixed)
    target.options()  # raises for unknown names
    return target


def check_fixed(target: Target, findings: Findings, keys: Keys) -> None:
    """Complain of fixed options that `econml fit` would refuse."""
    known = target.options() | {opt.name: opt for opt in options_of(configs.RunOptions)}
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
    name, options = parameter.name.replace("-", "_"), target.options()
    if name in target.fixed:
        findings.problem(keys, f"{name} is a parameter and in the command too; leave one of them out.")
    if name == "problem":
        if not isinstance(parameter.law, distributions.Constant):
            findings.problem(keys, "problem: sweep over one problem; its options depend on it.")
        return
    if name == "members":
        findings.problem(keys, ONE_MEMBER)
        return
    if name not in options:
        findings.problem(keys, f"{_nobody(parameter.name, target)}{suggest(name, options)}")
        return
    for value in parameter.law.extremes():
        try:
            if isinstance(value, list | dict):  # W&B's agents would pass it in Python's notation
                raise ValueError(f"must be one value, got {value!r}; write a list as text, 'a,b'")
            coerce(options[name], value)
        except ValueError as error:
            findings.problem(keys, f"{parameter.name}: {error}{_ends(parameter)}.")
            return
    if options[name].element is int and not whole(parameter.law):
        findings.problem(keys, f"{parameter.name} must be an integer; use int_uniform, or a q_ distribution with q: 1.")


def whole(law: distributions.Law) -> bool:
    """Whether a law whose extremes are integers gives nothing but integers."""
    if isinstance(law, distributions.Quantized):
        return float(law.q).is_integer()
    return isinstance(law, distributions.Constant | distributions.Categorical | distributions.IntUniform)


def check_metric(name: str, early_terminate: bool, findings: Findings, keys: Keys) -> None:
    """Complain of a metric that is a typo; note what is unwise about others."""
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
    return {p.name: p.law.value for p in parameters if isinstance(p.law, distributions.Constant)}


def _nobody(name: str, target: Target) -> str:
    return f"'{name}' is no option of {target.model} on {target.problem}."


def _ends(parameter: Parameter) -> str:
    if isinstance(parameter.law, distributions.Constant | distributions.Categorical):
        return ""
    low, high = parameter.law.extremes()
    return f" ({parameter.distribution} gives {low:g} to {high:g})"
