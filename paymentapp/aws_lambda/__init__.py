"""AWS Lambda handlers: the API, the dispatcher, the sweep and the deliveries of events.

All of them use the same services. No worker is started, since Lambda freezes the process once a
handler returns: the DynamoDB stream triggers the dispatch of what the API accepted, and the
scheduled sweep finds what the stream missed.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from paymentapp import create_app
from paymentapp.aws_lambda.secrets import environ_with_secrets
from paymentapp.bootstrap import Services, build_services
from paymentapp.built_once import if_built
from paymentapp.config import load_settings
from paymentapp.declarations import warn_of_unknown
from paymentapp.errors import SettingsError
from paymentapp.server import start_logging

if TYPE_CHECKING:
    from paymentapp.aws_lambda.deliveries import SendsReceivers
    from paymentapp.messaging.sqs import DeliveryQueue
    from paymentapp.models.payments import Payment
    from paymentapp.services.api_keys import ApiKeys
    from paymentapp.services.holds import Holds
    from paymentapp.storage.dynamodb import DynamoDBStore
    from paymentapp.worker.timeboxed import TimeboxedRun
    from paymentapp.worker.timeboxed_dispatch import TimeboxedDispatch

log = logging.getLogger(__name__)

Event = Mapping[str, Any]
Answer = dict[str, Any]

SWEEPS_MISSED = 3  # missed in a row until /readyz reports that no dispatcher is running
MARGIN_SECONDS = 8  # per step, besides the provider's time-out: connecting, and our own writes


class Context(Protocol):
    """The part of Lambda's context object that is used here."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends this invocation."""


def api(event: Event, context: Context) -> Answer:
    """Answer a request from API Gateway: a proxy event of a REST or an HTTP API.

    An event that is no request, such as a warm-up or a schedule, is ignored; it leaves the function
    warm.
    """
    return _gateway()(event, context)


def dispatch(event: Event, context: Context) -> Answer:
    """Dispatch the payments in records of the Disbursements stream (`NEW_IMAGE`).

    Never raises: a record that fails would block its shard. Returns the records that are worth
    delivering again as `batchItemFailures`; the sweep finds all others.
    """
    return submit_records(services(), event, context)


def sweep(_event: Event, context: Context) -> Answer:
    """Process everything that is due; scheduled every minute. Correctness needs this one alone."""
    return run_sweep(services(), context, _queue())


def deliver(event: Event, context: Context) -> Answer:
    """Deliver events to the receivers that messages of the queue name.

    Raises StoreUnavailable: SQS then delivers the messages again.
    """
    from paymentapp.aws_lambda.deliveries import deliver_messages

    queue = _queue()
    if queue is None:
        raise SettingsError("PAYMENTAPP_DELIVERY_QUEUE_URL is not set")
    return deliver_messages(services(), event, _seconds_left(context), queue)


@cache
def services() -> Services:
    """Return the services of this process, built once."""
    start_logging()
    environ = environ_with_secrets(os.environ)
    warn_of_unknown(environ)
    return build_services(load_settings(environ))


@cache
def _queue() -> DeliveryQueue | None:
    """Return the queue of this process; None where the sweep delivers itself."""
    url = services().settings.delivery_queue_url
    if not url:
        return None
    from paymentapp.messaging.sqs import DeliveryQueue, open_sqs_client
    from paymentapp.storage.per_process import PerProcess

    return DeliveryQueue(url, PerProcess(open_sqs_client))


@cache
def _gateway() -> Callable[[Event, Context], Answer]:
    return gateway(services())


def gateway(service: Services) -> Callable[[Event, Context], Answer]:
    """Return a function that answers proxy events by the API, and survives all others."""
    from apig_wsgi import make_lambda_handler

    from paymentapp.aws_lambda import events
    from paymentapp.aws_lambda.api_gateway import BehindGateway

    handler: Callable[[Any, Any], Answer] = make_lambda_handler(
        BehindGateway(create_app(service).wsgi_app)
    )

    def answer(event: Event, context: Context) -> Answer:
        if not events.is_request(event):
            log.info("event ignored, since it is no request: %s", events.summary(event))
            return events.ignored()
        _forget_what_was_read(service)
        try:
            return handler(events.with_merged_headers(event), context)
        except Exception:  # the event is checked only then, which takes as long as a short request
            malformed = events.malformed_members(event)
            if not malformed:
                raise
            log.warning("request refused, since its event is malformed: %s", ", ".join(malformed))
            return events.refused(event)

    return answer


def submit_records(service: Services, event: Event, context: Context) -> Answer:
    """Submit the payments of stream records, then poll them for `follow_seconds`."""
    received = read_records(event)
    unsubmitted: set[str] = set()
    try:
        run = _timeboxed_dispatch(service, _seconds_left(context))
        latest = {payment.key: payment for payment in received.values()}
        unsubmitted = {payment.revision for payment in run.submit_due(latest.values())}
        run.follow(service.settings.follow_seconds)
    except Exception:
        log.exception("stream records not processed; the sweep processes them")
    failures = [n for n, payment in received.items() if payment.revision in unsubmitted]
    return {"batchItemFailures": [{"itemIdentifier": number} for number in failures]}


def run_sweep(service: Services, context: Context, queue: SendsReceivers | None = None) -> Answer:
    """Sweep until nothing is due or time runs out, then send events in the time that is left.

    With a queue events are not sent here, but by a function that its messages trigger.

    Raises StoreUnavailable (sets off the alarm).
    """
    from paymentapp.aws_lambda.deliveries import enqueue

    run = _timeboxed_sweep(service, _seconds_left(context))
    try:
        steps = run.sweep()
        run.follow(service.settings.follow_seconds)
        if queue is None:
            run.deliver()
        else:
            enqueue(service, queue)
        service.sweeper.beat(SWEEPS_MISSED * timedelta(seconds=service.settings.sweep_seconds))
    finally:
        service.sweeper.release()
    return {"steps": steps}


def read_records(event: object) -> dict[str, Payment]:
    """Return the due payments of a stream event by sequence number; nothing of another event."""
    records = event.get("Records") if isinstance(event, Mapping) else None
    if not isinstance(records, list):
        log.info("event ignored, since it has no stream records")
        return {}
    return dict(found for record in records if (found := read_record(record)))


def read_record(record: Event) -> tuple[str, Payment] | None:
    """Return the sequence number and payment of a stream record.

    None if the payment is not due, or if the record is not readable.
    """
    from paymentapp.storage.codec.payments import read_payment
    from paymentapp.storage.dynamodb.attribute_values import to_record

    try:
        image = record["dynamodb"].get("NewImage", {})
        if record.get("eventName") == "REMOVE" or "due_at" not in image:
            return None
        return record["dynamodb"]["SequenceNumber"], read_payment(to_record(image))
    except Exception as error:
        # A later version may have written it. Its content may be personal and is not logged.
        log.warning("stream record not readable: %s; the sweep processes it", type(error).__name__)
        return None


def _timeboxed_dispatch(service: Services, seconds_left: Callable[[], float]) -> TimeboxedDispatch:
    """Return a run that sends payments: it builds no service that only a sweep uses."""
    from paymentapp.worker.timeboxed_dispatch import TimeboxedDispatch

    _forget_what_was_read(service)
    return TimeboxedDispatch(
        service.dispatcher,
        service.poller,
        seconds_left=seconds_left,
        step_seconds=service.settings.provider_timeout + MARGIN_SECONDS,
    )


def _timeboxed_sweep(service: Services, seconds_left: Callable[[], float]) -> TimeboxedRun:
    from paymentapp.worker.timeboxed import TimeboxedRun

    _forget_what_was_read(service)
    service.sweeper.bulk = partial(_work_off_bulk, service)
    return TimeboxedRun(
        service.dispatcher,
        service.poller,
        service.sweeper,
        service.inbox,
        service.mailbox_collector,
        service.deliverer,
        seconds_left=seconds_left,
        step_seconds=service.settings.provider_timeout + MARGIN_SECONDS,
        publisher=service.publisher,
    )


def _work_off_bulk(service: Services, may_go_on: Callable[[], bool]) -> bool:
    """Work off a bulk run that is due; the services for it are built only where one is."""
    due = service.store.due_bulk_runs(service.clock(), 1)
    return bool(due) and service.bulk_runner.advance(may_go_on)


def _seconds_left(context: Context) -> Callable[[], float]:
    return lambda: context.get_remaining_time_in_millis() / 1000


def _forget_what_was_read(service: Services) -> None:
    """Read keys and holds again: no clock says how long this process was frozen.

    What was not built has read nothing.
    """
    for name in ("api_keys", "holds"):
        built: ApiKeys | Holds | None = if_built(service, name)
        if built is not None:
            built.forget()


def _warm_up(handler: str) -> None:
    """Build what the handler needs during the init phase.

    Lambda gives that phase a whole processor, and the first request only its configured share.
    """
    if not handler.startswith(f"{__name__}."):
        return
    gc.disable()  # collection takes a tenth of this time, and there is no garbage yet
    _build_for(handler.removeprefix(f"{__name__}."))
    if services().settings.store == "dynamodb":
        cast("DynamoDBStore", services().store).warm_up()
    gc.freeze()
    gc.enable()


def _build_for(name: str) -> None:
    """Build what every event of a function needs; what few need is built when they come."""
    service = services()
    if name == "api":
        _gateway()
        _ = service.api_keys, service.payments
        if service.access_tokens is not None:
            service.access_tokens.warm_up()
    elif name == "dispatch":
        _timeboxed_dispatch(service, _no_time)
    elif name == "sweep":
        _timeboxed_sweep(service, _no_time)
    elif name == "deliver":
        from paymentapp.aws_lambda.deliveries import timed_delivery

        timed_delivery(service, _no_time)


def _no_time() -> float:
    """Return the seconds left for a run that is only built."""
    return 0.0


_warm_up(os.environ.get("_HANDLER", ""))
