"""`econml fit --dry-run`: everything up to training, measured on the compiled step; nothing is trained or written."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import jax
from flax import nnx

from econml_cli.config.fit_config import FitConfig
from econml_cli.data.schema import Schema
from econml_cli.options.trainer import SECOND_ORDER, TrainerOptions
from econml_cli.output import schema_table
from econml_cli.output.tables import Grid
from econml_cli.problems.tabular import Tabular
from econml_cli.training.fit import check
from econml_cli.training.loop.trainer import Trainer
from econml_cli.training.precision import precision
from econml_cli.training.setup.setup import assemble, num_params


@dataclass(frozen=True)
class DryRun:
    """What a fit would be. Bytes and FLOPs are XLA's own analysis of the compiled step; None where it has none.
    `training`: how it would be trained, in words; None where the model is solved."""

    model: str
    problem: str
    shapes: dict[str, list[int]]
    num_params: int
    steps_per_epoch: int
    steps: int
    flops_per_step: float | None
    bytes_arguments: int | None
    bytes_temporary: int | None
    device: str
    schema: Schema | None = None
    data: Grid | None = None
    training: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values; `schema` of a table alone."""
        found = {
            field.name: getattr(self, field.name) for field in fields(self) if field.name not in ("schema", "data")
        }
        return found if self.schema is None else found | {"schema": self.schema.to_json()}


def dry_run(config: FitConfig) -> DryRun:
    """Resolve a fit: read or draw the data, make the model, compile one step.

    Raises:
        DataError, ShapeError: what would have stopped the fit.
    """
    with precision(config.trainer.dtype):
        setup = assemble(config)
        check(setup)
        trainer = Trainer(setup)
        memory, cost = _compiled(trainer) if not setup.solved else (None, None)
        shapes = {"x": list(setup.train.x.shape), "y": list(setup.train.y.shape)}
        for name, batch in (("x_val", setup.val), ("x_test", setup.test)):
            if batch is not None:
                shapes[name] = list(batch.x.shape)
        state = nnx.to_flat_state(nnx.state(setup.model))
        shapes |= {".".join(map(str, path)): list(leaf[...].shape) for path, leaf in state}
        return DryRun(
            model=config.model,
            problem=config.problem,
            shapes=shapes,
            num_params=num_params(setup.model),
            steps_per_epoch=0 if setup.solved else trainer.batches,
            steps=0 if setup.solved else trainer.batches * config.trainer.num_epochs,
            flops_per_step=float(cost["flops"]) if cost and "flops" in cost else None,
            bytes_arguments=getattr(memory, "argument_size_in_bytes", None),
            bytes_temporary=getattr(memory, "temp_size_in_bytes", None),
            device=f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}",
            schema=setup.problem.schema if isinstance(setup.problem, Tabular) else None,
            data=_data(setup.problem, config, shapes),
            training=None if setup.solved else training(config.trainer),
        )


def _data(problem: Any, config: FitConfig, shapes: Mapping[str, list[int]]) -> Grid | None:
    """What would be read of which file, in a few lines."""
    if not isinstance(problem, Tabular):
        return None
    used = sum(shapes[name][0] for name in ("x", "x_val", "x_test") if name in shapes)
    where = str(getattr(config.problem_options, "data", None))
    return schema_table.brief(problem.learnt, where, used, problem.rows_read, problem.describe())


def training(options: TrainerOptions) -> str:
    """How a model is trained: "adamw, lr 0.001, weight decay 0.1, batches of 64, up to 500 epochs, patience 30"."""
    parts: list[str] = [options.optimizer]
    if options.optimizer not in SECOND_ORDER:
        schedule = "" if options.schedule == "constant" else f" ({options.schedule})"
        parts.append(f"lr {options.lr:g}{schedule}")
    if options.weight_decay > 0:
        falls = f" ({options.weight_decay_rows:,} / rows beyond)" if options.weight_decay_rows else ""
        parts.append(f"weight decay {options.weight_decay:g}{falls}")
    parts.append("full batch" if options.batch_size == 0 else f"batches of {options.batch_size:,}")
    parts.append(f"{'up to ' if options.patience else ''}{options.num_epochs:,} epochs")
    parts.append(f"patience {options.patience}" if options.patience else "no early stopping")
    return ", ".join(parts)


def _compiled(trainer: Trainer) -> tuple[Any, Any]:
    """XLA's account of one compiled step: its memory, and its cost."""
    step = trainer.compile_step()
    cost = step.cost_analysis()
    return step.memory_analysis(), cost[0] if isinstance(cost, list) else cost
