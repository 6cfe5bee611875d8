"""AWS Lambda: the API behind API Gateway, the dispatcher behind a stream, and the sweep.

Three handlers over one composition. No worker is started, since nothing runs once a handler has
answered: the stream carries on what the API has accepted, and the sweep finds what it misses.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from paymentapp import create_app
from paymentapp.aws_lambda.secrets import environ_with_secret
from paymentapp.bootstrap import Services, build_services
from paymentapp.config import load_settings
from paymentapp.declarations import warn_of_unknown
from paymentapp.server import start_logging

if TYPE_CHECKING:
    from paymentapp.models.payments import Payment
    from paymentapp.storage.dynamodb import DynamoDBStore
    from paymentapp.worker.timeboxed import TimeboxedRun

log = logging.getLogger(__name__)

Event = Mapping[str, Any]
Answer = dict[str, Any]

SWEEPS_MISSED = 3  # until /readyz says that nobody dispatches
MARGIN_SECONDS = 8  # of a step, beside the provider's answer: its connection, and our own writes


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int: ...


def api(event: Event, context: Context) -> Answer:
    """Answer a request that API Gateway passes on: the proxy event of a REST or an HTTP API."""
    return _gateway()(event, context)


def dispatch(event: Event, context: Context) -> Answer:
    """Carry on what the stream of Disbursements tells of (`NEW_IMAGE`).

    Never raises: a record that fails would hold up its shard. Names the records of which it
    helps to be told again; all others, the sweep finds.
    """
    return submit_records(services(), event, context)


def sweep(_event: Event, context: Context) -> Answer:
    """Find and do what is due; run it every minute. It alone is enough for correctness."""
    return run_sweep(services(), context)


@cache
def services() -> Services:
    """The service of this process, put together once."""
    start_logging()
    environ = environ_with_secret(os.environ)
    warn_of_unknown(environ)
    return build_services(load_settings(environ))


@cache
def _gateway() -> Callable[[Event, Context], Answer]:
    return gateway(services())


def gateway(service: Services) -> Callable[[Event, Context], Answer]:
    """The API as a function of proxy events."""
    from apig_wsgi import make_lambda_handler

    from paymentapp.aws_lambda.api_gateway import BehindGateway

    handler: Callable[[Any, Any], Answer] = make_lambda_handler(
        BehindGateway(create_app(service).wsgi_app)
    )
    return handler


def submit_records(service: Services, event: Event, context: Context) -> Answer:
    """Send the payments of a stream's records, and look at them while that is cheap."""
    told: dict[str, Payment] = {}
    for record in event.get("Records", ()):
        payment = read_record(record)
        if payment is not None:
            told[record["dynamodb"]["SequenceNumber"]] = payment
    again: set[str] = set()
    try:
        run = _timeboxed_run(service, context)
        latest = {payment.key: payment for payment in told.values()}
        again = {payment.revision for payment in run.submit_due(latest.values())}
        run.follow(service.settings.follow_seconds)
    except Exception:
        log.exception("the records of a stream are left to the sweep")
    failures = [number for number, payment in told.items() if payment.revision in again]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failures]}


def run_sweep(service: Services, context: Context) -> Answer:
    """Sweep until nothing is due or time is nearly up. Raises StoreUnavailable, for the alarm."""
    run = _timeboxed_run(service, context)
    try:
        steps = run.sweep()
        run.follow(service.settings.follow_seconds)
        service.sweeper.beat(SWEEPS_MISSED * timedelta(seconds=service.settings.sweep_seconds))
    finally:
        service.sweeper.release()
    return {"steps": steps}


def read_record(record: Event) -> Payment | None:
    """The payment of a stream's record, if it has one that is due and that can be read."""
    from paymentapp.storage.codec.payments import read_payment
    from paymentapp.storage.dynamodb.attribute_values import to_record

    image = record.get("dynamodb", {}).get("NewImage", {})
    if record.get("eventName") == "REMOVE" or "due_at" not in image:
        return None
    try:
        return read_payment(to_record(image))
    except Exception as error:
        # A later version may have written it. The log gets no part of it, which may be personal.
        log.warning("a stream record is left to the sweep: %s", type(error).__name__)
        return None


def _timeboxed_run(service: Services, context: Context) -> TimeboxedRun:
    from paymentapp.worker.timeboxed import TimeboxedRun

    return TimeboxedRun(
        service.dispatcher,
        service.poller,
        service.sweeper,
        service.inbox,
        service.mailbox_collector,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        step_seconds=service.settings.provider_timeout + MARGIN_SECONDS,
    )


def _warm_up(handler: str) -> None:
    """Put together what the handler needs while the function starts: Lambda gives that phase a
    whole processor, and the first request only the share that was paid for."""
    if not handler.startswith(f"{__name__}."):
        return
    gc.disable()  # a tenth of the time goes into looking for garbage, of which there is none yet
    if handler == f"{__name__}.api":
        _gateway()
    if services().settings.store == "dynamodb":
        cast("DynamoDBStore", services().store).warm_up()
    gc.freeze()
    gc.enable()


_warm_up(os.environ.get("_HANDLER", ""))
