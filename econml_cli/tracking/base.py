"""What everything that receives metrics has in common."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol


class Sink(Protocol):
    """Receives the rows of a fit as they are computed, then its summary."""

    def log(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows {"epoch", "train_loss", "val_loss" (with a validation split), "lr"}, in order."""

    def finish(self, summary: Mapping[str, Any], *, exit_code: int = 0) -> None:
        """The fit has ended (or failed, exit_code != 0)."""
