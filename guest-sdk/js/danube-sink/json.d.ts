/**
 * Parses JSON like `JSON.parse`, but gives integers beyond 2^53 as `BigInt`.
 * @param {string} text
 * @returns {any}
 */
export declare function parse(text: string): any;
/**
 * Writes JSON like `JSON.stringify`, and a `BigInt` as the integer that it is.
 * @param {unknown} value
 * @returns {string}
 */
export declare function stringify(value: unknown): string;
