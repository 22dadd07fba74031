"""Requests, responses, and what they mean for the records that they carried."""

import unittest
from email.utils import formatdate
from time import time
from typing import Any

from danube_sink import Error, Fatal, Rejected, Retryable, http, testing
from danube_sink.bindings.imports import http as contract


def outcome(status: int, body: str = "why", headers: dict[str, str] = {}) -> Error | None:
    return http.Response(status, headers, body).error


class StatusTest(unittest.TestCase):
    def test_every_status_has_its_class(self) -> None:
        for kind, statuses in {
            type(None): [200, 201, 204, 299],
            Retryable: [408, 425, 429, 500, 501, 502, 503, 504, 599, 600, 101],
            Rejected: [400, 403, 404, 409, 413, 422, 451, 499],
            Fatal: [401, 407, 301, 302, 307, 399],
        }.items():
            for status in statuses:
                self.assertIs(type(outcome(status)), kind, status)

    def test_the_body_is_quoted_up_to_a_point_and_on_one_line(self) -> None:
        self.assertEqual(str(outcome(400, "  a\nb" + "ü" * 500)), "status 400: a b" + "ü" * 197)
        self.assertEqual(str(outcome(404, "")), "status 404")
        target = {"Location": "https://new.example.com/"}
        expected = "status 301: redirected to `https://new.example.com/`, and redirects are not followed"
        self.assertEqual(str(outcome(301, headers=target)), expected)

    def test_retry_after_is_seconds_or_a_date(self) -> None:
        for value, expected in [("0", 0), (" 120 ", 120), ("soon", None), ("-5", None), ("1.5", None), ("", None)]:
            self.assertEqual(http.Response(503, {"Retry-After": value}).retry_after, expected, value)
        ahead = http.Response(503, {"Retry-After": formatdate(time() + 100, usegmt=True)}).retry_after
        assert ahead is not None
        self.assertTrue(95 < ahead <= 100)
        self.assertEqual(http.Response(503, {"Retry-After": "Sun, 06 Nov 1994 08:49:40 GMT"}).retry_after, 0)
        error = outcome(503, headers={"retry-after": "7"})
        assert isinstance(error, Retryable)
        self.assertEqual(error.after, 7)

    def test_a_body_that_is_no_json_is_the_servers_fault(self) -> None:
        with self.assertRaises(Retryable):
            http.Response(200, body="<html>").json()
        with self.assertRaises(Retryable):
            http.Response(200, body='["x"]').as_type(list[int])
        self.assertEqual(http.Response(200, body=b"[7]").as_type(list[int]), [7])


class RequestTest(unittest.TestCase):
    def test_json_has_a_content_type_unless_there_is_one(self) -> None:
        request = http.post("http://a/", json=[1, "ü"])
        self.assertEqual((request.body, request.header("Content-Type")), ('[1,"\\u00fc"]', "application/json"))
        self.assertEqual(http.post("http://a/", json=1, headers={"Content-Type": "x"}).headers, [("Content-Type", "x")])

    def test_credentials_become_headers(self) -> None:
        basic = http.get("http://a/").basic_auth("Aladdin", "open sesame")
        self.assertEqual(basic.header("authorization"), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        self.assertNotIn("t0ken", repr(http.get("http://a/").bearer_auth("t0ken")))

    def test_bytes_that_are_text_go_as_text(self) -> None:
        self.assertEqual(http._body("Zoë".encode()), contract.Body_Text("Zoë"))
        self.assertEqual(http._body(b"\xff"), contract.Body_Binary(b"\xff"))
        with self.assertRaises(Fatal):
            http._body("\ud800")

    def test_a_request_without_a_response_says_what_it_means(self) -> None:
        with testing.answers(lambda request: Retryable("refused")) as sent, self.assertRaises(Retryable) as caught:
            http.post("http://a/", body="x", timeout=1.5).send()
        self.assertEqual((caught.exception.reason, sent[0].timeout), ("cannot connect: refused", 1.5))
        with testing.answers(lambda request: Fatal("no") if "b" in request.url else http.Response(204)):
            first, second = http.send_all([http.get("http://a/"), http.get("http://b/")])
        self.assertEqual((first.error, type(second.error)), (None, Fatal))
        kinds: list[tuple[Any, Error]] = [
            (contract.HttpError_InvalidRequest, Fatal("invalid request: why")),
            (contract.HttpError_RequestTooLarge, Rejected("request too large: why")),
            (contract.HttpError_Tls, Retryable("no TLS session: why")),
            (contract.HttpError_Timeout, Retryable("timed out: why")),
            (contract.HttpError_TooLarge, Rejected("response too large: why")),
            (contract.HttpError_Protocol, Retryable("broken response: why")),
        ]
        for kind, expected in kinds:
            found = http._no_response(kind("why"))
            self.assertEqual((type(found), found.reason), (type(expected), expected.reason))
