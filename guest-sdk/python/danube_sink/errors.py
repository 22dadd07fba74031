"""What can go wrong in a sink, sorted by what the host should do about it."""

from __future__ import annotations

import inspect
from datetime import timedelta


class Error(Exception):
    """Raised by a sink as one of its three kinds.

    The reason is for people and goes into the host's log, the connector's status and, for a record that ends there, its
    dead letter. Put no secret and no payload into it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    @property
    def error(self) -> Error:
        """Itself, so that the answers of `http.send_all` are alike."""
        return self


class Retryable(Error):
    """It may work later: the target is down, busy, or asks to slow down. The host tries again, and loses nothing.

    `after` is how long to wait at least, in seconds or as a timedelta. Without it the host backs off exponentially.
    """

    def __init__(self, reason: str, after: float | timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after.total_seconds() if isinstance(after, timedelta) else after


class Rejected(Error):
    """The data is bad, and no number of tries will change that.

    The host dead-letters it, skips it or stops, as `on_reject` in the connector's file says.
    """


class Fatal(Error):
    """Nothing will work until a person changes something: wrong credentials, a missing table, a senseless setting.

    The host stops the connector and shows the reason. Nothing is acknowledged.
    """


class Unexpected(Retryable):
    """An exception that is none of the three, turned into a reason: its type and its message, on one line."""

    def __init__(self, cause: BaseException) -> None:
        message = " ".join(str(cause).split())
        name = type(cause).__name__
        super().__init__(f"{name}: {message}" if message else name)


def described(answer: object) -> str:
    """What a sink returned where it should not have."""
    if inspect.iscoroutine(answer):
        answer.close()
        return "a coroutine (write `def` in place of `async def`)"
    return f"`{type(answer).__name__}`"
