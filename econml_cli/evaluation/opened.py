"""A run that is open for questions: each of its files is read at most once, when a question first needs it."""

import contextlib
import dataclasses
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from econml_cli.config.fit_config import FitConfig
from econml_cli.errors import ConfigError, RunError
from econml_cli.evaluation.counterfactual import changed_samples
from econml_cli.evaluation.samples import Samples, new_samples, own_samples, stored_samples, with_states
from econml_cli.models.base import Model
from econml_cli.output import working
from econml_cli.runs.directory import Run
from econml_cli.storage import checkpoint
from econml_cli.training.precision import precision
from econml_cli.training.run import restore
from econml_cli.training.run.restore import Loaded

if TYPE_CHECKING:  # a simulated problem needs no pandas
    import pandas as pd

T = TypeVar("T")


@dataclass(frozen=True)
class Members:
    """The fitted models of a run, in evaluation mode. An ordinary run is an ensemble of one.

    Attributes:
        models: those that have not diverged (of an ordinary run its one model, whatever became of it).
        numbers: which members they are; (None,) for an ordinary run. total: how many there are in all.
        epoch: the latest one that weights are from. lost: whether the one model is that of a fit that diverged.
    """

    models: tuple[Model, ...]
    numbers: tuple[int | None, ...]
    total: int
    epoch: int
    lost: bool = False

    @property
    def diverged(self) -> int:
        """How many are left out."""
        return self.total - len(self.models)

    @property
    def left_out(self) -> str:
        """The same, in words; "" for none."""
        verb = "is" if self.diverged == 1 else "are"
        return f"{self.diverged} of {self.total} members diverged and {verb} left out" if self.diverged else ""


@dataclass(frozen=True)
class OpenedRun(Run):
    """A run whose files, weights and samples are read or drawn at most once: use it wherever a `Run` is taken.

    It says what a run was when it was read; open it again to see what has changed since. Get one from `open_run`.

    Attributes:
        step: the epoch of the checkpoint (None: the newest; of it the best weights where early stopping kept some).
        data, missing, changes, sheet: what `samples` are, as in `evaluate`.
        wanted: what of the checkpoint is read (default: what a fitted model needs).
    """

    step: int | None = None
    data: str | None = None
    missing: str | None = None
    changes: Mapping[str, Any] | None = None
    sheet: str | None = None
    wanted: checkpoint.Wanted = restore.enough
    #: what was read, by what it is; shared with the same run opened for another member, step or sample
    _kept: dict[Hashable, Any] = field(default_factory=dict, repr=False, compare=False)

    def _once(self, what: Hashable, read: Callable[[], T]) -> T:
        if what not in self._kept:
            self._kept[what] = read()
        found: T = self._kept[what]
        return found

    def config(self) -> FitConfig:
        return self._once("config", super().config)

    def manifest(self) -> dict[str, Any]:
        return self._once("manifest", super().manifest)

    def summary(self) -> dict[str, Any]:
        return self._once("summary", super().summary)

    def preprocessing(self) -> dict[str, Any] | None:
        return self._once("preprocessing", super().preprocessing)

    def metrics(self) -> list[dict[str, Any]]:
        return self._once("metrics", super().metrics)

    def of_member(self, member: int | None) -> "OpenedRun":
        return dataclasses.replace(self, member=super().of_member(member).member)

    @property
    def dtype(self) -> str:
        """The precision that it was fitted in, "float32" or "float64"."""
        return self.config().trainer.dtype

    def loaded(self) -> Loaded:
        """The fitted model without its data (of an ensemble that of `member`): the best weights where early stopping
        kept some, else the newest.

        Raises:
            ConfigError: an ensemble of which no member is chosen.
            RunError, CheckpointError: the run or its checkpoint cannot be read, or does not fit its config.
        """
        members = self.config().trainer.members
        if self.member is None and members > 1:
            raise ConfigError(
                f"{self.name} is an ensemble of {members} members; choose one: --member 0 to --member {members - 1}."
            )
        return self._load((self.member,))[0]

    def members(self) -> Members:
        """The models of the run: all members of an ensemble, that of `member`, or the one there is.

        Raises:
            RunError: all members have diverged. RunError, CheckpointError: the run cannot be read.
        """
        count = self.config().trainer.members
        loaded = self._load((self.member,) if self.member is not None or count == 1 else tuple(range(count)))
        alive = [one for one in loaded if not one.diverged] if len(loaded) > 1 else loaded
        if not alive:
            raise RunError(
                f"All {len(loaded)} members of {self.name} diverged; --member 0 shows the last finite weights of one. "
                "Fit again with a smaller --lr or with --grad-clip 1."
            )
        models, epoch = tuple(one.model for one in alive), max(one.epoch for one in alive)
        numbers = tuple(one.member for one in alive)
        return Members(models, numbers, len(loaded), epoch, lost=any(one.diverged for one in alive))

    def _load(self, chosen: tuple[int | None, ...]) -> list[Loaded]:
        working.phase("reading the checkpoint")
        step, sections = self._checkpoint()
        return self._once(("weights", step, chosen, self.wanted), lambda: restore.fitted(self, step, sections, chosen))

    def _checkpoint(self) -> tuple[int, checkpoint.Sections]:
        step, wanted = self.step, self.wanted
        return self._once(("checkpoint", step, wanted), lambda: checkpoint.load(self.checkpoints, step, wanted))

    def own_samples(self) -> Samples:
        """The train, val and test splits that the run was fitted with; of an ensemble whose members were each trained
        on states of their own (`--states`), all of these.

        Raises:
            DataError: the data file is gone or cannot be used. RunError: it holds other data than the run was fitted
            to.
        """
        working.phase("reading the data")
        samples = self._once("own samples", lambda: own_samples(self))
        if self.config().trainer.states in (None, "box"):
            return samples
        _, sections = self._checkpoint()
        return with_states(samples, sections.get("states", {}).get("x"), self.config().trainer.members, self.member)

    def samples(self, *, need_target: bool = True, stored: bool = False) -> Samples:
        """What the run is evaluated on: the rows of `data`, its problem with `changes`, or its own splits.

        Args:
            need_target: whether a new file has to have the target. stored: whether the rows of a large one may lie in
                files (`samples.stored_samples`), without a frame.

        Raises:
            ConfigError, ShapeError: as `counterfactual.changed_samples`; data and changes are asked for at once. As
            `samples.new_samples` and `own_samples` otherwise.
        """
        if self.changes:
            if self.data is not None:
                raise ConfigError("--data and --with ask for two evaluations; leave one of them out.")
            changes, model = self.changes, self.members().models[0]
            return self._once(("changed", repr(changes)), lambda: changed_samples(self, model, changes))
        if self.data is not None:
            path, missing, sheet = self.data, self.missing, self.sheet
            if stored and (
                found := self._once(("stored", path, missing), lambda: stored_samples(self, path, missing=missing))
            ):
                return found
            return self._once(
                ("new", path, missing, need_target, sheet),
                lambda: new_samples(self, path, need_target=need_target, missing=missing, sheet=sheet),
            )
        return self.own_samples()

    def table(self, path: str) -> "pd.DataFrame":
        """The table of a data file, in the columns that the fit read; all of them in a run of an older econml.

        Raises:
            DataError: it cannot be read.
        """
        from econml_cli.data.read import read_table
        from econml_cli.data.schema import Schema

        saved = (self.preprocessing() or {}).get("schema")
        known = None if saved is None else Schema.from_json(saved).of_sheet(self.sheet)
        return self._once(("table", path, self.sheet), lambda: read_table(path, known=known).frame)


@contextlib.contextmanager
def open_run(
    run: Run,
    *,
    step: int | None = None,
    member: int | None = None,
    data: str | None = None,
    missing: str | None = None,
    changes: Mapping[str, Any] | None = None,
    sheet: str | None = None,
    wanted: checkpoint.Wanted | None = None,
) -> Iterator[OpenedRun]:
    """A run that lends what it reads, in a context in which JAX computes in the precision of its fit.

    A run that is open already keeps what it has read; arguments that are None are then as they were.

    Args:
        step: the epoch of the checkpoint (default: the best weights where early stopping kept some, else the newest).
        member: of an ensemble, the one that is meant. data: a file that stands for its samples.
        missing: "error" or "drop": what rows of that file with missing values get (default: as in the fit).
        changes: options of the problem (simulated ones only) in place of those of the fit, by name.
        sheet: of that file, where it is one of Excel (default: that of the fit).
        wanted: what of the checkpoint is read (default: what a fitted model needs).

    Raises:
        ConfigError: there is no such member. RunError: the config cannot be read. The rest is read, and may fail, when
        it is first asked for.
    """
    opened = run if isinstance(run, OpenedRun) else OpenedRun(run.path, run.member)
    if member is not None:
        opened = opened.of_member(member)
    opened = dataclasses.replace(
        opened,
        step=opened.step if step is None else step,
        data=opened.data if data is None else data,
        missing=opened.missing if missing is None else missing,
        changes=changes or opened.changes,
        sheet=opened.sheet if sheet is None else sheet,
        wanted=wanted or opened.wanted,
    )
    with precision(opened.dtype):
        yield opened
