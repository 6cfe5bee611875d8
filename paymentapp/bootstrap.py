"""The composition root: every service is built here, once, over one store and one clock.

The web application, the worker, the command line, Lambda and the tests all start from
`build_services`. Nothing is built at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paymentapp.clock import Clock, utc_now
from paymentapp.config import Settings, load_settings
from paymentapp.providers.base import Kit, Provider
from paymentapp.providers.registry import build_providers
from paymentapp.services.access import Access
from paymentapp.services.customers import Customers
from paymentapp.services.dispatch import Dispatcher
from paymentapp.services.health import Health
from paymentapp.services.inbox import Inbox
from paymentapp.services.methods import PaymentMethods
from paymentapp.services.pauses import Pauses
from paymentapp.services.payments import Payments
from paymentapp.services.routes import Routes, read_rules
from paymentapp.services.settle import Settlement
from paymentapp.services.webhooks import WebhookReceiver
from paymentapp.storage import open_key_service, open_store
from paymentapp.storage.base import Store
from paymentapp.vault import Vault
from paymentapp.worker import Worker

EXTENSION = "paymentapp"  # under which a Flask app carries its services


@dataclass(frozen=True, slots=True)
class Services:
    """The service put together; an app carries it as `app.extensions[EXTENSION]`."""

    settings: Settings
    clock: Clock
    store: Store
    providers: Mapping[str, Provider]
    customers: Customers
    payments: Payments
    methods: PaymentMethods
    webhooks: WebhookReceiver
    access: Access
    health: Health
    worker: Worker


def build_services(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    providers: Mapping[str, Provider] | None = None,
    clock: Clock | None = None,
) -> Services:
    """Put the service together; what is not given is made from the settings.

    No thread starts and nothing is connected before it is used. Raises SettingsError.
    """
    settings = settings or load_settings()
    clock = clock or utc_now
    store = store or open_store(settings)
    if providers is None:
        vault = Vault(settings.vault_keys, open_key_service(settings))
        providers = build_providers(Kit(settings, clock, vault, store))
        Routes(providers, read_rules(settings.routes)).check()
    customers = Customers(store, clock)
    settlement = Settlement(store, clock)
    pauses = Pauses(clock)
    routes = Routes(providers, read_rules(settings.routes), pauses.holds)
    dispatcher = Dispatcher(store, providers, settlement, clock, pauses, routes)
    inbox = Inbox(store, dispatcher, settlement, clock)
    worker = Worker(dispatcher, inbox, store, clock, settings)
    payments = Payments(
        store, customers, providers, clock, settings.due_shards, worker.wake, routes
    )
    return Services(
        settings=settings,
        clock=clock,
        store=store,
        providers=providers,
        customers=customers,
        payments=payments,
        methods=PaymentMethods(store, customers, providers, clock),
        webhooks=WebhookReceiver(store, providers, clock, settings.due_shards, worker.hear),
        access=Access(store, clock),
        health=Health(store, providers, worker, clock),
        worker=worker,
    )
