"""The problems by name. Add one: a file with its options, its recipe, its data and its loss, and a row here; an
economic model likewise in economies/. Neither this table nor the files import JAX before they are used."""

from econml_cli.problems.economies.table import ECONOMIES
from econml_cli.problems.entry import ProblemEntry
from econml_cli.problems.factor import Factor, FactorOptions
from econml_cli.problems.friedman import Friedman, FriedmanOptions
from econml_cli.problems.function import Function, FunctionOptions
from econml_cli.problems.linear import LinearProblem, LinearProblemOptions
from econml_cli.problems.power_mean import PowerMean, PowerMeanOptions
from econml_cli.problems.runge import Runge, RungeOptions
from econml_cli.problems.symmetric import Symmetric, SymmetricOptions
from econml_cli.problems.tabular import Tabular
from econml_cli.problems.tabular_options import TabularOptions
from econml_cli.problems.xor import Xor, XorOptions

_row = ProblemEntry.of

PROBLEMS: dict[str, ProblemEntry] = {
    "linear": _row(
        LinearProblem, LinearProblemOptions, "the lecture's regression with a known truth: Y = X theta + sigma eps"
    ),
    "tabular": _row(Tabular, TabularOptions, "a table in a file: regression or classification"),
    "function": _row(Function, FunctionOptions, "a function of yours, --expr 'sin(2*pi*x)', with or without noise"),
    "runge": _row(Runge, RungeOptions, "Runge's function 1/(1 + 25 x^2) on [-1, 1]"),
    "xor": _row(Xor, XorOptions, "exclusive or: four points that no linear model separates"),
    "symmetric": _row(
        Symmetric, SymmetricOptions, "the variance within a set of numbers, a permutation-invariant function"
    ),
    "power_mean": _row(
        PowerMean, PowerMeanOptions, "the power mean of a set of numbers, of which a few statistics are enough"
    ),
    "factor": _row(Factor, FactorOptions, "a factor model to be compressed and reconstructed; the truth is PCA"),
    "friedman": _row(Friedman, FriedmanOptions, "Friedman's regression: an interaction, a square, and idle inputs"),
    **ECONOMIES,
}
