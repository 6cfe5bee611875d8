"""Paymentapp: a disbursement service that pays people exactly once.

`create_app()` is the one place where the parts are put together. The web server, the worker,
the command line, Lambda and the tests all start from it; nothing is built at import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from paymentapp.clock import Clock
    from paymentapp.config import Settings
    from paymentapp.providers.base import Provider
    from paymentapp.services.access import Access
    from paymentapp.services.customers import Customers
    from paymentapp.services.health import Health
    from paymentapp.services.methods import PaymentMethods
    from paymentapp.services.payments import Payments
    from paymentapp.services.webhooks import WebhookReceiver
    from paymentapp.storage.base import Store
    from paymentapp.worker import Worker

EXTENSION = "paymentapp"


@dataclass(frozen=True, slots=True)
class Parts:
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


def build_parts(
    settings: Settings | None = None,
    *,
    store: Store | None = None,
    providers: Mapping[str, Provider] | None = None,
    clock: Clock | None = None,
) -> Parts:
    """Put the service together; what is not given is made from the settings.

    No thread starts and nothing is connected before it is used. Raises SettingsError.
    """
    from paymentapp.clock import utc_now
    from paymentapp.config import load_settings
    from paymentapp.providers.base import Kit
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
    from paymentapp.vault import Vault
    from paymentapp.worker import Worker

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
    return Parts(
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


def create_app(parts: Parts | None = None) -> Flask:
    """The Flask application over `parts`, or over what the environment's settings describe."""
    from flask import Flask

    from paymentapp.api import register_api

    app = Flask(__name__, static_folder=None)
    app.extensions[EXTENSION] = parts or build_parts()
    register_api(app)
    return app
