import { Fatal, Rejected, Retryable } from "./errors.js";
export type Headers = {
    [name: string]: string;
} | Iterable<readonly [string, string]>;
export type Options = {
    /**
     * The host sets `host`, `content-length` and connection headers itself and refuses them here.
     */
    headers?: Headers;
    body?: string | Uint8Array;
    /**
     * Becomes the body as JSON, with its content type. A `BigInt` is written as the integer that it is.
     */
    json?: unknown;
    /**
     * How long the whole exchange may take. The host's own limit holds as well.
     */
    timeoutMs?: number;
};
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
export declare class Request {
    method: string;
    url: string;
    headers: [string, string][];
    body: string | Uint8Array<ArrayBufferLike> | undefined;
    timeoutMs: number | undefined;
    /**
     * @param {string} method
     * @param {string} url An absolute `http://` or `https://` URL.
     * @param {Options} [options]
     */
    constructor(method: string, url: string, options?: Options);
    /**
     * The first value of a header; upper and lower case make no difference.
     * @param {string} name
     */
    header(name: string): string | undefined;
    /**
     * Adds `Authorization: Basic`.
     * @param {string} username
     * @param {string} password
     * @returns {this}
     */
    basicAuth(username: string, password: string): this;
    /**
     * Adds `Authorization: Bearer`.
     * @param {string} token
     * @returns {this}
     */
    bearerAuth(token: string): this;
    /**
     * Sends it and waits for the whole response, whatever its status.
     * @returns {Response}
     * @throws {import("./errors.js").SinkError} one of the three kinds when there is none.
     */
    send(): Response;
}
/**
 * A `GET` request.
 * @param {string} url
 * @param {Options} [options]
 */
export declare const get: (url: string, options?: Options) => Request;
/**
 * A `POST` request.
 * @param {string} url
 * @param {Options} [options]
 */
export declare const post: (url: string, options?: Options) => Request;
/**
 * A `PUT` request.
 * @param {string} url
 * @param {Options} [options]
 */
export declare const put: (url: string, options?: Options) => Request;
/**
 * A `DELETE` request; `delete` is a word of the language.
 * @param {string} url
 * @param {Options} [options]
 */
export declare const del: (url: string, options?: Options) => Request;
/**
 * Sends requests concurrently and waits for all. The answers stand in the order of the requests. Where there is no response,
 * the error that `send` would have thrown stands in its place; `answer.error` is absent for what was written, in either case.
 * @param {Iterable<Request>} requests
 * @returns {(Response | import("./errors.js").SinkError)[]}
 */
export declare function sendAll(requests: Iterable<Request>): (Response | import("./errors.js").SinkError)[];
/** A response, with whatever status. */
export declare class Response {
    #private;
    status: number;
    /** Names in lower case. The values of one name stand together, in the order received. */
    headers: [string, string][];
    /**
     * @param {number} status
     * @param {Headers} [headers]
     * @param {string | Uint8Array} [body]
     */
    constructor(status: number, headers?: Headers, body?: string | Uint8Array);
    /**
     * A response as it came from the host.
     * @param {any} raw
     */
    static of(raw: any): Response;
    /** Whether the status is 2xx. */
    get ok(): boolean;
    /**
     * The first value of a header; upper and lower case make no difference.
     * @param {string} name
     */
    header(name: string): string | undefined;
    /**
     * The body as text; bytes that are not UTF-8 are replaced.
     * @returns {string}
     */
    get text(): string;
    /**
     * The body's bytes, as they came: not decompressed.
     * @returns {Uint8Array}
     */
    get bytes(): Uint8Array;
    /**
     * The body, read as JSON: by a shape, or as it is.
     * @template [T=any]
     * @param {import("./shape.js").Shape<T>} [shape]
     * @returns {T}
     * @throws {Retryable} when it is not, or does not fit.
     */
    json<T = any>(shape?: import("./shape.js").Shape<T>): T;
    /**
     * The pause that the server asks for with `Retry-After`, in milliseconds. A date that has passed asks for none.
     * @returns {number | undefined}
     */
    get retryAfterMs(): number | undefined;
    /**
     * The response itself if its status is 2xx, else throws what the status means for the records of the request.
     *
     * 408, 425, 429, 5xx: `Retryable`, with the pause of `retryAfterMs`; 401 and 407: `Fatal`, since no record is to blame for
     * credentials; other 4xx: `Rejected`; all with the first 200 characters of the body. 3xx: `Fatal`, with the `Location`, since
     * the URL in the settings is not the right one.
     * @returns {this}
     */
    checkStatus(): this;
    /** What `checkStatus` would throw. */
    get error(): Fatal | Rejected | Retryable | undefined;
}
