// Shapes of settings and payloads: what is read is checked, with mistakes that name the place and never show the value.

/** A value that does not fit its shape. */
export class Mistake extends Error {
  /**
   * @param {string} place
   * @param {string} what
   */
  constructor(place, what) {
    super(place ? `\`${place}\`: ${what}` : what);
    this.place = place;
    this.what = what;
  }
}

/**
 * How a value is to be read.
 * @typedef {object} Reading
 * @property {boolean} strict Whether keys that a shape does not have are refused.
 * @property {readonly string[]} [tolerated] Those that are not, in the outermost table.
 */

/**
 * Something that values are read by.
 * @template T
 * @typedef {object} Shape
 * @property {(value: unknown, place: string, reading: Reading) => T} read
 */

/**
 * What a shape reads: `type Config = Infer<typeof Config>`.
 * @template S
 * @typedef {S extends Shape<infer T> ? T : never} Infer
 */

/**
 * @template T
 * @param {string} expected
 * @param {(value: unknown) => value is T} fits
 * @returns {Shape<T>}
 */
function plain(expected, fits) {
  return {
    read(value, place) {
      if (!fits(value)) throw misfit(expected, value, place);
      return value;
    },
  };
}

const string = plain("a string", (/** @type {unknown} */ value) => typeof value === "string");
const boolean = plain("true or false", (/** @type {unknown} */ value) => typeof value === "boolean");
const number = plain("a number", (/** @type {unknown} */ value) => typeof value === "number");

/** An integer up to 2^53. @type {Shape<number>} */
const integer = {
  read(value, place) {
    if (typeof value !== "number" || !Number.isSafeInteger(value)) throw misfit("an integer", value, place);
    return value;
  },
};

/** An integer of any size, read without losing a digit. @type {Shape<bigint>} */
const bigint = {
  read(value, place) {
    if (typeof value === "bigint") return value;
    return BigInt(integer.read(value, place, { strict: false }));
  },
};

/** Whatever there is. @type {Shape<any>} */
const any = { read: (value) => value };

/** A table with any keys. @type {Shape<{ [key: string]: any }>} */
const table = {
  read(value, place) {
    if (!isTable(value)) throw misfit("a table", value, place);
    return value;
  },
};

/**
 * A value that may be missing or null.
 * @template T
 * @param {Shape<T>} inner
 * @returns {Shape<T | undefined>}
 */
function optional(inner) {
  return { read: (value, place, reading) => (value == null ? undefined : inner.read(value, place, reading)) };
}

/**
 * A value that may be missing, and what it is then.
 * @template T
 * @param {Shape<T>} inner
 * @param {T} fallback
 * @returns {Shape<T>}
 */
function withDefault(inner, fallback) {
  return { read: (value, place, reading) => (value === undefined ? fallback : inner.read(value, place, reading)) };
}

/**
 * One of some strings.
 * @template {string} T
 * @param {...T} choices
 * @returns {Shape<T>}
 */
function oneOf(...choices) {
  const quoted = choices.map((choice) => `\`${choice}\``);
  const expected = [quoted.slice(0, -1).join(", "), ...quoted.slice(-1)].filter((part) => part).join(" or ");
  return {
    read(value, place) {
      const found = choices.find((choice) => choice === value);
      if (found !== undefined) return found;
      if (typeof value === "string") throw new Mistake(place, `expected ${expected}, got another string`);
      throw misfit(expected, value, place);
    },
  };
}

/**
 * A list.
 * @template T
 * @param {Shape<T>} item
 * @returns {Shape<T[]>}
 */
function array(item) {
  return {
    read(value, place, { strict }) {
      if (!Array.isArray(value)) throw misfit("a list", value, place);
      return value.map((part, index) => item.read(part, `${place}[${index}]`, { strict }));
    },
  };
}

/**
 * A table with any keys and one shape of values.
 * @template T
 * @param {Shape<T>} item
 * @returns {Shape<{ [key: string]: T }>}
 */
function record(item) {
  return {
    read(value, place, { strict }) {
      const entries = Object.entries(table.read(value, place, { strict }));
      return Object.fromEntries(entries.map(([key, part]) => [key, item.read(part, inside(place, key), { strict })]));
    },
  };
}

/**
 * A table with these keys. In settings others are refused, in payloads they are left out.
 * @template {{ [key: string]: Shape<any> }} F
 * @param {F} fields
 * @returns {Shape<{ [K in keyof F]: Infer<F[K]> }>}
 */
function object(fields) {
  return {
    read(value, place, { strict, tolerated = [] }) {
      const given = table.read(value, place, { strict });
      if (strict) {
        for (const key of Object.keys(given)) {
          if (!Object.hasOwn(fields, key) && !tolerated.includes(key)) throw new Mistake(place, unknown(key, fields));
        }
      }
      const read = Object.entries(fields).map(([key, shape]) => {
        const part = Object.hasOwn(given, key) ? given[key] : undefined;
        if (part === undefined && !takesNothing(shape)) throw new Mistake(place, `missing key \`${key}\``);
        return [key, shape.read(part, inside(place, key), { strict })];
      });
      return Object.fromEntries(read);
    },
  };
}

/** The shapes. */
export const t = { any, array, bigint, boolean, integer, number, object, oneOf, optional, record, string, table, withDefault };

/**
 * @param {string} expected
 * @param {unknown} value
 * @param {string} place
 * @returns {Mistake}
 */
function misfit(expected, value, place) {
  return new Mistake(place, `expected ${expected}, got ${kind(value)}`);
}

/**
 * What a value is, but not the value: it may be a secret.
 * @param {unknown} value
 * @returns {string}
 */
function kind(value) {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (typeof value === "boolean") return "true or false";
  if (typeof value === "string") return "a string";
  if (typeof value === "bigint" || Number.isInteger(value)) return "an integer";
  if (typeof value === "number") return "a number with a fraction";
  return Array.isArray(value) ? "a list" : "a table";
}

/**
 * @param {string} key
 * @param {{ [key: string]: unknown }} fields
 * @returns {string}
 */
function unknown(key, fields) {
  const expected = Object.keys(fields).sort().map((name) => `\`${name}\``).join(", ");
  return `unknown key \`${key}\`, expected ${expected || "none"}`;
}

/**
 * @param {Shape<any>} shape
 * @returns {boolean}
 */
function takesNothing(shape) {
  try {
    shape.read(undefined, "", { strict: false });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {unknown} value
 * @returns {value is { [key: string]: any }}
 */
export function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * @param {string} place
 * @param {string} key
 * @returns {string}
 */
export function inside(place, key) {
  return place ? `${place}.${key}` : key;
}
