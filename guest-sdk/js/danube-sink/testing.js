// Unit tests of sinks, run natively by Node.js: made-up records, scripted HTTP answers, and a host.
//
//     import test from "node:test";
//     import { Host, answerHttp, record } from "./danube-sink/testing.js";
//
//     test("orders", () => {
//       const sent = answerHttp(() => new http.Response(204));
//       const outcomes = new Host(MySink, { url: "http://127.0.0.1/orders" }).deliver("/default/orders", [record({ id: 7 })]);
//       assert.equal(sent[0].url, "http://127.0.0.1/orders/7");
//       assert.ok(outcomes.allWritten);
//     });
import { host } from "#host";
import { Batch } from "./batch.js";
import { Context } from "./context.js";
import { Fatal, SinkError } from "./errors.js";
import { Request, Response } from "./http.js";
import { Instance } from "./instance.js";
import * as json from "./json.js";

/**
 * @typedef {object} RecordOptions
 * @property {string} [routingKey]
 * @property {{ [name: string]: string }} [attributes]
 * @property {number} [partition]
 * @property {string} [producer]
 * @property {number} [publishTime]
 */

/**
 * A record: text from a string, binary from a `Uint8Array`, else JSON. See `document`.
 * @param {unknown} payload
 * @param {RecordOptions} [options]
 */
export function record(payload, options = {}) {
  if (typeof payload === "string") return raw({ tag: "text", val: payload }, options);
  if (payload instanceof Uint8Array) return raw({ tag: "binary", val: payload }, options);
  return document(json.stringify(payload), options);
}

/**
 * A record whose payload is a JSON document, given as text.
 * @param {string} text
 * @param {RecordOptions} [options]
 */
export function document(text, options = {}) {
  return raw({ tag: "json", val: text }, options);
}

/**
 * @param {unknown} payload
 * @param {RecordOptions} options
 */
function raw(payload, { routingKey, attributes = {}, partition, producer = "producer", publishTime = 1_700_000_000_000_000 }) {
  return { offset: 0, publishTime, producer, partition, routingKey, attributes: Object.entries(attributes).sort(), schema: null, payload };
}

/**
 * A batch of records, with offsets from `first` on.
 * @param {string} topic
 * @param {ReturnType<typeof record>[]} records
 * @param {{ order?: import("./batch.js").Order, timeLimitMs?: number, first?: number }} [options]
 */
export function batch(topic, records, { order = "any", timeLimitMs = 30_000, first = 0 } = {}) {
  const numbered = records.map((one, index) => ({ ...one, offset: first + index }));
  return Batch.of({ topic, attempt: 1, order, timeLimitMs, schemas: [], records: numbered });
}

/**
 * Drives a sink as the real host does. Throws what stops the connector. With `waits`, as StarlingMonkey does: then what a
 * handler gives as a promise has to be awaited here too.
 */
export class Host {
  #instance;
  #settings;
  #offset = 0;

  /**
   * @param {import("./instance.js").SinkClass} kind
   * @param {{ [key: string]: unknown }} settings
   * @param {{ waits?: boolean }} [options]
   */
  constructor(kind, settings, { waits = false } = {}) {
    host.waits = waits;
    this.#settings = settings;
    this.#instance = Instance.start(kind, new Context({ connectorName: "test", instance: 0, settings: json.stringify(settings) }));
  }

  /**
   * What the sink consumes, as it crosses to the host.
   * @returns {any}
   */
  consumerConfigs() {
    return this.#then((instance) => instance.consumerConfigs());
  }

  /**
   * Gives records to the sink.
   * @param {string} topic
   * @param {ReturnType<typeof record>[]} records
   * @returns {any} `Outcomes`, or a promise of them if the sink waits for one.
   */
  deliver(topic, records) {
    const given = batch(topic, records, { order: this.#order(topic), first: this.#offset });
    this.#offset += records.length;
    return this.#then((instance) => instance.processBatch(given));
  }

  /** @returns {any} */
  healthCheck() {
    return this.#then((instance) => instance.healthCheck());
  }

  /** @returns {any} */
  shutdown() {
    return this.#then((instance) => instance.shutdown());
  }

  /** @param {(instance: Instance) => unknown} call */
  #then(call) {
    return this.#instance instanceof Promise ? this.#instance.then(call) : call(this.#instance);
  }

  /**
   * @param {string} topic
   * @returns {import("./batch.js").Order}
   */
  #order(topic) {
    if (!Array.isArray(this.#settings["topic_mappings"])) return "any";
    const context = new Context({ connectorName: "test", instance: 0, settings: json.stringify(this.#settings) });
    const type = context.consumerConfigs().find((config) => config.topic === topic)?.subscriptionType ?? "shared";
    return type === "shared" ? "any" : type === "key-shared" ? "by-key" : "strict";
  }
}

/**
 * Has requests answered by a function from now on, and gives them as a list. A `Fatal` in place of a response is a request that
 * is not granted, any other error one that does not get through.
 * @param {(request: Request) => Response | SinkError} answer
 * @returns {Request[]}
 */
export function answerHttp(answer) {
  /** @type {Request[]} */
  const sent = [];
  const send = (/** @type {any} */ { method, url, headers, body, timeoutMs }) => {
    const request = new Request(method, url, { headers, body: body?.val, timeoutMs: timeoutMs ?? undefined });
    sent.push(request);
    const response = answer(request);
    if (response instanceof SinkError) throw { tag: response instanceof Fatal ? "denied" : "connect", val: response.reason };
    return { status: response.status, headers: response.headers, body: { tag: "binary", val: response.bytes } };
  };
  host.send = /** @type {any} */ (send);
  host.sendAll = (requests) =>
    requests.map((request) => {
      try {
        return /** @type {any} */ ({ tag: "ok", val: send(request) });
      } catch (error) {
        return { tag: "err", val: error };
      }
    });
  return sent;
}

/**
 * Collects what is logged from now on: level and message.
 * @returns {[string, string][]}
 */
export function collectLog() {
  /** @type {[string, string][]} */
  const lines = [];
  host.log = (level, message) => void lines.push([level, message]);
  return lines;
}
