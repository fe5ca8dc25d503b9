"""The options that every fit has, whatever its model and problem. Standard library only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from econml_cli.options.fields import option

Precision = Literal["float32", "float64", "bfloat16"]
#: that of numbers: weights, data, losses
Dtype = Literal["float32", "float64"]


#: second-order methods, and the defaults of theirs: they beat a recipe, which was made for a first-order method
SECOND_ORDER: Mapping[str, Mapping[str, Any]] = {
    "lbfgs": {"num_epochs": 1000, "batch_size": 0},
    "lm": {"num_epochs": 28, "batch_size": 0},
}
#: a first-order method, and the second-order one that polishes what it has found; how many epochs of the last it makes
#: where it is not said, and the arithmetic in which it is worth it, which beats a recipe's
POLISHED: Mapping[str, tuple[str, str]] = {"adam+lm": ("adam", "lm")}
POLISH_EPOCHS, POLISH_PRECISION = 20, "float64"
#: what a second-order method has no use for, since it finds each step by itself, with the value that says so
WITHOUT: Mapping[str, Any] = {"lr": 1.0, "schedule": "constant", "momentum": 0.0, "weight_decay": 0.0, "grad_clip": 0.0}


@dataclass(frozen=True)
class TrainerOptions:
    """How a model is trained: empirical risk minimisation by a first-order method over minibatches, or by a
    second-order method on the whole sample."""

    lr: float = option(1e-3, "learning rate at the start (after any warm-up)", gt=0, traced=True)
    optimizer: Literal["adam", "adamw", "sgd", "lion", "muon", "schedule_free", "lbfgs", "lm", "adam+lm"] = option(
        "adam",
        "first-order: adam, adamw, sgd, lion, muon, schedule_free (adamw); second-order, full batch: lbfgs, lm (least "
        "squares); adam+lm: lm at the end",
    )
    momentum: float = option(0.0, "momentum of sgd", ge=0, lt=1, traced=True)
    weight_decay: float = option(
        0.0, "L2 penalty on the gradient (adam, sgd), or decoupled weight decay (the others)", ge=0, traced=True
    )
    weight_decay_rows: int | None = option(
        None,
        "training rows from which on --weight-decay falls as one over their number (default: it does not)",
        ge=1,
        traced=True,
    )
    grad_clip: float = option(0.0, "clip the gradient to this global norm; 0: never", ge=0, traced=True)
    schedule: Literal["constant", "cosine", "step", "exponential", "warmup_cosine"] = option(
        "constant", "how the learning rate moves over the run"
    )
    warmup_epochs: int = option(0, "epochs of linear warm-up from 0 (warmup_cosine; 0: a tenth of the run)", ge=0)
    decay_epochs: int = option(100, "epochs between two decays (step, exponential)", ge=1)
    decay_rate: float = option(0.1, "factor applied at each decay (step, exponential)", gt=0, le=1)
    lr_end: float = option(0.0, "learning rate at the end, as a share of --lr (cosine, warmup_cosine)", ge=0, le=1)
    num_epochs: int = option(2000, "passes over the training data", ge=1)
    polish_epochs: int | None = option(
        None, "how many of --num-epochs are made by lm, at the end (--optimizer adam+lm; default: 20)", ge=1
    )
    batch_size: int = option(512, "observations a step; 0, or no less than the training data: full batch", ge=0)
    shuffle: Literal["auto", "sort", "feistel", "blocks"] = option(
        "auto",
        "how an epoch is put into random order. sort: random numbers are sorted; feistel: by a bijection, which is "
        "cheaper; blocks: blocks of rows, and the rows within them; auto: sort below 100,000 training observations, "
        "else feistel, and blocks with --stream",
    )
    seed: int = option(42, "seed of data, initial weights and shuffling", ge=0, lt=2**32, traced=True)
    members: int = option(1, "train this many seeds side by side as one run, an ensemble", ge=1, le=4096)
    precision: Precision = option(
        "float32",
        "arithmetic of data, weights and training, end to end; bfloat16: float32, with the matrix products of training "
        "steps in bfloat16, which accelerators are made for",
    )
    patience: int = option(
        0, "stop after this many epochs without a better val_loss, keep the best weights; 0: off", ge=0
    )
    min_delta: float = option(0.0, "how much lower a val_loss must be to count as better", ge=0, traced=True)
    stop_loss: float | None = option(
        None, "stop once val_loss (train_loss without a validation split) is below this (default: never)", traced=True
    )
    equation_weights: str | None = option(
        None,
        "weights in the loss of the equations of an economic model: auto (each has the same part in the loss at the "
        "start), or one of each (default: all weigh the same)",
        metavar="auto|NAME=W,...",
    )
    states: Literal["box", "simulated", "both"] | None = option(
        None,
        "the states that an economic model is trained on: its own sample (box, the default), paths simulated under the "
        "policy as it is learnt, or some of both",
    )
    resample_every: int | None = option(
        None, "epochs between two simulations of --states (default: 50; 5 with a second-order method)", ge=1
    )
    burn_in: int | None = option(None, "periods of such a simulation that do not count (default: 0)", ge=0)
    box_share: float | None = option(
        None, "share of the states that stays the problem's own sample (--states both; default: .5)", gt=0, lt=1
    )
    checkpoint_every: int = option(0, "epochs between checkpoints; 0: every 30 seconds and at the end", ge=0)
    keep: int = option(2, "how many checkpoints to keep", ge=1)

    @property
    def dtype(self) -> Dtype:
        """The type of data, weights and losses."""
        return "float32" if self.precision == "bfloat16" else self.precision

    def decay_of(self, rows: int) -> float:
        """The weight decay of a fit to so many training rows."""
        return self.weight_decay * min(1.0, (self.weight_decay_rows or rows) / rows)


@dataclass(frozen=True)
class RepresentationOptions:
    """What stands before the model."""

    phi: str | None = option(
        None,
        "a fixed representation before the model: polynomial:degree=3, random_features:num_features=200",
        metavar="NAME:OPTION=VALUE,...",
    )


@dataclass(frozen=True)
class TrackingOptions:
    """Where metrics go, and how many of them."""

    log_every: int | None = option(
        None, "epochs between two rows of metrics.jsonl and of W&B; the first and the last are always there (1)", ge=1
    )
    wandb_mode: Literal["online", "offline", "disabled"] | None = option(
        None,
        "W&B logging (default: what WANDB_MODE says, or offline in W&B's settings file; online under a W&B agent; else "
        "disabled)",
    )
    wandb_project: str | None = option(None, "W&B project (default: what WANDB_PROJECT says, else econml)")
    wandb_artifacts: bool | None = option(
        None, "give the W&B run an artifact with its config, its summary as a table and its final checkpoint"
    )


@dataclass(frozen=True)
class RunOptions:
    """Where a fit goes and what it prints: everything that is not part of what is repeated."""

    problem: str | None = option(
        None,
        "what to fit to (default: tabular with --data, else what the model is for, else linear)",
        metavar="PROBLEM",
    )
    out: str | None = option(None, "the run directory itself", metavar="DIR")
    runs_dir: str = option("runs", "parent of generated run directories", metavar="DIR")
    name: str | None = option(None, "name of the run directory (default: generated)")
    config: str | None = option(None, "read options from a YAML file, such as a run's config.yaml", metavar="FILE")
    resume: str | None = option(None, "continue a run from its newest checkpoint", metavar="RUN")
    retries: int = option(0, "fit again, with the next seed, up to this often until all verdicts pass", ge=0)
    accept_failed: tuple[str, ...] = option(
        (),
        "verdicts on an economic model (loss, truth, stability, states) that may fail without exit code 5; all: any",
        metavar="VERDICT,...",
    )
    force: bool = option(False, "replace the run directory if it exists")
    print_config: bool = option(False, "print the resolved options as YAML and stop")
    dry_run: bool = option(False, "resolve everything, report shapes, parameters, FLOPs and memory; train nothing")
    plot: bool = option(False, "show the learning curves in the terminal, save learning_curve.png in the run")
    quiet: bool = option(False, "no progress bar, no summary")
    json: bool = option(False, "print the summary as one JSON document")
    debug: bool = option(False, "show the full trace of an error")
