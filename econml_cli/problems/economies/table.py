"""The economic models by name. Add one: a file with its parameters, what economics demands of them, its recipe, its
equations and its truth, and a row here. A row names its file, which is imported when somebody asks what it
declares; neither imports JAX before it is used."""

from econml_cli.problems.entry import ProblemEntry

_row = ProblemEntry.of

ECONOMIES: dict[str, ProblemEntry] = {
    "brock_mirman": _row(
        "econml_cli.problems.economies.brock_mirman:BrockMirman",
        "stochastic growth with a closed form: savings rate by the Euler equation",
    ),
    "stochastic_growth": _row(
        "econml_cli.problems.economies.stochastic_growth:StochasticGrowth",
        "stochastic growth with partial depreciation, by lm in float64",
    ),
    "buffer_stock": _row(
        "econml_cli.problems.economies.buffer_stock:BufferStock",
        "saving against income risk with a borrowing limit, by lm in float64",
    ),
    "irbc": _row(
        "econml_cli.problems.economies.irbc:IRBC", "international business cycles of many countries, by lm in float64"
    ),
    "aiyagari": _row(
        "econml_cli.problems.economies.aiyagari:Aiyagari",
        "many households that save against income risk, and the interest rate that clears the market",
    ),
    "krusell_smith": _row(
        "econml_cli.problems.economies.krusell_smith:KrusellSmith",
        "such households with shocks to all, and the law of motion that they believe",
    ),
    "asset_pricing": _row(
        "econml_cli.problems.economies.asset_pricing:AssetPricing",
        "asset price as a sequence p(t), which a bubble would solve as well",
    ),
    "growth": _row(
        "econml_cli.problems.economies.growth:Growth", "deterministic growth as a sequence k(t), given k(0)"
    ),
    "growth_policy": _row(
        "econml_cli.problems.economies.growth_policy:GrowthPolicy", "deterministic growth as a policy k'(k)"
    ),
    "investment": _row(
        "econml_cli.problems.economies.investment:Investment",
        "investment of N firms under uncertainty, symmetric in the firms",
    ),
    "cake_eating": _row(
        "econml_cli.problems.economies.cake_eating:CakeEating",
        "eating a cake that grows, with CRRA utility and a closed form",
    ),
    "olg": _row(
        "econml_cli.problems.economies.olg:OLG", "overlapping generations with stochastic production and a closed form"
    ),
    "asset_pricing_kernel": _row(
        "econml_cli.problems.economies.asset_pricing_kernel:AssetPricingKernel",
        "asset price of smallest norm in continuous time, solved exactly",
    ),
    "growth_kernel": _row(
        "econml_cli.problems.economies.growth_kernel:GrowthKernel",
        "growth in continuous time by paths of smallest norm, solved",
    ),
}
