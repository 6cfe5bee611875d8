"""The services of a process that dispatches, each built at its first use.

The first half of the composition root: `bootstrap.Services` adds what the API uses. A service is
imported where it is built, so that a process loads the modules of what it does, and no others: a
Lambda function's caller waits for each (docs/decisions/0044-cold-start.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from paymentapp.built_once import built_once
from paymentapp.clock import Clock
from paymentapp.config import Settings
from paymentapp.metrics.base import Metrics
from paymentapp.providers.base import Provider
from paymentapp.providers.registry import NAMES
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.routing import Routes
from paymentapp.storage.base import Store
from paymentapp.tracing.base import Tracing
from paymentapp.vault.sealing import Vault

if TYPE_CHECKING:
    from paymentapp.services.balances import Balances
    from paymentapp.services.customer_history import CustomerHistory
    from paymentapp.services.customers import Customers
    from paymentapp.services.dispatch.dispatcher import Dispatcher
    from paymentapp.services.dispatch.polling import Poller
    from paymentapp.services.erasures import Erasures
    from paymentapp.services.events import Events
    from paymentapp.services.holds import Holds
    from paymentapp.services.inbound.inbox import Inbox
    from paymentapp.services.inbound.mailboxes import MailboxCollector
    from paymentapp.services.outbound.deliverer import Deliverer
    from paymentapp.services.outbound.publisher import EventPublisher
    from paymentapp.services.payees import PayeeDisplays
    from paymentapp.services.payment_methods import PaymentMethods
    from paymentapp.services.settlement import Settlement
    from paymentapp.worker.sweeper import Sweeper


class DispatchServices:
    """What services are built over, and the services that send payments and their events."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        providers: Mapping[str, Provider],
        vault: Vault,
        failing: FailingProviders,
        routes: Routes,
        clock: Clock,
        timer: Callable[[], float],
        metrics: Metrics,
        tracing: Tracing,
    ) -> None:
        """Keep what services are built over; `build_services` makes and checks it."""
        self.building = threading.RLock()
        self.settings = settings
        self.store = store
        self.providers = providers
        self.vault = vault
        self.failing = failing
        self.routes = routes
        self.clock = clock
        self.timer = timer
        self.metrics = metrics
        self.tracing = tracing

    @built_once
    def customers(self) -> Customers:
        """Return the customers."""
        from paymentapp.services.customers import Customers

        return Customers(self.store, self.clock)

    @built_once
    def payees(self) -> PayeeDisplays:
        """Return what masks payees."""
        from paymentapp.services.payees import PayeeDisplays

        return PayeeDisplays(self.providers, self.clock)

    @built_once
    def methods(self) -> PaymentMethods:
        """Return the customers' payment methods."""
        from paymentapp.services.payment_methods import PaymentMethods

        return PaymentMethods(self.store, self.customers, self.providers, self.clock)

    @built_once
    def history(self) -> CustomerHistory:
        """Return the history of customers."""
        from paymentapp.services.customer_history import CustomerHistory

        return CustomerHistory(self.store, self.customers, self.providers, self.payees)

    @built_once
    def holds(self) -> Holds:
        """Return the holds."""
        from paymentapp.services.holds import Holds

        return Holds(self.store, {*NAMES, *self.providers}, self.clock, self.timer)

    @built_once
    def settlement(self) -> Settlement:
        """Return what moves payments by providers' reports."""
        from paymentapp.services.settlement import Settlement

        return Settlement(self.store, self.clock)

    @built_once
    def balances(self) -> Balances:
        """Return the balances at providers."""
        from paymentapp.services.balances import Balances

        return Balances(self.store)

    @built_once
    def poller(self) -> Poller:
        """Return what polls batches."""
        from paymentapp.services.dispatch.polling import Poller

        poller = Poller(self.store, self.providers, self.settlement, self.failing, self.clock)
        if not self.tracing.enabled:
            return poller
        from paymentapp.tracing.steps import traced_poller

        return traced_poller(poller, self.tracing)

    @built_once
    def dispatcher(self) -> Dispatcher:
        """Return what sends batches."""
        from paymentapp.services.dispatch.dispatcher import Dispatcher

        store, providers, poller = self.store, self.providers, self.poller
        dispatcher = Dispatcher(
            store, providers, poller, self.routes, self.failing, self.holds, self.clock
        )
        if not self.tracing.enabled:
            return dispatcher
        from paymentapp.tracing.steps import traced_dispatcher

        return traced_dispatcher(dispatcher, self.tracing)

    @built_once
    def inbox(self) -> Inbox:
        """Return what applies providers' events."""
        from paymentapp.services.inbound.inbox import Inbox

        parts = self.providers, self.poller, self.settlement, self.methods, self.clock
        if not self.tracing.enabled:
            return Inbox(self.store, *parts)
        from paymentapp.tracing.steps import traced_inbox
        from paymentapp.tracing.store import linking_store

        return traced_inbox(Inbox(linking_store(self.store, self.tracing), *parts), self.tracing)

    @built_once
    def erasures(self) -> Erasures:
        """Return the erasures of customers."""
        from paymentapp.services.erasures import Erasures

        return Erasures(self.store, self.customers, self.clock, self.settings.due_shards)

    @built_once
    def sweeper(self) -> Sweeper:
        """Return what finds due work."""
        from paymentapp.services.dispatch.funds_watch import FundsWatch
        from paymentapp.worker.sweeper import Sweeper

        store, clock, settings = self.store, self.clock, self.settings
        funds = FundsWatch(store, self.dispatcher.providers, self.balances, clock)
        shards, senders = settings.due_shards, settings.senders
        parts = self.dispatcher, self.poller, self.inbox
        return Sweeper(store, *parts, clock, shards, senders, funds, self.erasures.advance)

    @built_once
    def mailbox_collector(self) -> MailboxCollector:
        """Return what collects from providers' mailboxes."""
        from paymentapp.services.inbound.mailboxes import MailboxCollector

        pause = timedelta(seconds=self.settings.collect_seconds)
        shards = self.settings.due_shards
        return MailboxCollector(self.store, self.providers, self.clock, shards, pause)

    @built_once
    def events(self) -> Events:
        """Return the events."""
        from paymentapp.services.events import Events

        return Events(self.store, self.payees, self.history)

    @built_once
    def deliverer(self) -> Deliverer:
        """Return what delivers events to webhook endpoints."""
        from paymentapp.metrics.deliveries import measured_client
        from paymentapp.services.outbound.deliverer import Deliverer
        from paymentapp.tracing.deliveries import traced_client
        from paymentapp.webhook_client.client import WebhookClient

        client = WebhookClient(
            timeout=self.settings.webhooks_timeout,
            idle_max=self.settings.webhooks_at_once,
            allow_loopback=self.settings.webhooks_allow_loopback,
        )
        sender = traced_client(measured_client(client, self.metrics), self.tracing)
        return Deliverer(self.store, self.events, self.vault, sender, self.clock)

    @built_once
    def publisher(self) -> EventPublisher | None:
        """Return what publishes events to the topic; None where no topic is set."""
        arn = self.settings.events_sns_arn
        if not arn:
            return None
        from paymentapp.messaging.sns import SnsTopic, open_sns_client
        from paymentapp.metrics.deliveries import measured_topic
        from paymentapp.services.outbound.publisher import EventPublisher
        from paymentapp.storage.per_process import PerProcess

        topic = SnsTopic(arn, PerProcess(partial(open_sns_client, arn)))
        measured = measured_topic(topic, self.metrics)
        return EventPublisher(self.store, self.events, measured, self.clock, time.sleep)
