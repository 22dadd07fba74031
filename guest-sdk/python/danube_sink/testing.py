"""Unit tests of sinks, run natively by any test runner: made-up records, scripted HTTP answers, and a host.

    def test_orders() -> None:
        with testing.answers(lambda request: http.Response(204)) as sent:
            host = testing.Host(Orders, {"url": "http://127.0.0.1/orders"})
            outcomes = host.deliver("/default/orders", [testing.record({"id": 7}), testing.record("no JSON")])
        assert [request.url for request in sent] == ["http://127.0.0.1/orders/7"]
        assert not outcomes.failures[1].retry
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from . import http
from .batch import Batch, Order
from .bindings.imports import http as contract
from .bindings.imports import log as log_contract
from .bindings.imports import records
from .bindings.types import Err, Ok
from .consumer import ConsumerConfig, SubscriptionType
from .context import Context
from .errors import Error, Fatal
from .instance import Instance
from .logs import HostHandler
from .outcomes import Outcomes
from .sink import Sink

_ORDERS = {SubscriptionType.SHARED: Order.ANY, SubscriptionType.KEY_SHARED: Order.BY_KEY}


def record(
    payload: Any,
    *,
    routing_key: str | None = None,
    attributes: dict[str, str] | None = None,
    partition: int | None = None,
    producer: str = "producer",
    publish_time: int = 1_700_000_000_000_000,
) -> records.SinkRecord:
    """A record for `Host.deliver` or `batch`: text from a `str`, binary from `bytes`, else JSON. See `document`."""
    carried: records.Payload
    if isinstance(payload, bytes):
        carried = records.Payload_Binary(payload)
    elif isinstance(payload, str):
        carried = records.Payload_Text(payload)
    else:
        carried = records.Payload_Json(json.dumps(payload))
    pairs = sorted((attributes or {}).items())
    return records.SinkRecord(0, publish_time, producer, partition, routing_key, pairs, None, carried)


def document(text: str, **options: Any) -> records.SinkRecord:
    """A record whose payload is a JSON document, given as text; the options are those of `record`."""
    made = record(None, **options)
    made.payload = records.Payload_Json(text)
    return made


def batch(
    topic: str, raw: Iterable[records.SinkRecord], *, order: Order = Order.ANY, time_limit: float = 30, first: int = 0
) -> Batch:
    """A batch of records, with offsets from `first` on."""
    numbered = list(raw)
    for offset, one in enumerate(numbered, first):
        one.offset = offset
    limit = int(time_limit * 1000)
    return Batch.from_contract(records.Batch(topic, 1, records.Order[order.name], limit, [], numbered))


class Host:
    """Drives a sink as the real host does. Raises what stops the connector."""

    def __init__(self, sink: type[Sink[Any]], settings: dict[str, Any]) -> None:
        self._instance = Instance(sink, Context("test", 0, json.dumps(settings)))
        self._settings = settings
        self._offset = 0

    def consumer_configs(self) -> list[ConsumerConfig]:
        """What the sink consumes."""
        return self._instance.consumer_configs()

    def deliver(self, topic: str, raw: Iterable[records.SinkRecord]) -> Outcomes:
        """Gives records to the sink, in the order that their topic's subscription promises."""
        given = batch(topic, raw, order=self._order(topic), first=self._offset)
        self._offset += len(given)
        return self._instance.process_batch(given)

    def health_check(self) -> None:
        """Asks how the target is."""
        self._instance.health_check()

    def shutdown(self) -> None:
        """Ends the instance."""
        self._instance.shutdown()

    def _order(self, topic: str) -> Order:
        if not self._settings.get("topic_mappings"):
            return Order.ANY
        for config in self._instance.consumer_configs():
            if config.topic == topic:
                return _ORDERS.get(config.subscription_type, Order.STRICT)
        raise Fatal(f"the sink does not consume `{topic}`")


@contextmanager
def answers(answer: Callable[[http.Request], http.Response | Error]) -> Iterator[list[http.Request]]:
    """Has requests answered by a function while it lasts, and gives them as a list.

    A `Fatal` in place of a response is a request that is not granted, any other error one that does not get through.
    """
    sent: list[http.Request] = []

    def send(request: contract.Request) -> contract.Response:
        body = None if request.body is None else request.body.value
        timeout = None if request.timeout_ms is None else request.timeout_ms / 1000
        sent.append(http.Request(request.method, request.url, headers=request.headers, body=body, timeout=timeout))
        response = answer(sent[-1])
        if isinstance(response, Fatal):
            raise Err(contract.HttpError_Denied(response.reason))
        if isinstance(response, Error):
            raise Err(contract.HttpError_Connect(response.reason))
        return contract.Response(response.status, response.headers, contract.Body_Text(response.text))

    def send_all(requests: list[contract.Request]) -> list[Any]:
        results: list[Any] = []
        for request in requests:
            try:
                results.append(Ok(send(request)))
            except Err as error:
                results.append(error)
        return results

    before = contract.send, contract.send_all
    contract.send, contract.send_all = send, send_all
    try:
        yield sent
    finally:
        contract.send, contract.send_all = before


@contextmanager
def logged() -> Iterator[list[tuple[str, str]]]:
    """Collects what is logged while it lasts: level and message."""
    lines: list[tuple[str, str]] = []
    before, handler = log_contract.log, HostHandler()
    log_contract.log = lambda level, message: lines.append((level.name.lower(), message))
    logging.getLogger().addHandler(handler)
    try:
        yield lines
    finally:
        logging.getLogger().removeHandler(handler)
        log_contract.log = before
