// UTF-8 and base64, which QuickJS does not bring along.

const REPLACEMENT = 0xfffd;

/**
 * Text as UTF-8.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function encodeUtf8(text) {
  if (typeof TextEncoder === "function") return new TextEncoder().encode(text);
  return bytesOf(unescape(encodeURIComponent(wellFormed(text))));
}

/**
 * UTF-8 as text; what is none is replaced.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function decodeUtf8(bytes) {
  if (typeof TextDecoder === "function") return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const [point, length] = pointAt(bytes, at);
    text += String.fromCodePoint(point);
    at += length;
  }
  return text;
}

/**
 * The code point at a place and how many bytes it takes.
 * @param {Uint8Array} bytes
 * @param {number} at
 * @returns {[number, number]}
 */
function pointAt(bytes, at) {
  const first = bytes[at] ?? 0;
  if (first < 0x80) return [first, 1];
  const more = first >= 0xf0 && first < 0xf5 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
  if (more === 0 || first >= 0xf5) return [REPLACEMENT, 1];
  let point = first & (0x3f >> more);
  for (let index = 1; index <= more; index++) {
    const next = bytes[at + index] ?? 0;
    const least = index > 1 ? 0x80 : first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const most = index > 1 ? 0xbf : first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (next < least || next > most) return [REPLACEMENT, index];
    point = (point << 6) | (next & 0x3f);
  }
  return [point, more + 1];
}

/**
 * Bytes as base64: the standard alphabet, padded.
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function toBase64(bytes) {
  let characters = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    // Spread into a call, each byte would go through an iterator: 1.4 s for 1 MB in StarlingMonkey.
    characters += Reflect.apply(String.fromCharCode, null, bytes.subarray(at, at + 8192));
  }
  return btoa(characters);
}

/**
 * Base64 as bytes.
 * @param {string} text
 * @returns {Uint8Array}
 */
export function fromBase64(text) {
  return bytesOf(atob(text));
}

/**
 * Characters up to U+00FF as bytes.
 * @param {string} characters
 * @returns {Uint8Array}
 */
function bytesOf(characters) {
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}

/**
 * The text with halves of surrogate pairs replaced: those are no text, and the host takes text.
 * @param {string} text
 * @returns {string}
 */
export function wellFormed(text) {
  return text.toWellFormed();
}
