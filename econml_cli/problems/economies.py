"""The economic models by name, each with the model and the recipe that solve it. Standard library only.

All begin with PyTorch's initial weights: Flax's (zero biases) find a wrong root of some of them at some seeds.
"""

from econml_cli.problems import parameters
from econml_cli.problems.entry import ProblemEntry

#: a smooth policy of few states
_SMOOTH = {"activation": "tanh", "init": "torch_uniform", "schedule": "cosine", "batch_size": 0}

ECONOMIES: dict[str, ProblemEntry] = {
    "brock_mirman": ProblemEntry(
        "econml_cli.problems.brock_mirman:BrockMirman",
        parameters.BrockMirmanOptions,
        "stochastic growth with a closed form: savings rate by the Euler equation",
        recipe={**_SMOOTH, "width": 32, "lr": 1e-2, "num_epochs": 3000},
    ),
    "investment": ProblemEntry(
        "econml_cli.problems.investment:Investment",
        parameters.InvestmentOptions,
        "investment of N firms under uncertainty, symmetric in the firms",
        model="deep_set",
        recipe={
            "init": "torch_uniform",
            "batch_size": 32,
            "num_epochs": 100,
            "schedule": "step",
            "decay_epochs": 100,
            "patience": 50,
            "stop_loss": 1e-6,
        },
    ),
}
