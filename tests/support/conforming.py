"""That our problems and economies have what their Protocols say: mypy reads this file, a test that none is left out.

Of models it could not tell: their base, a class of Flax, has whatever is asked of it as far as mypy knows.
"""

from econml_cli.problems.base import Economy, FileProblem, Problem
from econml_cli.problems.economies.aiyagari import Aiyagari
from econml_cli.problems.economies.asset_pricing import AssetPricing
from econml_cli.problems.economies.asset_pricing_kernel import AssetPricingKernel
from econml_cli.problems.economies.brock_mirman import BrockMirman
from econml_cli.problems.economies.buffer_stock import BufferStock
from econml_cli.problems.economies.cake_eating import CakeEating
from econml_cli.problems.economies.growth import Growth
from econml_cli.problems.economies.growth_kernel import GrowthKernel
from econml_cli.problems.economies.growth_policy import GrowthPolicy
from econml_cli.problems.economies.investment import Investment
from econml_cli.problems.economies.irbc import IRBC
from econml_cli.problems.economies.krusell_smith import KrusellSmith
from econml_cli.problems.economies.olg import OLG
from econml_cli.problems.economies.stochastic_growth import StochasticGrowth
from econml_cli.problems.factor import Factor
from econml_cli.problems.friedman import Friedman
from econml_cli.problems.function import Function
from econml_cli.problems.linear import LinearProblem
from econml_cli.problems.power_mean import PowerMean
from econml_cli.problems.runge import Runge
from econml_cli.problems.symmetric import Symmetric
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.xor import Xor

PROBLEMS: tuple[type[Problem], ...] = (
    Factor,
    Friedman,
    Function,
    LinearProblem,
    PowerMean,
    Runge,
    Symmetric,
    Tabular,
    Xor,
)
ECONOMIES: tuple[type[Economy], ...] = (
    Aiyagari,
    AssetPricing,
    AssetPricingKernel,
    BrockMirman,
    BufferStock,
    CakeEating,
    Growth,
    GrowthKernel,
    GrowthPolicy,
    IRBC,
    Investment,
    KrusellSmith,
    OLG,
    StochasticGrowth,
)
OF_FILES: tuple[type[FileProblem], ...] = (Tabular,)
