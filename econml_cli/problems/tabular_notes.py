"""What is to be known of how a table was read and is fitted, in a sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from econml_cli.problems.tabular import Tabular


def notes(problem: Tabular) -> list[str]:
    """What is to be known of how the file was read: values taken for missing, numbers with marks around them, and
    the columns that are no automatic features, in a sentence each; and that counts are none."""
    from econml_cli.data import formula

    learnt = problem.learnt
    schema = learnt.schema
    if schema is None:
        return []
    notes = list(learnt.of_levels)
    if problem.class_weights:
        told = ", ".join(f"{name} = {weight:.3g}" for name, weight in problem.class_weights.items())
        notes.append(
            f"class weights in the loss that training minimised: {told}; losses and metrics of eval are without them."
        )
    if not problem.counts_whole:
        notes.append(
            f"the target '{learnt.formula.target}' is no whole number everywhere: the fit is pseudo "
            "maximum likelihood (PPML), consistent for the mean; standard errors are HC1 by default, not those of "
            "counts."
        )
    notes += [
        f"column '{c.name}': {note}." for c in schema.columns if c.role not in ("unused", "dropped") for note in c.notes
    ]
    notes += [
        f"column '{c.name}': its times are text, and go in the order of the alphabet; write numbers, or dates such "
        "as 2001-12-31, where that is not theirs."
        for c in schema.columns
        if "time" in (c.role or "").split(", ") and c.low is None and c.kind in ("category", "text", "identifier")
    ]
    used = set(learnt.formula.feature_columns)
    automatic = learnt.specification
    if automatic.text is None or formula.takes_others(automatic.text):
        out = {name: why for name, why in schema.left_out.items() if name not in used and schema[name].role == "unused"}
        notes += [f"column '{name}' is left out of the features: {why}." for name, why in out.items()]
    return notes
