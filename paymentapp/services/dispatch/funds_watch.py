"""Watch of the funds: reads balances and what is to be paid from them, and announces shortages.

One process at a time, once a minute. Nothing that is sent waits for it, or is decided by it. The
batches that it reads also show which providers are failing (`outages`).
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from paymentapp.clock import Clock, maybe_text
from paymentapp.errors import NotPermitted, ProviderError, StoreUnavailable
from paymentapp.models.balances import (
    AccountBalance,
    AccountKey,
    FundsNotice,
    ProviderBalance,
)
from paymentapp.models.batches import Batch, BatchState
from paymentapp.models.events import OtherEvent
from paymentapp.models.payments import Payment, Status
from paymentapp.providers.base import BalanceSource, Provider
from paymentapp.services.balances import Balances, BalanceSheet, OpenShortage
from paymentapp.services.dispatch.outages import OutageWatch, ProviderCalls
from paymentapp.storage.base import Lease, Store

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)
AFTER_REFUSAL = timedelta(hours=1)  # where the account may not be asked
AHEAD = timedelta(days=1)  # what leaves within it needs funds already
PAYMENTS_MAX = 1000  # of a shard that one look reads, those that leave first
BATCHES_MAX = 500  # likewise, those whose next step comes first
_FAR = timedelta(days=365)  # later than the next step of any batch
_CLOCK_SKEW = timedelta(seconds=5)
_SENT = frozenset({BatchState.PREPARED, BatchState.FROZEN, BatchState.ACCEPTED, BatchState.PARKED})
BALANCES_LEASE = "balances"  # who reads them next; no sign that a process still runs


@dataclass
class _Use:
    """What is to be paid from one account."""

    pending: Decimal = Decimal(0)  # due now, or sent and not settled
    needed: Decimal = Decimal(0)  # leaves within a day, and is not in the balance's past
    refused: bool = False  # a batch waits because its provider has refused it for lack of funds


@dataclass
class _Look:
    """What one look has found in the store."""

    now: datetime
    as_of: Mapping[AccountKey, datetime]
    uses: dict[AccountKey, _Use] = field(default_factory=lambda: defaultdict(_Use))
    calls: dict[str, ProviderCalls] = field(default_factory=lambda: defaultdict(ProviderCalls))
    states: Counter[tuple[str, str]] = field(default_factory=Counter)  # provider and state
    complete: bool = True

    def add_payment(self, payment: Payment) -> None:
        """Count a payment that is in no batch yet."""
        if payment.status is not Status.PENDING or payment.due_at is None:
            return
        use = self.uses[payment.payment_method, payment.money.currency]
        use.needed += payment.money.amount
        if payment.due_at <= self.now:
            use.pending += payment.money.amount

    def add_batch(self, batch: Batch) -> None:
        """Count the members of a batch that are not settled, and note what came of its calls.

        Members are needed where nothing has left certainly, or after the time of the balance.
        """
        self.states[batch.provider, batch.state] += 1
        if batch.state not in _SENT:
            return
        self.calls[batch.provider].add(batch)
        if batch.unsettled is None:
            self.complete = False  # an earlier version has made it
            return
        key = batch.provider, batch.currency
        use = self.uses[key]
        use.pending += batch.unsettled
        use.refused = use.refused or batch.lacks_funds
        as_of, accepted = self.as_of.get(key), batch.accepted_at
        left_since = accepted is not None and as_of is not None and accepted > as_of + _CLOCK_SKEW
        if batch.certainly_unsent or batch.lacks_funds or left_since:
            use.needed += batch.unsettled


class FundsWatch:
    """Looks at the funds of all providers; any number of processes may try."""

    def __init__(
        self, store: Store, providers: Mapping[str, Provider], balances: Balances, clock: Clock
    ) -> None:
        self._store = store
        self._providers = providers
        self._sources = {name: p.balances for name, p in providers.items() if p.balances}
        self._balances = balances
        self._outages = OutageWatch(store)
        self._clock = clock
        self._owner = secrets.token_hex(8)
        self._looked_at: datetime | None = None
        self._refused_at: dict[str, datetime] = {}
        # Called after each look, with the numbers of open batches by provider and state.
        self.on_look: Callable[[Mapping[tuple[str, str], int]], object] = lambda _batches: None

    def is_due(self) -> bool:
        """Return whether this process should look now."""
        looked = self._looked_at
        return looked is None or not timedelta() <= self._clock() - looked < EVERY

    def look(self, shards: int) -> None:
        """Look at the funds, unless another process has done so within a minute.

        Errors of the store are logged; the next look tries again.
        """
        now = self._clock()
        self._looked_at = now
        try:
            wanted = Lease(BALANCES_LEASE, self._owner, now + EVERY)
            if self._store.hold_lease(wanted, now).owner == self._owner:
                self._look(shards)
        except StoreUnavailable as error:
            log.warning("balances not stored: %s; looked at again in %s", error, EVERY)

    def _look(self, shards: int) -> None:
        """Read the balances first: what leaves meanwhile must not be counted twice."""
        entry, old = self._balances.read()
        there = self._there(old)
        as_of = {key: each.as_of for key, each in there.items() if each.as_of is not None}
        found = self._found(shards, as_of)
        keys = there.keys() | found.uses.keys() | old.shortages.keys()
        accounts = [_account(key, there.get(key), found) for key in sorted(keys)]
        shortages = self._shortages(old, accounts, found)
        self._balances.write(entry, BalanceSheet(accounts, shortages))
        self._outages.update(found.calls, found.now)
        self.on_look(found.states)

    def _there(self, old: BalanceSheet) -> dict[AccountKey, AccountBalance]:
        """Return what is on each account; as it was, where its provider does not answer now."""
        told = (each for each in old.accounts if each.available is not None)
        known = {each.key: each for each in told if each.payment_method in self._sources}
        for name, source in self._sources.items():
            for available, as_of in self._read(name, source):
                key = name, available.currency
                if available.currency in self._providers[name].currencies:
                    known[key] = AccountBalance(
                        *key, available.amount, as_of, Decimal(0), True, as_of
                    )
        return known

    def _read(self, name: str, source: BalanceSource) -> Sequence[ProviderBalance]:
        """Return a provider's balances; none where it does not answer, or is not asked now."""
        refused, now = self._refused_at.get(name), self._clock()
        recently = refused is not None and timedelta() <= now - refused < AFTER_REFUSAL
        if recently or not self._providers[name].configured:
            return []
        try:
            return source.read()
        except NotPermitted as error:
            self._refused_at[name] = now
            log.warning("balance of %s not read: %s; read again in %s", name, error, AFTER_REFUSAL)
        except ProviderError as error:
            log.warning("balance of %s not read: %s; read again in %s", name, error, EVERY)
        return []

    def _found(self, shards: int, as_of: Mapping[AccountKey, datetime]) -> _Look:
        """Read what is due within a day and what was sent, up to the limits above."""
        now = self._clock()
        found = _Look(now, as_of)
        for shard in range(shards):
            payments = self._store.due_payments(shard, now + AHEAD, PAYMENTS_MAX)
            batches = self._store.due_batches(shard, now + _FAR, BATCHES_MAX)
            if len(payments) == PAYMENTS_MAX or len(batches) == BATCHES_MAX:
                found.complete = False
            for payment in payments:
                found.add_payment(payment)
            for batch in batches:
                found.add_batch(batch)
        for batch in self._store.parked_batches():
            found.add_batch(batch)
        return found

    def _shortages(
        self, old: BalanceSheet, accounts: list[AccountBalance], found: _Look
    ) -> dict[AccountKey, OpenShortage]:
        """Announce each shortage that has begun or is over; return those that are announced.

        One is over that two looks in a row have not found: between two batches none is refused.
        """
        open_shortages = {}
        for account in accounts:
            use, known = found.uses.get(account.key, _Use()), old.shortages.get(account.key)
            exceeded = account.available is not None and use.needed > account.available
            if exceeded or use.refused:
                if known is None:
                    self._announce(OtherEvent.PROVIDER_UNFUNDED, account, use, found.now)
                open_shortages[account.key] = OpenShortage(known.since if known else found.now)
            elif known is not None and known.over and found.complete:
                self._announce(OtherEvent.PROVIDER_FUNDED, account, use, found.now)
            elif known is not None:
                open_shortages[account.key] = known._replace(over=True)
        return open_shortages

    def _announce(self, kind: OtherEvent, account: AccountBalance, use: _Use, at: datetime) -> None:
        notice = FundsNotice(*account.key, use.needed, account.available, account.as_of)
        log.warning(
            "%s: %s %s: %s leaves within a day, %s is available as of %s",
            *(kind, *account.key, notice.needed, notice.available, maybe_text(notice.as_of)),
        )
        self._store.add_event(notice.event(kind, at))


def _account(key: AccountKey, there: AccountBalance | None, found: _Look) -> AccountBalance:
    pending = found.uses[key].pending if key in found.uses else Decimal(0)
    available, as_of = (there.available, there.as_of) if there else (None, None)
    return AccountBalance(*key, available, as_of, pending, found.complete, found.now)
