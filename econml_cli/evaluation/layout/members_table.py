"""The evaluation of an ensemble as tables: each number across members, and what their averaged prediction is worth."""

from econml_cli.errors import plural
from econml_cli.evaluation.estimate import Estimate
from econml_cli.evaluation.evaluate import Evaluation
from econml_cli.output.tables import Grid, cell, interval

AVERAGED = "averaged_"


def across(evaluation: Evaluation) -> list[Grid]:
    """Mean, standard deviation, lowest and highest of each number; metrics of the averaged prediction; verdicts."""
    e, split = evaluation, f"{evaluation.reported}_"
    losses = {name: x for name, x in e.estimates.items() if name.endswith("_loss") and not name.startswith(AVERAGED)}
    own = {name: x for name, x in e.estimates.items() if name.startswith(split) and name not in losses}
    other = tuple(f"{name}_" for name in (*e.n, AVERAGED.removesuffix("_")))
    truth = {name: x for name, x in e.estimates.items() if name not in losses and not name.startswith(other)}
    kept = e.members - e.diverged
    grids = [_spread(losses | own, f"{e.run}: {e.model} on {e.problem}, {e.members} members, epoch {e.epoch:,}", kept)]
    if averaged := {name: x for name, x in e.estimates.items() if name.startswith(AVERAGED)}:
        rows = tuple(
            (_label(name.removeprefix(AVERAGED)), cell(x.value), interval(x.low, x.high))
            for name, x in averaged.items()
        )
        grids.append(Grid(("", "", "95 % interval"), rows, "The members' averaged prediction"))
    if truth:
        grids.append(_spread(truth, "Equations, truth and stability" if e.verdicts else "Against the truth", kept))
    return grids


def _spread(found: dict[str, Estimate], title: str, kept: int) -> Grid:
    rows = [(_label(name), *(cell(value) for value in (x.value, x.sd, x.min, x.max))) for name, x in found.items()]
    return Grid((f"across {plural(kept, 'seed')}", "mean", "sd", "min", "max"), tuple(rows), title)


def _label(name: str) -> str:
    return name.replace("_", " ")
