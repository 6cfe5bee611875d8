"""The composition root: builds every service once, over one store and one clock.

The web application, the worker, the command line, Lambda and the tests all start from
`build_services`. Nothing is built at import.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import NamedTuple

from paymentapp.clock import Clock, utc_now
from paymentapp.config import Settings, load_settings
from paymentapp.messaging.sns import SnsTopic, open_sns_client
from paymentapp.metrics.base import NO_METRICS, Metrics
from paymentapp.metrics.deliveries import measured_client, measured_topic
from paymentapp.metrics.levels import Levels
from paymentapp.metrics.providers import measured_providers
from paymentapp.metrics.store import measured_store
from paymentapp.oidc import open_access_tokens
from paymentapp.oidc.tokens import AccessTokens
from paymentapp.providers.base import Kit, Provider
from paymentapp.providers.registry import NAMES, build_providers
from paymentapp.rate_limits.counters import WindowCounters
from paymentapp.rate_limits.limits import RateLimits
from paymentapp.services.admission import Admission
from paymentapp.services.api_keys import ApiKeys
from paymentapp.services.approval_rules import ApprovalRules, read_approval_rules
from paymentapp.services.approvals import Approvals
from paymentapp.services.balances import Balances
from paymentapp.services.customer_history import CustomerHistory
from paymentapp.services.customers import Customers
from paymentapp.services.dispatch.dispatcher import Dispatcher
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.dispatch.funds_watch import FundsWatch
from paymentapp.services.dispatch.polling import Poller
from paymentapp.services.erasures import Erasures
from paymentapp.services.events import Events
from paymentapp.services.health import Health
from paymentapp.services.holds import Holds
from paymentapp.services.inbound.inbox import Inbox
from paymentapp.services.inbound.mailboxes import MailboxCollector
from paymentapp.services.inbound.webhooks import WebhookReceiver
from paymentapp.services.limit_use import LimitUse
from paymentapp.services.limits import Limits, read_limits
from paymentapp.services.outbound.deliverer import Deliverer
from paymentapp.services.outbound.endpoints import WebhookEndpoints
from paymentapp.services.outbound.publisher import EventPublisher
from paymentapp.services.payees import PayeeDisplays
from paymentapp.services.payment_methods import PaymentMethods
from paymentapp.services.payments import Payments
from paymentapp.services.retries import PaymentRetries
from paymentapp.services.routing import Routes, read_rules
from paymentapp.services.settlement import Settlement
from paymentapp.services.waiting import Waiting
from paymentapp.storage import open_store
from paymentapp.storage.base import Store
from paymentapp.storage.per_process import PerProcess
from paymentapp.supervision import Supervisor
from paymentapp.tracing.base import NO_TRACING, Tracing
from paymentapp.tracing.deliveries import traced_client
from paymentapp.tracing.providers import traced_providers
from paymentapp.tracing.steps import traced_dispatcher, traced_inbox, traced_poller
from paymentapp.tracing.store import linking_store, traced_store
from paymentapp.vault.kms import open_key_service
from paymentapp.vault.sealing import Vault
from paymentapp.webhook_client.client import WebhookClient
from paymentapp.worker.sweeper import Sweeper
from paymentapp.worker.threaded import Worker
from paymentapp.worker.webhooks import WebhookLanes, open_lanes

EXTENSION = "paymentapp"  # the key in `app.extensions`


@dataclass(frozen=True, slots=True)
class Services:
    """All services, wired; a Flask app has them as `app.extensions[EXTENSION]`."""

    settings: Settings
    clock: Clock
    store: Store
    providers: Mapping[str, Provider]
    # called by the API
    api_keys: ApiKeys
    access_tokens: AccessTokens | None  # None where no issuer is set
    rate_limits: RateLimits
    customers: Customers
    methods: PaymentMethods
    history: CustomerHistory
    erasures: Erasures
    events: Events
    payees: PayeeDisplays
    payments: Payments
    retries: PaymentRetries
    approvals: Approvals
    holds: Holds
    limit_use: LimitUse
    balances: Balances
    waiting: Waiting
    webhooks: WebhookReceiver
    webhook_endpoints: WebhookEndpoints
    health: Health
    # dispatch, and what providers report
    routes: Routes
    settlement: Settlement
    poller: Poller
    dispatcher: Dispatcher
    inbox: Inbox
    sweeper: Sweeper
    mailbox_collector: MailboxCollector
    deliverer: Deliverer
    publisher: EventPublisher | None  # None where no topic is set
    worker: Worker
    supervisor: Supervisor  # of the worker's threads and the store's; started where they run
    metrics: Metrics
    tracing: Tracing

    def close(self) -> None:
        """Release connections. Stop the worker first, if it was started."""
        for provider in self.providers.values():
            provider.close()
        self.deliverer.client.close()
        if self.publisher is not None:
            self.publisher.topic.close()
        self.store.close()
        self.tracing.close()


def build_services(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    providers: Mapping[str, Provider] | None = None,
    clock: Clock | None = None,
    worker: Worker | None = None,
    metrics: Metrics = NO_METRICS,
    tracing: Tracing = NO_TRACING,
    timer: Callable[[], float] = time.monotonic,
    counters: WindowCounters | None = None,
) -> Services:
    """Build every service once; arguments that are None are made from the settings.

    `metrics` and `tracing` record what a process that serves or dispatches does
    (`metrics.open_metrics`, `tracing.open_tracing`). `timer` measures how old what was read is, in
    seconds. `counters` are those of rate limits, which processes of one machine may share. No
    thread starts, and nothing is
    connected before it is used. Raises SettingsError.
    """
    settings, clock = settings or load_settings(), clock or utc_now
    store = traced_store(measured_store(store or open_store(settings), metrics), tracing)
    failing = FailingProviders(clock)
    from_settings = providers is None
    vault = Vault(settings.vault_keys, open_key_service(settings))
    if providers is None:
        providers = build_providers(Kit(settings, clock, vault, store))
    providers = traced_providers(measured_providers(providers, metrics), tracing)
    routes = _build_routes(settings, providers, failing, check=from_settings)
    quotas = settings.rate_limit_clients, settings.rate_limit_addresses
    rate_limits = RateLimits(counters or WindowCounters(), *quotas)
    base = _Base(store, providers, vault, clock, timer, metrics, tracing, rate_limits)
    services = _wire(settings, base, failing, routes, worker)
    if metrics.enabled:
        _show_levels(services)
    return services


def build_delivery(services: Services, owner: str) -> tuple[WebhookLanes, Supervisor]:
    """Return what delivers webhooks in a process that does nothing else, and what watches it.

    `owner` holds the leases of the endpoints.
    """
    store = services.store
    settings = services.settings
    lanes = open_lanes(services.deliverer, store, services.clock, settings, owner)
    supervisor = Supervisor(lambda: [*store.threads(), *lanes.threads()])
    supervisor.on_check = services.supervisor.on_check
    return lanes, supervisor


class _Base(NamedTuple):
    """What services are built over, besides the settings."""

    store: Store
    providers: Mapping[str, Provider]
    vault: Vault
    clock: Clock
    timer: Callable[[], float]
    metrics: Metrics
    tracing: Tracing
    rate_limits: RateLimits


def _wire(
    settings: Settings,
    base: _Base,
    failing: FailingProviders,
    routes: Routes,
    worker: Worker | None,
) -> Services:
    store, providers, vault, clock, timer, metrics, tracing, rate_limits = base
    customers, payees = Customers(store, clock), PayeeDisplays(providers, clock)
    methods = PaymentMethods(store, customers, providers, clock)
    history = CustomerHistory(store, customers, providers, payees)
    settlement, holds = Settlement(store, clock), Holds(store, {*NAMES, *providers}, clock, timer)
    poller = traced_poller(Poller(store, providers, settlement, failing, clock), tracing)
    dispatcher = Dispatcher(store, providers, poller, routes, failing, holds, clock)
    dispatcher = traced_dispatcher(dispatcher, tracing)
    inbox = _build_inbox(base, poller, settlement, methods)
    erasures = Erasures(store, customers, clock, settings.due_shards)
    sweeper = _build_sweeper(settings, dispatcher, poller, inbox, erasures)
    collector = _build_collector(settings, store, providers, clock)
    events, deliverer, publisher = _build_outbound(settings, base, payees, history)
    parts = dispatcher, poller, inbox, sweeper, collector, deliverer, publisher
    worker = worker or Worker(store, *parts, clock, settings)
    payments = _build_payments(settings, store, customers, routes, clock, worker)
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        providers=providers,
        api_keys=ApiKeys(store, clock),
        access_tokens=open_access_tokens(settings.variables, clock),
        rate_limits=rate_limits,
        customers=customers,
        methods=methods,
        history=history,
        erasures=erasures,
        events=events,
        payees=payees,
        payments=payments,
        retries=PaymentRetries(payments),
        approvals=Approvals(store, routes, clock, worker.wake),
        holds=holds,
        limit_use=LimitUse(store, payments.admission.limits, clock),
        balances=Balances(store),
        waiting=Waiting(store, holds, clock),
        webhooks=WebhookReceiver(store, providers, clock, settings.due_shards, worker.apply_soon),
        webhook_endpoints=WebhookEndpoints(store, vault, clock, settings.webhooks_allow_loopback),
        health=Health(store, providers, worker, holds, clock, publisher),
        routes=routes,
        settlement=settlement,
        poller=poller,
        dispatcher=dispatcher,
        inbox=inbox,
        sweeper=sweeper,
        mailbox_collector=collector,
        deliverer=deliverer,
        publisher=publisher,
        worker=worker,
        supervisor=Supervisor(lambda: [*store.threads(), *worker.threads()]),
        metrics=metrics,
        tracing=tracing,
    )


def _show_levels(services: Services) -> None:
    """Have the loops of this process show what they find out."""
    levels = Levels(
        services.metrics,
        services.providers,
        services.dispatcher.failing,
        services.holds,
        services.limit_use,
        services.balances,
        services.deliverer,
        services.publisher,
        services.clock,
    )
    services.sweeper.on_swept = levels.show_sweep
    services.sweeper.funds.on_look = levels.show_store
    services.supervisor.on_check = levels.show_threads


def _build_routes(
    settings: Settings,
    providers: Mapping[str, Provider],
    failing: FailingProviders,
    *,
    check: bool,
) -> Routes:
    change_hold = timedelta(hours=settings.payee_change_hold_hours)
    routes = Routes(providers, read_rules(settings.routes), failing.is_avoided, change_hold)
    if check:  # commands that call no provider pass none, and no rule would fit
        routes.check()
    return routes


def _build_inbox(
    base: _Base, poller: Poller, settlement: Settlement, methods: PaymentMethods
) -> Inbox:
    store, providers, tracing = (
        linking_store(base.store, base.tracing),
        base.providers,
        base.tracing,
    )
    inbox = Inbox(store, providers, poller, settlement, methods, base.clock)
    return traced_inbox(inbox, tracing)


def _build_sweeper(
    settings: Settings,
    dispatcher: Dispatcher,
    poller: Poller,
    inbox: Inbox,
    erasures: Erasures,
) -> Sweeper:
    store, clock = dispatcher.store, dispatcher.clock
    funds = FundsWatch(store, dispatcher.providers, Balances(store), clock)
    shards, senders = settings.due_shards, settings.senders
    return Sweeper(
        store, dispatcher, poller, inbox, clock, shards, senders, funds, erasures.advance
    )


def _build_collector(
    settings: Settings, store: Store, providers: Mapping[str, Provider], clock: Clock
) -> MailboxCollector:
    pause = timedelta(seconds=settings.collect_seconds)
    return MailboxCollector(store, providers, clock, settings.due_shards, pause)


def _build_payments(
    settings: Settings,
    store: Store,
    customers: Customers,
    routes: Routes,
    clock: Clock,
    worker: Worker,
) -> Payments:
    rules = ApprovalRules(store, read_approval_rules(settings.approvals))
    limits = Limits(read_limits(settings.limits))
    unique = settings.unique_references
    admission = Admission(store, limits, clock, settings.duplicate_hours, unique)
    shards = settings.due_shards
    return Payments(store, customers, routes, rules, admission, clock, shards, worker.wake)


def _build_outbound(
    settings: Settings, base: _Base, payees: PayeeDisplays, history: CustomerHistory
) -> tuple[Events, Deliverer, EventPublisher | None]:
    store, clock, metrics = base.store, base.clock, base.metrics
    events = Events(store, payees, history)
    client = WebhookClient(
        timeout=settings.webhooks_timeout,
        idle_max=settings.webhooks_at_once,
        allow_loopback=settings.webhooks_allow_loopback,
    )
    sender = traced_client(measured_client(client, metrics), base.tracing)
    deliverer = Deliverer(store, events, base.vault, sender, clock)
    arn = settings.events_sns_arn
    if not arn:
        return events, deliverer, None
    topic = measured_topic(SnsTopic(arn, PerProcess(partial(open_sns_client, arn))), metrics)
    return events, deliverer, EventPublisher(store, events, topic, clock, time.sleep)
