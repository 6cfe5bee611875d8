"""The composition root: builds every service once, over one store and one clock.

The web application, the worker, the command line, Lambda and the tests all start from
`build_services`. Nothing is built at import, and each service at its first use.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from paymentapp.bootstrap_reading import ReadingServices
from paymentapp.bootstrap_rules import build_routes, check_rules
from paymentapp.bootstrap_telemetry import observed_providers, observed_store
from paymentapp.built_once import built_once, if_built
from paymentapp.clock import Clock, utc_now
from paymentapp.config import Settings, load_settings
from paymentapp.metrics.base import NO_METRICS, Metrics
from paymentapp.oidc import open_access_tokens, sign_in_settings
from paymentapp.providers.base import Kit, Provider
from paymentapp.providers.registry import build_providers
from paymentapp.rate_limits.counters import WindowCounters
from paymentapp.rate_limits.limits import RateLimits
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.storage import open_store
from paymentapp.storage.base import Store
from paymentapp.tracing.base import NO_TRACING, Tracing
from paymentapp.vault.kms import open_key_service
from paymentapp.vault.sealing import Vault

if TYPE_CHECKING:
    from paymentapp.models.payments import Payment
    from paymentapp.models.provider_events import ProviderEvent
    from paymentapp.oidc.sign_in import IssuerSignIn
    from paymentapp.oidc.tokens import AccessTokens
    from paymentapp.services.admission import Admission
    from paymentapp.services.api_keys import ApiKeys
    from paymentapp.services.approval_rules import ApprovalRules
    from paymentapp.services.approvals import Approvals
    from paymentapp.services.bulk.intake import BulkIntake
    from paymentapp.services.bulk.runner import BulkRunner
    from paymentapp.services.bulk.runs import BulkRuns
    from paymentapp.services.bulk.tallies import BulkTallies
    from paymentapp.services.console_sessions import ConsoleSessions
    from paymentapp.services.health import Health
    from paymentapp.services.inbound.webhooks import WebhookReceiver
    from paymentapp.services.limit_use import LimitUse
    from paymentapp.services.limits import Limits
    from paymentapp.services.outbound.endpoints import WebhookEndpoints
    from paymentapp.services.payment_search import PaymentSearch
    from paymentapp.services.payments import Payments
    from paymentapp.services.retries import PaymentRetries
    from paymentapp.supervision import Supervisor
    from paymentapp.worker.threaded import Worker
    from paymentapp.worker.webhooks import WebhookLanes

EXTENSION = "paymentapp"  # the key in `app.extensions`


class Services(ReadingServices):
    """All services, wired; a Flask app has them as `app.extensions[EXTENSION]`.

    Those that dispatch, and those that only read, are in the base classes.
    """

    access_tokens: AccessTokens | None = None  # None where no issuer is set
    rate_limits: RateLimits

    @built_once
    def api_keys(self) -> ApiKeys:
        """Return the API keys."""
        from paymentapp.services.api_keys import ApiKeys

        return ApiKeys(self.store, self.clock)

    @built_once
    def limits(self) -> Limits:
        """Return the limits. Raises SettingsError."""
        from paymentapp.services.limits import Limits, read_limits

        return Limits(read_limits(self.settings.limits))

    @built_once
    def approval_rules(self) -> ApprovalRules:
        """Return the rules of what needs an approval. Raises SettingsError."""
        from paymentapp.services.approval_rules import ApprovalRules, read_approval_rules

        return ApprovalRules(self.store, read_approval_rules(self.settings.approvals))

    @built_once
    def payments(self) -> Payments:
        """Return the payments."""
        from paymentapp.services.payments import Payments

        return Payments(
            self.store,
            self.customers,
            self.routes,
            self.approval_rules,
            self._admission,
            self.clock,
            self.settings.due_shards,
            self._wake,
        )

    @built_once
    def _admission(self) -> Admission:
        from paymentapp.services.admission import Admission

        hours, unique = self.settings.duplicate_hours, self.settings.unique_references
        return Admission(self.store, self.limits, self.clock, hours, unique)

    @built_once
    def retries(self) -> PaymentRetries:
        """Return the retries of payments."""
        from paymentapp.services.retries import PaymentRetries

        return PaymentRetries(self.payments)

    @built_once
    def approvals(self) -> Approvals:
        """Return the approvals."""
        from paymentapp.services.approvals import Approvals

        return Approvals(self.store, self.routes, self.clock, self._wake)

    @built_once
    def bulk_intake(self) -> BulkIntake:
        """Return the intake of bulk runs."""
        from paymentapp.services.bulk.intake import BulkIntake

        return BulkIntake(self.store, self.clock)

    @built_once
    def bulk_runs(self) -> BulkRuns:
        """Return the bulk runs."""
        from paymentapp.services.bulk.runs import BulkRuns

        return BulkRuns(self.store, self.holds, self.bulk_tallies, self.clock)

    @built_once
    def bulk_tallies(self) -> BulkTallies:
        """Return what counts the payments of bulk runs."""
        from paymentapp.services.bulk.tallies import BulkTallies

        return BulkTallies(self.store, self.clock)

    @built_once
    def bulk_runner(self) -> BulkRunner:
        """Return what works off bulk runs."""
        from paymentapp.services.bulk.orders import BulkOrders
        from paymentapp.services.bulk.rows import BulkRows
        from paymentapp.services.bulk.runner import BulkRunner

        rows = BulkRows(self.store, self.payments, self.clock)
        orders = BulkOrders(self.payments, self.approvals)
        return BulkRunner(self.store, rows, orders, self.holds, self.bulk_tallies, self.clock)

    @built_once
    def limit_use(self) -> LimitUse:
        """Return what is used of the limits."""
        from paymentapp.services.limit_use import LimitUse

        return LimitUse(self.store, self.limits, self.clock)

    @built_once
    def console_sessions(self) -> ConsoleSessions:
        """Return the sessions of the console."""
        from paymentapp.models.console_sessions import THIS_MACHINE
        from paymentapp.services.console_sessions import ConsoleSessions

        tokens, auth = self.access_tokens, self.settings.auth
        accepted = ({tokens.authority} if tokens else set()) if auth else {THIS_MACHINE}
        return ConsoleSessions(self.store, self.api_keys, self.clock, frozenset(accepted))

    @built_once
    def issuer_sign_in(self) -> IssuerSignIn | None:
        """Return what signs people in to the console; None where no client of an issuer is set.

        It fetches nothing before the first sign-in. Raises SettingsError.
        """
        from paymentapp.oidc.sign_in import IssuerSignIn

        settings = sign_in_settings(self.settings.variables)
        return IssuerSignIn(settings) if settings else None

    @built_once
    def payment_search(self) -> PaymentSearch:
        """Return the search for payments by one text."""
        from paymentapp.services.payment_search import PaymentSearch

        return PaymentSearch(self.store)

    @built_once
    def webhooks(self) -> WebhookReceiver:
        """Return what receives providers' webhooks."""
        from paymentapp.services.inbound.webhooks import WebhookReceiver

        shards = self.settings.due_shards
        return WebhookReceiver(self.store, self.providers, self.clock, shards, self._apply_soon)

    @built_once
    def webhook_endpoints(self) -> WebhookEndpoints:
        """Return the webhook endpoints of callers."""
        from paymentapp.services.outbound.endpoints import WebhookEndpoints

        loopback = self.settings.webhooks_allow_loopback
        return WebhookEndpoints(self.store, self.vault, self.clock, loopback)

    @built_once
    def health(self) -> Health:
        """Return the checks of readiness."""
        from paymentapp.services.health import Health

        store, providers, worker = self.store, self.providers, self.worker
        return Health(store, providers, worker, self.holds, self.clock, self.publisher)

    @built_once
    def worker(self) -> Worker:
        """Return the worker, which a process that dispatches by threads starts."""
        from paymentapp.worker.threaded import Worker

        self.sweeper.bulk = self._work_off_bulk
        parts = self.dispatcher, self.poller, self.inbox, self.sweeper, self.mailbox_collector
        outbound = self.deliverer, self.publisher
        return Worker(self.store, *parts, *outbound, self.clock, self.settings)

    def _work_off_bulk(self, may_go_on: Callable[[], bool]) -> bool:
        """Work off a bulk run in a process that serves requests too: leave these their time."""
        return replace(self.bulk_runner, pause=time.sleep).advance(may_go_on)

    @built_once
    def supervisor(self) -> Supervisor:
        """Return the supervisor of the worker's threads and the store's."""
        from paymentapp.supervision import Supervisor

        return Supervisor(lambda: [*self.store.threads(), *self.worker.threads()])

    def _wake(self, payment: Payment) -> None:
        """Wake the worker; one that was not built is not running."""
        worker: Worker | None = if_built(self, "worker")
        if worker is not None:
            worker.wake(payment)

    def _apply_soon(self, event: ProviderEvent) -> None:
        worker: Worker | None = if_built(self, "worker")
        if worker is not None:
            worker.apply_soon(event)

    def close(self) -> None:
        """Release connections. Stop the worker first, if it was started."""
        for provider in self.providers.values():
            provider.close()
        if if_built(self, "deliverer") is not None:
            self.deliverer.client.close()
        if if_built(self, "publisher") is not None and self.publisher is not None:
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
    """Return all services; arguments that are None are made from the settings.

    Each service is built at its first use, and the settings of all of them are checked now.
    `metrics` and `tracing` record what a process that serves or dispatches does
    (`metrics.open_metrics`, `tracing.open_tracing`). `timer` measures how old what was read is, in
    seconds. `counters` are those of rate limits, which processes of one machine may share. No
    thread starts, and nothing is connected before it is used. Raises SettingsError.
    """
    settings, clock = settings or load_settings(), clock or utc_now
    store = observed_store(store or open_store(settings), metrics, tracing)
    failing = FailingProviders(clock)
    from_settings = providers is None
    vault = Vault(settings.vault_keys, open_key_service(settings))
    if providers is None:
        providers = build_providers(Kit(settings, clock, vault, store))
    providers = observed_providers(providers, metrics, tracing)
    routes = build_routes(settings, providers, failing, check=from_settings)
    over = settings, store, providers, vault, failing, routes, clock, timer
    services = Services(*over, metrics, tracing)
    services.access_tokens = open_access_tokens(settings.variables, clock)
    quotas = settings.rate_limit_clients, settings.rate_limit_addresses
    services.rate_limits = RateLimits(counters or WindowCounters(), *quotas)
    check_rules(settings)
    if worker is not None:
        services.__dict__["worker"] = worker
    if metrics.enabled:
        _show_levels(services)
    return services


def build_delivery(services: Services, owner: str) -> tuple[WebhookLanes, Supervisor]:
    """Return what delivers webhooks in a process that does nothing else, and what watches it.

    `owner` holds the leases of the endpoints.
    """
    from paymentapp.supervision import Supervisor
    from paymentapp.worker.webhooks import open_lanes

    store, settings = services.store, services.settings
    lanes = open_lanes(services.deliverer, store, services.clock, settings, owner)
    supervisor = Supervisor(lambda: [*store.threads(), *lanes.threads()])
    supervisor.on_check = services.supervisor.on_check
    return lanes, supervisor


def _show_levels(services: Services) -> None:
    """Have the loops of this process show what they find out."""
    from paymentapp.metrics.levels import Levels

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
