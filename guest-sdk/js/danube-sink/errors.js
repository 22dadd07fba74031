// What can go wrong in a sink, sorted by what the host should do about it.

/**
 * Thrown by a sink as one of its three kinds. The reason is for people and goes into the host's log, the connector's status
 * and, for a record that ends there, its dead letter. Put no secret and no payload into it.
 */
export class SinkError extends Error {
  /** @param {string} reason */
  constructor(reason) {
    super(reason);
    this.reason = reason;
    this.name = new.target.name;
  }

  /**
   * Itself, so that the answers of `http.sendAll` are alike.
   * @returns {SinkError | undefined}
   */
  get error() {
    return this;
  }
}

/** It may work later: the target is down, busy, or asks to slow down. The host tries again, and loses nothing. */
export class Retryable extends SinkError {
  /**
   * @param {string} reason
   * @param {number} [afterMs] How long to wait at least. Without it the host backs off exponentially.
   */
  constructor(reason, afterMs) {
    super(reason);
    this.afterMs = afterMs;
  }
}

/** The data is bad, and no number of tries will change that: the host dead-letters it, skips it or stops, as `on_reject` says. */
export class Rejected extends SinkError {}

/**
 * Nothing will work until a person changes something: wrong credentials, a missing table, a setting that makes no sense. The
 * host stops the connector and shows the reason. Nothing is acknowledged.
 */
export class Fatal extends SinkError {}

/** Something thrown that is none of the three, turned into a reason. */
export class Unexpected extends Retryable {
  /** @param {unknown} cause */
  constructor(cause) {
    super(inWords(cause));
  }
}

/**
 * What was thrown, on one line.
 * @param {unknown} cause
 * @returns {string}
 */
function inWords(cause) {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : `${typeof cause} thrown: ${shown(cause)}`;
  return text.replace(/\s+/g, " ").trim();
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function shown(value) {
  try {
    return typeof value === "object" ? (JSON.stringify(value) ?? "nothing") : String(value);
  } catch {
    return "something that has no text";
  }
}
