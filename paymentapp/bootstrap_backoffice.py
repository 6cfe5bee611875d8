"""The back office: the services of operators' commands, which may read whole tables.

They are built apart from `bootstrap`, so that what serves a request or dispatches imports none.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from paymentapp.bootstrap import Services
from paymentapp.services.backoffice.audit import Audit
from paymentapp.services.backoffice.open_cases import OpenCases
from paymentapp.services.backoffice.parked_batches import ParkedBatches
from paymentapp.services.backoffice.reconciliation import Reconciliation
from paymentapp.services.backoffice.retries import Retrier


@dataclass(frozen=True, slots=True)
class BackOffice:
    """What operators' commands use; an audit and a reconciliation are each for one run."""

    audit: Audit
    open_cases: OpenCases
    parked: ParkedBatches
    reconciliation: Reconciliation


def build_backoffice(
    services: Services,
    progress: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> BackOffice:
    """Build the back office over the same store, providers and clock.

    `progress` hears how far a run has come. `pause` waits a number of seconds, before a provider
    that has not answered is asked again.
    """
    store, providers, clock = services.store, services.providers, services.clock
    retrier = Retrier(pause)
    return BackOffice(
        audit=Audit(store, progress),
        open_cases=OpenCases(store, providers, services.settlement, services.methods, clock),
        parked=ParkedBatches(store, providers, services.dispatcher, clock, retrier),
        reconciliation=Reconciliation(
            store, providers, services.settlement, clock, progress, retrier
        ),
    )
