// JSON without losing a digit of an integer: those beyond 2^53 become BigInt, and BigInt is written as an integer.
//
// Neither direction can be had from JSON.parse and JSON.stringify alone on every engine. So, where such an integer is at all,
// each string is marked with an `s` and each such integer written as a string with a `b`, on one side of the standard function.

const TOKEN = /"(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/**
 * Parses JSON like `JSON.parse`, but gives integers beyond 2^53 as `BigInt`.
 * @param {string} text
 * @returns {any}
 */
export function parse(text) {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  const marked = text.replace(TOKEN, (token) => {
    if (token.startsWith('"')) return token.endsWith(":") ? token : `"s${token.slice(1)}`;
    return isLargeInteger(token) ? `"b${token}"` : token;
  });
  return JSON.parse(marked, (_, value) => (typeof value === "string" ? unmarked(value) : value));
}

/**
 * Writes JSON like `JSON.stringify`, and a `BigInt` as the integer that it is.
 * @param {unknown} value
 * @returns {string}
 */
export function stringify(value) {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    if (!(error instanceof TypeError && hasBigInt(value))) throw error;
  }
  const marked = JSON.stringify(value, (_, part) => {
    if (typeof part === "bigint") return `b${part}`;
    return typeof part === "string" ? `s${part}` : part;
  });
  return marked.replace(TOKEN, (token) => {
    if (!token.startsWith('"') || token.endsWith(":")) return token;
    return token[1] === "b" ? token.slice(2, -1) : `"${token.slice(2)}`;
  });
}

/**
 * @param {string} token
 * @returns {boolean}
 */
function isLargeInteger(token) {
  return token.length > 15 && /^-?\d+$/.test(token) && !Number.isSafeInteger(Number(token));
}

/**
 * @param {string} value
 * @returns {string | bigint}
 */
function unmarked(value) {
  return value[0] === "b" ? BigInt(value.slice(1)) : value.slice(1);
}

/**
 * @param {unknown} value
 * @returns {boolean}
 */
function hasBigInt(value) {
  if (typeof value === "bigint") return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasBigInt);
}
