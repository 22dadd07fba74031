"""Which subscriptions a sink asks the host to consume, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from .bindings.imports import records
from .values import Mistake


class SubscriptionType(Enum):
    """How records are divided among the consumers of a subscription.

    In settings upper and lower case, `-` and `_` make no difference.
    """

    SHARED = "Shared"
    """Spread over all consumers. No order."""
    EXCLUSIVE = "Exclusive"
    """One consumer only, in order."""
    FAILOVER = "Failover"
    """One active consumer, in order; others stand by."""
    KEY_SHARED = "Key-Shared"
    """Spread by routing key; in order for each key."""

    @staticmethod
    def __read__(_: Any, value: Any, place: str) -> SubscriptionType:
        if isinstance(value, str):
            for member in SubscriptionType:
                if _plain(member.value) == _plain(value):
                    return member
        raise Mistake(place, "expected `Shared`, `Exclusive`, `Failover` or `Key-Shared`")


class PayloadFormat(Enum):
    """What a record's payload holds."""

    DECODED = "decoded"
    """What the record's schema makes of it."""
    RAW = "raw"
    """The bytes as published, always binary."""


@dataclass
class ConsumerConfig:
    """One subscription that the host shall consume. `None` is taken from the connector's file."""

    topic: str
    """`/namespace/topic`. The connector's file must name it, or grant it."""
    subscription: str
    """The file must name it for this topic; for a topic that is merely granted, it must start with the connector's name."""
    subscription_type: SubscriptionType = SubscriptionType.SHARED
    consumer_name: str | None = None
    """Unique on the subscription. The host makes one up."""
    key_filters: list[str] = field(default_factory=list)
    """Glob patterns for the routing keys to receive. Only for Key-Shared; empty means all."""
    expected_schema_subject: str | None = None
    """The subject that every record's schema must have. A record without it never reaches the sink."""
    batch_size: int | None = None
    """The largest number of records in a batch."""
    batch_bytes: int | None = None
    """The largest sum of payload bytes in a batch. A single record that is larger comes alone."""
    flush_interval_ms: int | None = None
    """How long the first record of a batch may wait for others."""
    payload_format: PayloadFormat = PayloadFormat.DECODED

    def to_contract(self) -> records.ConsumerConfig:
        """The same as it crosses to the host."""
        return records.ConsumerConfig(
            topic=self.topic,
            subscription=self.subscription,
            consumer_name=self.consumer_name,
            subscription_type=records.SubscriptionType[self.subscription_type.name],
            key_filters=list(self.key_filters),
            expected_schema_subject=self.expected_schema_subject,
            batch_size=_whole("batch_size", self.batch_size, 32),
            batch_bytes=_whole("batch_bytes", self.batch_bytes, 64),
            flush_interval_ms=_whole("flush_interval_ms", self.flush_interval_ms, 32),
            payload_format=records.PayloadFormat[self.payload_format.name],
        )


def _whole(key: str, number: int | None, bits: int) -> int | None:
    if number is not None and not 0 <= number < 1 << bits:
        raise Mistake(key, f"expected an integer from 0 to {(1 << bits) - 1}")
    return number


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
