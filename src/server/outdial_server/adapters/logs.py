"""Log records: one line each, as JSON or, for people, in colour.

docs/logs.md lists the actions and what no line ever holds. The event of a record is its
action; whoever writes one gives ids, counts and codes, never text that a caller chose.
"""

import asyncio
import atexit
import logging
import sys
import threading
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal

import orjson
import structlog
from structlog.typing import EventDict, WrappedLogger
from typing_extensions import override

from outdial_server.adapters.faults import place_of, tell_fault

LogFormat = Literal["json", "console"]

FLUSH_SECONDS: Final = 0.02
"""Lines below `warning` gather this long: a write for each costs as much as the rest of a
small RPC. A process that is killed loses them, and nothing else."""

log = structlog.get_logger()


def configure_logs(log_format: LogFormat, level: str) -> None:
    """Writes to standard error. Libraries that log by `logging` end up in the same form,
    and so does what nobody catches."""
    number = logging.getLevelNamesMapping()[level.upper()]
    sink = LineSink(sys.stderr.buffer)
    atexit.register(sink.flush)
    structlog.configure(
        processors=[_to_json] if log_format == "json" else [_to_console],
        wrapper_class=_logger_from(number),
        logger_factory=lambda *_: sink,
        cache_logger_on_first_use=True,
    )
    _capture_libraries(number)
    _capture_uncaught()


class _Logger(structlog.BoundLoggerBase):
    """One frame from the call to the processors, where structlog's own take three: a line
    for each RPC is the larger part of what a small one costs beside its handler."""

    def info(self, event: str, **fields: Any) -> None:
        self._tell("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._tell("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        self._tell("error", event, fields)

    def critical(self, event: str, **fields: Any) -> None:
        self._tell("critical", event, fields)

    def debug(self, event: str, **fields: Any) -> None:
        self._tell("debug", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        self.error(event, **{"exc_info": True, **fields})

    def _tell(self, level: str, event: str, fields: dict[str, Any]) -> None:
        # The one dictionary of a line, in the order in which it is read.
        record: Any = {
            "timestamp": datetime.now(UTC),
            "level": level,
            "action": event,
            **self._context,
            **fields,
        }
        try:
            for process in self._processors:
                record = process(self._logger, level, record)
        except structlog.DropEvent:
            return
        getattr(self._logger, level)(record)


def _silent(self: _Logger, event: str, **fields: Any) -> None: ...


def _logger_from(number: int) -> type[_Logger]:
    """The logger without what is below a level."""
    numbers = logging.getLevelNamesMapping()
    below = [name for name in ("debug", "info", "warning") if numbers[name.upper()] < number]
    return type("_Logger", (_Logger,), dict.fromkeys(below, _silent))


class LineSink:
    """Where rendered lines go; the methods are named by level."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._gathered: deque[bytes] = deque()
        self._writing = threading.Lock()

    def info(self, line: bytes) -> None:
        """Soon. Without a running loop, or from another thread, at once."""
        self._gathered.append(line)
        if len(self._gathered) > 1:
            return
        try:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        except RuntimeError:
            self.flush()

    debug = info

    def error(self, line: bytes) -> None:
        """At once, behind what has gathered."""
        self._gathered.append(line)
        self.flush()

    warning = critical = error

    def flush(self) -> None:
        with self._writing:
            # Another thread may append meanwhile: its line is here or in the next write.
            lines = [self._gathered.popleft() for _ in range(len(self._gathered))]
            if not lines:
                return
            # The disk of the log is full, or its reader is gone: that must not end whoever
            # had something to say. What the stream could not write it may write later.
            with suppress(OSError):
                self._stream.write(b"\n".join([*lines, b""]))
                self._stream.flush()


def _to_json(_logger: WrappedLogger, _level: str, record: EventDict) -> bytes:
    if "exc_info" in record:
        tell_fault(record)
    return orjson.dumps(record, default=_type_of, option=orjson.OPT_UTC_Z)


def _type_of(value: object) -> str:
    """What has no form in JSON has no business in a log: its text could say anything."""
    return f"<{type(value).__name__}>"


_console = structlog.dev.ConsoleRenderer(event_key="action")


def _to_console(logger: WrappedLogger, level: str, record: EventDict) -> bytes:
    record["timestamp"] = record["timestamp"].isoformat(timespec="milliseconds")
    if "exc_info" in record:
        tell_fault(record)
    return str(_console(logger, level, record)).encode()


class _Library(logging.Handler):
    """What libraries log: by whom and where. Their messages are built from what they
    handle, so only a template is kept, and not what it is filled with."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        template = {"template": record.msg} if record.args and isinstance(record.msg, str) else {}
        write = log.error if record.levelno >= logging.ERROR else log.warning
        write(
            "library.message",
            logger=record.name,
            place=place_of(record.pathname, record.lineno, record.funcName or ""),
            exc_info=record.exc_info,
            **template,
        )


def _capture_libraries(level: int) -> None:
    logging.captureWarnings(capture=True)
    # Below a warning they tell what passes through them.
    logging.basicConfig(handlers=[_Library()], level=max(level, logging.WARNING), force=True)


def _capture_uncaught() -> None:
    sys.excepthook = _on_uncaught
    threading.excepthook = _on_thread_uncaught
    sys.unraisablehook = _on_unraisable


def _on_uncaught(
    kind: type[BaseException], error: BaseException, traceback: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        log.critical("process.crashed", exc_info=error)


def _on_thread_uncaught(hooked: threading.ExceptHookArgs) -> None:
    log.error("thread.crashed", exc_info=hooked.exc_value)


def _on_unraisable(hooked: "sys.UnraisableHookArgs") -> None:
    log.error("process.unraisable", exc_info=hooked.exc_value)
