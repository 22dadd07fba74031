import { Batch } from "./batch.js";
import { SinkError } from "./errors.js";
import { Request, Response } from "./http.js";
export type RecordOptions = {
    routingKey?: string;
    attributes?: {
        [name: string]: string;
    };
    partition?: number;
    producer?: string;
    publishTime?: number;
};
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
export declare function record(payload: unknown, options?: RecordOptions): {
    offset: number;
    publishTime: number;
    producer: string;
    partition: number | undefined;
    routingKey: string | undefined;
    attributes: [string, string][];
    schema: null;
    payload: unknown;
};
/**
 * A record whose payload is a JSON document, given as text.
 * @param {string} text
 * @param {RecordOptions} [options]
 */
export declare function document(text: string, options?: RecordOptions): {
    offset: number;
    publishTime: number;
    producer: string;
    partition: number | undefined;
    routingKey: string | undefined;
    attributes: [string, string][];
    schema: null;
    payload: unknown;
};
/**
 * A batch of records, with offsets from `first` on.
 * @param {string} topic
 * @param {ReturnType<typeof record>[]} records
 * @param {{ order?: import("./batch.js").Order, timeLimitMs?: number, first?: number }} [options]
 */
export declare function batch(topic: string, records: ReturnType<typeof record>[], { order, timeLimitMs, first }?: {
    order?: import("./batch.js").Order;
    timeLimitMs?: number;
    first?: number;
}): Batch;
/**
 * Drives a sink as the real host does. Throws what stops the connector. With `waits`, as StarlingMonkey does: then what a
 * handler gives as a promise has to be awaited here too.
 */
export declare class Host {
    #private;
    /**
     * @param {import("./instance.js").SinkClass} kind
     * @param {{ [key: string]: unknown }} settings
     * @param {{ waits?: boolean }} [options]
     */
    constructor(kind: import("./instance.js").SinkClass, settings: {
        [key: string]: unknown;
    }, { waits }?: {
        waits?: boolean;
    });
    /**
     * What the sink consumes, as it crosses to the host.
     * @returns {any}
     */
    consumerConfigs(): any;
    /**
     * Gives records to the sink.
     * @param {string} topic
     * @param {ReturnType<typeof record>[]} records
     * @returns {any} `Outcomes`, or a promise of them if the sink waits for one.
     */
    deliver(topic: string, records: ReturnType<typeof record>[]): any;
    /** @returns {any} */
    healthCheck(): any;
    /** @returns {any} */
    shutdown(): any;
}
/**
 * Has requests answered by a function from now on, and gives them as a list. A `Fatal` in place of a response is a request that
 * is not granted, any other error one that does not get through.
 * @param {(request: Request) => Response | SinkError} answer
 * @returns {Request[]}
 */
export declare function answerHttp(answer: (request: Request) => Response | SinkError): Request[];
/**
 * Collects what is logged from now on: level and message.
 * @returns {[string, string][]}
 */
export declare function collectLog(): [string, string][];
