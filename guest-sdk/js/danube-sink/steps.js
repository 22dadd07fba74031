// Runs what may have to wait for promises, in one way for an engine that can and for one that can't: as a generator that gives
// away each answer of the sink and gets it back, settled.
import { host } from "#host";
import { report } from "./log.js";

/**
 * @template T
 * @typedef {Generator<unknown, T, any>} Steps
 */

/**
 * @template T
 * @param {Steps<T>} steps
 * @returns {T | Promise<T>}
 */
export function run(steps) {
  let step = steps.next();
  while (!step.done) {
    if (!isPromise(step.value)) {
      step = steps.next(step.value);
    } else if (host.waits) {
      return wait(steps, step.value);
    } else {
      step = steps.throw(disappointment(step.value));
    }
  }
  return step.value;
}

/** What to do about a promise on an engine that can't wait. */
export const ADVICE = "QuickJS does not wait for promises; use `http`, which needs none, or build with `ENGINE=starling`";

/** @type {WeakMap<object, unknown>} Why promises were rejected, on an engine that does not say. */
const rejections = new WeakMap();

/**
 * QuickJS calls back nobody as long as the host waits for an answer, so that a rejection would never be heard of. This
 * remembers those of promises that are made by `new Promise` and `Promise.reject`.
 */
export function trackPromises() {
  /** @type {any} */
  const Native = globalThis.Promise;
  /** @typedef {(value?: unknown) => void} Settle */
  /** @type {any} */
  const tracked = class Promise extends Native {
    /** @param {(resolve: Settle, reject: Settle) => void} executor */
    constructor(executor) {
      /** @type {{ cause: unknown } | undefined} */
      let rejection;
      super((/** @type {Settle} */ resolve, /** @type {Settle} */ reject) =>
        executor(resolve, (cause) => {
          rejection = { cause };
          reject(cause);
        }),
      );
      if (rejection) rejections.set(this, rejection.cause);
    }
  };
  globalThis.Promise = tracked;
}

/**
 * What to throw in place of a promise: the error that it was rejected with, if that is known.
 * @param {PromiseLike<unknown>} promise
 * @returns {unknown}
 */
function disappointment(promise) {
  if (rejections.has(promise)) return rejections.get(promise);
  // Natively, in tests, it may still say.
  promise.then(undefined, (cause) => report("the promise was rejected", cause));
  return new TypeError(`a promise instead of an answer: ${ADVICE}`);
}

/**
 * @template T
 * @param {Steps<T>} steps
 * @param {PromiseLike<unknown>} promise
 * @returns {Promise<T>}
 */
async function wait(steps, promise) {
  /** @type {unknown} */
  let value = promise;
  for (;;) {
    let settled;
    try {
      const answer = await value;
      settled = () => steps.next(answer);
    } catch (error) {
      settled = () => steps.throw(error);
    }
    const step = settled();
    if (step.done) return step.value;
    value = step.value;
  }
}

/**
 * @param {any} value
 * @returns {value is PromiseLike<unknown>}
 */
function isPromise(value) {
  return typeof value === "object" && value !== null && typeof value.then === "function";
}
