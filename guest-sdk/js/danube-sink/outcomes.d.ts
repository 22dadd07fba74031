export type Failure = {
    retry: true;
    reason: string;
    afterMs?: number | undefined;
} | {
    retry: false;
    reason: string;
};
/**
 * Why one record of a batch was not written: `retry` says whether it may work later.
 * @typedef {{ retry: true, reason: string, afterMs?: number | undefined } | { retry: false, reason: string }} Failure
 */
/** What became of each record of a batch: written, unless it is named here as failed. */
export declare class Outcomes {
    #private;
    /**
     * Says what became of the record at `index` of the batch: nothing for written, or the error that it met. What was said of
     * the record before is replaced. A `Fatal` is thrown, since it ends the whole call.
     * @param {number} index
     * @param {import("./errors.js").SinkError} [outcome]
     */
    set(index: number, outcome?: import("./errors.js").SinkError): void;
    /**
     * Asks for the records at `indices` to be given again, all for one reason.
     * @param {Iterable<number>} indices
     * @param {string} reason
     * @param {number} [afterMs]
     */
    retry(indices: Iterable<number>, reason: string, afterMs?: number): void;
    /**
     * Says that the records at `indices` are bad, all for one reason.
     * @param {Iterable<number>} indices
     * @param {string} reason
     */
    reject(indices: Iterable<number>, reason: string): void;
    /** The records that were not written: their positions in the batch, rising, and why. */
    get failures(): [number, Failure][];
    /** Whether every record was written. */
    get allWritten(): boolean;
}
