"""The `topic_mappings` of a connector's settings: per topic, the subscription and whatever else a sink wants to know."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, Generic, TypeVar, get_args

from .consumer import ConsumerConfig
from .values import Mistake, read

Extra = TypeVar("Extra")

#: The keys of a mapping that belong to the host. All others are the sink's own.
KEYS = [field.name for field in fields(ConsumerConfig)]


@dataclass(frozen=True)
class TopicMapping(Generic[Extra]):
    """One entry: the subscription, and beside it the keys of the sink's own, as an `Extra`."""

    consumer: ConsumerConfig
    extra: Extra


class TopicMappings(Generic[Extra]):
    """Make it a field of your config, called `topic_mappings`, to have settings per topic.

    `TopicMappings[PerTopic]` reads the sink's own keys of each entry into the dataclass `PerTopic`, and refuses those that
    it does not have; `TopicMappings[dict[str, Any]]` takes any.
    """

    def __init__(self, mappings: list[TopicMapping[Extra]]) -> None:
        self._mappings = mappings

    def __iter__(self) -> Iterator[TopicMapping[Extra]]:
        return iter(self._mappings)

    def __len__(self) -> int:
        return len(self._mappings)

    def get(self, topic: str) -> TopicMapping[Extra] | None:
        """The mapping of a topic: the first one, should several subscriptions of it be consumed."""
        return next((mapping for mapping in self if mapping.consumer.topic == topic), None)

    @staticmethod
    def __read__(type_: Any, value: Any, place: str) -> TopicMappings[Any]:
        own: Any = (get_args(type_) or (Any,))[0]
        if not isinstance(value, list):
            raise Mistake(place, "expected a list of tables")
        return TopicMappings([_mapping(own, entry, f"{place}[{index}]") for index, entry in enumerate(value)])


def consumers(value: Any, place: str) -> list[ConsumerConfig]:
    """What the host shall consume according to `topic_mappings`, whatever else they hold."""
    mappings: TopicMappings[Any] = TopicMappings.__read__(TopicMappings, value, place)
    return [mapping.consumer for mapping in mappings]


def _mapping(own: Any, entry: Any, place: str) -> TopicMapping[Any]:
    if not isinstance(entry, dict):
        raise Mistake(place, "expected a table")
    hosts = {key: value for key, value in entry.items() if key in KEYS}
    size = hosts.get("batch_bytes")
    if isinstance(size, str):
        # A number with a unit. The host reads its own keys too and takes its value where a sink gives none.
        del hosts["batch_bytes"]
    consumer = read(ConsumerConfig, hosts, place, strict=True)
    try:
        consumer.to_contract()
        extra = read(own, {key: value for key, value in entry.items() if key not in KEYS}, place, strict=True)
    except Mistake as mistake:
        inside = mistake.place if mistake.place.startswith(place) else f"{place}.{mistake.place}"
        besides = f" (besides `{'`, `'.join(KEYS)}`)" if mistake.what.startswith("unknown key") else ""
        raise Mistake(inside, mistake.what + besides) from None
    return TopicMapping(consumer, extra)
