import { Record } from "./record.js";
import { Waves } from "./waves.js";
export type Order = "any" | "by-key" | "strict";
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
export declare class Batch {
    /** Without a partition: `/namespace/topic`. */
    topic: string;
    /** Which try this is for its records: 1 the first time, then 2, 3 and so on. */
    attempt: number;
    /** @type {Order} Among which of the records the order counts, because the subscription promises it. */
    order: Order;
    /**
     * How long this call may take, from its start, before the host ends it, which counts as a crash. A sink that can't be done
     * in time writes what it can and asks for another try of the rest.
     */
    timeLimitMs: number;
    /** @type {Record[]} */
    records: Record[];
    /**
     * @param {{ topic: string, attempt: number, order: Order, timeLimitMs: number, records: Record[] }} parts
     */
    constructor({ topic, attempt, order, timeLimitMs, records }: {
        topic: string;
        attempt: number;
        order: Order;
        timeLimitMs: number;
        records: Record[];
    });
    /**
     * A batch as it came from the host.
     * @param {any} raw
     */
    static of(raw: any): Batch;
    get length(): number;
    [Symbol.iterator](): ArrayIterator<Record>;
    /**
     * Gives the records to `write` one by one and collects what it throws. Where the order counts, a `Retryable` ends the walk
     * for its group. `Fatal` ends the walk. Anything thrown that is none of the three kinds is logged and asks for another try of
     * its record.
     * @param {(record: Record) => void | Promise<void>} write
     * @returns {import("./outcomes.js").Outcomes | Promise<import("./outcomes.js").Outcomes>} a promise only if `write` gives one.
     */
    processEach(write: (record: Record) => void | Promise<void>): import("./outcomes.js").Outcomes | Promise<import("./outcomes.js").Outcomes>;
    /**
     * The records in sets that may be written at the same time: all of them where the order does not count, else one of each
     * group, then the next of each, with nothing behind a record that has to be tried again.
     * @returns {Waves}
     */
    waves(): Waves;
    /**
     * The same with only some of the records, and the time that is left for them.
     * @param {readonly number[]} indices
     * @param {number} timeLimitMs
     * @returns {Batch}
     */
    part(indices: readonly number[], timeLimitMs: number): Batch;
    /**
     * Names the group that a record belongs to; absent: its place does not count.
     * @param {Record} record
     * @returns {string | undefined}
     */
    group(record: Record): string | undefined;
}
