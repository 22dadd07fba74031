/**
 * Text as UTF-8.
 * @param {string} text
 * @returns {Uint8Array}
 */
export declare function encodeUtf8(text: string): Uint8Array;
/**
 * UTF-8 as text; what is none is replaced.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export declare function decodeUtf8(bytes: Uint8Array): string;
/**
 * Bytes as base64: the standard alphabet, padded.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export declare function toBase64(bytes: Uint8Array): string;
/**
 * Base64 as bytes.
 * @param {string} text
 * @returns {Uint8Array}
 */
export declare function fromBase64(text: string): Uint8Array;
/**
 * The text with halves of surrogate pairs replaced: those are no text, and the host takes text.
 * @param {string} text
 * @returns {string}
 */
export declare function wellFormed(text: string): string;
