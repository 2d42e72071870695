"""The log of the server: JSON lines on standard error or in the file of the setting `log`, Python's loggers too.

What people ask about is not in it: of an exception it tells the kind and where it was raised, its words only with the
setting log_detail, since they may hold names of exams.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import MutableMapping
from functools import partial
from types import TracebackType
from typing import Any, TextIO

import structlog

from agent.settings import Settings
from standard.errors import InputError

Event = MutableMapping[str, Any]


def start_log(settings: Settings) -> None:
    """Set the log up, for this process. InputError where its file cannot be written."""
    processors: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        partial(_exceptions, settings.log_detail),
    ]
    structlog.configure(
        processors=[*processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(_target(settings))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=processors,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(serializer=partial(json.dumps, ensure_ascii=False)),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("yingma").setLevel(logging.INFO)


def logger() -> Any:
    """The server's own logger."""
    return structlog.stdlib.get_logger("yingma")


def _target(settings: Settings) -> TextIO:
    if settings.log is None:
        return sys.stderr
    path = settings.home / settings.log  # an absolute path stays what it is
    try:
        return path.open("a", encoding="utf-8", buffering=1)
    except OSError as error:
        raise InputError(
            f"不能写日志 {path}：{error.strerror}；请改设置 YINGMA_LOG。",
            f"The log {path} cannot be written: {error.strerror}; change the setting YINGMA_LOG.",
        ) from error


def _exceptions(detail: bool, _: Any, __: str, event: Event) -> Event:
    """An exception as plain values."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if not found or found[1] is None:
        return event
    event["exception"] = _told(found[1], found[2], detail)
    return event


def _told(error: BaseException, trace: TracebackType | None, detail: bool) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": type(error).__name__,
        "at": [f"{each.filename}:{each.lineno} {each.name}" for each in traceback.extract_tb(trace)][-12:],
    }
    if detail:
        told["words"] = str(error)
    cause = error.__cause__ or error.__context__
    if cause is not None:
        told["cause"] = _told(cause, cause.__traceback__, detail)
    return told
