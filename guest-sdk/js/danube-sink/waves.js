// The walk through a batch in sets of records that may be written at the same time.
import { Fatal, Retryable } from "./errors.js";
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
export class Waves {
  #batch;
  /** @type {Map<number, number>} For each record that has one, the next of its group. */
  #next = new Map();
  /** @type {number[]} Records that may be written now, the foremost last. */
  #ready = [];
  /** @type {Set<number>} Records that were given out and of which nothing was said so far. */
  #given = new Set();
  #outcomes = new Outcomes();

  /** @param {import("./batch.js").Batch} batch */
  constructor(batch) {
    this.#batch = batch;
    /** @type {Map<string, number>} */
    const last = new Map();
    batch.records.forEach((record, index) => {
      const group = batch.group(record);
      const before = group === undefined ? undefined : last.get(group);
      if (before === undefined) this.#ready.push(index);
      else this.#next.set(before, index);
      if (group !== undefined) last.set(group, index);
    });
    this.#ready.reverse();
  }

  /**
   * The next records, with their positions in the batch: at most `limit` (0 counts as 1), the foremost first. `set` says what
   * became of each. Empty: no more may be written in this call.
   * @param {number} limit
   * @returns {[number, import("./record.js").Record][]}
   */
  next(limit) {
    /** @type {[number, import("./record.js").Record][]} */
    const wave = [];
    while (wave.length < Math.max(limit, 1)) {
      const index = this.#ready.pop();
      const record = index === undefined ? undefined : this.#batch.records[index];
      if (index === undefined || record === undefined) break;
      this.#given.add(index);
      wave.push([index, record]);
    }
    return wave;
  }

  /**
   * Says what became of a record of a wave: nothing for written, or the error that it met. After `Retryable` no more of its
   * group are given: they are to be retried as well. A `Fatal` is thrown.
   * @param {number} index
   * @param {import("./errors.js").SinkError} [outcome]
   */
  set(index, outcome) {
    if (!this.#given.delete(index)) throw new Fatal(`a bug in the sink: it gave an outcome for record ${index} out of turn`);
    this.#outcomes.set(index, outcome);
    const behind = this.#next.get(index);
    if (behind === undefined) return;
    if (outcome instanceof Retryable) {
      const heldBack = `held back behind ${this.#batch.records[index]?.id}: ${outcome.reason}`;
      this.#outcomes.retry(this.#group(behind), heldBack, outcome.afterMs);
    } else {
      const place = this.#ready.findLastIndex((other) => other > behind);
      this.#ready.splice(place + 1, 0, behind);
    }
  }

  /**
   * Ends the walk early: every record of which nothing was said is to be retried.
   * @param {string} reason
   * @param {number} [afterMs]
   * @returns {Outcomes}
   */
  retryRest(reason, afterMs) {
    for (const first of [...this.#given, ...this.#ready]) this.#outcomes.retry(this.#group(first), reason, afterMs);
    this.#given.clear();
    this.#ready = [];
    return this.#outcomes;
  }

  /**
   * What became of all records. Those of which nothing was said, if the walk is not over, are to be retried.
   * @returns {Outcomes}
   */
  outcomes() {
    return this.retryRest("not written in this call");
  }

  /**
   * A record and those behind it in its group.
   * @param {number} first
   * @returns {Iterable<number>}
   */
  *#group(first) {
    for (let index = /** @type {number | undefined} */ (first); index !== undefined; index = this.#next.get(index)) yield index;
  }
}
