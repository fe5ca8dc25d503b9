"""The problems by name. Add one: a module in this folder, an options dataclass in options.py, a row here (an economic
model: its parameters in parameters.py, a row in economies.py)."""

from importlib import import_module
from typing import Any

from econml_cli.options import plugins, signature
from econml_cli.problems import options
from econml_cli.problems.economies.table import ECONOMIES
from econml_cli.problems.entry import ProblemEntry

#: the entry points by which installed packages offer problems
GROUP = "econml_cli.problems"
#: what a constructor is given beside its options
GIVEN = ("rngs",)


#: a smooth f of one input: Flax's zero biases would put all kinks of the first layer at 0
_SMOOTH = {"width": 64, "activation": "tanh", "init": "torch_uniform", "lr": 1e-2, "schedule": "cosine"}

PROBLEMS: dict[str, ProblemEntry] = {
    "linear": ProblemEntry(
        "econml_cli.problems.linear:LinearProblem",
        options.LinearProblemOptions,
        "the lecture's regression with a known truth: Y = X theta + sigma eps",
    ),
    "tabular": ProblemEntry(
        "econml_cli.problems.tabular:Tabular",
        options.TabularOptions,
        "a table in a file: regression or classification",
    ),
    "function": ProblemEntry(
        "econml_cli.problems.function:Function",
        options.FunctionOptions,
        "a function of yours, --expr 'sin(2*pi*x)', with or without noise",
        recipe={**_SMOOTH, "num_epochs": 500, "batch_size": 128},
    ),
    "runge": ProblemEntry(
        "econml_cli.problems.runge:Runge",
        options.RungeOptions,
        "Runge's function 1/(1 + 25 x^2) on [-1, 1]",
        recipe={**_SMOOTH, "num_epochs": 5000},
    ),
    "xor": ProblemEntry(
        "econml_cli.problems.xor:Xor",
        options.XorOptions,
        "exclusive or: four points that no linear model separates",
        recipe={"width": 8, "depth": 1, "activation": "tanh", "lr": 0.05, "num_epochs": 500},
    ),
    "symmetric": ProblemEntry(
        "econml_cli.problems.symmetric:Symmetric",
        options.SymmetricOptions,
        "the variance within a set of numbers, a permutation-invariant function",
        model="deep_set",
        recipe={
            "latent": 8,
            "phi_width": 64,
            "phi_depth": 2,
            "rho_width": 64,
            "rho_depth": 2,
            "activation": "silu",
            "lr": 3e-3,
            "schedule": "cosine",
            "num_epochs": 100,
            "batch_size": 128,
        },
    ),
    "factor": ProblemEntry(
        "econml_cli.problems.factor:Factor",
        options.FactorOptions,
        "a factor model to be compressed and reconstructed; the truth is PCA",
        model="autoencoder",
        recipe={
            "latent": 3,
            "linear": True,
            "init": "torch_uniform",
            "lr": 1e-2,
            "schedule": "cosine",
            "num_epochs": 3000,
            "batch_size": 0,
        },
    ),
    "friedman": ProblemEntry(
        "econml_cli.problems.friedman:Friedman",
        options.FriedmanOptions,
        "Friedman's regression: an interaction, a square, and idle inputs",
        recipe={
            "width": 64,
            "activation": "tanh",
            "lr": 1e-2,
            "schedule": "cosine",
            "num_epochs": 150,
            "batch_size": 64,
        },
    ),
    **ECONOMIES,
}

DEFAULT = "linear"


def get(name: str) -> ProblemEntry:
    """The row of one problem: of ours, of an installed package, or of a file (`./mine.py:MyEuler`).

    A class of the user's may say its natural model and its recipe in attributes `model` and `recipe`.

    Raises:
        ConfigError: no such problem (the nearest name is suggested), or one that cannot be offered.
    """
    return plugins.find(name, PROBLEMS, GROUP, _entry)


def _entry(cls: type, target: str) -> ProblemEntry:
    declared, model = signature.options_from(cls, GIVEN), str(getattr(cls, "model", "mlp"))
    return ProblemEntry(target, declared, signature.help_line(cls), model, signature.recipe_of(cls))


def load(name: str) -> Any:
    """Import and return the class of one problem (this is where jax comes in).

    Raises:
        ConfigError: as `get`.
    """
    if name not in PROBLEMS:
        get(name)  # says what is wrong with the name
        found = plugins.load(name, GROUP)
        assert found is not None
        return found[0]
    module, _, cls = PROBLEMS[name].target.partition(":")
    return getattr(import_module(module), cls)
