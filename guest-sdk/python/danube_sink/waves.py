"""The walk through a batch in sets of records that may be written at the same time."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterator

from .batch import Batch
from .errors import Error, Fatal, Retryable
from .outcomes import Outcomes
from .record import Record


class Waves:
    """A batch in waves: sets of records that may be written at the same time. `Batch.waves` makes it.

        waves = batch.waves()
        while wave := waves.next(8):
            answers = http.send_all([post(record) for _, record in wave])
            for (index, _), answer in zip(wave, answers):
                waves.set(index, answer.error)
        return waves.outcomes()
    """

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        #: For each record that has one, the next of its group.
        self._next: dict[int, int] = {}
        #: Records that may be written now, the foremost first.
        self._ready: list[int] = []
        #: Records that were given out and of which nothing was said so far.
        self._given: set[int] = set()
        self._outcomes = Outcomes()
        last: dict[Hashable, int] = {}
        for index, record in enumerate(batch):
            group = batch.order.group(record)
            before = None if group is None else last.get(group)
            if before is None:
                self._ready.append(index)
            else:
                self._next[before] = index
            if group is not None:
                last[group] = index

    def next(self, limit: int) -> list[tuple[int, Record]]:
        """The next records, with their positions in the batch: at most `limit` (0 counts as 1), the foremost first.

        `set` says what became of each. Empty: no more may be written in this call.
        """
        wave: list[tuple[int, Record]] = []
        while self._ready and len(wave) < max(limit, 1):
            index = heapq.heappop(self._ready)
            self._given.add(index)
            wave.append((index, self._batch[index]))
        return wave

    def set(self, index: int, outcome: Error | None) -> None:
        """Says what became of a record of a wave: `None` for written, or the error that it met.

        After `Retryable` no more of its group are given: they are to be retried as well. A `Fatal` is raised.
        """
        if index not in self._given:
            raise Fatal(f"a bug in the sink: it gave an outcome for record {index} out of turn")
        self._given.remove(index)
        self._outcomes.set(index, outcome)
        behind = self._next.get(index)
        if behind is None:
            return
        if isinstance(outcome, Retryable):
            held_back = f"held back behind {self._batch[index].id}: {outcome.reason}"
            self._outcomes.retry(self._group(behind), held_back, outcome.after)
        else:
            heapq.heappush(self._ready, behind)

    def retry_rest(self, reason: str, after: float | None = None) -> Outcomes:
        """Ends the walk early: every record of which nothing was said is to be retried. `after` is in seconds."""
        for first in [*self._given, *self._ready]:
            self._outcomes.retry(self._group(first), reason, after)
        self._given.clear()
        self._ready.clear()
        return self._outcomes

    def outcomes(self) -> Outcomes:
        """What became of all records. Those of which nothing was said, if the walk is not over, are to be retried."""
        return self.retry_rest("not written in this call")

    def _group(self, first: int) -> Iterator[int]:
        """A record and those behind it in its group."""
        index: int | None = first
        while index is not None:
            yield index
            index = self._next.get(index)
