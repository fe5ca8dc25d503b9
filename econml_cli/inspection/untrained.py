"""A model that has not been fitted, described from shapes alone: no weight is allocated, however many there are."""

from typing import Any

import jax.numpy as jnp
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import DataError
from econml_cli.inspection import selection
from econml_cli.inspection.graph import describe_graph
from econml_cli.inspection.layers import describe_layers
from econml_cli.inspection.report import Report
from econml_cli.inspection.state import Leaf, describe_state
from econml_cli.models.building import Shapes
from econml_cli.options.fields import written
from econml_cli.problems import building as problems
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import abstract_model, shapes_of

VIEWS = ("summary", "graphdef", "state")


def describe_model(
    config: FitConfig,
    *,
    din: int | None = None,
    dout: int | None = None,
    views: tuple[str, ...] = VIEWS,
    path: str | None = None,
) -> Report:
    """Describe the model of a config as `nnx.eval_shape` gives it, in evaluation mode.

    Args:
        din, dout: its numbers of inputs and outputs (default: those of the config's problem).
        views: as of a checkpoint, but for "grad", which needs weights. path: only what it selects.

    Raises:
        ConfigError: the constructor refuses the options, or `path` selects nothing.
        DataError: the problem reads a file that cannot be used.
    """
    dtype = config.trainer.dtype
    with precision(dtype):
        shapes = _shapes(config, din, dout)
        model: nnx.Module = abstract_model(config, shapes)
        model.eval()
        leaves = describe_state(model)
        selection.check(path, [leaf.path for leaf in leaves])
        table = describe_layers(model, shapes.observation(), dtype) if "table" in views else None
        return Report(
            views=views,
            summary=_summary(config, shapes, leaves, solved=getattr(model, "solver", "gradient") != "gradient"),
            graph=selection.select(path, describe_graph(model)),
            leaves=selection.rows(path, leaves),
            model=model,
            table=table and selection.layers(path, table, leaves),
        )


def _shapes(config: FitConfig, din: int | None, dout: int | None) -> Shapes:
    """What the model must know of the data: of the problem, but for what is given."""
    rngs = nnx.Rngs(config.trainer.seed)
    problem = problems.build(config.problem, config.problem_options, rngs)
    # the sample of a simulated problem is drawn as shapes; that of a file has been read
    draw: Any = nnx.eval_shape if problem.simulated else lambda function, rngs: function(rngs)
    train = draw(lambda rngs: problem.sample(rngs, "train"), rngs)
    if train is None:
        raise DataError("The training split is empty; lower --val-fraction and --test-fraction.")
    own = shapes_of(problem, train)
    return Shapes(
        din=own.din if din is None else din,
        dout=own.dout if dout is None else dout,
        n=own.n,
        shape=own.shape if din in (None, own.din) else (din,),
        absorbed=own.absorbed,
        embedded=own.embedded,
    )


def _summary(config: FitConfig, shapes: Shapes, leaves: list[Leaf], solved: bool) -> dict[str, Any]:
    params = [leaf for leaf in leaves if leaf.kind == "Param"]
    count = sum(leaf.count for leaf in params)
    size = sum(leaf.bytes for leaf in params)
    return {
        "model": config.model,
        "problem": config.problem,
        "options": {name: written(value) for name, value in vars(config.model_options).items() if value is not None},
        "phi": config.representation.phi,
        "din": shapes.din,
        "dout": shapes.dout,
        "observation": list(shapes.observation()),
        "n_train": shapes.n,
        "precision": str(jnp.dtype(config.trainer.dtype)),
        "parameters": {"arrays": len(params), "count": count, "bytes": size},
        "training_bytes": None if solved else 4 * size,
    }
