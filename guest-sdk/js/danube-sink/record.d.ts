export type SchemaInfo = {
    /**
     * The registry's id of the subject (not of the version).
     */
    id: number;
    subject: string;
    /**
     * The version that the record was published with, from 1.
     */
    version: number;
    /**
     * `json_schema`, `avro`, `protobuf`, `string`, `number` or `bytes`.
     */
    type: string;
};
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
export declare class Record {
    #private;
    /** Without a partition: `/namespace/topic`. */
    topic: string;
    /**
     * @param {string} topic
     * @param {SchemaInfo[]} schemas
     * @param {any} raw
     */
    constructor(topic: string, schemas: SchemaInfo[], raw: any);
    /**
     * The payload decoded: a JSON document as values, text as a string, binary as a `Uint8Array`. The document is parsed when
     * this is first read. As everywhere in JavaScript numbers are rounded beyond 2^53, see `lossless` and `text`.
     * @returns {any}
     * @throws {Rejected} when it cannot be held, as when it is nested too deeply.
     */
    get payload(): any;
    /**
     * The payload like `payload`, with integers beyond 2^53 as `BigInt`. Parsed anew at each call.
     * @returns {any}
     */
    lossless(): any;
    /**
     * The payload by a shape, read without losing a digit of an integer. Keys that the shape does not have are left out.
     * @template T
     * @param {import("./shape.js").Shape<T>} shape
     * @returns {T}
     * @throws {Rejected} with the record and the place in it when the payload does not fit.
     */
    asType<T>(shape: import("./shape.js").Shape<T>): T;
    /**
     * Which form the payload has: a JSON document, text that is none, or bytes.
     * @returns {"json" | "text" | "binary"}
     */
    get kind(): "json" | "text" | "binary";
    /**
     * The payload if it is JSON or text: as published, or the JSON that the host wrote for Avro and Protobuf.
     * @returns {string | undefined}
     */
    get text(): string | undefined;
    /**
     * The payload's bytes, whatever they are.
     * @returns {Uint8Array}
     */
    get bytes(): Uint8Array;
    /**
     * The payload as text; bytes that are not UTF-8 are replaced.
     * @returns {string}
     */
    toText(): string;
    /**
     * From 0; absent on a topic without partitions.
     * @returns {number | undefined}
     */
    get partition(): number | undefined;
    /**
     * The position in the topic, or in the partition where there is one. Counts from 0 in steps of 1.
     * @returns {number}
     */
    get offset(): number;
    /** The record's name for ever: `topic@offset`, or `topic-part-N@offset` on a partitioned topic. */
    get id(): string;
    /**
     * When the producer published it, in microseconds since 1970-01-01T00:00:00Z. `new Date(publishTime / 1000)` is a date.
     * @returns {number}
     */
    get publishTime(): number;
    /**
     * The name of the producer.
     * @returns {string}
     */
    get producer(): string;
    /**
     * The key that the producer routed it by, if it gave one.
     * @returns {string | undefined}
     */
    get routingKey(): string | undefined;
    /** What a Key-Shared subscription keeps the order by: the routing key, or the producer where there is none. */
    get orderKey(): string;
    /**
     * The attributes that the producer set.
     * @returns {{ [name: string]: string }}
     */
    get attributes(): {
        [name: string]: string;
    };
    /**
     * The schema that it was published with, if any.
     * @returns {SchemaInfo | undefined}
     */
    get schema(): SchemaInfo | undefined;
}
