"""Settings and payloads as types."""

import unittest
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, Optional

from danube_sink import ConsumerConfig, Context, Fatal, PayloadFormat, Rejected, SubscriptionType, TopicMappings, testing

TOPIC = "/default/orders"


class Mode(Enum):
    INSERT = "insert"
    UPSERT = "upsert"


@dataclass
class Server:
    port: int
    host: str = "localhost"


@dataclass
class Settings:
    servers: list[Server]
    mode: Mode = Mode.INSERT
    ratio: float = 1
    level: Literal["low", "high"] = "low"
    token: Optional[str] = None
    limits: dict[str, int] = field(default_factory=dict)
    kind: str = field(default="x", metadata={"key": "type"})


@dataclass
class PerTopic:
    table: str


@dataclass
class Routed:
    topic_mappings: TopicMappings[PerTopic]


@dataclass
class Price:
    amount: Decimal
    note: Any = None


def context(settings: str) -> Context:
    return Context("orders", 0, settings)


class SettingsTest(unittest.TestCase):
    def mistake(self, settings: str, type_: Any = Settings) -> str:
        with self.assertRaises(Fatal) as caught:
            context(settings).settings(type_)
        return caught.exception.reason

    def test_settings_are_read_into_a_dataclass(self) -> None:
        text = '{"servers": [{"port": 1}], "mode": "upsert", "ratio": 2, "level": "high", "limits": {"a": 1}, "type": "y"}'
        expected = Settings([Server(1)], Mode.UPSERT, 2.0, "high", None, {"a": 1}, "y")
        self.assertEqual(context(text).settings(Settings), expected)
        self.assertEqual(context("[1]" and '{"any": [1]}').settings(dict[str, Any]), {"any": [1]})

    def test_a_mistake_names_its_place_and_not_the_value(self) -> None:
        for settings, expected in [
            ("{}", "settings: missing key `servers`"),
            ('{"servers": [], "sever": 1}', "settings: unknown key `sever`, expected `level`, `limits`, `mode`, "),
            ('{"servers": [{"port": 1}, {"port": "s3cret"}]}', "settings: `servers[1].port`: expected an integer, got a string"),
            ('{"servers": [{"port": true}]}', "settings: `servers[0].port`: expected an integer, got true or false"),
            ('{"servers": [{"port": 1.5}]}', "expected an integer, got a number with a fraction"),
            ('{"servers": [{"prot": 1}]}', "settings: `servers[0]`: unknown key `prot`, expected `host`, `port`"),
            ('{"servers": {}}', "settings: `servers`: expected a list, got a table"),
            ('{"servers": [], "mode": "both"}', "settings: `mode`: expected `insert` or `upsert`, got another string"),
            ('{"servers": [], "level": "mid"}', "settings: `level`: expected `low` or `high`, got another string"),
            ('{"servers": [], "limits": {"a": "b"}}', "settings: `limits.a`: expected an integer, got a string"),
            ('{"servers": [], "token": 5}', "settings: `token`: expected a string, got an integer"),
        ]:
            with self.subTest(settings):
                mistake = self.mistake(settings)
                self.assertIn(expected, mistake)
                self.assertNotIn("s3cret", mistake)

    def test_topic_mappings_need_no_field(self) -> None:
        text = '{"servers": [], "topic_mappings": [{"topic": "/default/a", "subscription": "s"}]}'
        self.assertEqual(context(text).settings(Settings).servers, [])


class TopicsTest(unittest.TestCase):
    def test_every_key_of_the_host_is_read(self) -> None:
        text = """{"topic_mappings": [{"topic": "/default/orders", "subscription": "sink", "subscription_type": "Key-Shared",
            "consumer_name": "sink-1", "key_filters": ["eu-*"], "expected_schema_subject": "orders", "batch_size": 500,
            "batch_bytes": 1048576, "flush_interval_ms": 1000, "payload_format": "raw", "table": "t"}]}"""
        mappings = context(text).settings(Routed).topic_mappings
        expected = ConsumerConfig(
            TOPIC, "sink", SubscriptionType.KEY_SHARED, "sink-1", ["eu-*"], "orders", 500, 1048576, 1000, PayloadFormat.RAW
        )
        mapping = mappings.get(TOPIC)
        assert mapping is not None
        self.assertEqual((mapping.consumer, mapping.extra, len(mappings)), (expected, PerTopic("t"), 1))
        self.assertEqual(context(text).consumer_configs(), [expected])

    def test_subscription_types_are_known_by_many_spellings(self) -> None:
        for name, expected in [("FailOver", "FAILOVER"), ("key_shared", "KEY_SHARED"), ("exclusive", "EXCLUSIVE")]:
            text = f'{{"topic_mappings": [{{"topic": "/a/b", "subscription": "s", "subscription_type": "{name}"}}]}}'
            self.assertEqual(context(text).consumer_configs()[0].subscription_type, SubscriptionType[expected])

    def test_a_size_with_a_unit_is_left_to_the_host(self) -> None:
        text = '{"topic_mappings": [{"topic": "/a/b", "subscription": "s", "batch_bytes": "4MiB"}]}'
        self.assertIsNone(context(text).consumer_configs()[0].batch_bytes)

    def test_mistakes_name_the_mapping(self) -> None:
        for mapping, expected in [
            ('{"topic": "/a/b"}', "settings: `topic_mappings[0]`: missing key `subscription`"),
            ('{"topic": "/a/b", "subscription": "s", "batch_size": -1}', "`topic_mappings[0].batch_size`: expected an integer from"),
            ('{"topic": "/a/b", "subscription": "s", "subscription_type": "x"}', "`topic_mappings[0].subscription_type`: expected `Sh"),
        ]:
            with self.subTest(mapping), self.assertRaises(Fatal) as caught:
                context(f'{{"topic_mappings": [{mapping}]}}').consumer_configs()
            self.assertIn(expected, caught.exception.reason)
        text = '{"topic_mappings": [{"topic": "/a/b", "subscription": "s", "table": "t", "bath_size": 5}]}'
        with self.assertRaises(Fatal) as caught:
            context(text).settings(Routed)
        self.assertIn("`topic_mappings[0]`: unknown key `bath_size`, expected `table` (besides `topic`, ", caught.exception.reason)
        with self.assertRaises(Fatal) as caught:
            context("{}").consumer_configs()
        self.assertIn("add an entry to `topic_mappings`", caught.exception.reason)


class PayloadTest(unittest.TestCase):
    def only(self, raw: Any) -> Any:
        return testing.batch(TOPIC, [raw])[0]

    def test_integers_are_whole_and_fractions_on_request(self) -> None:
        record = self.only(testing.document('{"amount": 0.10000000000000000000001, "note": 123456789012345678901234567890}'))
        self.assertEqual(record.payload["note"], 123456789012345678901234567890)
        self.assertEqual(record.json(decimal=True)["amount"], Decimal("0.10000000000000000000001"))
        self.assertEqual(record.as_type(Price), Price(Decimal("0.10000000000000000000001"), 123456789012345678901234567890))
        self.assertIs(record.payload, record.payload)

    def test_a_payload_that_does_not_fit_is_rejected(self) -> None:
        with self.assertRaises(Rejected) as caught:
            self.only(testing.record({"port": "x", "more": 1})).as_type(Server)
        self.assertEqual(caught.exception.reason, "payload of /default/orders@0: `port`: expected an integer, got a string")
        self.assertEqual(self.only(testing.record({"port": 1, "more": 1})).as_type(Server), Server(1))
        with self.assertRaises(Rejected) as caught:
            self.only(testing.document("[" * 100_000 + "]" * 100_000)).payload
        self.assertIn("nested too deeply", caught.exception.reason)

    def test_every_kind_has_its_payload(self) -> None:
        text, binary = self.only(testing.record("Zoë")), self.only(testing.record(b"\xff\x00"))
        self.assertEqual((text.payload, text.text, text.bytes), ("Zoë", "Zoë", "Zoë".encode()))
        self.assertEqual((binary.payload, binary.text, binary.bytes), (b"\xff\x00", None, b"\xff\x00"))

    def test_a_record_tells_where_it_comes_from(self) -> None:
        record = self.only(testing.record(1, partition=2, routing_key="k", attributes={"b": "2", "a": "1"}))
        self.assertEqual((record.id, record.order_key, record.attributes), ("/default/orders-part-2@0", "k", {"a": "1", "b": "2"}))
        self.assertNotIn("1}", repr(record))
