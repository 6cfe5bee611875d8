"""Present values: what a process knows at each sweep, and what one process reads once a minute.

Nothing is read for a scrape. The reads are few and bounded: the batches are those that the watch of
the funds has read anyway, and the rest is four records, and one for each webhook endpoint.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from paymentapp.clock import Clock
from paymentapp.metrics.base import Level, Metrics
from paymentapp.metrics.deliveries import WEBHOOK
from paymentapp.models.batches import BatchState
from paymentapp.models.holds import HoldScope
from paymentapp.providers.base import Provider
from paymentapp.services.balances import Balances
from paymentapp.services.dispatch.failing_providers import FailingProviders
from paymentapp.services.holds import Holds
from paymentapp.services.limit_use import LimitUse
from paymentapp.services.outbound.deliverer import Deliverer
from paymentapp.services.outbound.publisher import TOPIC, EventPublisher

_OPEN = [state for state in BatchState if state is not BatchState.CLOSED]


@dataclass(frozen=True, slots=True)
class Levels:
    """Shows the present values of a process, and of what it has read."""

    metrics: Metrics
    providers: Mapping[str, Provider]
    failing: FailingProviders
    holds: Holds
    limit_use: LimitUse
    balances: Balances
    deliverer: Deliverer
    publisher: EventPublisher | None
    clock: Clock
    _failed: set[str] = field(default_factory=set)  # threads, by name

    def show_sweep(self, oldest_due: float) -> None:
        """Show what this process knows after a sweep; `oldest_due` is in seconds. Reads nothing."""
        self.metrics.show(Level.OLDEST_DUE, oldest_due)
        self.metrics.show(Level.SWEPT_AT, self.clock().timestamp())
        causes = self.failing.causes()
        lacking = self.failing.shortages.causes()
        for name in self.providers:
            fails = name in causes and causes[name] != lacking.get(name)
            self.metrics.show(Level.FAILING, fails, name)
            self.metrics.show(Level.BREAKER_OPEN, self.failing.is_open(name), name)

    def show_store(self, batches: Mapping[tuple[str, str], int]) -> None:
        """Show what is on record; `batches` by provider and state. Raises StoreUnavailable."""
        for name in self.providers:
            for state in _OPEN:
                self.metrics.show(Level.BATCHES, batches.get((name, state), 0), name, state)
        counts = Counter(hold.scope for hold in self.holds.in_force())
        for scope in HoldScope:
            self.metrics.show(Level.HOLDS, counts[scope], scope)
        self._show_limits()
        self._show_funds()
        self._show_receivers()
        self.metrics.show(Level.READ_AT, self.clock().timestamp())

    def show_threads(self, running: int, failed: str | None) -> None:
        """Show how many threads run; count the failure of one, by its name, once."""
        self.metrics.show(Level.THREADS, running)
        if failed is not None and failed not in self._failed:
            self._failed.add(failed)
            self.metrics.thread_failed()

    def _show_limits(self) -> None:
        """Show how far each limit is used that is everybody's, or that names whose it is.

        Those for each client or each customer have as many counters as there are of these.
        """
        for rule, used, *_ in self.limit_use.show(client=""):
            if used is None or rule.window is None:
                continue
            part = used / rule.limit.amount if rule.limit.amount else Decimal(1)
            labels = str(rule.number), rule.limit.currency, rule.window
            self.metrics.show(Level.LIMIT_USED, part, *labels)

    def _show_funds(self) -> None:
        """Show which accounts lack funds, of those that the stored balance sheet has."""
        _, sheet = self.balances.read()
        for key in {*sheet.shortages, *(account.key for account in sheet.accounts)}:
            self.metrics.show(Level.UNFUNDED, key in sheet.shortages, *key)

    def _show_receivers(self) -> None:
        """Show how many receivers of events get none, for which few attempts are made."""
        self.metrics.show(Level.RECEIVERS_FAILING, self.deliverer.failing(), WEBHOOK)
        if self.publisher is not None:
            self.metrics.show(Level.RECEIVERS_FAILING, self.publisher.failing(), TOPIC)
