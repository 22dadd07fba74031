// Requests, responses, and what they mean for the records that they carried.
import assert from "node:assert/strict";
import test from "node:test";

import { Fatal, Rejected, Retryable, decodeUtf8, encodeUtf8, fromBase64, http, t, toBase64 } from "../danube-sink/index.js";
import { answerHttp } from "../danube-sink/testing.js";

const outcome = (status, body = "why", headers = {}) => new http.Response(status, headers, body).error;

test("every status has its class", () => {
  for (const [kind, statuses] of [
    [Retryable, [408, 425, 429, 500, 501, 502, 503, 504, 599, 600, 101]],
    [Rejected, [400, 403, 404, 409, 413, 422, 451, 499]],
    [Fatal, [401, 407, 301, 302, 307, 399]],
  ]) {
    for (const status of statuses) assert.ok(outcome(status) instanceof kind, String(status));
  }
  for (const status of [200, 201, 204, 299]) assert.equal(outcome(status), undefined);
});

test("the body is quoted up to a point and on one line", () => {
  assert.equal(outcome(400, `  a\nb${"ü".repeat(500)}`).reason, `status 400: a b${"ü".repeat(197)}`);
  assert.equal(outcome(404, "").reason, "status 404");
  const expected = "status 301: redirected to `https://new.example.com/`, and redirects are not followed";
  assert.equal(outcome(301, "", { Location: "https://new.example.com/" }).reason, expected);
});

test("Retry-After is seconds or a date", () => {
  const pause = (value) => new http.Response(503, { "Retry-After": value }).retryAfterMs;
  for (const [value, expected] of [["0", 0], [" 120 ", 120_000], ["Sun, 06 Nov 1994 08:49:40 GMT", 0]]) assert.equal(pause(value), expected);
  for (const value of ["soon", "-5", "1.5", ""]) assert.equal(pause(value), undefined, value);
  const ahead = pause(new Date(Date.now() + 100_000).toUTCString());
  assert.ok(ahead > 95_000 && ahead <= 100_000, String(ahead));
  assert.equal(outcome(503, "", { "retry-after": "7" }).afterMs, 7000);
});

test("JSON of a response", () => {
  assert.throws(() => new http.Response(200, {}, "<html>").json(), Retryable);
  assert.throws(() => new http.Response(200, {}, '["x"]').json(t.array(t.integer)), Retryable);
  assert.deepEqual(new http.Response(200, {}, Uint8Array.of(91, 55, 93)).json(t.array(t.integer)), [7]);
});

test("a request is put together", () => {
  const request = http.post("http://a/", { json: { n: 2n ** 64n, s: "ü" } });
  assert.deepEqual([request.body, request.header("Content-Type")], ['{"n":18446744073709551616,"s":"ü"}', "application/json"]);
  assert.deepEqual(http.post("http://a/", { json: 1, headers: [["Content-Type", "x"]] }).headers, [["Content-Type", "x"]]);
  assert.equal(http.get("http://a/").basicAuth("Aladdin", "open sesame").header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  assert.equal(http.del("http://a/").bearerAuth("t").header("authorization"), "Bearer t");
});

test("requests are sent and answered", () => {
  const sent = answerHttp((request) => (request.url.includes("b") ? new Fatal("not granted") : new http.Response(204)));
  assert.equal(http.put("http://a/", { body: "x", timeoutMs: 1.5 }).send().status, 204);
  assert.deepEqual([sent[0].method, sent[0].body, sent[0].timeoutMs], ["PUT", "x", 1]);
  assert.throws(() => http.get("http://b/").send(), { name: "Fatal", message: "not granted" });
  const [first, second] = http.sendAll([http.get("http://a/"), http.get("http://b/")]);
  assert.deepEqual([first.error, second.error instanceof Fatal], [undefined, true]);
  answerHttp(() => new Retryable("refused"));
  assert.throws(() => http.get("http://a/").send(), { name: "Retryable", message: "cannot connect: refused" });
});

test("text and bytes without the web platform", (context) => {
  const { TextDecoder: Decoder, TextEncoder: Encoder } = globalThis;
  context.after(() => Object.assign(globalThis, { TextDecoder: Decoder, TextEncoder: Encoder }));
  const reference = (bytes) => new Decoder("utf-8", { ignoreBOM: true }).decode(bytes);
  Object.assign(globalThis, { TextDecoder: undefined, TextEncoder: undefined });
  for (const text of ["", "Zoë ☃ 𝄞 \u0000\uffff", "\ufeffa"]) {
    assert.deepEqual(encodeUtf8(text), new Encoder().encode(text));
    assert.equal(decodeUtf8(encodeUtf8(text)), text);
  }
  assert.deepEqual(encodeUtf8("\ud800"), new Encoder().encode("\ufffd"));
  // Every pair of bytes behind every kind of beginning.
  for (const start of [[], [0xe0], [0xe2, 0x98], [0xed], [0xf0, 0x9d], [0xf4], [0xf0, 0x9d, 0x84]]) {
    for (let pair = 0; pair < 0x10000; pair += 7) {
      const bytes = Uint8Array.of(...start, pair >> 8, pair & 0xff, 0x41);
      if (decodeUtf8(bytes) !== reference(bytes)) assert.fail(`${bytes}`);
    }
  }
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  assert.equal(toBase64(Uint8Array.of(255, 0)), "/wA=");
});
