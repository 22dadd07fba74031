"""A batch: records of one topic, and the walk through them one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .bindings.imports import records as contract
from .errors import Error, Unexpected, described
from .logs import report
from .outcomes import Outcomes
from .record import Record, SchemaInfo

if TYPE_CHECKING:
    from .waves import Waves


class Order(Enum):
    """Among which records of a batch the order counts. Those form a group, and groups are independent of each other.

    Within a group records are written in the order given, and behind one that has to be tried again none is written in the
    same call. A record that is rejected holds up nothing.
    """

    ANY = "any"
    """Among none. What Shared promises."""
    BY_KEY = "by-key"
    """Among those with the same `order_key` in the same partition. What Key-Shared promises."""
    STRICT = "strict"
    """Among all or, on a topic with partitions, among all of one. What Exclusive and Failover promise."""

    def group(self, record: Record) -> Hashable | None:
        """Names the group that a record belongs to; `None`: its place does not count."""
        if self is Order.ANY:
            return None
        return (record.partition, record.order_key if self is Order.BY_KEY else None)


@dataclass(frozen=True)
class Batch:
    """Records of one topic, in the order in which the broker gave them. Never empty."""

    topic: str
    """Without a partition: `/namespace/topic`."""
    attempt: int
    """Which try this is for its records: 1 the first time, then 2, 3 and so on."""
    order: Order
    """Among which of the records the order counts, because the subscription promises it."""
    time_limit: float
    """How long this call may take from its start, in seconds, before the host ends it, which counts as a crash.

    A sink that can't be done in time writes what it can and asks for another try of the rest.
    """
    records: list[Record]

    @classmethod
    def from_contract(cls, raw: contract.Batch) -> Batch:
        """A batch as it came from the host."""
        schemas = [SchemaInfo(schema.id, schema.subject, schema.version, schema.schema_type) for schema in raw.schemas]
        topic = raw.topic
        records = [Record(topic, schemas, record) for record in raw.records]
        return cls(topic, raw.attempt, Order[raw.order.name], raw.time_limit_ms / 1000, records)

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records)

    def __getitem__(self, index: int) -> Record:
        return self.records[index]

    def process_each(self, write: Callable[[Record], object]) -> Outcomes:
        """Gives the records to `write` one by one and collects what it raises.

        Where the order counts, a `Retryable` ends the walk for its group. `Fatal` ends the walk. An exception that is none
        of the three kinds is logged and asks for another try of its record.
        """
        waves = self.waves()
        while wave := waves.next(1):
            [(index, record)] = wave
            try:
                answer = write(record)
                if answer is not None:
                    raise TypeError(f"`process` gave {described(answer)}, expected nothing")
                waves.set(index, None)
            except Error as error:
                waves.set(index, error)
            except Exception as error:
                report(f"{record.id}", error)
                waves.set(index, Unexpected(error))
        return waves.outcomes()

    def waves(self) -> Waves:
        """The records in sets that may be written at the same time.

        All of them where the order does not count, else one of each group, then the next of each, with nothing behind a
        record that has to be tried again.
        """
        from .waves import Waves

        return Waves(self)

    def part(self, indices: list[int], time_limit: float) -> Batch:
        """The same with only some of the records, and the time that is left for them."""
        return dataclasses.replace(self, records=[self.records[index] for index in indices], time_limit=time_limit)
