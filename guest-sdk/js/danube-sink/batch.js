// A batch: records of one topic, and the walk through them one by one.
import { SinkError, Unexpected } from "./errors.js";
import { report } from "./log.js";
import { Record } from "./record.js";
import { run } from "./steps.js";
import { Waves } from "./waves.js";

/**
 * Among which records of a batch the order counts. Those form a group, and groups are independent of each other. Within a
 * group records are written in the order given, and behind one that has to be tried again none is written in the same call. A
 * record that is rejected holds up nothing.
 *
 * `any`: among none, what Shared promises; `by-key`: among those with the same `orderKey` in the same partition, what
 * Key-Shared promises; `strict`: among all or, on a topic with partitions, among all of one, what Exclusive and Failover promise.
 * @typedef {"any" | "by-key" | "strict"} Order
 */

/** Records of one topic, in the order in which the broker gave them. Never empty. */
export class Batch {
  /**
   * @param {{ topic: string, attempt: number, order: Order, timeLimitMs: number, records: Record[] }} parts
   */
  constructor({ topic, attempt, order, timeLimitMs, records }) {
    /** Without a partition: `/namespace/topic`. */
    this.topic = topic;
    /** Which try this is for its records: 1 the first time, then 2, 3 and so on. */
    this.attempt = attempt;
    /** @type {Order} Among which of the records the order counts, because the subscription promises it. */
    this.order = order;
    /**
     * How long this call may take, from its start, before the host ends it, which counts as a crash. A sink that can't be done
     * in time writes what it can and asks for another try of the rest.
     */
    this.timeLimitMs = timeLimitMs;
    /** @type {Record[]} */
    this.records = records;
  }

  /**
   * A batch as it came from the host.
   * @param {any} raw
   */
  static of(raw) {
    const schemas = raw.schemas.map((/** @type {any} */ { id, subject, version, schemaType }) => ({
      id: Number(id),
      subject,
      version,
      type: schemaType,
    }));
    const records = raw.records.map((/** @type {any} */ record) => new Record(raw.topic, schemas, record));
    return new Batch({ topic: raw.topic, attempt: raw.attempt, order: raw.order, timeLimitMs: raw.timeLimitMs, records });
  }

  get length() {
    return this.records.length;
  }

  [Symbol.iterator]() {
    return this.records[Symbol.iterator]();
  }

  /**
   * Gives the records to `write` one by one and collects what it throws. Where the order counts, a `Retryable` ends the walk
   * for its group. `Fatal` ends the walk. Anything thrown that is none of the three kinds is logged and asks for another try of
   * its record.
   * @param {(record: Record) => void | Promise<void>} write
   * @returns {import("./outcomes.js").Outcomes | Promise<import("./outcomes.js").Outcomes>} a promise only if `write` gives one.
   */
  processEach(write) {
    return run(walk(this.waves(), write));
  }

  /**
   * The records in sets that may be written at the same time: all of them where the order does not count, else one of each
   * group, then the next of each, with nothing behind a record that has to be tried again.
   * @returns {Waves}
   */
  waves() {
    return new Waves(this);
  }

  /**
   * The same with only some of the records, and the time that is left for them.
   * @param {readonly number[]} indices
   * @param {number} timeLimitMs
   * @returns {Batch}
   */
  part(indices, timeLimitMs) {
    return new Batch({ ...this, timeLimitMs, records: indices.flatMap((index) => this.records[index] ?? []) });
  }

  /**
   * Names the group that a record belongs to; absent: its place does not count.
   * @param {Record} record
   * @returns {string | undefined}
   */
  group(record) {
    if (this.order === "any") return undefined;
    return `${record.partition ?? ""}/${this.order === "by-key" ? record.orderKey : ""}`;
  }
}

/**
 * @param {Waves} waves
 * @param {(record: Record) => void | Promise<void>} write
 * @returns {import("./steps.js").Steps<import("./outcomes.js").Outcomes>}
 */
function* walk(waves, write) {
  for (let wave = waves.next(1); wave.length > 0; wave = waves.next(1)) {
    for (const [index, record] of wave) {
      try {
        const answer = yield write(record);
        if (answer !== undefined) throw new TypeError("`process` gave an answer, expected none");
      } catch (error) {
        if (!(error instanceof SinkError)) report(record.id, error);
        waves.set(index, error instanceof SinkError ? error : new Unexpected(error));
        continue;
      }
      waves.set(index);
    }
  }
  return waves.outcomes();
}
