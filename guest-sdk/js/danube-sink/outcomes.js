// What became of each record of a batch.
import { Fatal, Rejected, Retryable } from "./errors.js";

/**
 * Why one record of a batch was not written: `retry` says whether it may work later.
 * @typedef {{ retry: true, reason: string, afterMs?: number | undefined } | { retry: false, reason: string }} Failure
 */

/** What became of each record of a batch: written, unless it is named here as failed. */
export class Outcomes {
  /** @type {Map<number, Failure>} */
  #failures = new Map();

  /**
   * Says what became of the record at `index` of the batch: nothing for written, or the error that it met. What was said of
   * the record before is replaced. A `Fatal` is thrown, since it ends the whole call.
   * @param {number} index
   * @param {import("./errors.js").SinkError} [outcome]
   */
  set(index, outcome) {
    if (outcome === undefined) this.#failures.delete(index);
    else if (outcome instanceof Retryable) this.retry([index], outcome.reason, outcome.afterMs);
    else if (outcome instanceof Rejected) this.reject([index], outcome.reason);
    else if (outcome instanceof Fatal) throw outcome;
    else throw new TypeError("an outcome is Retryable, Rejected, Fatal or nothing");
  }

  /**
   * Asks for the records at `indices` to be given again, all for one reason.
   * @param {Iterable<number>} indices
   * @param {string} reason
   * @param {number} [afterMs]
   */
  retry(indices, reason, afterMs) {
    for (const index of indices) this.#failures.set(index, { retry: true, reason, afterMs });
  }

  /**
   * Says that the records at `indices` are bad, all for one reason.
   * @param {Iterable<number>} indices
   * @param {string} reason
   */
  reject(indices, reason) {
    for (const index of indices) this.#failures.set(index, { retry: false, reason });
  }

  /** The records that were not written: their positions in the batch, rising, and why. */
  get failures() {
    return [...this.#failures].sort(([a], [b]) => a - b);
  }

  /** Whether every record was written. */
  get allWritten() {
    return this.#failures.size === 0;
  }
}
