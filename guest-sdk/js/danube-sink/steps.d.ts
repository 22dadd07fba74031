export type Steps<T> = Generator<unknown, T, any>;
/**
 * @template T
 * @typedef {Generator<unknown, T, any>} Steps
 */
/**
 * @template T
 * @param {Steps<T>} steps
 * @returns {T | Promise<T>}
 */
export declare function run<T>(steps: Steps<T>): T | Promise<T>;
/** What to do about a promise on an engine that can't wait. */
export declare const ADVICE = "QuickJS does not wait for promises; use `http`, which needs none, or build with `ENGINE=starling`";
/**
 * QuickJS calls back nobody as long as the host waits for an answer, so that a rejection would never be heard of. This
 * remembers those of promises that are made by `new Promise` and `Promise.reject`.
 */
export declare function trackPromises(): void;
