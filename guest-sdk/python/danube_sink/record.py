"""One record: what it carries, where it stands, and what its producer said about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar, cast

from .bindings.imports import records
from .errors import Rejected
from .values import Mistake, read, wants_decimals

T = TypeVar("T")


@dataclass(frozen=True)
class SchemaInfo:
    """A schema of Danube's registry, as records refer to it."""

    id: int
    """The registry's id of the subject (not of the version)."""
    subject: str
    version: int
    """The version that the record was published with, from 1."""
    type: str
    """`json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`."""


class Kind(Enum):
    """Which form a record's payload has."""

    JSON = "json"
    """A JSON document, checked by the host; for Avro and Protobuf written by the host."""
    TEXT = "text"
    """Text that is not JSON."""
    BINARY = "binary"
    """Bytes as published: of the schema type Bytes, without a schema and not UTF-8, or asked for raw."""


_KINDS = {records.Payload_Json: Kind.JSON, records.Payload_Text: Kind.TEXT, records.Payload_Binary: Kind.BINARY}
_UNPARSED = object()


class Record:
    """One record of a topic.

    `(topic, partition, offset)` names it for ever, see `id`: a target that can write idempotently should use that as its
    key, since a record may come again after a crash.
    """

    __slots__ = ("_raw", "_schemas", "_value", "topic")

    topic: str
    """Without a partition: `/namespace/topic`."""

    def __init__(self, topic: str, schemas: list[SchemaInfo], raw: records.SinkRecord) -> None:
        self.topic = topic
        self._schemas = schemas
        self._raw = raw
        self._value: Any = _UNPARSED

    @property
    def payload(self) -> Any:
        """The payload decoded: a JSON document as Python values, text as `str`, binary as `bytes`.

        Integers of any size are whole; numbers with a fraction are floats, see `json` for all of their digits. The document
        is parsed when this is first read. Raises `Rejected` when it cannot be held, as when it is nested too deeply.
        """
        if self._value is _UNPARSED:
            payload = self._raw.payload
            self._value = self.json() if isinstance(payload, records.Payload_Json) else payload.value
        return self._value

    def json(self, *, decimal: bool = False) -> Any:
        """The payload parsed as JSON, anew at each call; `decimal` gives numbers with a fraction as `Decimal`.

        Raises `Rejected` when the payload is no JSON.
        """
        try:
            return json.loads(self.bytes if self.text is None else self.text, parse_float=Decimal if decimal else None)
        except RecursionError:
            raise self._unfit("nested too deeply") from None
        except ValueError as error:
            raise self._unfit(str(error)) from None

    def as_type(self, type_: type[T]) -> T:
        """The payload as a `type_`: a dataclass, whose fields are read by name, or anything that its fields may be.

        Keys that a dataclass does not have are left out. Raises `Rejected` with the record and the place in it when the
        payload does not fit.
        """
        document = self.kind is Kind.JSON and wants_decimals(cast(Any, type_))
        try:
            value: T = read(type_, self.json(decimal=True) if document else self.payload, strict=False)
            return value
        except Mistake as mistake:
            raise self._unfit(str(mistake)) from None

    def _unfit(self, mistake: str) -> Rejected:
        return Rejected(f"payload of {self.id}: {mistake}")

    @property
    def kind(self) -> Kind:
        """Which form the payload has."""
        return _KINDS[type(self._raw.payload)]

    @property
    def text(self) -> str | None:
        """The payload if it is JSON or text: as published, or the JSON that the host wrote for Avro and Protobuf."""
        payload = self._raw.payload
        return None if isinstance(payload, records.Payload_Binary) else payload.value

    @property
    def bytes(self) -> bytes:
        """The payload's bytes, whatever they are."""
        payload = self._raw.payload
        return payload.value if isinstance(payload, records.Payload_Binary) else payload.value.encode()

    @property
    def partition(self) -> int | None:
        """From 0; `None` on a topic without partitions."""
        return self._raw.partition

    @property
    def offset(self) -> int:
        """The position in the topic, or in the partition where there is one. Counts from 0 in steps of 1."""
        return self._raw.offset

    @property
    def id(self) -> str:
        """The record's name for ever: `topic@offset`, or `topic-part-N@offset` on a partitioned topic."""
        partition = "" if self._raw.partition is None else f"-part-{self._raw.partition}"
        return f"{self.topic}{partition}@{self._raw.offset}"

    @property
    def publish_time(self) -> int:
        """When the producer published it, in microseconds since 1970-01-01T00:00:00Z."""
        return self._raw.publish_time

    @property
    def producer(self) -> str:
        """The name of the producer."""
        return self._raw.producer

    @property
    def routing_key(self) -> str | None:
        """The key that the producer routed it by, if it gave one."""
        return self._raw.routing_key

    @property
    def order_key(self) -> str:
        """What a Key-Shared subscription keeps the order by: the routing key, or the producer where there is none."""
        key = self._raw.routing_key
        return self._raw.producer if key is None else key

    @property
    def attributes(self) -> dict[str, str]:
        """The attributes that the producer set."""
        return dict(self._raw.attributes)

    @property
    def schema(self) -> SchemaInfo | None:
        """The schema that it was published with, if any."""
        index = self._raw.schema
        return None if index is None else self._schemas[index]

    def __repr__(self) -> str:
        """Where the record stands, never what it carries."""
        return f"Record({self.id}, {self.kind.value})"
