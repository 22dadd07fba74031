import { Outcomes } from "./outcomes.js";
/**
 * A batch in waves: sets of records that may be written at the same time. `Batch.waves` makes it.
 *
 *     const waves = batch.waves();
 *     for (let wave = waves.next(8); wave.length > 0; wave = waves.next(8)) {
 *       const answers = http.sendAll(wave.map(([, record]) => post(record)));
 *       wave.forEach(([index], at) => waves.set(index, answers[at].error));
 *     }
 *     return waves.outcomes();
 */
export declare class Waves {
    #private;
    /** @param {import("./batch.js").Batch} batch */
    constructor(batch: import("./batch.js").Batch);
    /**
     * The next records, with their positions in the batch: at most `limit` (0 counts as 1), the foremost first. `set` says what
     * became of each. Empty: no more may be written in this call.
     * @param {number} limit
     * @returns {[number, import("./record.js").Record][]}
     */
    next(limit: number): [number, import("./record.js").Record][];
    /**
     * Says what became of a record of a wave: nothing for written, or the error that it met. After `Retryable` no more of its
     * group are given: they are to be retried as well. A `Fatal` is thrown.
     * @param {number} index
     * @param {import("./errors.js").SinkError} [outcome]
     */
    set(index: number, outcome?: import("./errors.js").SinkError): void;
    /**
     * Ends the walk early: every record of which nothing was said is to be retried.
     * @param {string} reason
     * @param {number} [afterMs]
     * @returns {Outcomes}
     */
    retryRest(reason: string, afterMs?: number): Outcomes;
    /**
     * What became of all records. Those of which nothing was said, if the walk is not over, are to be retried.
     * @returns {Outcomes}
     */
    outcomes(): Outcomes;
}
