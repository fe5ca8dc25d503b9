"""Which files are read a block of rows at a time, because they may be larger than memory."""

from econml_cli.config.fit_config import FitConfig
from econml_cli.data import expression, files
from econml_cli.problems.tabular import Tabular
from econml_cli.runs.directory import Run

#: rows of a file from which on it is
LARGE = 5_000_000


def is_streamed(config: FitConfig) -> bool:
    """Whether a run was fitted with --stream."""
    return bool(getattr(config.problem_options, "stream", None))


def is_large(run: Run, path: str) -> bool:
    """Whether a file is read so for a run: Parquet, of many rows or for a run that was streamed."""
    if not path.lower().endswith(".parquet"):
        return False
    from pyarrow import parquet

    try:
        rows = parquet.read_metadata(files.find(path)).num_rows
    except Exception:  # whoever reads it says what is wrong with it
        return False
    return is_streamed(run.config()) or rows >= LARGE


def by_row(run: Run) -> Tabular | None:
    """The problem of a run, without its rows, where each row of a table is encoded by itself and alike whatever else
    is in it; None of others, and of an old run."""
    saved = run.preprocessing()
    if run.config().problem != "tabular" or saved is None or saved.get("schema") is None:
        return None
    problem = Tabular.restore(saved)
    shifts = any(expression.shifts(node) for node in problem.learnt.formula.factors.values())
    return None if problem.uninformative or problem.entities or shifts else problem


def sums_over_rows(run: Run) -> Tabular | None:
    """The same where, in addition, what is said of a sample are sums over its rows, which all count alike: squared
    error of one model, without weights and groups."""
    problem, config = by_row(run), run.config()
    if problem is None or config.trainer.members > 1 or problem.weights is not None:
        return None
    plain = problem.loss_row.least_squares and not problem.loss_row.reconstructs
    return problem if plain and getattr(config.problem_options, "group", None) is None else None
