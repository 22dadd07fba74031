"""Log lines of a sink: Python's own `logging`, each record an event of the host's log with the connector's name."""

from __future__ import annotations

import logging
import traceback

from .bindings.imports import log as contract

#: A logger for whoever wants no other.
log = logging.getLogger("sink")


class HostHandler(logging.Handler):
    """Hands log records to the host, exceptions with their stack trace."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = self.format(record)
            # Half of a surrogate pair is no text, and the host takes text.
            contract.log(_level(record.levelno), message.encode("utf-8", "backslashreplace").decode())
        except Exception:
            self.handleError(record)


def install() -> None:
    """Has everything logged at INFO and above go to the host, and nowhere else."""
    root = logging.getLogger()
    if not any(isinstance(handler, HostHandler) for handler in root.handlers):
        root.handlers[:] = [HostHandler()]
        root.setLevel(logging.INFO)


def report(what: str, error: BaseException) -> None:
    """Logs an exception that nobody expected, with its stack trace from the sink's own code on."""
    stack = traceback.TracebackException.from_exception(error)
    own = [frame for frame in stack.stack if not frame.filename.startswith(_HERE)]
    stack.stack = traceback.StackSummary.from_list(own)
    log.error("%s: %s", what, "".join(stack.format()).rstrip())


_HERE = __file__.rpartition("/")[0] + "/"


def _level(number: int) -> contract.Level:
    if number >= logging.ERROR:
        return contract.Level.ERROR
    if number >= logging.WARNING:
        return contract.Level.WARN
    if number >= logging.INFO:
        return contract.Level.INFO
    return contract.Level.DEBUG if number >= logging.DEBUG else contract.Level.TRACE
