"""The problems by name. Add one: a file with its options, its recipe, its data and its loss, and a row here; an
economic model likewise in economies/. A row names its file, which is imported when somebody asks what it
declares; neither imports JAX before it is used."""

from econml_cli.problems.economies.table import ECONOMIES
from econml_cli.problems.entry import ProblemEntry

_row = ProblemEntry.of

PROBLEMS: dict[str, ProblemEntry] = {
    "linear": _row(
        "econml_cli.problems.linear:LinearProblem",
        "the lecture's regression with a known truth: Y = X theta + sigma eps",
    ),
    "tabular": _row("econml_cli.problems.tabular:Tabular", "a table in a file: regression or classification"),
    "function": _row(
        "econml_cli.problems.function:Function", "a function of yours, --expr 'sin(2*pi*x)', with or without noise"
    ),
    "runge": _row("econml_cli.problems.runge:Runge", "Runge's function 1/(1 + 25 x^2) on [-1, 1]"),
    "xor": _row("econml_cli.problems.xor:Xor", "exclusive or: four points that no linear model separates"),
    "symmetric": _row(
        "econml_cli.problems.symmetric:Symmetric",
        "the variance within a set of numbers, a permutation-invariant function",
    ),
    "power_mean": _row(
        "econml_cli.problems.power_mean:PowerMean",
        "the power mean of a set of numbers, of which a few statistics are enough",
    ),
    "factor": _row(
        "econml_cli.problems.factor:Factor", "a factor model to be compressed and reconstructed; the truth is PCA"
    ),
    "friedman": _row(
        "econml_cli.problems.friedman:Friedman", "Friedman's regression: an interaction, a square, and idle inputs"
    ),
    **ECONOMIES,
}
