"""HTTP requests, each in one crossing to the host and behind its gate.

Only what the connector's file grants under `[capabilities] http` is reached. Redirects are not followed.

    response = http.post(url, json={"id": 7}, timeout=10).send()
    response.check_status()

What is raised tells the host what to do, so a sink need not catch anything.
"""

from __future__ import annotations

import base64
import json as json_
import time
from collections.abc import Iterable, Mapping
from email.utils import mktime_tz, parsedate_tz
from typing import Any, TypeVar

from .bindings.imports import http as contract
from .bindings.imports.http import Err
from .errors import Error, Fatal, Rejected, Retryable
from .values import Mistake, read

T = TypeVar("T")

#: How much of a body goes into the reason of an error, in characters.
_EXCERPT = 200

Headers = Mapping[str, str] | Iterable[tuple[str, str]]


class Request:
    """A request. What is wrong with it shows when it is sent."""

    def __init__(
        self,
        method: str,
        url: str,
        *,
        headers: Headers = (),
        body: str | bytes | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> None:
        """`json` becomes the body as JSON, with its content type; `timeout` is for the whole exchange, in seconds.

        The host sets `host`, `content-length` and connection headers itself and refuses them here.
        """
        self.method = method
        self.url = url
        self.headers = list(headers.items() if isinstance(headers, Mapping) else headers)
        self.body = body
        self.timeout = timeout
        if json is not None:
            self.body = json_.dumps(json, separators=(",", ":"), allow_nan=False)
            if self.header("content-type") is None:
                self.headers.append(("content-type", "application/json"))

    def header(self, name: str) -> str | None:
        """The first value of a header; upper and lower case make no difference."""
        return _first(self.headers, name)

    def basic_auth(self, username: str, password: str) -> Request:
        """Adds `Authorization: Basic`."""
        credentials = base64.b64encode(f"{username}:{password}".encode()).decode()
        self.headers.append(("authorization", f"Basic {credentials}"))
        return self

    def bearer_auth(self, token: str) -> Request:
        """Adds `Authorization: Bearer`."""
        self.headers.append(("authorization", f"Bearer {token}"))
        return self

    def send(self) -> Response:
        """Sends it and waits for the whole response, whatever its status.

        Raises one of the three kinds of `Error` when there is none.
        """
        try:
            return Response._of(contract.send(self._to_contract()))
        except Err as error:
            raise _no_response(error.value) from None

    def _to_contract(self) -> contract.Request:
        timeout = None if self.timeout is None else min(max(int(self.timeout * 1000), 1), 0xFFFF_FFFF)
        return contract.Request(self.method, self.url, self.headers, _body(self.body), timeout)

    def __repr__(self) -> str:
        """Without header values and the body: they hold secrets and data."""
        return f"Request({self.method} {self.url})"


def request(method: str, url: str, **options: Any) -> Request:
    """A request with any method to an absolute `http://` or `https://` URL; the options are those of `Request`."""
    return Request(method, url, **options)


def get(url: str, **options: Any) -> Request:
    """A `GET` request; the options are those of `Request`."""
    return Request("GET", url, **options)


def post(url: str, **options: Any) -> Request:
    """A `POST` request; the options are those of `Request`."""
    return Request("POST", url, **options)


def put(url: str, **options: Any) -> Request:
    """A `PUT` request; the options are those of `Request`."""
    return Request("PUT", url, **options)


def delete(url: str, **options: Any) -> Request:
    """A `DELETE` request; the options are those of `Request`."""
    return Request("DELETE", url, **options)


class Response:
    """A response, with whatever status."""

    def __init__(self, status: int, headers: Headers = (), body: str | bytes = "") -> None:
        self.status = status
        pairs = headers.items() if isinstance(headers, Mapping) else headers
        #: Names in lower case. The values of one name stand together, in the order received.
        self.headers = [(name.lower(), value) for name, value in pairs]
        self._body = body

    @classmethod
    def _of(cls, raw: contract.Response) -> Response:
        return cls(raw.status, raw.headers, raw.body.value)

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def header(self, name: str) -> str | None:
        """The first value of a header; upper and lower case make no difference."""
        return _first(self.headers, name)

    @property
    def text(self) -> str:
        """The body as text; bytes that are not UTF-8 are replaced."""
        return self._body if isinstance(self._body, str) else self._body.decode("utf-8", "replace")

    @property
    def bytes(self) -> bytes:
        """The body's bytes, as they came: not decompressed."""
        return self._body.encode() if isinstance(self._body, str) else self._body

    def json(self) -> Any:
        """The body, read as JSON. Raises `Retryable` when it is not."""
        try:
            return json_.loads(self.text)
        except (ValueError, RecursionError) as error:
            raise Retryable(f"broken response: unexpected JSON: {error}") from None

    def as_type(self, type_: type[T]) -> T:
        """The body, read as JSON into a `type_`, such as a dataclass. Raises `Retryable` when it does not fit."""
        try:
            value: T = read(type_, self.json(), strict=False)
            return value
        except Mistake as mistake:
            raise Retryable(f"broken response: unexpected JSON: {mistake}") from None

    @property
    def retry_after(self) -> float | None:
        """The pause that the server asks for with `Retry-After`, in seconds; a date that has passed asks for none."""
        value = (self.header("retry-after") or "").strip()
        if value.isascii() and value.isdigit():
            return float(value)
        date = parsedate_tz(value)
        return None if date is None or ":" not in value else max(mktime_tz(date) - time.time(), 0.0)

    def check_status(self) -> Response:
        """The response itself if its status is 2xx, else raises what the status means for the records of the request.

        408, 425, 429, 5xx: `Retryable`, with the pause of `retry_after`; 401 and 407: `Fatal`, since no record is to blame
        for credentials; other 4xx: `Rejected`; all with the first 200 characters of the body. 3xx: `Fatal`, with the
        `Location`, since the URL in the settings is not the right one.
        """
        error = self.error
        if error is not None:
            raise error
        return self

    @property
    def error(self) -> Error | None:
        """What `check_status` would raise."""
        if self.ok:
            return None
        if 300 <= self.status < 400:
            target = self.header("location") or "nowhere"
            return Fatal(f"status {self.status}: redirected to `{target}`, and redirects are not followed")
        if self.status in (401, 407):
            return Fatal(self._refusal())
        if 400 <= self.status < 500 and self.status not in (408, 425, 429):
            return Rejected(self._refusal())
        # No final response is below 200 or above 599: whatever sent it does not work as it should just now.
        return Retryable(self._refusal(), self.retry_after)

    def _refusal(self) -> str:
        """The status and the beginning of the body, on one line."""
        excerpt = "".join(c if c.isprintable() else " " for c in self.text.strip()[:_EXCERPT])
        return f"status {self.status}: {excerpt}" if excerpt else f"status {self.status}"

    def __repr__(self) -> str:
        """Without header values and the body: they may hold secrets and data."""
        return f"Response({self.status}, {len(self._body)})"


def send_all(requests: Iterable[Request]) -> list[Response | Error]:
    """Sends requests concurrently and waits for all. The answers stand in the order of the requests.

    Where there is no response, the error that `send` would have raised stands in its place. `answer.error` is `None` for
    what was written, in either case.
    """
    answers: list[Response | Error] = []
    for result in contract.send_all([request._to_contract() for request in requests]):
        value = result.value
        answers.append(Response._of(value) if isinstance(value, contract.Response) else _no_response(value))
    return answers


def _no_response(error: contract.HttpError) -> Error:
    """Each kind of failure as what it means for the records of the request."""
    why = error.value
    match error:
        case contract.HttpError_Denied():
            return Fatal(why)
        case contract.HttpError_InvalidRequest():
            return Fatal(f"invalid request: {why}")
        case contract.HttpError_RequestTooLarge():
            return Rejected(f"request too large: {why}")
        case contract.HttpError_TooLarge():
            return Rejected(f"response too large: {why}")
        case contract.HttpError_Connect():
            return Retryable(f"cannot connect: {why}")
        case contract.HttpError_Tls():
            return Retryable(f"no TLS session: {why}")
        case contract.HttpError_Timeout():
            return Retryable(f"timed out: {why}")
        case contract.HttpError_Protocol():
            return Retryable(f"broken response: {why}")


def _body(body: str | bytes | None) -> contract.Body | None:
    """Text wherever the bytes are text: the same on the wire, and bytes that are passed to an import are never freed."""
    if body is None:
        return None
    if isinstance(body, str):
        try:
            body.isascii() or body.encode()
        except UnicodeEncodeError as error:
            raise Fatal(f"invalid request: the body has half of a surrogate pair, which is no text: {error.reason}")
        return contract.Body_Text(body)
    try:
        return contract.Body_Text(bytes(body).decode())
    except UnicodeDecodeError:
        return contract.Body_Binary(bytes(body))


def _first(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    return next((value for other, value in headers if other.lower() == name.lower()), None)
