"""The back office: the services of operators' commands, which may read whole tables.

They are built apart from `bootstrap`, so that web processes and workers import none of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from paymentapp.bootstrap import Services
from paymentapp.services.backoffice.audit import Audit
from paymentapp.services.backoffice.erasure_search import ErasureSearch
from paymentapp.services.backoffice.open_cases import OpenCases
from paymentapp.services.backoffice.parked_batches import ParkedBatches
from paymentapp.services.backoffice.reconciliation import Reconciliation
from paymentapp.services.backoffice.retries import Retrier
from paymentapp.services.backoffice.reversals import PaymentReversals
from paymentapp.services.backoffice.unapproved import UnapprovedPayments


@dataclass(frozen=True, slots=True)
class BackOffice:
    """The services of operators' commands.

    An audit, a search and a reconciliation are for one run each.
    """

    audit: Audit
    erasure_search: ErasureSearch
    open_cases: OpenCases
    parked: ParkedBatches
    reconciliation: Reconciliation
    reversals: PaymentReversals
    unapproved: UnapprovedPayments


def build_backoffice(
    services: Services,
    progress: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> BackOffice:
    """Build the back office over the same store, providers and clock.

    `progress` is called with a text as a run goes on. `pause` sleeps for a number of seconds
    before a provider call is retried.
    """
    store, providers, clock = services.store, services.providers, services.clock
    retrier = Retrier(pause)
    return BackOffice(
        audit=Audit(store, progress),
        erasure_search=ErasureSearch(store, clock, progress),
        open_cases=OpenCases(store, providers, services.settlement, services.methods, clock),
        parked=ParkedBatches(store, providers, services.dispatcher, clock, retrier),
        reconciliation=Reconciliation(
            store, providers, services.settlement, services.payees, clock, progress, retrier
        ),
        reversals=PaymentReversals(store, providers, services.settlement),
        unapproved=UnapprovedPayments(store, clock, progress),
    )
