"""Log records: one line each, as JSON or, for people, in colour."""

import logging
import sys
from typing import Final, Literal

import orjson
import structlog
from structlog.typing import Processor

LogFormat = Literal["json", "console"]

# What every record gets, whoever writes it.
_SHARED: Final[tuple[Processor, ...]] = (
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure_logs(log_format: LogFormat, level: str) -> None:
    """Writes to standard error. Libraries that log by `logging` end up in the same form."""
    number = logging.getLevelNamesMapping()[level.upper()]
    if log_format == "json":
        _configure_json(number)
    else:
        _configure_console(number)
    _capture_logging(log_format, number)


def _configure_json(level: int) -> None:
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


def _configure_console(level: int) -> None:
    structlog.configure(
        processors=[*_SHARED, structlog.dev.ConsoleRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _capture_logging(log_format: LogFormat, level: int) -> None:
    renderer: Processor = structlog.dev.ConsoleRenderer()
    if log_format == "json":
        renderer = structlog.processors.JSONRenderer(serializer=_json_text)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *_SHARED],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def _json_text(record: object, **_: object) -> str:
    return orjson.dumps(record).decode()
