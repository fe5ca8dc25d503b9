"""The economic models by name, each with the model and the recipe that solve it. Standard library only.

All begin with PyTorch's initial weights: Flax's (zero biases) find a wrong root of some of them at some seeds.
"""

from econml_cli.problems.economies import parameters
from econml_cli.problems.entry import ProblemEntry

#: a smooth policy of few states
_SMOOTH = {"activation": "tanh", "init": "torch_uniform", "schedule": "cosine", "batch_size": 0}

ECONOMIES: dict[str, ProblemEntry] = {
    "brock_mirman": ProblemEntry(
        "econml_cli.problems.economies.brock_mirman:BrockMirman",
        parameters.BrockMirmanOptions,
        "stochastic growth with a closed form: savings rate by the Euler equation",
        recipe={**_SMOOTH, "width": 32, "lr": 1e-2, "num_epochs": 3000},
    ),
    "asset_pricing": ProblemEntry(
        "econml_cli.problems.economies.asset_pricing:AssetPricing",
        parameters.AssetPricingOptions,
        "asset price as a sequence p(t), which a bubble would solve as well",
        recipe={**_SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 5000},
    ),
    "growth": ProblemEntry(
        "econml_cli.problems.economies.growth:Growth",
        parameters.GrowthOptions,
        "deterministic growth as a sequence k(t), given k(0)",
        recipe={**_SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 5000},
    ),
    "growth_policy": ProblemEntry(
        "econml_cli.problems.economies.growth_policy:GrowthPolicy",
        parameters.GrowthPolicyOptions,
        "deterministic growth as a policy k'(k)",
        recipe={**_SMOOTH, "width": 128, "depth": 4, "lr": 1e-3, "num_epochs": 3000},
    ),
    "investment": ProblemEntry(
        "econml_cli.problems.economies.investment:Investment",
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
    "cake_eating": ProblemEntry(
        "econml_cli.problems.economies.cake_eating:CakeEating",
        parameters.CakeEatingOptions,
        "eating a cake that grows, with CRRA utility and a closed form",
        recipe={**_SMOOTH, "width": 32, "lr": 2e-2, "num_epochs": 20000},
    ),
    "olg": ProblemEntry(
        "econml_cli.problems.economies.olg:OLG",
        parameters.OLGOptions,
        "overlapping generations with stochastic production and a closed form",
        recipe={**_SMOOTH, "width": 32, "lr": 2e-2, "num_epochs": 6000},
    ),
    "asset_pricing_kernel": ProblemEntry(
        "econml_cli.problems.economies.asset_pricing_kernel:AssetPricingKernel",
        parameters.AssetPricingKernelOptions,
        "asset price of smallest norm in continuous time, solved exactly",
        model="kernel",
        recipe={"kernel": "matern12", "length_scale": 10.0, "ridge": 0.0},
    ),
}
