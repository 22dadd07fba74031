declare module 'danube:sink/http@0.1.0' {
  /**
   * Sends a request and waits for the whole response.
   */
  export function send(request: Request): Response;
  /**
   * Sends requests concurrently and waits for all. The answers stand in the order of the requests.
   */
  export function sendAll(requests: Array<Request>): Array<Result<Response, HttpError>>;
  /**
   * The bytes of a request or response.
   */
  export type Body = BodyText | BodyBinary;
  /**
   * Text; sent as UTF-8. Prefer it where the content is text: some languages leak the other one.
   */
  export interface BodyText {
    tag: 'text',
    val: string,
  }
  export interface BodyBinary {
    tag: 'binary',
    val: Uint8Array,
  }
  export interface Request {
    /**
     * `GET`, `POST` and so on.
     */
    method: string,
    /**
     * An absolute `http://` or `https://` URL.
     */
    url: string,
    /**
     * Names and values, in order, repeats allowed. The host sets `host`, `content-length` and connection headers
     * itself and refuses a request that brings them.
     */
    headers: Array<[string, string]>,
    body?: Body,
    /**
     * How long the whole exchange may take, in milliseconds. The host's own limit holds as well.
     */
    timeoutMs?: number,
  }
  export interface Response {
    status: number,
    /**
     * Names in lower case. The values of one name stand together, in the order received. Bytes of a value that are not
     * UTF-8 are replaced.
     */
    headers: Array<[string, string]>,
    /**
     * `text` where the bytes are valid UTF-8, else `binary`. Not decompressed.
     */
    body: Body,
  }
  /**
   * Why there is no response.
   */
  export type HttpError = HttpErrorDenied | HttpErrorInvalidRequest | HttpErrorRequestTooLarge | HttpErrorConnect | HttpErrorTls | HttpErrorTimeout | HttpErrorTooLarge | HttpErrorProtocol;
  /**
   * The config file does not grant it; the host's log says which line would. Trying again does not help.
   */
  export interface HttpErrorDenied {
    tag: 'denied',
    val: string,
  }
  /**
   * The request itself is malformed. Trying again does not help.
   */
  export interface HttpErrorInvalidRequest {
    tag: 'invalid-request',
    val: string,
  }
  /**
   * The body of the request is larger than the host accepts; the text names the limit. Trying again does not help,
   * fewer records in a request may.
   */
  export interface HttpErrorRequestTooLarge {
    tag: 'request-too-large',
    val: string,
  }
  /**
   * The name could not be resolved, or the connection could not be made or broke.
   */
  export interface HttpErrorConnect {
    tag: 'connect',
    val: string,
  }
  /**
   * No TLS session could be established.
   */
  export interface HttpErrorTls {
    tag: 'tls',
    val: string,
  }
  /**
   * No complete response in time. The target may or may not have acted on the request.
   */
  export interface HttpErrorTimeout {
    tag: 'timeout',
    val: string,
  }
  /**
   * The response is larger than the host accepts, or the bodies of the responses to one call are together larger
   * than the instance's memory limit; the text names the limit. The target may have acted on the request.
   */
  export interface HttpErrorTooLarge {
    tag: 'too-large',
    val: string,
  }
  /**
   * The peer does not speak HTTP as it should, or broke off in the middle of its response.
   */
  export interface HttpErrorProtocol {
    tag: 'protocol',
    val: string,
  }
  export type Result<T, E> = { tag: 'ok', val: T } | { tag: 'err', val: E };
}
