"""The class that a connector derives from."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from .batch import Batch
from .consumer import ConsumerConfig
from .context import Context
from .errors import Fatal
from .outcomes import Outcomes
from .record import Record

Config = TypeVar("Config")


class Sink(Generic[Config]):
    """A sink: where records go. Write `initialize` and either `process` or `process_batch`, then `register` the class.

    `Sink[MyConfig]` says what the connector's settings are read into: a dataclass, or `dict[str, Any]` for any. An instance
    is called by one caller at a time and may be dropped and made anew between any two calls: state that must survive
    belongs into the target system.
    """

    def __new__(cls, *_: Any, **__: Any) -> Sink[Any]:
        if cls is Sink:
            raise TypeError("there is no `register(YourSink)` in the module that is built, or none below its class")
        return super().__new__(cls)

    def initialize(self, config: Config, context: Context) -> None:
        """Makes an instance ready: checks the settings, prepares clients. Called once, first.

        `Fatal` for settings that make no sense; `Retryable` to be started again after a pause. No need to retry here.
        """

    def consumer_configs(self, context: Context) -> list[ConsumerConfig]:
        """Which subscriptions to consume. By default those of the settings' `topic_mappings`."""
        return context.consumer_configs()

    def process(self, record: Record) -> None:
        """Writes one record. When it returns, the record must be safe in the target: the host acknowledges it.

        `Retryable`, to be given this record again; `Rejected`, if it is bad; `Fatal`, to stop the connector.
        """
        name = type(self).__name__
        raise Fatal(f"`{name}` has neither `process` nor `process_batch`: {record.id} stays unwritten")

    def process_batch(self, batch: Batch) -> Outcomes | None:
        """Writes a batch. When it returns, every record that the outcomes do not name must be safe in the target.

        `None` says that all are. What is raised holds for the whole batch. By default `process` is called for each.
        """
        return batch.process_each(self.process)

    def health_check(self) -> None:
        """Whether the target would take records now. Called while the host waits for a target that failed.

        It must not write records. `Retryable` while the target is down; any other error stops the connector.
        """

    def shutdown(self) -> None:
        """Finishes what is under way. Called once before the host drops the instance in good order."""
