/**
 * Thrown by a sink as one of its three kinds. The reason is for people and goes into the host's log, the connector's status
 * and, for a record that ends there, its dead letter. Put no secret and no payload into it.
 */
export declare class SinkError extends Error {
    reason: string;
    /** @param {string} reason */
    constructor(reason: string);
    /**
     * Itself, so that the answers of `http.sendAll` are alike.
     * @returns {SinkError | undefined}
     */
    get error(): SinkError | undefined;
}
/** It may work later: the target is down, busy, or asks to slow down. The host tries again, and loses nothing. */
export declare class Retryable extends SinkError {
    afterMs: number | undefined;
    /**
     * @param {string} reason
     * @param {number} [afterMs] How long to wait at least. Without it the host backs off exponentially.
     */
    constructor(reason: string, afterMs?: number);
}
/** The data is bad, and no number of tries will change that: the host dead-letters it, skips it or stops, as `on_reject` says. */
export declare class Rejected extends SinkError {
}
/**
 * Nothing will work until a person changes something: wrong credentials, a missing table, a setting that makes no sense. The
 * host stops the connector and shows the reason. Nothing is acknowledged.
 */
export declare class Fatal extends SinkError {
}
/** Something thrown that is none of the three, turned into a reason. */
export declare class Unexpected extends Retryable {
    /** @param {unknown} cause */
    constructor(cause: unknown);
}
