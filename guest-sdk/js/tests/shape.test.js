// Settings and payloads by shapes, and JSON without losing a digit.
import assert from "node:assert/strict";
import test from "node:test";

import { Context, Fatal, Rejected, Sink, json, t, topicMappings } from "../danube-sink/index.js";
import { Host, batch, document, record } from "../danube-sink/testing.js";

const TOPIC = "/default/orders";

const Settings = t.object({
  servers: t.array(t.object({ port: t.integer, host: t.withDefault(t.string, "localhost") })),
  level: t.withDefault(t.oneOf("low", "high"), "low"),
  ratio: t.withDefault(t.number, 1),
  token: t.optional(t.string),
  limits: t.withDefault(t.record(t.integer), {}),
});

const context = (settings) => new Context({ connectorName: "orders", instance: 0, settings });

const thrown = (call) => {
  try {
    call();
  } catch (error) {
    return error;
  }
  assert.fail("nothing was thrown");
};

test("settings are read by their shape", () => {
  const text = '{"servers": [{"port": 1}], "level": "high", "limits": {"a": 1}, "topic_mappings": []}';
  const expected = { servers: [{ port: 1, host: "localhost" }], level: "high", ratio: 1, token: undefined, limits: { a: 1 } };
  assert.deepEqual(context(text).settings(Settings), expected);
});

test("a mistake names its place and not the value", () => {
  for (const [settings, expected] of [
    ["{}", "settings: missing key `servers`"],
    ['{"servers": [], "sever": 1}', "settings: unknown key `sever`, expected `level`, `limits`, `ratio`, `servers`, `token`"],
    ['{"servers": [{"port": 1}, {"port": "s3cret"}]}', "settings: `servers[1].port`: expected an integer, got a string"],
    ['{"servers": [{"port": 1.5}]}', "settings: `servers[0].port`: expected an integer, got a number with a fraction"],
    ['{"servers": [{"prot": 1}]}', "settings: `servers[0]`: unknown key `prot`, expected `host`, `port`"],
    ['{"servers": {}}', "settings: `servers`: expected a list, got a table"],
    ['{"servers": [], "level": "mid"}', "settings: `level`: expected `low` or `high`, got another string"],
    ['{"servers": [], "limits": {"a": "b"}}', "settings: `limits.a`: expected an integer, got a string"],
    ['{"servers": [], "token": 5}', "settings: `token`: expected a string, got an integer"],
  ]) {
    const error = thrown(() => context(settings).settings(Settings));
    assert.ok(error instanceof Fatal, settings);
    assert.equal(error.reason, expected);
  }
});

test("choices are told apart from kinds", () => {
  for (const [shape, value, expected] of [
    [t.oneOf("a"), "b", "expected `a`, got another string"],
    [t.oneOf("a", "b", "c"), "d", "expected `a`, `b` or `c`, got another string"],
    [t.oneOf("a", "b", "c"), 1, "expected `a`, `b` or `c`, got an integer"],
  ]) {
    assert.equal(thrown(() => shape.read(value, "", { strict: true })).what, expected);
  }
});

test("every key of the host is read", () => {
  const text = `{"topic_mappings": [{"topic": "/default/orders", "subscription": "sink", "subscription_type": "Key-Shared",
    "consumer_name": "sink-1", "key_filters": ["eu-*"], "expected_schema_subject": "orders", "batch_size": 500,
    "batch_bytes": 1048576, "flush_interval_ms": 1000, "payload_format": "raw", "table": "t"}]}`;
  const expected = {
    topic: TOPIC,
    subscription: "sink",
    subscriptionType: "key-shared",
    consumerName: "sink-1",
    keyFilters: ["eu-*"],
    expectedSchemaSubject: "orders",
    batchSize: 500,
    batchBytes: 1048576,
    flushIntervalMs: 1000,
    payloadFormat: "raw",
  };
  const { topic_mappings } = context(text).settings(t.object({ topic_mappings: topicMappings(t.object({ table: t.string })) }));
  assert.deepEqual(topic_mappings.get(TOPIC), { consumer: expected, extra: { table: "t" } });
  assert.deepEqual(context(text).consumerConfigs(), [expected]);
});

test("what is left out crosses as null", () => {
  class Idle extends Sink {}
  const host = new Host(Idle, { topic_mappings: [{ topic: TOPIC, subscription: "s", batch_bytes: "4MiB" }] });
  assert.deepEqual(host.consumerConfigs(), [
    {
      topic: TOPIC,
      subscription: "s",
      consumerName: null,
      subscriptionType: "shared",
      keyFilters: [],
      expectedSchemaSubject: null,
      batchSize: null,
      batchBytes: null,
      flushIntervalMs: null,
      payloadFormat: "decoded",
    },
  ]);
});

test("mistakes name the mapping", () => {
  for (const [mapping, expected] of [
    ['{"topic": "/a/b"}', "settings: `topic_mappings[0]`: missing key `subscription`"],
    ['{"topic": "/a/b", "subscription": "s", "batch_size": -1}', "`topic_mappings[0].batch_size`: expected an integer from 0 to"],
    ['{"topic": "/a/b", "subscription": "s", "subscription_type": "x"}', "`topic_mappings[0].subscription_type`: expected `Shared`"],
  ]) {
    assert.ok(thrown(() => context(`{"topic_mappings": [${mapping}]}`).consumerConfigs()).reason.includes(expected), mapping);
  }
  for (const [name, expected] of [["FailOver", "failover"], ["key_shared", "key-shared"], ["KeyShared", "key-shared"]]) {
    const text = `{"topic_mappings": [{"topic": "/a/b", "subscription": "s", "subscription_type": "${name}"}]}`;
    assert.equal(context(text).consumerConfigs()[0].subscriptionType, expected);
  }
  assert.match(thrown(() => context("{}").consumerConfigs()).reason, /add an entry to `topic_mappings`/);
  const text = '{"topic_mappings": [{"topic": "/a/b", "subscription": "s", "table": "t", "bath_size": 5}]}';
  const routed = t.object({ topic_mappings: topicMappings(t.object({ table: t.string })) });
  const expected = "`topic_mappings[0]`: unknown key `bath_size`, expected `table` (besides `topic`, ";
  assert.ok(thrown(() => context(text).settings(routed)).reason.includes(expected));
});

test("large integers survive JSON", () => {
  const text = '{"id":9007199254740993,"s":"1234567890123456789","12345678901234567890":[-99999999999999999999,1.5,1e3],"e":"\\"b1\\\\"}';
  const value = json.parse(text);
  assert.equal(value.id, 9007199254740993n);
  assert.deepEqual(value["12345678901234567890"], [-99999999999999999999n, 1.5, 1000]);
  assert.deepEqual([value.s, value.e], ["1234567890123456789", '"b1\\']);
  assert.equal(json.stringify(value), text.replace("1e3", "1000"));
  assert.deepEqual(json.parse('[9007199254740991, 0.1234567890123456789]'), [9007199254740991, 0.1234567890123456789]);
  assert.equal(json.stringify({ a: ["b1", "s", 1n, undefined, null] }), '{"a":["b1","s",1,null,null]}');
});

test("payloads are read as they are asked for", () => {
  const [one] = batch(TOPIC, [document('{"id":9007199254740993,"x":1}', { partition: 2, routingKey: "k", attributes: { a: "1" } })]);
  assert.equal(one.payload.id, 9007199254740992);
  assert.equal(one.lossless().id, 9007199254740993n);
  assert.deepEqual(one.asType(t.object({ id: t.bigint })), { id: 9007199254740993n });
  assert.deepEqual([one.id, one.orderKey, one.attributes, one.text.length], ["/default/orders-part-2@0", "k", { a: "1" }, 29]);
  const error = thrown(() => one.asType(t.object({ x: t.string })));
  assert.ok(error instanceof Rejected);
  assert.equal(error.reason, "payload of /default/orders-part-2@0: `x`: expected a string, got an integer");
  const [text, binary] = batch(TOPIC, [record("Zoë"), record(Uint8Array.of(0xff, 0))]);
  assert.deepEqual([text.kind, text.payload, text.bytes.length], ["text", "Zoë", 4]);
  assert.deepEqual([binary.kind, binary.text, binary.toText()], ["binary", undefined, "\ufffd\0"]);
});
