"""Log lines as JSON objects, by python-json-logger.

A line has what is named here and nothing else. What code passes as `extra` is left out under any
other name, so that no object with an address or a secret in it reaches the log that way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from paymentapp.correlation import NAMES, current, traceparent
from paymentapp.masking import scrubbed

# Of a line's own arguments, where these have names: those of the security log.
OWN_NAMES = ("event", "key", "method", "route", "status", "source")
_TEXT_MAX = 200  # characters; of any value but the message and a traceback


class JsonLines(JsonFormatter):
    """Formats a record as one line of JSON, with what the work at hand belongs to."""

    def __init__(self) -> None:
        super().__init__(json_ensure_ascii=False)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        """Add to a line what it shows of a record."""
        log_data["time"] = _time(record.created)
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = scrubbed(record.getMessage())
        given = record.args if isinstance(record.args, Mapping) else record.__dict__
        _add(log_data, given, OWN_NAMES)
        _add(log_data, current(), NAMES)
        trace = (traceparent() or "").split("-")
        if len(trace) == 4:
            log_data["trace_id"], log_data["span_id"] = trace[1:3]
        log_data |= {
            name: scrubbed(text) for name, text in message_dict.items() if name in _TRACEBACKS
        }


_TRACEBACKS = ("exc_info", "stack_info")


def _add(line: dict[str, Any], given: Mapping[str, object], names: tuple[str, ...]) -> None:
    """Add the values of names that are texts or whole numbers; `-` stands for none."""
    for name in names:
        value = given.get(name)
        if isinstance(value, str) and value not in {"", "-"}:
            line[name] = scrubbed(value)[:_TEXT_MAX]
        elif isinstance(value, int):
            line[name] = value


def _time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
