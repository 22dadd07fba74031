// HTTP requests, each in one crossing to the host and behind its gate: only what the connector's file grants under
// `[capabilities] http` is reached. Redirects are not followed.
import { host } from "#host";
import { Fatal, Rejected, Retryable } from "./errors.js";
import * as json from "./json.js";
import { Mistake } from "./shape.js";
import { decodeUtf8, encodeUtf8, toBase64, wellFormed } from "./text.js";

/** How much of a body goes into the reason of an error, in characters. */
const EXCERPT = 200;

/**
 * Names and values, as a table or as pairs.
 * @typedef {{ [name: string]: string } | Iterable<readonly [string, string]>} Headers
 */

/**
 * @typedef {object} Options
 * @property {Headers} [headers] The host sets `host`, `content-length` and connection headers itself and refuses them here.
 * @property {string | Uint8Array} [body]
 * @property {unknown} [json] Becomes the body as JSON, with its content type. A `BigInt` is written as the integer that it is.
 * @property {number} [timeoutMs] How long the whole exchange may take. The host's own limit holds as well.
 */

/** A request. What is wrong with it shows when it is sent. */
export class Request {
  /**
   * @param {string} method
   * @param {string} url An absolute `http://` or `https://` URL.
   * @param {Options} [options]
   */
  constructor(method, url, options = {}) {
    this.method = method;
    this.url = url;
    this.headers = pairs(options.headers);
    this.body = options.body;
    this.timeoutMs = options.timeoutMs;
    if (options.json === undefined) return;
    this.body = json.stringify(options.json);
    if (this.header("content-type") === undefined) this.headers.push(["content-type", "application/json"]);
  }

  /**
   * The first value of a header; upper and lower case make no difference.
   * @param {string} name
   */
  header(name) {
    return first(this.headers, name);
  }

  /**
   * Adds `Authorization: Basic`.
   * @param {string} username
   * @param {string} password
   * @returns {this}
   */
  basicAuth(username, password) {
    this.headers.push(["authorization", `Basic ${toBase64(encodeUtf8(`${username}:${password}`))}`]);
    return this;
  }

  /**
   * Adds `Authorization: Bearer`.
   * @param {string} token
   * @returns {this}
   */
  bearerAuth(token) {
    this.headers.push(["authorization", `Bearer ${token}`]);
    return this;
  }

  /**
   * Sends it and waits for the whole response, whatever its status.
   * @returns {Response}
   * @throws {import("./errors.js").SinkError} one of the three kinds when there is none.
   */
  send() {
    try {
      return Response.of(host.send(toContract(this)));
    } catch (error) {
      throw noResponse(error);
    }
  }
}

/**
 * A `GET` request.
 * @param {string} url
 * @param {Options} [options]
 */
export const get = (url, options) => new Request("GET", url, options);

/**
 * A `POST` request.
 * @param {string} url
 * @param {Options} [options]
 */
export const post = (url, options) => new Request("POST", url, options);

/**
 * A `PUT` request.
 * @param {string} url
 * @param {Options} [options]
 */
export const put = (url, options) => new Request("PUT", url, options);

/**
 * A `DELETE` request; `delete` is a word of the language.
 * @param {string} url
 * @param {Options} [options]
 */
export const del = (url, options) => new Request("DELETE", url, options);

/**
 * Sends requests concurrently and waits for all. The answers stand in the order of the requests. Where there is no response,
 * the error that `send` would have thrown stands in its place; `answer.error` is absent for what was written, in either case.
 * @param {Iterable<Request>} requests
 * @returns {(Response | import("./errors.js").SinkError)[]}
 */
export function sendAll(requests) {
  const answers = host.sendAll([...requests].map(toContract));
  return answers.map((/** @type {any} */ answer) => (answer.tag === "ok" ? Response.of(answer.val) : noResponse(answer.val)));
}

/** A response, with whatever status. */
export class Response {
  #body;

  /**
   * @param {number} status
   * @param {Headers} [headers]
   * @param {string | Uint8Array} [body]
   */
  constructor(status, headers, body = "") {
    this.status = status;
    /** Names in lower case. The values of one name stand together, in the order received. */
    this.headers = pairs(headers).map(([name, value]) => /** @type {[string, string]} */ ([name.toLowerCase(), value]));
    this.#body = body;
  }

  /**
   * A response as it came from the host.
   * @param {any} raw
   */
  static of(raw) {
    return new Response(raw.status, raw.headers, raw.body.val);
  }

  /** Whether the status is 2xx. */
  get ok() {
    return this.status >= 200 && this.status < 300;
  }

  /**
   * The first value of a header; upper and lower case make no difference.
   * @param {string} name
   */
  header(name) {
    return first(this.headers, name);
  }

  /**
   * The body as text; bytes that are not UTF-8 are replaced.
   * @returns {string}
   */
  get text() {
    return typeof this.#body === "string" ? this.#body : decodeUtf8(this.#body);
  }

  /**
   * The body's bytes, as they came: not decompressed.
   * @returns {Uint8Array}
   */
  get bytes() {
    return typeof this.#body === "string" ? encodeUtf8(this.#body) : this.#body;
  }

  /**
   * The body, read as JSON: by a shape, or as it is.
   * @template [T=any]
   * @param {import("./shape.js").Shape<T>} [shape]
   * @returns {T}
   * @throws {Retryable} when it is not, or does not fit.
   */
  json(shape) {
    try {
      const value = json.parse(this.text);
      return shape ? shape.read(value, "", { strict: false }) : value;
    } catch (error) {
      if (!(error instanceof Mistake || error instanceof SyntaxError)) throw error;
      throw new Retryable(`broken response: unexpected JSON: ${error.message}`);
    }
  }

  /**
   * The pause that the server asks for with `Retry-After`, in milliseconds. A date that has passed asks for none.
   * @returns {number | undefined}
   */
  get retryAfterMs() {
    const value = (this.header("retry-after") ?? "").trim();
    if (/^\d+$/.test(value)) return Number(value) * 1000;
    const date = /^[A-Z][a-z]{2,8},? .*:\d\d/.test(value) ? Date.parse(value) : Number.NaN;
    return Number.isNaN(date) ? undefined : Math.max(date - Date.now(), 0);
  }

  /**
   * The response itself if its status is 2xx, else throws what the status means for the records of the request.
   *
   * 408, 425, 429, 5xx: `Retryable`, with the pause of `retryAfterMs`; 401 and 407: `Fatal`, since no record is to blame for
   * credentials; other 4xx: `Rejected`; all with the first 200 characters of the body. 3xx: `Fatal`, with the `Location`, since
   * the URL in the settings is not the right one.
   * @returns {this}
   */
  checkStatus() {
    const error = this.error;
    if (error) throw error;
    return this;
  }

  /** What `checkStatus` would throw. */
  get error() {
    const { status } = this;
    if (this.ok) return undefined;
    if (status >= 300 && status < 400) {
      const target = this.header("location") ?? "nowhere";
      return new Fatal(`status ${status}: redirected to \`${target}\`, and redirects are not followed`);
    }
    if (status === 401 || status === 407) return new Fatal(this.#refusal());
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) return new Rejected(this.#refusal());
    // No final response is below 200 or above 599: whatever sent it does not work as it should just now.
    return new Retryable(this.#refusal(), this.retryAfterMs);
  }

  /** The status and the beginning of the body, on one line. */
  #refusal() {
    const characters = [...this.text.slice(0, EXCERPT * 4).trim()].slice(0, EXCERPT);
    const excerpt = characters.join("").replace(/[\u0000-\u001f\u007f-\u009f]/g, " ");
    return excerpt ? `status ${this.status}: ${excerpt}` : `status ${this.status}`;
  }
}

/**
 * A request as it crosses to the host. Both engines take null for what is absent.
 * @param {Request} request
 * @returns {any}
 */
function toContract({ method, url, headers, body, timeoutMs }) {
  return {
    method,
    url: wellFormed(url),
    headers,
    body: body === undefined ? null : typeof body === "string" ? { tag: "text", val: wellFormed(body) } : { tag: "binary", val: body },
    timeoutMs: timeoutMs === undefined ? null : Math.min(Math.max(Math.trunc(timeoutMs), 1), 0xffff_ffff),
  };
}

/**
 * Each kind of failure as what it means for the records of the request.
 * @param {any} thrown
 * @returns {import("./errors.js").SinkError}
 */
function noResponse(thrown) {
  // One engine throws what the host gave, the other wraps it.
  const { tag, val } = thrown?.payload ?? thrown ?? {};
  switch (tag) {
    case "denied":
      return new Fatal(val);
    case "invalid-request":
      return new Fatal(`invalid request: ${val}`);
    case "request-too-large":
      return new Rejected(`request too large: ${val}`);
    case "too-large":
      return new Rejected(`response too large: ${val}`);
    case "connect":
      return new Retryable(`cannot connect: ${val}`);
    case "tls":
      return new Retryable(`no TLS session: ${val}`);
    case "timeout":
      return new Retryable(`timed out: ${val}`);
    case "protocol":
      return new Retryable(`broken response: ${val}`);
    default:
      // Such as a header that is no string.
      return new Fatal(`invalid request: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}

/**
 * @param {Headers} [headers]
 * @returns {[string, string][]}
 */
function pairs(headers = []) {
  const entries = Symbol.iterator in headers ? [.../** @type {Iterable<readonly [string, string]>} */ (headers)] : Object.entries(headers);
  return entries.map(([name, value]) => [name, value]);
}

/**
 * @param {[string, string][]} headers
 * @param {string} name
 * @returns {string | undefined}
 */
function first(headers, name) {
  return headers.find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1];
}
