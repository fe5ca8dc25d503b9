"""What a summary says against the numbers of its fit, in sentences: not converged, not identified, no information."""

from collections.abc import Mapping, Sequence
from typing import Any

from econml_cli.runs.directory import Run

#: what summary.json has for these sentences
KEYS = (
    "data_notes",
    "wide",
    "series_autocorrelation",
    "series_along",
    "gradient_norm",
    "loss_fall",
    "solution_distance",
    "not_converged",
    "no_information",
    "not_identified",
    "separated",
    "val_rose",
    "unregularised",
    "linear_val_loss",
)
#: names of columns that a sentence has at most
SHOWN = 8


def sentences(summary: Mapping[str, Any]) -> tuple[str, ...]:
    """What is to stand under any table of coefficients or effects of the fit; () of a fit with nothing against it."""
    said = [str(note) for note in summary.get("data_notes") or ()]
    if (wide := summary.get("wide")) and len(wide) == 3:  # of a damaged file: anything
        columns, rows, culprit = wide
        said.append(
            f"{columns:,} design columns for {rows:,} training rows: the fit can reproduce any outcome; most of them "
            f"come from {culprit}: leave it out, or take coarser levels."
        )
    if why := summary.get("not_converged"):
        said.append(f"not converged: {why}; train for more --num-epochs, or with --optimizer lbfgs.")
    if names := summary.get("not_identified"):
        said.append(f"not identified: {_listed(names)}: columns are collinear in the training rows; leave some out.")
    if names := summary.get("separated"):
        said.append(
            f"not identified: {_listed(names)}: these columns separate the classes of the training rows (of counts: "
            "rows with 0), so that the estimate is infinite."
        )
    if names := summary.get("no_information"):
        said.append(f"no information in the training split: {_listed(names)} (the same in all its rows): weight 0.")
    if r := summary.get("series_autocorrelation"):
        by = summary.get("series_along")
        where, remedy = (f" sorted by {by}", f"if {by} is time, say --time {by}") if by else ("", "")
        said.append(
            f"the rows{where} look like a series (autocorrelation {r:.2f} of the target in successive rows): a random "
            f"split tests on neighbours of training rows; {remedy or 'name the column of time with --time'}."
        )
    return (*said, *_overfitted(summary))


def _overfitted(summary: Mapping[str, Any]) -> list[str]:
    """What speaks for a network that follows its training rows too closely."""
    said = []
    if (rose := summary.get("val_rose")) and len(rose) == 3:
        lowest, epoch, last = rose
        said.append(
            f"val_loss rose from {lowest:.4g} in epoch {int(epoch):,} to {last:.4g}: the fit follows its training rows "
            "beyond what others share; --patience 50 stops in time and keeps the best weights."
        )
    if (unregularised := summary.get("unregularised")) and len(unregularised) == 2:
        parameters, rows = unregularised
        said.append(
            f"{int(parameters):,} parameters for {int(rows):,} training rows, and nothing against overfitting: add "
            "--patience 50 or --weight-decay, or take a smaller network."
        )
    if (linear := summary.get("linear_val_loss")) and (own := summary.get("val_loss")):
        said.append(
            f"a linear model predicts better: its val_loss is {linear:.4g}, that of this fit {own:.4g} "
            f"({own / linear - 1:.0%} more); stop earlier, regularise, or fit linear."
        )
    return said


def of_rows(run: Run, elsewhere: Any = None) -> tuple[str, ...]:
    """How many rows of its file a fit used, where it dropped some for their missing values.

    Args:
        elsewhere: the rows of another file that is looked at in its place, of which this says nothing.
    """
    about = run.manifest().get("data", {})
    if not isinstance(about, Mapping) or not about.get("rows_dropped") or elsewhere is not None:
        return ()
    return (dropped(run.name, int(about["rows"]), int(about["rows_dropped"]), int(about.get("rows_untold") or 0)),)


def dropped(name: str, rows: int, missing: int, untold: int = 0) -> str:
    """The sentence on rows with missing values; `untold` are left out for another reason."""
    return f"{name}: {rows - missing - untold:,} of {rows:,} rows used; {missing:,} with missing values dropped."


def unidentified(summary: Mapping[str, Any]) -> frozenset[str]:
    """The names of the coefficients that are no estimates."""
    return frozenset(
        name for key in ("no_information", "not_identified", "separated") for name in summary.get(key) or ()
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
