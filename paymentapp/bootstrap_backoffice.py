"""The back office: the services of operators' commands, some of which read whole tables.

They are built apart from `bootstrap`, so that what serves the API or dispatches imports none of
them. The console uses those that answer from bounded reads.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from paymentapp.bootstrap import Services
from paymentapp.services.backoffice.audit import Audit
from paymentapp.services.backoffice.case_payments import CasePayments
from paymentapp.services.backoffice.erasure_search import ErasureSearch
from paymentapp.services.backoffice.open_cases import OpenCases
from paymentapp.services.backoffice.parked_batches import ParkedBatches
from paymentapp.services.backoffice.reconciliation import Reconciliation
from paymentapp.services.backoffice.retries import TRIES, Retrier
from paymentapp.services.backoffice.reversals import PaymentReversals
from paymentapp.services.backoffice.unapproved import UnapprovedPayments
from paymentapp.services.bulk.checked import CheckedRuns
from paymentapp.services.open_batches import OpenBatches


@dataclass(frozen=True, slots=True)
class BackOffice:
    """The services of operators' commands and of the console.

    An audit, a search and a reconciliation are for one run each.
    """

    audit: Audit
    case_payments: CasePayments
    checked_runs: CheckedRuns
    erasure_search: ErasureSearch
    open_batches: OpenBatches
    open_cases: OpenCases
    parked: ParkedBatches
    reconciliation: Reconciliation
    reversals: PaymentReversals
    unapproved: UnapprovedPayments


def build_backoffice(
    services: Services,
    progress: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
    tries: int = TRIES,
) -> BackOffice:
    """Build the back office over the same store, providers and clock.

    `progress` is called with a text as a run goes on. `pause` sleeps for a number of seconds
    before a provider call is retried, which is made `tries` times at most.
    """
    store, providers, clock = services.store, services.providers, services.clock
    retrier = Retrier(pause, tries)
    shards = services.settings.due_shards
    return BackOffice(
        audit=Audit(store, progress),
        case_payments=CasePayments(store, services.payment_search),
        checked_runs=CheckedRuns(store, services.bulk_intake),
        erasure_search=ErasureSearch(store, clock, progress),
        open_batches=OpenBatches(store, services.payees, clock, shards),
        open_cases=OpenCases(store, providers, services.settlement, services.methods, clock),
        parked=ParkedBatches(store, providers, services.dispatcher, clock, retrier),
        reconciliation=Reconciliation(
            store, providers, services.settlement, services.payees, clock, progress, retrier
        ),
        reversals=PaymentReversals(store, providers, services.settlement),
        unapproved=UnapprovedPayments(store, clock, progress),
    )
