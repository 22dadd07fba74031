// One record: what it carries, where it stands, and what its producer said about it.
import { Rejected } from "./errors.js";
import * as json from "./json.js";
import { Mistake } from "./shape.js";
import { decodeUtf8, encodeUtf8 } from "./text.js";

/**
 * A schema of Danube's registry, as records refer to it.
 * @typedef {object} SchemaInfo
 * @property {number} id The registry's id of the subject (not of the version).
 * @property {string} subject
 * @property {number} version The version that the record was published with, from 1.
 * @property {string} type `json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`.
 */

/**
 * One record of a topic. `(topic, partition, offset)` names it for ever, see `id`: a target that can write idempotently should
 * use that as its key, since a record may come again after a crash.
 */
export class Record {
  #raw;
  #schemas;
  /** @type {{ value: any } | undefined} */
  #parsed;

  /**
   * @param {string} topic
   * @param {SchemaInfo[]} schemas
   * @param {any} raw
   */
  constructor(topic, schemas, raw) {
    /** Without a partition: `/namespace/topic`. */
    this.topic = topic;
    this.#schemas = schemas;
    this.#raw = raw;
  }

  /**
   * The payload decoded: a JSON document as values, text as a string, binary as a `Uint8Array`. The document is parsed when
   * this is first read. As everywhere in JavaScript numbers are rounded beyond 2^53, see `lossless` and `text`.
   * @returns {any}
   * @throws {Rejected} when it cannot be held, as when it is nested too deeply.
   */
  get payload() {
    this.#parsed ??= { value: this.kind === "json" ? this.#parse(JSON.parse) : this.#raw.payload.val };
    return this.#parsed.value;
  }

  /**
   * The payload like `payload`, with integers beyond 2^53 as `BigInt`. Parsed anew at each call.
   * @returns {any}
   */
  lossless() {
    return this.kind === "json" ? this.#parse(json.parse) : this.payload;
  }

  /**
   * The payload by a shape, read without losing a digit of an integer. Keys that the shape does not have are left out.
   * @template T
   * @param {import("./shape.js").Shape<T>} shape
   * @returns {T}
   * @throws {Rejected} with the record and the place in it when the payload does not fit.
   */
  asType(shape) {
    try {
      return shape.read(this.lossless(), "", { strict: false });
    } catch (error) {
      throw error instanceof Mistake ? this.#unfit(error.message) : error;
    }
  }

  /**
   * @param {(text: string) => any} parse
   * @returns {any}
   */
  #parse(parse) {
    try {
      return parse(this.#raw.payload.val);
    } catch (error) {
      throw this.#unfit(error instanceof Error ? error.message : String(error));
    }
  }

  /** @param {string} mistake */
  #unfit(mistake) {
    return new Rejected(`payload of ${this.id}: ${mistake}`);
  }

  /**
   * Which form the payload has: a JSON document, text that is none, or bytes.
   * @returns {"json" | "text" | "binary"}
   */
  get kind() {
    return this.#raw.payload.tag;
  }

  /**
   * The payload if it is JSON or text: as published, or the JSON that the host wrote for Avro and Protobuf.
   * @returns {string | undefined}
   */
  get text() {
    return this.kind === "binary" ? undefined : this.#raw.payload.val;
  }

  /**
   * The payload's bytes, whatever they are.
   * @returns {Uint8Array}
   */
  get bytes() {
    return this.kind === "binary" ? this.#raw.payload.val : encodeUtf8(this.#raw.payload.val);
  }

  /**
   * The payload as text; bytes that are not UTF-8 are replaced.
   * @returns {string}
   */
  toText() {
    return this.kind === "binary" ? decodeUtf8(this.#raw.payload.val) : this.#raw.payload.val;
  }

  /**
   * From 0; absent on a topic without partitions.
   * @returns {number | undefined}
   */
  get partition() {
    return this.#raw.partition ?? undefined;
  }

  /**
   * The position in the topic, or in the partition where there is one. Counts from 0 in steps of 1.
   * @returns {number}
   */
  get offset() {
    return Number(this.#raw.offset);
  }

  /** The record's name for ever: `topic@offset`, or `topic-part-N@offset` on a partitioned topic. */
  get id() {
    return this.partition === undefined ? `${this.topic}@${this.offset}` : `${this.topic}-part-${this.partition}@${this.offset}`;
  }

  /**
   * When the producer published it, in microseconds since 1970-01-01T00:00:00Z. `new Date(publishTime / 1000)` is a date.
   * @returns {number}
   */
  get publishTime() {
    return Number(this.#raw.publishTime);
  }

  /**
   * The name of the producer.
   * @returns {string}
   */
  get producer() {
    return this.#raw.producer;
  }

  /**
   * The key that the producer routed it by, if it gave one.
   * @returns {string | undefined}
   */
  get routingKey() {
    return this.#raw.routingKey ?? undefined;
  }

  /** What a Key-Shared subscription keeps the order by: the routing key, or the producer where there is none. */
  get orderKey() {
    return this.routingKey ?? this.producer;
  }

  /**
   * The attributes that the producer set.
   * @returns {{ [name: string]: string }}
   */
  get attributes() {
    return Object.fromEntries(this.#raw.attributes);
  }

  /**
   * The schema that it was published with, if any.
   * @returns {SchemaInfo | undefined}
   */
  get schema() {
    return this.#schemas[this.#raw.schema ?? -1];
  }
}
