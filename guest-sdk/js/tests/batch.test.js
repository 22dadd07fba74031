// Batches: order, outcomes, and what becomes of what nobody expected.
import assert from "node:assert/strict";
import test from "node:test";

import { Context, Fatal, Outcomes, Rejected, Retryable, Sink, register } from "../danube-sink/index.js";
import { Instance } from "../danube-sink/instance.js";
import { failures, sinkError } from "../danube-sink/register.js";
import { Host, batch, collectLog, record } from "../danube-sink/testing.js";

const TOPIC = "/default/orders";

const keyed = (order, keys) => batch(TOPIC, [...keys].map((routingKey) => record(0, { routingKey })), { order });
const busyAt = (busy) => (index) => (index === busy ? new Retryable("busy", 2000) : undefined);
const reasons = (outcomes) => Object.fromEntries(outcomes.failures.map(([index, { reason }]) => [index, reason]));

function walk(batch, limit, outcome) {
  const [waves, seen] = [batch.waves(), []];
  for (let wave = waves.next(limit); wave.length > 0; wave = waves.next(limit)) {
    seen.push(wave.map(([index]) => index));
    for (const [index] of wave) waves.set(index, outcome(index));
  }
  return [seen, waves.outcomes()];
}

test("without order a wave is as large as wanted", () => {
  const [seen, outcomes] = walk(keyed("any", "aaaba"), 2, busyAt(0));
  assert.deepEqual([seen, reasons(outcomes)], [[[0, 1], [2, 3], [4]], { 0: "busy" }]);
});

test("a wave has one record of a key", () => {
  assert.deepEqual(walk(keyed("by-key", "aabacb"), 8, () => {})[0], [[0, 2, 4], [1, 5], [3]]);
  assert.deepEqual(walk(keyed("by-key", "aabacb"), 2, () => {})[0], [[0, 2], [1, 4], [3, 5]]);
  assert.deepEqual(walk(keyed("by-key", "aabacb"), 0, () => {})[0], [[0], [1], [2], [3], [4], [5]]);
});

test("a retry holds back its group and no other", () => {
  const [seen, outcomes] = walk(keyed("by-key", "ababa"), 8, busyAt(2));
  assert.deepEqual([seen, reasons(outcomes)], [[[0, 1], [2, 3]], { 2: "busy", 4: "held back behind /default/orders@2: busy" }]);
  assert.deepEqual(outcomes.failures.map(([, { afterMs }]) => afterMs), [2000, 2000]);
  const rejected = (index) => (index === 0 ? new Rejected("bad") : undefined);
  assert.deepEqual(walk(keyed("strict", "ab"), 8, rejected)[0], [[0], [1]]);
});

test("a strict wave has one record of a partition", () => {
  const parts = batch(TOPIC, [0, 1, 0, 1, 1].map((partition) => record(0, { partition })), { order: "strict" });
  const [seen, outcomes] = walk(parts, 8, busyAt(0));
  assert.deepEqual([seen, Object.keys(reasons(outcomes))], [[[0, 1], [3], [4]], ["0", "2"]]);
});

test("what is not spoken of is retried", () => {
  const waves = keyed("by-key", "ababc").waves();
  waves.next(2);
  waves.set(0);
  assert.deepEqual(Object.keys(reasons(waves.retryRest("no time"))), ["1", "2", "3", "4"]);
  assert.throws(() => waves.set(0), Fatal);
});

/** Does with each record what its payload says. */
class Each extends Sink {
  process(record) {
    if (record.payload === "crash") throw new Error("told to\ncrash");
    if (record.payload === "promise") return Promise.reject(new Error("told to promise"));
    if (record.payload === "busy") throw new Retryable("busy");
    if (record.payload === "bad") throw new Rejected("bad");
    if (record.payload === "fatal") throw new Fatal("no such table");
  }
}

/** The same, but a crash costs the whole batch. */
class Whole extends Each {
  calls = [];

  processBatch(batch) {
    this.calls.push(batch.length);
    for (const record of batch) if (/crash|busy|promise/.test(record.payload)) return super.process(record);
  }
}

/** Waits for each record. */
class Waiting extends Each {
  async process(record) {
    await undefined;
    await super.process(record);
  }
}

function deliver(kind, payloads, type = "Shared", options = {}) {
  const host = new Host(kind, { topic_mappings: [{ topic: TOPIC, subscription: "s", subscription_type: type }] }, options);
  return host.deliver(TOPIC, payloads.map((payload) => record(payload)));
}

test("each record has its own outcome", () => {
  const lines = collectLog();
  const outcomes = deliver(Each, ["ok", "crash", "bad", "busy", "ok"]);
  assert.deepEqual(reasons(outcomes), { 1: "Error: told to crash", 2: "bad", 3: "busy" });
  assert.deepEqual(outcomes.failures.map(([, { retry }]) => retry), [true, false, true]);
  assert.equal(lines.length, 1);
  assert.match(lines[0].join(" "), /^error \/default\/orders@1: Error: told to\ncrash\n.*batch\.test\.js/s);
});

test("order is kept behind a crash", () => {
  collectLog();
  const expected = { 1: "Error: told to crash", 2: "held back behind /default/orders@1: Error: told to crash" };
  for (const kind of [Each, Whole]) assert.deepEqual(reasons(deliver(kind, ["ok", "crash", "ok"], "Exclusive")), expected);
});

test("one bad record costs one record", () => {
  collectLog();
  const payloads = [...Array(5).fill("ok"), "crash", ...Array(10).fill("ok")];
  assert.deepEqual(reasons(deliver(Whole, payloads)), { 5: "Error: told to crash" });
  const mixed = deliver(Whole, ["crash", "ok", "busy", "ok"]);
  assert.deepEqual(reasons(mixed), { 0: "Error: told to crash", 2: "busy", 3: "busy" });
});

test("when nothing works the batch is retried", () => {
  collectLog();
  assert.throws(() => deliver(Whole, ["crash", "crash", "crash"]), { name: "Unexpected", message: "Error: told to crash" });
  assert.throws(() => deliver(Each, ["ok", "fatal"]), Fatal);
});

test("no time is left for halves", () => {
  collectLog();
  const instance = Instance.start(Whole, new Context({ connectorName: "test", instance: 0, settings: "{}" }));
  assert.throws(() => instance.processBatch(batch(TOPIC, [record("ok"), record("crash")], { timeLimitMs: -10 })), Retryable);
  assert.deepEqual(instance.sink.calls, [2]);
});

test("a promise is never taken for success", () => {
  collectLog();
  const expected = /^TypeError: a promise instead of an answer: QuickJS does not wait/;
  assert.match(reasons(deliver(Each, ["ok", "promise", "ok"]))[1], expected);
  assert.match(reasons(deliver(Whole, ["ok", "promise", "ok"]))[1], expected);
  assert.match(reasons(deliver(Waiting, ["ok", "ok"]))[0], expected);
});

test("an engine that can wait does", async () => {
  collectLog();
  const outcomes = await deliver(Waiting, ["ok", "crash", "bad", "promise"], "Shared", { waits: true });
  assert.deepEqual(reasons(outcomes), { 1: "Error: told to crash", 2: "bad", 3: "Error: told to promise" });
  const whole = await deliver(Whole, ["ok", "promise", "ok"], "Shared", { waits: true });
  assert.deepEqual(reasons(whole), { 1: "Error: told to promise" });
});

test("what a handler must not say is an error", () => {
  collectLog();
  class Talkative extends Sink {
    initialize(config) {
      return config.say;
    }
    processBatch() {
      return { 1: "bad" };
    }
  }
  assert.throws(() => new Host(Talkative, { say: 1 }), { message: "initialize: TypeError: `initialize` gave an answer, expected none" });
  assert.throws(() => new Host(Talkative, {}).deliver(TOPIC, [record(1)]), /something else than `Outcomes`/);
  class Beyond extends Sink {
    processBatch(batch) {
      const outcomes = new Outcomes();
      outcomes.reject([batch.length], "not there");
      return outcomes;
    }
  }
  const expected = "a bug in the sink: it gave an outcome for record 2 of a batch of 2";
  assert.throws(() => new Host(Beyond, {}).deliver(TOPIC, [record(1), record(2)]), { message: expected });
});

test("what cannot work is refused when it is built", () => {
  assert.throws(() => register(class Idle extends Sink {}), /`Idle` has neither/);
  assert.throws(() => register(class {}), /derives from `Sink`/);
  assert.deepEqual(Object.keys(register(Each)), ["sink", "lifecycle"]);
});

test("outcomes cross with index and pause", () => {
  const outcomes = new Outcomes();
  outcomes.reject([4], "bad");
  outcomes.retry([1], "busy \ud800", 1500.7);
  outcomes.retry([2], "busy");
  assert.deepEqual(failures({ failures: outcomes.failures }).map(({ index }) => index), [1, 2, 4]);
  assert.deepEqual(failures(outcomes)[0].failure, { tag: "retry", val: { reason: "busy \ufffd", afterMs: 1500 } });
  assert.deepEqual(failures(outcomes)[1].failure.val.afterMs, null);
  assert.deepEqual(sinkError(new Retryable("r", 1e12)), { tag: "retryable", val: { reason: "r", afterMs: 2 ** 32 - 1 } });
  assert.deepEqual(sinkError(new Error("e")), { tag: "fatal", val: "e" });
});
