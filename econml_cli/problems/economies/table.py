"""The economic models by name. Add one: a file with its parameters, what economics demands of them, its recipe, its
equations and its truth, and a row here. Neither this table nor the files import JAX before they are used."""

from econml_cli.problems.economies.aiyagari import Aiyagari, AiyagariOptions
from econml_cli.problems.economies.asset_pricing import AssetPricing, AssetPricingOptions
from econml_cli.problems.economies.asset_pricing_kernel import AssetPricingKernel, AssetPricingKernelOptions
from econml_cli.problems.economies.brock_mirman import BrockMirman, BrockMirmanOptions
from econml_cli.problems.economies.buffer_stock import BufferStock, BufferStockOptions
from econml_cli.problems.economies.cake_eating import CakeEating, CakeEatingOptions
from econml_cli.problems.economies.growth import Growth, GrowthOptions
from econml_cli.problems.economies.growth_policy import GrowthPolicy, GrowthPolicyOptions
from econml_cli.problems.economies.investment import Investment, InvestmentOptions
from econml_cli.problems.economies.irbc import IRBC, IRBCOptions
from econml_cli.problems.economies.krusell_smith import KrusellSmith, KrusellSmithOptions
from econml_cli.problems.economies.olg import OLG, OLGOptions
from econml_cli.problems.economies.stochastic_growth import StochasticGrowth, StochasticGrowthOptions
from econml_cli.problems.entry import ProblemEntry

_row = ProblemEntry.of

ECONOMIES: dict[str, ProblemEntry] = {
    "brock_mirman": _row(
        BrockMirman, BrockMirmanOptions, "stochastic growth with a closed form: savings rate by the Euler equation"
    ),
    "stochastic_growth": _row(
        StochasticGrowth, StochasticGrowthOptions, "stochastic growth with partial depreciation, by lm in float64"
    ),
    "buffer_stock": _row(
        BufferStock, BufferStockOptions, "saving against income risk with a borrowing limit, by lm in float64"
    ),
    "irbc": _row(IRBC, IRBCOptions, "international business cycles of many countries, by lm in float64"),
    "aiyagari": _row(
        Aiyagari,
        AiyagariOptions,
        "many households that save against income risk, and the interest rate that clears the market",
    ),
    "krusell_smith": _row(
        KrusellSmith, KrusellSmithOptions, "such households with shocks to all, and the law of motion that they believe"
    ),
    "asset_pricing": _row(
        AssetPricing, AssetPricingOptions, "asset price as a sequence p(t), which a bubble would solve as well"
    ),
    "growth": _row(Growth, GrowthOptions, "deterministic growth as a sequence k(t), given k(0)"),
    "growth_policy": _row(GrowthPolicy, GrowthPolicyOptions, "deterministic growth as a policy k'(k)"),
    "investment": _row(
        Investment, InvestmentOptions, "investment of N firms under uncertainty, symmetric in the firms"
    ),
    "cake_eating": _row(CakeEating, CakeEatingOptions, "eating a cake that grows, with CRRA utility and a closed form"),
    "olg": _row(OLG, OLGOptions, "overlapping generations with stochastic production and a closed form"),
    "asset_pricing_kernel": _row(
        AssetPricingKernel,
        AssetPricingKernelOptions,
        "asset price of smallest norm in continuous time, solved exactly",
    ),
}
