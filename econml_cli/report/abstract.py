"""What a report says first, in words: what was fitted to what, how good it is, and which of several is better."""

from collections.abc import Sequence
from dataclasses import dataclass

from econml_cli.errors import EconmlError
from econml_cli.evaluation import evaluation_tables
from econml_cli.evaluation.comparing.accuracy_tests import Difference
from econml_cli.evaluation.estimate import Quantity
from econml_cli.evaluation.evaluation import VERDICT, Evaluation
from econml_cli.output.tables import Grid, cell, interval
from econml_cli.problems.economies.verdicts import PASSED
from econml_cli.report.sections import Account, Options

#: runs that are told of, each in a sentence
MOST = 8
#: metrics that a reader knows by these words
_WORDS = {"r2": "R2", "accuracy": "accuracy", "auc": "AUC"}


@dataclass(frozen=True)
class Tested:
    """Several runs, the lowest loss first, and the paired test of each of the `shown` others against the first (None:
    it is of other observations); `why` there is no test, in words."""

    ranked: tuple[Evaluation, ...]
    shown: tuple[Evaluation, ...]
    tests: tuple[Difference | None, ...]
    why: str = ""


def tested(accounts: Sequence[Account], options: Options) -> Tested | None:
    """The runs that could be evaluated, compared; None of fewer than two."""
    from econml_cli.evaluation.comparing.compare import compare

    found = [one for one in accounts if one.evaluation is not None]
    if len(found) < 2:
        return None
    ranked = tuple(evaluation_tables.ordered([one.evaluation for one in found if one.evaluation is not None], None))
    runs = {id(one.evaluation): one.run for one in found}
    shown = ranked[1:MOST]
    try:
        chosen = [runs[id(e)] for e in (ranked[0], *shown)]
        columns = compare(chosen, bootstrap=options.bootstrap, bootstrap_seed=options.bootstrap_seed).columns
    except EconmlError as error:
        return Tested(ranked, (), (), str(error))
    return Tested(ranked, shown, tuple(column.against for column in columns[1:]))


def sentences(accounts: Sequence[Account], compared: Tested | None) -> list[str]:
    """The abstract, a sentence each; [] where no run could be evaluated."""
    if compared is None:
        return [said for one in accounts if one.evaluation is not None for said in _alone(one.evaluation)]
    return _together(compared)


def grid(compared: Tested) -> Grid | None:
    """The paired tests as a table; None where there are none."""
    rows = tuple(
        (e.run, cell(t.value), interval(t.low, t.high), "" if t.p_value is None else _p(t.p_value).removeprefix("= "),
         t.caveat or f"{t.test}, {t.n:,} {'fresh draws' if t.draws else 'observations'}")
        for e, t in zip(compared.shown, compared.tests, strict=True)
        if t is not None
    )  # fmt: skip
    headers = ("", "difference in loss", "95 % interval", "p", "test")
    return Grid(headers, rows, f"Paired, against {compared.ranked[0].run}") if rows else None


def _alone(e: Evaluation) -> list[str]:
    """Of one run: what it is, its loss and what is known by name, what is wrong with it."""
    n = e.n.get("train")
    rows = f" {n:,} training observations of" if n else ""
    said = [f"{e.run} fits {e.model} to{rows} {e.problem}; it ended as {e.status.replace('_', ' ')}."]
    told = [_with_interval(e, name, word) for name, word in {"loss": f"{e.reported} loss", **_WORDS}.items()]
    there = [each for each in told if each]
    if there:
        size = e.n.get(e.reported)
        said.append(f"Its {' and its '.join(there)}" + (f" ({size:,} {e.reported} observations)." if size else "."))
    passed = [name.removeprefix(VERDICT) for name, word in e.verdicts.items() if word == PASSED]
    said += [f"It passed its verdict{'s' * (len(passed) > 1)} on {', '.join(passed)}."] if passed else []
    return said + _failed(e)


def _failed(e: Evaluation) -> list[str]:
    return [f"{e.run} FAILED: {why}."] if (why := e.verdicts.get("failed")) else []


def _with_interval(e: Evaluation, name: str, word: str) -> str:
    """ "test loss is 0.19 (95 % interval 0.15 to 0.24)"; "" where it has none such."""
    found = e.measured.get(Quantity(e.reported, name))
    if found is None:
        return ""
    around = (
        "" if found.low is None or found.high is None else f" (95 % interval {cell(found.low)} to {cell(found.high)})"
    )
    return f"{word} is {cell(found.value)}{around}"


def _together(compared: Tested) -> list[str]:
    """Of several: which has the lowest loss, and by how much each of the others is above it, with the paired test."""
    ranked, shown = compared.ranked, compared.shown
    best = ranked[0]
    said = [f"Of {len(ranked)} runs {best.run} has the lowest {_with_interval(best, 'loss', f'{best.reported} loss')}."]
    said[0] = said[0].replace(" loss is ", " loss: ", 1)
    if compared.why:
        return [
            *said,
            f"They are not tested against each other: {compared.why}",
            *(s for e in ranked for s in _failed(e)),
        ]
    for e, test in zip(shown, compared.tests, strict=True):
        said.append(_against(e, best, test))
    left = len(ranked) - 1 - len(shown)
    said += [f"{left:,} more are in the table."] if left else []
    return said + [each for e in ranked for each in _failed(e)]


def _against(e: Evaluation, best: Evaluation, test: Difference | None) -> str:
    """The difference of two losses, and how sure it is."""
    if test is None:
        return (
            f"{e.run} is of other observations or in other units, so that its loss is not tested against {best.run}'s."
        )
    side = "higher" if test.value >= 0 else "lower"
    parts = []
    if test.low is not None and test.high is not None:
        parts.append(f"95 % interval of the difference {cell(test.low)} to {cell(test.high)}")
    parts += (
        [f"p {_p(test.p_value)}"] if test.p_value is not None else [f"not tested: {test.caveat}"] * bool(test.caveat)
    )
    on = f"{test.test} on {test.n:,} {'fresh draws' if test.draws else 'observations'}"
    return f"{e.run}'s loss is {cell(abs(test.value))} {side} than {best.run}'s ({', '.join([*parts, on])})."


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
