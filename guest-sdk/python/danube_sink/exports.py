"""The functions that the host calls, for whatever sink is registered."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from .batch import Batch
from .bindings import exports
from .bindings.exports import Err
from .bindings.exports.sink import Context as ContractContext
from .bindings.imports import records
from .context import Context
from .errors import Error, Fatal, Rejected, Retryable
from .instance import Instance
from .logs import install
from .outcomes import Outcomes
from .sink import Sink

S = TypeVar("S", bound=Sink[Any])
T = TypeVar("T")

_HANDLERS = ("initialize", "consumer_configs", "process", "process_batch", "health_check", "shutdown")


def register(sink: type[S]) -> type[S]:
    """Makes a sink the one that this component runs: `@register` above the class, in the module that is built.

    The class keeps its name. The names `Sink` and `Lifecycle` of the module then stand for what the host calls, so that
    the class comes last.
    """
    if not (isinstance(sink, type) and issubclass(sink, Sink)):
        raise TypeError("`register` takes a class that derives from `danube_sink.Sink`")
    for name in _HANDLERS:
        if inspect.iscoroutinefunction(getattr(sink, name)):
            raise TypeError(f"`{sink.__name__}.{name}` is `async def`: an instance does one thing at a time, write `def`")
    if sink.process is Sink.process and sink.process_batch is Sink.process_batch:
        raise TypeError(f"`{sink.__name__}` has neither `process` nor `process_batch`")
    install()
    slot = _Slot(sink)
    module = sys._getframe(1).f_globals
    # componentize-py makes one of each, by the names of the interfaces.
    module["Sink"] = lambda: _SinkExports(slot)
    module["Lifecycle"] = lambda: _LifecycleExports(slot)
    return sink


class _Slot:
    """Where a component keeps its sink: empty until the host has initialised it."""

    def __init__(self, sink: type[Sink[Any]]) -> None:
        self._sink = sink
        self._instance: Instance | None = None

    def start(self, context: Context) -> None:
        self._instance = Instance(self._sink, context)

    @property
    def instance(self) -> Instance:
        if self._instance is None:
            raise Fatal("a bug in the host: it called a sink that it has not initialised")
        return self._instance


class _SinkExports(exports.Sink):
    def __init__(self, slot: _Slot) -> None:
        self._slot = slot

    def initialize(self, context: ContractContext) -> None:
        started = Context(context.connector_name, context.instance, context.settings)
        _answer(lambda: self._slot.start(started))

    def consumer_configs(self) -> list[records.ConsumerConfig]:
        return _answer(lambda: [config.to_contract() for config in self._slot.instance.consumer_configs()])

    def process_batch(self, batch: records.Batch) -> list[records.RecordFailure]:
        return _answer(lambda: failures(self._slot.instance.process_batch(Batch.from_contract(batch))))


class _LifecycleExports(exports.Lifecycle):
    def __init__(self, slot: _Slot) -> None:
        self._slot = slot

    def health_check(self) -> None:
        _answer(lambda: self._slot.instance.health_check())

    def shutdown(self) -> None:
        _answer(lambda: self._slot.instance.shutdown())


def _answer(call: Callable[[], T]) -> T:
    try:
        return call()
    except Error as error:
        raise Err(sink_error(error)) from None
    finally:
        # What was printed belongs into the log now and not when the buffer is full.
        sys.stdout.flush()
        sys.stderr.flush()


def failures(outcomes: Outcomes) -> list[records.RecordFailure]:
    """The failures as the contract wants them."""
    crossed = []
    for index, failure in outcomes.failures.items():
        kind: records.Failure = (
            records.Failure_Retry(_hint(failure.reason, failure.after))
            if failure.retry
            else records.Failure_Reject(_text(failure.reason))
        )
        crossed.append(records.RecordFailure(index, kind))
    return crossed


def sink_error(error: Error) -> records.SinkError:
    """An error as the contract wants it."""
    if isinstance(error, Retryable):
        return records.SinkError_Retryable(_hint(error.reason, error.after))
    if isinstance(error, Rejected):
        return records.SinkError_Rejected(_text(error.reason))
    return records.SinkError_Fatal(_text(error.reason))


def _hint(reason: str, after: float | None) -> records.RetryHint:
    """The host counts in milliseconds, up to 49 days."""
    milliseconds = None if after is None else int(min(max(after, 0) * 1000, 0xFFFF_FFFF))
    return records.RetryHint(_text(reason), milliseconds)


def _text(reason: str) -> str:
    return str(reason).encode("utf-8", "backslashreplace").decode()
