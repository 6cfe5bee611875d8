"""What log lines show and hide, as text and as JSON, and what work they belong to."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from paymentapp import correlation
from paymentapp.errors import SettingsError
from paymentapp.logs.json_lines import JsonLines
from paymentapp.models.batches import Batch
from paymentapp.server import LOG_FORMAT, LineFormatter, start_logging
from paymentapp.worker.concurrency import ThreadPool
from tests.support.measured_world import MeasuredWorld

TEXT, JSON = LineFormatter(LOG_FORMAT), JsonLines()
BOTH = pytest.mark.parametrize("formatter", [TEXT, JSON], ids=["text", "json"])


@pytest.fixture(autouse=True)
def kept_levels() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("paymentapp", "paymentapp.security")]
    levels = [logger.level for logger in loggers]
    yield
    correlation.end()
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


def record(message: str, *args: Any, extra: dict[str, Any] | None = None) -> logging.LogRecord:
    logger = logging.getLogger("paymentapp.x")
    error = sys.exc_info() if sys.exc_info()[0] else None
    return logger.makeRecord(logger.name, 30, "", 0, message, args, error, extra=extra)


def line(message: str, *args: Any, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    text = JSON.format(record(message, *args, extra=extra))
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_of_json_has_time_level_logger_and_message() -> None:
    parsed = line("batch %s waits", "b1")
    moment = datetime.fromisoformat(parsed.pop("time"))
    assert abs(moment.timestamp() - time.time()) < 5
    assert moment.tzinfo == UTC
    assert parsed == {"level": "WARNING", "logger": "paymentapp.x", "message": "batch b1 waits"}


def test_a_line_has_what_its_work_belongs_to() -> None:
    correlation.begin({"request": "r1"})
    correlation.note(client="till")
    with correlation.about(batch="b1", payment="p1"):
        parsed = line("x")
    assert [parsed.get(name) for name in ("request", "client", "batch", "payment")] == [
        *("r1", "till", "b1", "p1")
    ]
    assert "batch" not in line("x")


def test_a_line_has_its_trace_where_there_is_one() -> None:
    with correlation.continuing(f"00-{'a' * 32}-{'b' * 16}-01"):
        parsed = line("x")
    assert (parsed["trace_id"], parsed["span_id"]) == ("a" * 32, "b" * 16)
    assert "trace_id" not in line("x")


def test_an_extra_is_shown_by_no_name_but_those_of_the_log() -> None:
    parsed = line(
        "x", extra={"email": "ann@example.com", "account": "000123456789", "route": "/v1"}
    )
    assert parsed.keys() - {"time", "level", "logger", "message"} == {"route"}


def test_an_object_in_the_place_of_a_text_is_not_shown() -> None:
    parsed = line("x", extra={"event": {"account": "000123456789"}, "status": 200})
    assert ("event" in parsed, parsed["status"]) == (False, 200)


def test_a_dictionary_in_the_place_of_the_message_adds_no_fields() -> None:
    logger = logging.getLogger("paymentapp.x")
    made = logger.makeRecord(logger.name, 30, "", 0, {"email": "ann@example.com"}, (), None)
    parsed = json.loads(JSON.format(made))
    assert "email" not in parsed
    assert "ann@" not in json.dumps(parsed)


@BOTH
def test_addresses_and_keys_in_errors_are_masked(formatter: logging.Formatter) -> None:
    secrets = ["ann.b+c@example.com", "pk_0123456789abcdef_Secret-1", "sk_live_abc", "whsec_abc=="]
    try:
        raise ValueError(" ".join(secrets))
    except ValueError:
        text = formatter.format(record("failed: %s", " ".join(secrets)))
    for secret in secrets:
        assert secret not in text
    assert text.count("a***@example.com") == 2
    assert text.count("pk_0123456789abcdef_***") == 2


@BOTH
def test_ids_are_shown_whole(formatter: logging.Formatter) -> None:
    ids = "20260301T120000000001-0123456789abcdef 2026-03-01T12:00:00.000001Z WH-2Y:a@b"
    assert ids.rpartition(" ")[0] in formatter.format(record(ids))


def test_a_traceback_is_one_field() -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        parsed = line("x")
    assert parsed["exc_info"].endswith("RuntimeError: broken")


@pytest.mark.parametrize(
    ("level", "ours", "security"),
    [("DEBUG", 10, 10), ("INFO", 20, 20), ("WARNING", 30, 20), ("ERROR", 40, 20)],
)
def test_the_level_is_set_and_the_security_log_stays(level: str, ours: int, security: int) -> None:
    start_logging({"PAYMENTAPP_LOG_LEVEL": level})
    assert logging.getLogger("paymentapp.services").getEffectiveLevel() == ours
    assert logging.getLogger("paymentapp.security").getEffectiveLevel() == security


@pytest.mark.parametrize("name", ["", "gunicorn.error"])
def test_a_handler_that_is_there_already_writes_json_too(name: str) -> None:
    """Lambda's runtime has one before our code is imported, and gunicorn has one of its own."""
    logger, handler = logging.getLogger(name), logging.NullHandler()
    formatters = [(each, each.formatter) for each in logging.getLogger().handlers]
    logger.addHandler(handler)
    start_logging({"PAYMENTAPP_LOG_FORMAT": "json"})
    logger.removeHandler(handler)
    for each, formatter in formatters:
        each.setFormatter(formatter)
    assert isinstance(handler.formatter, JsonLines)


@pytest.mark.parametrize("name", ["PAYMENTAPP_LOG_FORMAT", "PAYMENTAPP_LOG_LEVEL"])
def test_another_word_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        start_logging({name: "loud"})


def test_what_is_done_while_a_batch_is_sent_belongs_to_it() -> None:
    world = MeasuredWorld()
    seen: list[tuple[Batch, dict[str, str]]] = []
    world.provider.before = lambda batch: seen.append((batch, dict(correlation.current())))
    world.pay()
    world.sweep()
    assert [about for _, about in seen] == [{"batch": batch.batch_id} for batch, _ in seen] != []
    assert correlation.current() == {}


def test_a_thread_in_the_background_has_no_request() -> None:
    seen: list[dict[str, str]] = []
    correlation.begin({"request": "r1"})
    pool = ThreadPool(1, "p", limit=5)
    pool.start()
    pool.do(lambda: seen.append(dict(correlation.current()))).wait(5)
    pool.stop(time.monotonic() + 5)
    assert seen == [{}]
