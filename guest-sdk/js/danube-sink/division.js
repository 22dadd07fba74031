// A batch on its way through a sink: in one call or, if that fails in a way that nobody expected, in halves.
import { Fatal, Rejected, Retryable, SinkError, Unexpected } from "./errors.js";
import { report } from "./log.js";
import { Outcomes } from "./outcomes.js";

/** How many unexpected errors of a call are logged with their stack trace. */
const TOLD = 5;

/**
 * Gives a batch to a sink.
 * @param {import("./sink.js").Sink<any>} sink
 * @param {import("./batch.js").Batch} batch
 * @returns {import("./steps.js").Steps<Outcomes>}
 */
export function* divide(sink, batch) {
  const division = new Division(batch);
  /** @type {number[][]} */
  const parts = [batch.records.map((_, index) => index)];
  for (let part = parts.shift(); part; part = parts.shift()) {
    const free = division.holdBack(part);
    if (free.length === 0) continue;
    if (division.isOutOfTime) {
      division.retry(free, new Retryable(`no time left in this call, after ${division.unexpected?.reason}`));
      continue;
    }
    const whole = free.length === batch.length;
    try {
      division.take(free, yield sink.processBatch(whole ? batch : batch.part(free, division.timeLeft)));
    } catch (error) {
      if (error instanceof Fatal || (whole && error instanceof SinkError)) throw error;
      parts.unshift(...division.blame(free, error));
    }
  }
  return division.result();
}

class Division {
  #batch;
  #outcomes = new Outcomes();
  /** @type {Map<string, [string, Retryable]>} By group, the record that has to be tried again and holds up those behind it. */
  #blocked = new Map();
  #end;
  #told = 0;
  /** @type {Unexpected | undefined} */
  unexpected;

  /** @param {import("./batch.js").Batch} batch */
  constructor(batch) {
    this.#batch = batch;
    this.#end = Date.now() + batch.timeLimitMs;
  }

  get timeLeft() {
    return this.#end - Date.now();
  }

  get isOutOfTime() {
    return this.unexpected !== undefined && this.timeLeft < this.#batch.timeLimitMs / 2;
  }

  /**
   * What the sink says of the records of a part becomes what is said of those of the batch.
   * @param {number[]} part
   * @param {unknown} answer
   */
  take(part, answer) {
    if (answer === undefined) return;
    if (!(answer instanceof Outcomes)) throw new TypeError("`processBatch` gave something else than `Outcomes` or nothing");
    for (const [at, failure] of answer.failures) {
      const index = part[at];
      if (index === undefined) throw new Fatal(`a bug in the sink: it gave an outcome for record ${at} of a batch of ${part.length}`);
      if (failure.retry) this.retry([index], new Retryable(failure.reason, failure.afterMs));
      else this.#outcomes.reject([index], failure.reason);
    }
  }

  /**
   * Something was thrown: says what it means for the records of a part, or gives the halves to try.
   * @param {number[]} part
   * @param {unknown} error
   * @returns {number[][]}
   */
  blame(part, error) {
    if (error instanceof Rejected) this.#outcomes.reject(part, error.reason);
    if (error instanceof Retryable) this.retry(part, error);
    if (error instanceof SinkError) return [];
    // The first, and a few of those that stand alone: a mistake that hits every record need not be told of each.
    if (part.length === this.#batch.length || (part.length === 1 && this.#told < TOLD)) {
      this.#told += 1;
      report(`processBatch with ${part.length} records from ${this.#batch.records[part[0] ?? 0]?.id} on`, error);
    }
    this.unexpected = new Unexpected(error);
    if (part.length > 1) {
      const middle = part.length >> 1;
      return [part.slice(0, middle), part.slice(middle)];
    }
    this.retry(part, this.unexpected);
    return [];
  }

  /**
   * @param {number[]} part
   * @param {Retryable} error
   */
  retry(part, error) {
    this.#outcomes.retry(part, error.reason, error.afterMs);
    for (const index of part) {
      const record = this.#batch.records[index];
      const group = record && this.#batch.group(record);
      if (group !== undefined && !this.#blocked.has(group)) this.#blocked.set(group, [record?.id ?? "", error]);
    }
  }

  /**
   * The records of a part that nothing before them holds up; the others are to be retried.
   * @param {number[]} part
   * @returns {number[]}
   */
  holdBack(part) {
    if (this.#blocked.size === 0) return part;
    return part.filter((index) => {
      const record = this.#batch.records[index];
      const before = record && this.#blocked.get(this.#batch.group(record) ?? "");
      if (!before) return true;
      const [first, error] = before;
      this.#outcomes.retry([index], `held back behind ${first}: ${error.reason}`, error.afterMs);
      return false;
    });
  }

  /** @returns {Outcomes} */
  result() {
    const failures = this.#outcomes.failures;
    const nothing = failures.length === this.#batch.length && failures.every(([, failure]) => failure.retry);
    if (this.unexpected && nothing) throw this.unexpected;
    return this.#outcomes;
  }
}
