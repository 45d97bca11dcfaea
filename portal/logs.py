"""Structured logs: one line an event, static event names, ids and never personal data."""

import logging
import re
import sys
import traceback

import structlog

KEPT_QUIET = ("alembic", "urllib3", "stripe", "granian", "_granian", "mail.log")


def set_up_logging(log_format: str = "json") -> None:
    """Send our events and the libraries' warnings to standard error as JSON or text lines."""
    render: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.ExceptionRenderer(format_exception), render],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(name)s %(message)s")
    for name in KEPT_QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def format_exception(exc_info: structlog.typing.ExcInfo) -> str:
    """A traceback without what PostgreSQL says of the row: "Failing row contains (...)"."""
    text = "".join(traceback.format_exception(*exc_info))
    return _DETAIL.sub("DETAIL: left out\n", text)


_DETAIL = re.compile(
    r"^DETAIL:.*?(?=^(?:CONTEXT:|HINT:|\[SQL|\(Background|The above|During)|\Z)", re.M | re.S
)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """The logger everyone uses: `log.info("gift_started", gift_id=7)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
