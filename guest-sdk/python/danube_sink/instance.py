"""One started sink. The component's exports and the tests of a sink both drive it through this, so that they agree."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from .batch import Batch
from .consumer import ConsumerConfig
from .context import Context
from .errors import Error, Fatal, Rejected, Retryable, Unexpected, described
from .logs import report
from .outcomes import Outcomes
from .sink import Sink
from .values import Mistake

T = TypeVar("T")

#: How many unexpected exceptions of a call are logged with their stack trace.
_TOLD = 5


def config_type(sink: type[Sink[Any]]) -> Any:
    """What stands in the brackets of `Sink[...]`; without brackets, any table."""
    for base in sink.__mro__:
        for generic in base.__dict__.get("__orig_bases__", ()):
            if getattr(generic, "__origin__", None) is Sink:
                return generic.__args__[0]
    return dict[str, Any]


class Instance:
    """A sink that has been initialised, with what the host told it."""

    def __init__(self, sink: type[Sink[Any]], context: Context) -> None:
        def start() -> Sink[Any]:
            started = sink()
            config = context.settings(config_type(sink))
            _silent("initialize", lambda: started.initialize(config, context))
            return started

        self.context = context
        self.sink = _guarded("initialize", Fatal, start)

    def consumer_configs(self) -> list[ConsumerConfig]:
        """Which subscriptions the sink consumes."""

        def configs() -> list[ConsumerConfig]:
            found = self.sink.consumer_configs(self.context)
            for config in _expect(found, list, "consumer_configs"):
                _expect(config, ConsumerConfig, "an entry of consumer_configs")
                try:
                    config.to_contract()
                except Mistake as mistake:
                    raise Fatal(f"consumer_configs: {mistake}") from None
            return found

        return _guarded("consumer_configs", Fatal, configs)

    def health_check(self) -> None:
        """Whether the target is well."""
        _guarded("health_check", Unexpected, lambda: _silent("health_check", self.sink.health_check))

    def shutdown(self) -> None:
        """The end."""
        _guarded("shutdown", Unexpected, lambda: _silent("shutdown", self.sink.shutdown))

    def process_batch(self, batch: Batch) -> Outcomes:
        """Gives a batch to the sink. What breaks it is taken apart until the records that do so stand alone."""
        return _Division(self.sink, batch).run()


class _Division:
    """A batch on its way through a sink, in one call or, if that fails in a way that nobody expected, in halves."""

    def __init__(self, sink: Sink[Any], batch: Batch) -> None:
        self.sink, self.batch = sink, batch
        self.end = time.monotonic() + batch.time_limit
        self.outcomes = Outcomes()
        #: By group, the record that has to be tried again and holds up those behind it.
        self.blocked: dict[Hashable, tuple[int, Retryable]] = {}
        self.unexpected: Unexpected | None = None
        self.told = 0

    def run(self) -> Outcomes:
        parts = deque([list(range(len(self.batch)))])
        while parts:
            part = self._hold_back(parts.popleft())
            if self.unexpected is not None and self._time_left() < self.batch.time_limit / 2:
                self._retry(part, Retryable(f"no time left in this call, after {self.unexpected.reason}"))
            elif part:
                halves = self._give(part)
                parts.extendleft(reversed(halves))
        failures = self.outcomes.failures
        if self.unexpected and len(failures) == len(self.batch) and all(failure.retry for failure in failures.values()):
            raise self.unexpected
        return self.outcomes

    def _time_left(self) -> float:
        return self.end - time.monotonic()

    def _give(self, part: list[int]) -> list[list[int]]:
        """Gives records to the sink, and returns the halves that are left to give if that broke it."""
        whole = len(part) == len(self.batch)
        try:
            answer = self.sink.process_batch(self.batch if whole else self.batch.part(part, self._time_left()))
            self._take(part, _expect(answer, (type(None), Outcomes), "process_batch"))
        except Fatal:
            raise
        except Error as error:
            if whole:
                raise
            if isinstance(error, Retryable):
                self._retry(part, error)
            elif isinstance(error, Rejected):
                self.outcomes.reject(part, error.reason)
        except BaseException as error:
            # The first, and a few of those that stand alone: a mistake that hits every record need not be told of each.
            if whole or (len(part) == 1 and self.told < _TOLD):
                self.told += 1
                report(f"process_batch with {len(part)} records from {self.batch[part[0]].id} on", error)
            self.unexpected = Unexpected(error)
            if len(part) > 1:
                middle = len(part) // 2
                return [part[:middle], part[middle:]]
            self._retry(part, self.unexpected)
        return []

    def _take(self, part: list[int], answer: Outcomes | None) -> None:
        """What the sink says of the records of a part becomes what is said of those of the batch."""
        for index, failure in answer.failures.items() if answer else ():
            if not 0 <= index < len(part):
                raise Fatal(f"a bug in the sink: it gave an outcome for record {index} of a batch of {len(part)}")
            if failure.retry:
                self._retry([part[index]], Retryable(failure.reason, failure.after))
            else:
                self.outcomes.reject([part[index]], failure.reason)

    def _retry(self, indices: list[int], error: Retryable) -> None:
        self.outcomes.retry(indices, error.reason, error.after)
        for index in indices:
            group = self.batch.order.group(self.batch[index])
            if group is not None:
                self.blocked.setdefault(group, (index, error))

    def _hold_back(self, part: list[int]) -> list[int]:
        """The records of a part that nothing before them holds up; the others are to be retried."""
        if not self.blocked:
            return part
        free = []
        for index in part:
            before = self.blocked.get(self.batch.order.group(self.batch[index]))
            if before is None:
                free.append(index)
            else:
                first, error = before
                reason = f"held back behind {self.batch[first].id}: {error.reason}"
                self.outcomes.retry([index], reason, error.after)
        return free


def _guarded(what: str, kind: type[Error], call: Callable[[], T]) -> T:
    """What the sink answers; what it raises unexpectedly is logged and becomes an error of this kind."""
    try:
        return call()
    except Error:
        raise
    except BaseException as error:
        report(what, error)
        unexpected = Unexpected(error)
        raise (unexpected if kind is Unexpected else kind(f"{what}: {unexpected.reason}")) from None


def _silent(what: str, handler: Callable[[], object]) -> None:
    """Calls what has nothing to say, so that whatever it says is a mistake."""
    _expect(handler(), type(None), what)


def _expect(answer: Any, kind: type[Any] | tuple[type[Any], ...], what: str) -> Any:
    if not isinstance(answer, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        names = " or ".join("nothing" if kind is type(None) else f"`{kind.__name__}`" for kind in kinds)
        raise TypeError(f"`{what}` gave {described(answer)}, expected {names}")
    return answer
