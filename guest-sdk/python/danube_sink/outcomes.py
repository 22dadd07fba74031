"""What became of each record of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import Error, Fatal, Rejected, Retryable


@dataclass(frozen=True)
class Failure:
    """Why one record of a batch was not written: `retry` says whether it may work later."""

    retry: bool
    reason: str
    after: float | None = None
    """How long to wait at least before the next try, in seconds."""


class Outcomes:
    """What became of each record of a batch: written, unless it is named here as failed."""

    def __init__(self) -> None:
        self._failures: dict[int, Failure] = {}

    def set(self, index: int, outcome: Error | None) -> None:
        """Says what became of the record at `index` of the batch: `None` for written, or the error that it met.

        What was said of the record before is replaced. A `Fatal` is raised, since it ends the whole call.
        """
        if outcome is None:
            self._failures.pop(index, None)
        elif isinstance(outcome, Retryable):
            self.retry([index], outcome.reason, outcome.after)
        elif isinstance(outcome, Rejected):
            self.reject([index], outcome.reason)
        elif isinstance(outcome, Fatal):
            raise outcome
        else:
            raise TypeError(f"an outcome is Retryable, Rejected, Fatal or None, not {type(outcome).__name__}")

    def retry(self, indices: Iterable[int], reason: str, after: float | None = None) -> None:
        """Asks for the records at `indices` to be given again, all for one reason; `after` is a pause in seconds."""
        self._failures.update(dict.fromkeys(indices, Failure(True, reason, after)))

    def reject(self, indices: Iterable[int], reason: str) -> None:
        """Says that the records at `indices` are bad, all for one reason."""
        self._failures.update(dict.fromkeys(indices, Failure(False, reason)))

    @property
    def failures(self) -> dict[int, Failure]:
        """The records that were not written: their positions in the batch, rising, and why."""
        return dict(sorted(self._failures.items()))

    @property
    def all_written(self) -> bool:
        """Whether every record was written."""
        return not self._failures
